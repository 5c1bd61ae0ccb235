//! The link to the server: one connection per process, made when needed, replaced when it breaks, and
//! an end to every wait.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use ::redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Value};
use parking_lot::Mutex;

use super::super::Near;
use super::connect::{Connection, Ways, connect};
use super::direct::Direct;
use super::errors;
use super::options::{Node, RedisOptions};
use super::request::Request;
use super::scripts::Call;
use super::watch::Watch;
use crate::error::Result;
use crate::process::PerProcess;
use crate::runtime::{may_block, ready_to_wait, runtime};

/// After a connection could not be made, callers are told so for so long without another attempt, and
/// twice as long after each further failure.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// No pause is longer, so that a server that is back is found soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long to wait before a node is asked again that is handing a slot over.
const REDIRECTED: Duration = Duration::from_millis(5);

/// Whether a request may be sent a second time when the connection broke before its answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Doing it twice is like doing it once.
    Yes,
    /// The caller must know whether it was done.
    No,
}

/// The link of a store.
pub(super) struct Link {
    options: RedisOptions,
    server: String,
    near: Option<Arc<Near>>,
    here: PerProcess<Here>,
}

/// What belongs to one process: a child must not write to its parent's connection, and has none of the threads
/// that drive it.
#[derive(Default)]
struct Here {
    state: Mutex<State>,
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    open: Option<Open>,
    made: u64,
    failed: Option<Failed>,
}

#[derive(Clone)]
struct Open {
    connection: Connection,
    direct: Option<Direct>,
    watch: Option<Arc<Watch>>,
    number: u64,
    closed: Arc<AtomicBool>,
}

struct Failed {
    error: RedisError,
    until: Instant,
    pause: Duration,
}

impl Link {
    /// A link, over which is heard what must be taken away from `near`.
    pub(super) fn new(options: RedisOptions, near: Option<Arc<Near>>) -> Self {
        Self {
            near,
            server: options.connection_info().url,
            options,
            here: PerProcess::new(),
        }
    }

    pub(super) fn options(&self) -> &RedisOptions {
        &self.options
    }

    /// Whether all was heard that the server has told of changes until now.
    pub(super) fn hears_all(&self) -> bool {
        let state = self.here.get().state.lock();
        let watch = state.open.as_ref().and_then(|open| open.watch.clone());
        drop(state);
        watch.is_some_and(|watch| watch.hears_all())
    }

    /// The answer to a command.
    pub(super) async fn ask(&self, command: &Cmd, again: Again) -> Result<Value> {
        self.send(Request::Command(command), again).await
    }

    /// What a script returns.
    pub(super) async fn run(&self, call: &Call, again: Again) -> Result<Value> {
        self.send(Request::Script(call), again).await
    }

    /// Runs a script right after a command, in one transaction.
    pub(super) async fn run_after(&self, command: Cmd, call: &Call) -> Result<()> {
        let mut both = Pipeline::with_capacity(2);
        both.atomic()
            .add_command(command)
            .add_command(call.short().clone());
        self.send(Request::Together(&both, call), Again::Yes)
            .await
            .map(drop)
    }

    /// The answers to several commands, in one round trip; in a Cluster their keys lie in one slot.
    pub(super) async fn ask_all(&self, commands: &Pipeline) -> Result<Vec<Value>> {
        match self.send(Request::Several(commands), Again::Yes).await? {
            Value::Array(answers) => Ok(answers),
            _ => Err(errors::unexpected()),
        }
    }

    /// The answers to commands that are sent at once, each to the node that its key asks for.
    pub(super) async fn ask_each(&self, commands: Vec<Cmd>) -> Vec<Result<Value>> {
        let asked = commands
            .iter()
            .map(|command| Box::pin(self.ask(command, Again::Yes)));
        let mut asked: Vec<_> = asked.map(|asked| (asked, None)).collect();
        std::future::poll_fn(|context| {
            let mut waiting = false;
            for (asked, answer) in asked.iter_mut().filter(|(_, answer)| answer.is_none()) {
                match asked.as_mut().poll(context) {
                    Poll::Ready(ready) => *answer = Some(ready),
                    Poll::Pending => waiting = true,
                }
            }
            if waiting {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        asked.into_iter().filter_map(|(_, answer)| answer).collect()
    }

    /// The answer of one node of a Cluster.
    pub(super) async fn ask_at(&self, command: &Cmd, node: &Node) -> Result<Value> {
        self.send(Request::At(command, node), Again::Yes).await
    }

    /// Closes the connection; the next use makes a new one.
    pub(super) fn close(&self) {
        let open = self.here.get().state.lock().open.take();
        drop(open);
    }

    async fn send(&self, request: Request<'_>, again: Again) -> Result<Value> {
        ready_to_wait().await;
        let mut used = None;
        let limit = self.options.socket_timeout;
        match within(limit, self.attempts(&request, again, &mut used)).await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(errors::explain(&error, &self.server)),
            None => {
                // what hangs may hang for ever
                if let Some(number) = used {
                    self.discard(number);
                }
                Err(errors::late(limit, &self.server))
            }
        }
    }

    async fn attempts(
        &self,
        request: &Request<'_>,
        again: Again,
        used: &mut Option<u64>,
    ) -> RedisResult<Value> {
        let mut first = true;
        loop {
            let mut open = self.open().await?;
            *used = Some(open.number);
            // a signal cuts a read on this thread off: what must not be sent again goes the other way
            let is_direct = may_block() && again == Again::Yes;
            let direct = open.direct.as_ref().filter(|_| is_direct);
            let answer = match direct.and_then(|direct| direct.answer(request)) {
                Some(answer) => answer,
                None => open.connection.answer(request).await,
            };
            match answer {
                Err(error) if errors::is_broken(&error) => {
                    self.discard(open.number);
                    if !(first && again == Again::Yes) || error.is_timeout() {
                        return Err(error);
                    }
                    first = false;
                }
                // refused, so not done: the slot is still on its way when the client gives up following it
                Err(error) if errors::is_redirection(&error) => {
                    tokio::time::sleep(REDIRECTED).await;
                }
                answer => return answer,
            }
        }
    }

    /// The connection; a new one if there is none or it is known to be broken.
    async fn open(&self) -> RedisResult<Open> {
        let here = self.here.get();
        if let Some(known) = here.known() {
            return known;
        }
        let _turn = here.connecting.lock().await;
        if let Some(known) = here.known() {
            return known;
        }
        let closed = Arc::new(AtomicBool::new(false));
        let (options, flag) = (self.options.clone(), Arc::clone(&closed));
        let near = self.near.clone();
        let limit = options.socket_timeout;
        // spawned, as the connection must be driven where it outlives this call
        let made = runtime().spawn(async move {
            let made = tokio::time::timeout(limit, connect(&options, flag, near)).await;
            made.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
        });
        let made = made.await.unwrap_or_else(|_| {
            Err(RedisError::from((
                ErrorKind::Client,
                "connecting was cut off",
            )))
        });
        here.note(made, closed)
    }

    fn discard(&self, number: u64) {
        let mut state = self.here.get().state.lock();
        let broken = state.open.take_if(|open| open.number == number);
        drop(state);
        drop(broken);
    }
}

impl Here {
    fn known(&self) -> Option<RedisResult<Open>> {
        let state = self.state.lock();
        if let Some(open) = &state.open
            && !open.closed.load(Ordering::Acquire)
        {
            return Some(Ok(open.clone()));
        }
        let failed = state.failed.as_ref()?;
        (Instant::now() < failed.until).then(|| Err(failed.error.clone()))
    }

    fn note(&self, made: RedisResult<Ways>, closed: Arc<AtomicBool>) -> RedisResult<Open> {
        let mut state = self.state.lock();
        match made {
            Ok(ways) => {
                state.made += 1;
                state.failed = None;
                let open = Open {
                    connection: ways.connection,
                    direct: ways.direct,
                    watch: ways.watch,
                    number: state.made,
                    closed,
                };
                state.open = Some(open.clone());
                Ok(open)
            }
            Err(error) => {
                let pause = match &state.failed {
                    None => FIRST_PAUSE,
                    Some(before) => (2 * before.pause).min(LONGEST_PAUSE),
                };
                state.failed = Some(Failed {
                    error: error.clone(),
                    until: Instant::now() + pause,
                    pause,
                });
                Err(error)
            }
        }
    }
}

/// The output of a future, or `None` if it takes longer; under any executor, as the clock is that of our
/// own runtime.
async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let timed = {
        let _inside = runtime().enter();
        tokio::time::timeout(limit, future)
    };
    timed.await.ok()
}
