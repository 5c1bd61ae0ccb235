//! The thread that removes expired entries without being asked for.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

/// How often the clock is looked at while something may expire.
const PERIOD: Duration = Duration::from_secs(1);

/// Something that can be swept.
pub(super) trait Sweep: Send + Sync + 'static {
    /// Removes what has expired.
    fn sweep(&self);
}

/// Starts the thread once something may expire; it ends with its target.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    /// Process that the running thread belongs to, 0 = none: a fork does not inherit threads.
    owner: AtomicU32,
}

impl Sweeper {
    /// Makes sure that a thread sweeps `target` from now on. The thread holds it weakly.
    pub(super) fn watch<T: Sweep>(&self, target: &Arc<T>) {
        let process = std::process::id();
        if self.owner.swap(process, Ordering::AcqRel) == process {
            return;
        }
        let target = Arc::downgrade(target);
        let started = thread::Builder::new()
            .name("refcache-sweeper".into())
            .spawn(move || run(&target));
        if started.is_err() {
            // no thread to be had now: reads still see expiry, and the next write tries again
            self.owner.store(0, Ordering::Release);
        }
    }
}

fn run<T: Sweep>(target: &Weak<T>) {
    loop {
        thread::sleep(PERIOD);
        let Some(target) = target.upgrade() else {
            return;
        };
        target.sweep();
    }
}
