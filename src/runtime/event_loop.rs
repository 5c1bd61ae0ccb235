//! An event loop of somebody else's, on whose thread futures are polled: a socket that it watches needs no thread of
//! ours, and no way back from one.

use std::cell::RefCell;
use std::os::fd::RawFd;
use std::sync::Arc;

/// An event loop.
pub(crate) trait EventLoop: Send + Sync {
    /// Tells it from all others of this process, also from those that have ended.
    fn number(&self) -> u64;

    /// Serves a source whenever its socket can be read, until that is over or the loop is closed; then it is told so.
    /// `None` if this loop cannot.
    fn watch(&self, socket: RawFd, source: Arc<dyn Source>) -> Option<Nudge>;
}

/// Has [`Source::send`] called before the loop sleeps again. To be called on the thread of the loop.
pub(crate) type Nudge = Arc<dyn Fn() + Send + Sync>;

/// Something with a socket that an event loop watches; it is served on the thread of the loop.
pub(crate) trait Source: Send + Sync {
    /// Sends what is to be sent, as far as there is room; whether to come again once there is more.
    fn send(&self) -> bool;

    /// Receives what is there; whether to come again.
    fn receive(&self) -> bool;

    /// Is served no more.
    fn end(&self);
}

thread_local! {
    static HERE: RefCell<Option<Arc<dyn EventLoop>>> = const { RefCell::new(None) };
}

/// The event loop on whose thread the current future is polled, if it can watch sockets.
pub(crate) fn event_loop() -> Option<Arc<dyn EventLoop>> {
    HERE.with_borrow(Clone::clone)
}

/// Does work as a part of an event loop.
pub(crate) fn on_loop<T>(event_loop: Arc<dyn EventLoop>, work: impl FnOnce() -> T) -> T {
    let _left = Left(HERE.replace(Some(event_loop)));
    work()
}

/// Sets back what was before.
struct Left(Option<Arc<dyn EventLoop>>);

impl Drop for Left {
    fn drop(&mut self) {
        HERE.set(self.0.take());
    }
}
