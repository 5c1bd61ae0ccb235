//! What each process has for itself: a forked child must not count on its parent's locks and files.

use std::sync::OnceLock;

/// A state that a forked child begins anew. What it inherits is neither used nor closed there.
pub(super) struct PerProcess<T> {
    first: OnceLock<Box<Own<T>>>,
}

struct Own<T> {
    process: u32,
    state: std::mem::ManuallyDrop<T>,
    forked: OnceLock<Box<Own<T>>>,
}

impl<T: Default> PerProcess<T> {
    pub(super) fn new() -> Self {
        Self {
            first: OnceLock::new(),
        }
    }

    /// The state of this process.
    pub(super) fn get(&self) -> &T {
        let process = std::process::id();
        let own = || {
            Box::new(Own {
                process,
                state: std::mem::ManuallyDrop::new(T::default()),
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

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let process = std::process::id();
        let mut next = self.first.take();
        while let Some(mut own) = next {
            next = own.forked.take();
            let Own {
                process: whose,
                state,
                ..
            } = *own;
            if whose == process {
                drop(std::mem::ManuallyDrop::into_inner(state));
            }
        }
    }
}
