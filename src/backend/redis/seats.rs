//! Who asked something over a connection, and waits for the answers, which come in the order of the requests.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::Waker;
#[cfg(all(unix, feature = "python"))]
use std::task::{Context, Poll};
use std::time::Instant;

use ::redis::{RedisError, RedisResult, Value};
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::runtime::{INTERRUPT_PERIOD, is_interrupted};

/// What was asked and not answered yet.
#[derive(Default)]
pub(super) struct Asked {
    /// What is to be sent.
    pub(super) unsent: Vec<u8>,
    /// Whether somebody sees to that.
    pub(super) is_sending: bool,
    /// In the order of their requests; those who left are answered in vain.
    pub(super) waiting: VecDeque<Arc<Seat>>,
    pub(super) is_broken: bool,
}

/// Where one caller waits for so many answers: a thread or a task.
pub(super) struct Seat {
    count: usize,
    state: Mutex<State>,
    told: Condvar,
}

#[derive(Default)]
struct State {
    answers: Vec<Value>,
    failed: Option<RedisError>,
    task: Option<Waker>,
    /// Whether it is to read on.
    reads: bool,
    left: bool,
}

/// Why a thread waits no longer.
pub(super) enum End {
    /// A signal handler raised.
    Stopped,
    Broken(RedisError),
}

impl Asked {
    /// Adds commands that have so many answers.
    ///
    /// # Errors
    /// `NotConnected` where nothing can be asked any more.
    pub(super) fn add(&mut self, commands: &[u8], count: usize) -> io::Result<Arc<Seat>> {
        if self.is_broken {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let seat = Arc::new(Seat {
            count,
            state: Mutex::default(),
            told: Condvar::new(),
        });
        self.unsent.extend_from_slice(commands);
        self.waiting.push_back(Arc::clone(&seat));
        Ok(seat)
    }

    /// Gives the next answer to who waits for it.
    pub(super) fn hand_out(&mut self, answer: Value) {
        if matches!(answer, Value::Push { .. }) {
            return; // news, which nobody asked for
        }
        let Some(seat) = self.waiting.front() else {
            return self.end();
        };
        let mut state = seat.state.lock();
        state.answers.push(answer);
        if state.answers.len() == seat.count {
            seat.tell(state);
            self.waiting.pop_front();
        }
    }

    /// Tells all who wait that there will be no answers.
    pub(super) fn end(&mut self) {
        self.is_broken = true;
        for seat in self.waiting.drain(..) {
            let mut state = seat.state.lock();
            state.failed = Some(io::Error::from(io::ErrorKind::ConnectionAborted).into());
            seat.tell(state);
        }
    }

    /// Has the next thread that waits read on.
    pub(super) fn call_next(&self) {
        for seat in &self.waiting {
            let mut state = seat.state.lock();
            if !state.left {
                state.reads = true;
                return seat.tell(state);
            }
        }
    }
}

impl Seat {
    fn tell(&self, mut state: MutexGuard<'_, State>) {
        let task = state.task.take();
        drop(state);
        self.told.notify_one();
        if let Some(task) = task {
            task.wake();
        }
    }

    /// The answers, if they are there.
    pub(super) fn take(&self) -> Option<RedisResult<Vec<Value>>> {
        self.state.lock().take(self.count)
    }

    /// Whether there is nothing more to wait for.
    pub(super) fn is_done(&self) -> bool {
        self.state.lock().is_done(self.count)
    }

    /// Has a task woken when the answers are there.
    #[cfg(all(unix, feature = "python"))]
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<RedisResult<Vec<Value>>> {
        let mut state = self.state.lock();
        match state.take(self.count) {
            Some(answers) => Poll::Ready(answers),
            None => {
                state.task = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Waits on this thread until there are answers to be taken, or it is its turn to read.
    pub(super) fn wait(&self, until: Instant) -> Result<(), End> {
        let mut state = self.state.lock();
        while !state.is_done(self.count) && !std::mem::take(&mut state.reads) {
            if self.told.wait_for(&mut state, INTERRUPT_PERIOD).timed_out() {
                MutexGuard::unlocked(&mut state, || is_over(until))?;
            }
        }
        Ok(())
    }

    /// Waits no longer.
    pub(super) fn leave(&self) {
        self.state.lock().left = true;
    }
}

impl State {
    fn is_done(&self, count: usize) -> bool {
        self.answers.len() == count || self.failed.is_some()
    }

    fn take(&mut self, count: usize) -> Option<RedisResult<Vec<Value>>> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        (self.answers.len() == count).then(|| Ok(std::mem::take(&mut self.answers)))
    }
}

/// Whether a thread that waits is to do so no longer.
pub(super) fn is_over(until: Instant) -> Result<(), End> {
    if is_interrupted() {
        return Err(End::Stopped);
    }
    if Instant::now() >= until {
        let late = io::Error::from(io::ErrorKind::TimedOut);
        return Err(End::Broken(late.into()));
    }
    Ok(())
}
