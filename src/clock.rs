//! The only place that looks at the wall clock; everything else is handed a [`Timestamp`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01 UTC, as Python's `time.time()` gives them.
pub type Timestamp = f64;

/// Where "now" comes from.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Hands the present moment to work that nobody waits for.
    ///
    /// The clock of another language holds that language's lock meanwhile, so that neither a fork nor a
    /// garbage collection finds the work half done; where that language has ended, nothing happens.
    fn at_now(&self, work: &mut dyn FnMut(Timestamp)) {
        work(self.now());
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64())
    }
}

/// A clock that stands still until it is moved; a test that needs tomorrow moves it.
///
/// ```
/// use mcp_refcache::{Clock, ManualClock};
/// let clock = ManualClock::new(1_000.0);
/// clock.advance(60.0);
/// assert_eq!(clock.now(), 1_060.0);
/// ```
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicU64::new(now.to_bits()))
    }

    /// Moves the clock by so many seconds.
    pub fn advance(&self, seconds: f64) {
        self.0
            .store((self.now() + seconds).to_bits(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        f64::from_bits(self.0.load(Ordering::SeqCst))
    }
}
