//! What each process has for itself: a forked child must not count on its parent's threads, locks and files.

use std::mem::ManuallyDrop;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The id of this process for as long as somebody tells of each fork; 0: nobody does.
static KNOWN: AtomicU32 = AtomicU32::new(0);

/// The id of this process: asked of the system each time, which takes longer than all else here, unless it is known.
fn id() -> u32 {
    match KNOWN.load(Ordering::Relaxed) {
        0 => std::process::id(),
        known => known,
    }
}

/// Notes the id of this process. Who calls this does so again in each child before that goes on.
#[cfg_attr(
    not(feature = "python"),
    expect(dead_code, reason = "only Python tells of forks")
)]
pub(crate) fn note_id() {
    KNOWN.store(std::process::id(), Ordering::Relaxed);
}

/// A state that a forked child begins anew. What it inherits is neither used nor closed there: that belongs to the
/// parent, whose threads are not in the child to be told.
pub(crate) struct PerProcess<T> {
    first: OnceLock<Box<Own<T>>>,
}

/// The state of one process, and behind it those of the processes that were forked from it.
struct Own<T> {
    process: u32,
    state: ManuallyDrop<T>,
    forked: OnceLock<Box<Own<T>>>,
}

impl<T> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self {
            first: OnceLock::new(),
        }
    }

    /// The state of this process, made at first need.
    pub(crate) fn get_or_init(&self, make: impl Fn() -> T) -> &T {
        let process = id();
        let own = || {
            Box::new(Own {
                process,
                state: ManuallyDrop::new(make()),
                forked: OnceLock::new(),
            })
        };
        let mut found = self.first.get_or_init(own);
        while found.process != process {
            found = found.forked.get_or_init(own);
        }
        &found.state
    }
}

impl<T: Default> PerProcess<T> {
    /// The same of a state that begins with its default.
    pub(crate) fn get(&self) -> &T {
        self.get_or_init(T::default)
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let process = id();
        let mut next = self.first.take();
        while let Some(mut own) = next {
            next = own.forked.take();
            if own.process == process {
                drop(ManuallyDrop::into_inner(own.state));
            }
        }
    }
}
