//! [`Line`]: one connection that the threads of a process share, each of which may block.
//!
//! Who asks adds its request to what is to be sent, and one of those who do so sends all of it. One of those who wait
//! reads, hands others their answers, and leaves the reading to the next one once it has its own. So one caller waits
//! on its own thread for one answer, and many share what they ask of the system.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::redis::{ErrorKind, Parser, RedisError, RedisResult, Value};
use parking_lot::{Mutex, MutexGuard};
use socket2::Socket;

use super::seats::{Asked, End, Seat, is_over};
use crate::runtime::INTERRUPT_PERIOD;

pub(super) struct Line {
    socket: Socket,
    limit: Duration,
    asked: Mutex<Asked>,
    /// Whoever holds it reads.
    parser: Mutex<Parser>,
    #[cfg(unix)]
    lookout: Lookout,
}

impl Line {
    pub(super) fn over(socket: Socket, limit: Duration) -> io::Result<Self> {
        socket.set_read_timeout(Some(limit.min(INTERRUPT_PERIOD)))?;
        socket.set_write_timeout(Some(limit))?;
        Ok(Self {
            socket,
            limit,
            asked: Mutex::default(),
            parser: Mutex::new(Parser::new()),
            #[cfg(unix)]
            lookout: Lookout::default(),
        })
    }

    /// Whether nothing can be asked here any more.
    pub(super) fn is_broken(&self) -> bool {
        self.asked.lock().is_broken
    }

    /// The answers to commands that have so many.
    ///
    /// # Errors
    /// An I/O error, after which the line is broken: also if one of the callers was not answered in time. An error of
    /// kind `Client` if a signal handler raised: then it is not, and others get their answers.
    pub(super) fn ask(&self, commands: &[u8], count: usize) -> RedisResult<Vec<Value>> {
        let until = Instant::now() + self.limit;
        let seat = self.send(commands, count)?;
        loop {
            if let Some(answers) = seat.take() {
                return answers;
            }
            let waited = match self.parser.try_lock() {
                Some(parser) => self.read_for(&seat, parser, until),
                None => seat.wait(until),
            };
            if let Err(end) = waited {
                return Err(self.leave(&seat, end));
            }
        }
    }

    /// Has commands sent, by this thread or by the one that is sending.
    fn send(&self, commands: &[u8], count: usize) -> io::Result<Arc<Seat>> {
        let mut asked = self.asked.lock();
        let seat = asked.add(commands, count)?;
        if std::mem::replace(&mut asked.is_sending, true) {
            return Ok(seat);
        }
        while !asked.unsent.is_empty() {
            let bytes = std::mem::take(&mut asked.unsent);
            let sent = MutexGuard::unlocked(&mut asked, || (&self.socket).write_all(&bytes));
            if let Err(error) = sent {
                asked.end();
                return Err(error);
            }
        }
        asked.is_sending = false;
        Ok(seat)
    }

    /// Hands out answers until this seat has its own; then the next one reads.
    fn read_for(
        &self,
        seat: &Seat,
        mut parser: MutexGuard<'_, Parser>,
        until: Instant,
    ) -> Result<(), End> {
        while !seat.is_done() {
            let mut ear = Ear {
                line: self,
                until,
                over: None,
                is_new: true,
            };
            match parser.parse_value(&mut ear) {
                Ok(answer) => self.asked.lock().hand_out(answer),
                Err(error) => return Err(ear.over.unwrap_or(End::Broken(error))),
            }
        }
        drop(parser);
        self.asked.lock().call_next();
        Ok(())
    }

    /// Gets up from a seat without answers; the error for who sat there.
    fn leave(&self, seat: &Seat, end: End) -> RedisError {
        seat.leave();
        match end {
            End::Stopped => {
                self.asked.lock().call_next();
                RedisError::from((ErrorKind::Client, "the wait was ended by a signal handler"))
            }
            // the next answer would be the one that did not come
            End::Broken(error) => {
                self.asked.lock().end();
                error
            }
        }
    }
}

/// The socket as the parser reads it; what was read of an answer stays with the parser, for who reads on.
struct Ear<'a> {
    line: &'a Line,
    until: Instant,
    over: Option<End>,
    /// Whether nothing was read yet.
    is_new: bool,
}

impl Read for Ear<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
        #[cfg(unix)]
        if std::mem::take(&mut self.is_new) && self.line.asked.lock().waiting.len() == 1 {
            self.line.lookout.look(&self.line.socket);
        }
        loop {
            match (&self.line.socket).read(room) {
                Err(error) if matches!(error.kind(), Interrupted | TimedOut | WouldBlock) => {
                    if let Err(end) = is_over(self.until) {
                        self.over = Some(end);
                        return Err(io::Error::other("is waited for no longer"));
                    }
                }
                read => return read,
            }
        }
    }
}

/// Looks for an answer for a moment before the thread sleeps: that of a server on this machine is there by then, and
/// to be woken costs more than all the rest. Where answers take longer, it is seldom tried.
#[cfg(unix)]
#[derive(Default)]
struct Lookout(std::sync::atomic::AtomicU32);

#[cfg(unix)]
impl Lookout {
    const MOMENT: Duration = Duration::from_micros(80);
    /// So many answers are not looked for after one that was not there soon.
    const DISCOURAGED: u32 = 64;

    fn look(&self, socket: &Socket) {
        use std::sync::atomic::Ordering::Relaxed;
        let left = self.0.load(Relaxed);
        if left > 0 {
            return self.0.store(left - 1, Relaxed);
        }
        let begin = Instant::now();
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        while let Err(error) = socket.recv_with_flags(&mut [std::mem::MaybeUninit::uninit()], flags)
        {
            if error.kind() != io::ErrorKind::WouldBlock {
                return;
            }
            if begin.elapsed() > Self::MOMENT {
                return self.0.store(Self::DISCOURAGED, Relaxed);
            }
            std::thread::yield_now();
        }
    }
}
