//! What the memory backend knows about all its entries together: order, namespaces, ends and last
//! uses. Touched by writes only, so one lock around it costs readers nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::clock::Timestamp;

/// Seconds as bits that sort like the number: ends in the past of 1970 count as 1970.
fn sortable(moment: Timestamp) -> u64 {
    moment.max(0.0).to_bits()
}

/// Order numbers, sets and queues over entry ids.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    next: u64,
    bytes: u64,
    all: BTreeMap<u64, Arc<str>>,
    namespaces: FxHashMap<Arc<str>, BTreeSet<u64>>,
    ends: BTreeSet<(u64, u64)>,
    uses: BinaryHeap<Reverse<(u64, u64)>>,
}

impl Ledger {
    /// Enters a new entry; its order number.
    pub(super) fn enter(&mut self, id: &Arc<str>, namespace: &Arc<str>) -> u64 {
        let order = self.next;
        self.next += 1;
        self.all.insert(order, Arc::clone(id));
        self.join(order, namespace);
        order
    }

    /// Moves an entry to another namespace; its place in the order stays.
    pub(super) fn moved(&mut self, order: u64, from: &str, to: &Arc<str>) {
        if from != &**to {
            self.leave(order, from);
            self.join(order, to);
        }
    }

    fn join(&mut self, order: u64, namespace: &Arc<str>) {
        let members = self.namespaces.entry(Arc::clone(namespace));
        members.or_default().insert(order);
    }

    fn leave(&mut self, order: u64, namespace: &str) {
        if let Some(members) = self.namespaces.get_mut(namespace) {
            members.remove(&order);
            if members.is_empty() {
                self.namespaces.remove(namespace);
            }
        }
    }

    /// Forgets an entry.
    pub(super) fn strike(&mut self, order: u64, namespace: &str, ends: Option<Timestamp>) {
        self.all.remove(&order);
        self.ends_at(order, ends, None);
        self.leave(order, namespace);
        self.compact();
    }

    /// Ids in the order of their entry, of one namespace or of all.
    pub(super) fn ids(&self, namespace: Option<&str>) -> Vec<Arc<str>> {
        let Some(namespace) = namespace else {
            return self.all.values().cloned().collect();
        };
        let members = self.namespaces.get(namespace).into_iter().flatten();
        members
            .filter_map(|order| self.all.get(order).cloned())
            .collect()
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Bytes of all entries.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Notes how many bytes an entry has, instead of what was noted before.
    pub(super) fn weighs(&mut self, before: u64, now: u64) {
        self.bytes = self.bytes - before + now;
    }

    /// Notes when an entry ends, instead of what was noted before.
    pub(super) fn ends_at(
        &mut self,
        order: u64,
        before: Option<Timestamp>,
        now: Option<Timestamp>,
    ) {
        if let Some(moment) = before {
            self.ends.remove(&(sortable(moment), order));
        }
        if let Some(moment) = now {
            self.ends.insert((sortable(moment), order));
        }
    }

    /// Ids of entries that have ended by `now`.
    pub(super) fn ended(&self, now: Timestamp) -> Vec<Arc<str>> {
        let ended = self.ends.range(..=(sortable(now), u64::MAX));
        ended
            .filter_map(|(_, order)| self.all.get(order).cloned())
            .collect()
    }

    /// The id that ends first.
    pub(super) fn first_to_end(&self) -> Option<Arc<str>> {
        self.ends
            .first()
            .and_then(|(_, order)| self.all.get(order).cloned())
    }

    /// Notes that an entry was used at this tick.
    pub(super) fn used(&mut self, order: u64, tick: u64) {
        self.uses.push(Reverse((tick, order)));
    }

    /// The id that was used longest ago; `last_use` knows better than the noted tick, which is only
    /// brought up to date here.
    pub(super) fn least_recently_used(
        &mut self,
        last_use: impl Fn(&str) -> Option<u64>,
    ) -> Option<Arc<str>> {
        while let Some(Reverse((tick, order))) = self.uses.pop() {
            let Some(id) = self.all.get(&order) else {
                continue;
            };
            match last_use(id) {
                Some(later) if later > tick => self.uses.push(Reverse((later, order))),
                Some(_) => return Some(Arc::clone(id)),
                None => {}
            }
        }
        None
    }

    /// Drops records of struck entries once they are the majority, so that the queue stays as small
    /// as what lives.
    fn compact(&mut self) {
        if self.uses.len() > 2 * self.all.len() + 64 {
            let all = &self.all;
            self.uses
                .retain(|Reverse((_, order))| all.contains_key(order));
        }
    }
}
