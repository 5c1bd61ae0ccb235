//! Waiting: futures of this crate run under any executor, or on a thread that may simply block.
//!
//! A disk has no readiness to wait for, so its work goes through [`unblock`]: done at once where the
//! thread may block, else handed to a pool. A network needs a reactor, which is [`runtime`].

#[cfg(all(unix, feature = "python"))]
mod event_loop;

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, ErrorKind, Result};
use crate::process::PerProcess;
#[cfg(all(unix, feature = "python"))]
pub(crate) use event_loop::*;

/// How often a thread that waits looks whether it was interrupted.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "redis", feature = "python")),
    allow(dead_code, reason = "only waits for a file or a server look")
)]
pub(crate) const INTERRUPT_PERIOD: Duration = Duration::from_millis(100);

/// Whether the current thread was interrupted (Ctrl-C), as far as somebody knows of such things.
static INTERRUPTED: OnceLock<fn() -> bool> = OnceLock::new();

/// How work that blocks is done, as far as somebody knows of a better way.
static RELEASE: OnceLock<fn(&mut (dyn FnMut() + Send))> = OnceLock::new();

thread_local! {
    static MAY_BLOCK: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread runs a future by blocking, so that work on a disk may be done in place.
pub(crate) fn may_block() -> bool {
    MAY_BLOCK.get()
}

/// Sets who tells whether the current thread was interrupted; the first one stays.
#[cfg_attr(
    not(feature = "python"),
    expect(dead_code, reason = "only Python knows")
)]
pub(crate) fn on_interrupt(ask: fn() -> bool) {
    let _ = INTERRUPTED.set(ask);
}

/// Whether this thread, which waits in place, was told to stop.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "redis")),
    allow(dead_code, reason = "only waits for a file or a server look")
)]
pub(crate) fn is_interrupted() -> bool {
    may_block() && INTERRUPTED.get().is_some_and(|ask| ask())
}

/// Sets how work is done that blocks the thread, so that others are not held up; the first one stays.
#[cfg_attr(
    not(feature = "python"),
    expect(dead_code, reason = "only Python has something to let go of")
)]
pub(crate) fn on_blocking(release: fn(&mut (dyn FnMut() + Send))) {
    let _ = RELEASE.set(release);
}

/// Does work that blocks this thread for a while.
pub(crate) fn blocking<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let Some(release) = RELEASE.get() else {
        return work();
    };
    let (mut work, mut output) = (Some(work), None);
    release(&mut || output = work.take().map(|work| work()));
    output.expect("work is done once")
}

/// Work on a disk: in place on a thread that may block, else on a thread of its own, awaited.
///
/// # Errors
/// What the work fails with; [`ErrorKind::Unexpected`] if it panics.
pub(crate) async fn unblock<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    if may_block() {
        return blocking(work);
    }
    let handle = Handle::try_current().unwrap_or_else(|_| runtime().handle().clone());
    handle.spawn_blocking(work).await.unwrap_or_else(|failed| {
        Err(Error::new(ErrorKind::Unexpected, "work on the store was cut off").caused_by(failed))
    })
}

/// Lets others have a turn: whoever polls is asked to come again at once.
#[cfg(feature = "python")]
pub(crate) async fn others_turn() {
    let mut had = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut had, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The output of a future that is ready at once, as those of a store in memory are.
///
/// # Errors
/// Gives the future back where it is not.
pub(crate) fn poll_once<F: Future + Unpin>(mut future: F) -> std::result::Result<F::Output, F> {
    match pin!(&mut future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err(future),
    }
}

/// As far as a future comes on this thread, which may block in its steps, but does not wait between them.
///
/// # Errors
/// Gives the future back where that is not the end.
#[cfg(feature = "python")]
pub(crate) fn advance<F: Future + Unpin>(future: F) -> std::result::Result<F::Output, F> {
    let _allowed = Allowed::new();
    let _entered = runtime().enter();
    poll_once(future)
}

/// Runs a future to its end on this thread, which blocks. Not to be called inside an executor.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let _allowed = Allowed::new();
    // timers and sockets look for their runtime with the first poll
    let _entered = runtime().enter();
    poll_once(pin!(future)).unwrap_or_else(|future| runtime().block_on(future))
}

/// Sets the mark of [`may_block`] for as long as it lives.
#[must_use]
pub(crate) struct Allowed {
    before: bool,
}

impl Allowed {
    fn new() -> Self {
        Self {
            before: MAY_BLOCK.replace(true),
        }
    }

    /// Takes the mark away: what is polled now is somebody's who will be called again, also within work that may block.
    #[cfg(feature = "python")]
    pub(crate) fn not() -> Self {
        Self {
            before: MAY_BLOCK.replace(false),
        }
    }
}

impl Drop for Allowed {
    fn drop(&mut self) {
        MAY_BLOCK.set(self.before);
    }
}

/// The runtime of this process, made at first need. A forked child has none of its parent's threads, so
/// it makes its own; the parent's is left alone there, as dropping it would wait for those threads.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: PerProcess<Runtime> = PerProcess::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("refcache-io")
            .enable_all()
            .build()
            .expect("the system has a thread and a poller to give")
    })
}
