//! Waiting: futures of this crate run under any executor, or on a thread that may simply block.
//!
//! A disk has no readiness to wait for, so its work goes through [`unblock`]: done at once where the
//! thread may block, else handed to a pool. A network needs a reactor, which is [`runtime`].
//! A thread that would have to give something up before it blocks, such as the interpreter, first goes
//! as far as it comes without: [`begin`].

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, ErrorKind, Result};
use crate::process::PerProcess;

/// How often a thread that waits looks whether it was interrupted.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "python")),
    allow(dead_code, reason = "only waits for a file look")
)]
pub(crate) const INTERRUPT_PERIOD: Duration = Duration::from_millis(100);

/// Whether the current thread was interrupted (Ctrl-C), as far as somebody knows of such things.
static INTERRUPTED: OnceLock<fn() -> bool> = OnceLock::new();

thread_local! {
    static BLOCKS: Cell<Blocks> = const { Cell::new(Blocks::Never) };
}

/// Whether a thread that runs a future waits by blocking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blocks {
    /// It must not.
    Never,
    /// It will, once the future has to wait.
    #[cfg_attr(
        not(feature = "python"),
        expect(dead_code, reason = "only who holds the interpreter gives it up")
    )]
    Later,
    /// It may, now.
    Now,
}

/// Whether this thread runs a future by blocking, so that work on a disk may be done in place.
pub(crate) fn may_block() -> bool {
    BLOCKS.get() == Blocks::Now
}

/// To be awaited before what may take long: a thread that blocks later is ready for it after that.
pub(crate) async fn ready_to_wait() {
    std::future::poll_fn(|context| match BLOCKS.get() {
        Blocks::Later => {
            // among others that are awaited together it is asked again only if it calls
            context.waker().wake_by_ref();
            Poll::Pending
        }
        Blocks::Never | Blocks::Now => Poll::Ready(()),
    })
    .await;
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
    not(feature = "sqlite"),
    allow(dead_code, reason = "only waits for a file look")
)]
pub(crate) fn is_interrupted() -> bool {
    may_block() && INTERRUPTED.get().is_some_and(|ask| ask())
}

/// Work on a disk: in place on a thread that may block, else on a thread of its own, awaited.
///
/// # Errors
/// What the work fails with; [`ErrorKind::Unexpected`] if it panics.
pub(crate) async fn unblock<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    ready_to_wait().await;
    if may_block() {
        return work();
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

/// Runs a future on this thread as far as it comes without waiting; it has to be run to its end by [`block_on`].
///
/// # Errors
/// Gives the future back where it waits.
#[cfg(feature = "python")]
pub(crate) fn begin<F: Future + Unpin>(future: F) -> std::result::Result<F::Output, F> {
    let _later = Blocking::set(Blocks::Later);
    poll_once(future)
}

/// Runs a future to its end on this thread, which blocks. Not to be called inside an executor.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let _now = Blocking::set(Blocks::Now);
    // timers and sockets look for their runtime with the first poll
    let _entered = runtime().enter();
    poll_once(pin!(future)).unwrap_or_else(|future| runtime().block_on(future))
}

/// How this thread waits for as long as this lives.
#[must_use]
pub(crate) struct Blocking {
    before: Blocks,
}

impl Blocking {
    /// Not by blocking: whoever polls will be called again.
    #[cfg(feature = "python")]
    pub(crate) fn never() -> Self {
        Self::set(Blocks::Never)
    }

    fn set(blocks: Blocks) -> Self {
        Self {
            before: BLOCKS.replace(blocks),
        }
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        BLOCKS.set(self.before);
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

#[cfg(all(test, feature = "python"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_begun_comes_to_the_disk_and_no_further() {
        let mut steps = 0;
        let steps = &mut steps;
        let work = Box::pin(async {
            *steps += 1;
            let blocks = unblock(|| Ok(may_block())).await;
            *steps += 1;
            (*steps, blocks)
        });
        let Err(work) = begin(work) else {
            panic!("it went on without being allowed to wait");
        };
        let (steps, blocks) = block_on(work);
        assert_eq!(steps, 2);
        assert!(blocks.unwrap(), "in place, as the thread waits for it");
    }

    #[test]
    fn what_need_not_wait_ends_where_it_begins() {
        assert_eq!(begin(Box::pin(async { 1 })).ok(), Some(1));
    }
}
