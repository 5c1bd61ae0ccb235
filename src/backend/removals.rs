//! [`Removals`]: tells those who listen what a store removed by itself, as soon as it is gone.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::Scope;

/// Removals that a log keeps for a listener who does not come for them; beyond it they are only counted.
const MOST: usize = 100_000;

/// Why a store removed an entry by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// Its time was over.
    Expired,
    /// It made room for others.
    Evicted,
}

/// An entry that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removal {
    /// Its id.
    pub id: Arc<str>,
    /// Where it lived.
    pub namespace: Arc<str>,
    /// Why it went.
    pub why: Why,
}

impl Removal {
    /// The removal of this entry.
    pub fn new(id: Arc<str>, namespace: Arc<str>, why: Why) -> Self {
        Self { id, namespace, why }
    }
}

/// What became of the entries of a cache since somebody last looked.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Gone {
    /// The entries, in the order in which they went.
    pub entries: Vec<Removal>,
    /// How many more expired than are told one by one.
    pub more_expired: u64,
    /// How many more were evicted than are told one by one.
    pub more_evicted: u64,
}

/// The removals of one cache, for one listener; as long as it is held, the store writes to it.
#[derive(Debug)]
pub struct RemovalLog {
    cache: Box<str>,
    gone: Mutex<Gone>,
}

impl RemovalLog {
    /// Takes out what is there.
    pub fn take(&self) -> Gone {
        std::mem::take(&mut self.gone.lock())
    }

    fn note(&self, removal: &Removal) {
        let mut gone = self.gone.lock();
        match removal.why {
            _ if gone.entries.len() < MOST => gone.entries.push(removal.clone()),
            Why::Expired => gone.more_expired += 1,
            Why::Evicted => gone.more_evicted += 1,
        }
    }
}

/// Those who listen to what a store removes by itself. Nothing is called: they come and look.
#[derive(Debug, Default)]
pub struct Removals(Mutex<Vec<Weak<RemovalLog>>>);

impl Removals {
    /// Notes from now on what goes of a cache.
    pub fn log(&self, cache: &str) -> Arc<RemovalLog> {
        let log = Arc::new(RemovalLog {
            cache: cache.into(),
            gone: Mutex::default(),
        });
        let mut logs = self.0.lock();
        logs.retain(|log| log.strong_count() > 0);
        logs.push(Arc::downgrade(&log));
        log
    }

    /// Tells the listeners; to be called once the entry is gone for good.
    pub(super) fn tell(&self, removal: &Removal) {
        for log in self.0.lock().iter().filter_map(Weak::upgrade) {
            let scope = Scope {
                cache: Some(&log.cache),
                namespace: None,
            };
            if scope.has_id(&removal.id) {
                log.note(removal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_nobody_takes_from_only_counts() {
        let removals = Removals::default();
        let log = removals.log("c");
        let gone = |why| Removal::new("c:1".into(), "public".into(), why);
        for _ in 0..MOST {
            removals.tell(&gone(Why::Evicted));
        }
        removals.tell(&gone(Why::Expired));
        removals.tell(&gone(Why::Evicted));
        let taken = log.take();
        assert_eq!(taken.entries.len(), MOST);
        assert_eq!((taken.more_expired, taken.more_evicted), (1, 1));
        assert!(log.take().entries.is_empty());
    }

    #[test]
    fn logs_of_other_caches_and_of_nobody_get_nothing() {
        let removals = Removals::default();
        let (log, other) = (removals.log("c"), removals.log("cc"));
        drop(removals.log("c"));
        removals.tell(&Removal::new("c:1".into(), "n".into(), Why::Expired));
        assert_eq!(log.take().entries.len(), 1);
        assert!(other.take().entries.is_empty());
        assert_eq!(removals.0.lock().len(), 3);
        removals.log("d");
        assert_eq!(removals.0.lock().len(), 3);
    }
}
