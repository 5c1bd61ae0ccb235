//! Leases of stores in this process: who may do a thing now, until when, and the how-manieth that is.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;

use super::Fence;
use crate::clock::Timestamp;

/// Seconds that an ended lease is remembered, so that the fence of a late holder is recognised.
const REMEMBERED: f64 = 60.0;

/// Leases that ended longer ago are swept when so many are known, and then at twice what is left.
const SWEPT_AT: usize = 1024;

/// Leases by name.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    held: HashMap<Arc<str>, Held>,
    /// The last token of any lease: one counter for all names, so that an ended lease can be forgotten.
    last: u64,
    sweep_at: usize,
}

#[derive(Debug)]
struct Held {
    token: u64,
    until: Timestamp,
}

impl Leases {
    /// Takes a lease that nobody holds.
    pub(super) fn acquire(&self, lease: &str, seconds: f64, now: Timestamp) -> Option<u64> {
        let mut table = self.0.lock();
        if table.held.get(lease).is_some_and(|held| held.until > now) {
            return None;
        }
        if table.held.len() >= table.sweep_at.max(SWEPT_AT) {
            table.held.retain(|_, held| held.until + REMEMBERED > now);
            table.sweep_at = 2 * table.held.len();
        }
        table.last += 1;
        let (token, until) = (table.last, now + seconds);
        table.held.insert(lease.into(), Held { token, until });
        Some(token)
    }

    /// Moves the end of a lease, if this token still holds it.
    pub(super) fn renew(&self, lease: &str, token: u64, seconds: f64, now: Timestamp) -> bool {
        let mut table = self.0.lock();
        match table.held.get_mut(lease) {
            Some(held) if held.token == token && held.until > now => {
                held.until = now + seconds;
                true
            }
            _ => false,
        }
    }

    /// Gives a lease back, if this token still holds it.
    pub(super) fn release(&self, lease: &str, token: u64, now: Timestamp) -> bool {
        self.renew(lease, token, 0.0, now)
    }

    /// Whether nobody has taken the lease over since the token was given.
    pub(super) fn admits(&self, fence: Option<Fence<'_>>) -> bool {
        fence.is_none_or(|fence| {
            let table = self.0.lock();
            let held = table.held.get(fence.lease);
            held.is_none_or(|held| held.token <= fence.token)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_has_one_holder_until_it_ends() {
        let leases = Leases::default();
        let first = leases.acquire("a", 10.0, 0.0).unwrap();
        assert_eq!(leases.acquire("a", 10.0, 9.9), None);
        assert!(leases.renew("a", first, 10.0, 9.0));
        assert_eq!(leases.acquire("a", 10.0, 18.9), None);
        let second = leases.acquire("a", 10.0, 19.0).unwrap();
        assert!(second > first);
        assert!(!leases.renew("a", first, 10.0, 19.0) && !leases.release("a", first, 19.0));
        let late = Fence {
            lease: "a",
            token: first,
        };
        assert!(!leases.admits(Some(late)) && leases.admits(None));
        assert!(leases.release("a", second, 20.0));
    }

    #[test]
    fn ended_leases_are_forgotten() {
        let leases = Leases::default();
        for number in 0..10_000 {
            leases.acquire(&number.to_string(), 1.0, f64::from(number));
        }
        assert!(leases.0.lock().held.len() <= SWEPT_AT);
    }
}
