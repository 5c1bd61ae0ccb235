//! [`Near`]: entries of a store that others change as well, kept in this process for as long as the store tells of
//! each change.
//!
//! An answer may be overtaken by the news that it is out of date. So who reads takes the [`Moment`] before it asks, and
//! what changed since then is not kept.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;

use super::Want;
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::process::PerProcess;
use crate::reference::KeyName;
use crate::value::{Document, Value};

/// An entry may take this part of the room, so that a few do not drive out all others.
const SHARE: usize = 8;
/// Bytes of an entry besides its value.
const OVERHEAD: usize = 1024;
/// Ids and keys whose changes are told apart; those of one group count as changed together.
const GROUPS: usize = 1024;

/// Entries that were read before, in so many bytes; who is asked for least goes first.
pub struct Near {
    most: usize,
    claimed: AtomicBool,
    here: PerProcess<Here>,
}

/// What belongs to one process: a child hears of no change that its parent is told.
struct Here {
    changes: AtomicU64,
    /// The number of the last change of each group, and of the last one of all.
    last: Box<[AtomicU64]>,
    last_of_all: AtomicU64,
    kept: Mutex<Kept>,
}

/// When a read began, counted in changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(u64);

#[derive(Default)]
struct Kept {
    entries: HashMap<Arc<str>, Held>,
    /// Of a key of a cache: where it leads to.
    names: HashMap<String, Vec<Lead>>,
    /// In the order in which they are looked at when room is needed; outdated where the number is another.
    queue: VecDeque<(Arc<str>, u64)>,
    bytes: usize,
    number: u64,
}

/// A namespace, and the id that a key leads to there.
type Lead = (Arc<str>, Arc<str>);

struct Held {
    entry: Arc<Entry>,
    bytes: usize,
    /// Whether it was asked for since it was looked at last.
    wanted: bool,
    number: u64,
    /// Where its name stands in `names`.
    named: Option<String>,
}

impl Near {
    /// Room for entries of so many bytes, counted by their texts.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            claimed: AtomicBool::new(false),
            here: PerProcess::new(),
        }
    }

    /// Bytes and number of the entries that are kept.
    pub fn totals(&self) -> (usize, usize) {
        let kept = self.here().kept.lock();
        (kept.bytes, kept.entries.len())
    }

    /// Whether nobody keeps entries here yet: who opens records in another way must not be given them.
    pub(super) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::Relaxed)
    }

    /// Now.
    pub(super) fn moment(&self) -> Moment {
        Moment(self.here().changes.load(Ordering::SeqCst))
    }

    /// The live entry with this id.
    pub(super) fn get(&self, id: &str, now: Timestamp, want: Want) -> Option<Arc<Entry>> {
        self.here().kept.lock().get(id, now, want, self.most)
    }

    /// The id and live entry that a name leads to.
    pub(super) fn find(
        &self,
        name: &KeyName,
        now: Timestamp,
        want: Want,
    ) -> Option<(Arc<str>, Arc<Entry>)> {
        let mut kept = self.here().kept.lock();
        let spaces = kept.names.get(&key_of(&name.cache, &name.key))?;
        let (_, id) = spaces.iter().find(|(space, _)| *space == name.namespace)?;
        let id = Arc::clone(id);
        let entry = kept.get(&id, now, want, self.most)?;
        Some((id, entry))
    }

    /// Keeps what was read since this moment, unless it has changed meanwhile.
    pub(super) fn keep(
        &self,
        since: Moment,
        id: &Arc<str>,
        entry: &Arc<Entry>,
        name: Option<&KeyName>,
    ) {
        let (here, bytes) = (self.here(), size(entry));
        let key = name.map(|name| key_of(&name.cache, &name.key));
        if bytes > self.most / SHARE {
            return;
        }
        let mut kept = here.kept.lock();
        // under the lock: what changes from here on is taken away afterwards
        if here.changed_since(since, id)
            || key
                .as_ref()
                .is_some_and(|key| here.changed_since(since, key))
        {
            return;
        }
        entry.count_remembered();
        kept.keep(id, entry, bytes);
        if let (Some(key), Some(name)) = (key, name) {
            kept.name(key, &name.namespace, id);
        }
        kept.make_room(self.most);
    }

    /// Takes an entry away that was changed or removed.
    pub(super) fn changed(&self, id: &str) {
        let here = self.here();
        here.note(id);
        here.kept.lock().remove(id);
    }

    /// Takes away where a key of a cache leads to.
    pub(super) fn renamed(&self, cache: &str, key: &str) {
        let (here, key) = (self.here(), key_of(cache, key));
        here.note(&key);
        here.kept.lock().names.remove(&key);
    }

    /// Takes everything away.
    pub(super) fn all_changed(&self) {
        let here = self.here();
        let number = here.changes.fetch_add(1, Ordering::SeqCst) + 1;
        here.last_of_all.fetch_max(number, Ordering::SeqCst);
        let before = std::mem::take(&mut *here.kept.lock());
        drop(before);
    }

    fn here(&self) -> &Here {
        self.here.get_or_init(|| Here {
            changes: AtomicU64::new(0),
            last: (0..GROUPS).map(|_| AtomicU64::new(0)).collect(),
            last_of_all: AtomicU64::new(0),
            kept: Mutex::default(),
        })
    }
}

impl Here {
    fn group(&self, word: &str) -> &AtomicU64 {
        &self.last[FxBuildHasher.hash_one(word) as usize % GROUPS]
    }

    fn note(&self, word: &str) {
        let number = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        self.group(word).fetch_max(number, Ordering::SeqCst);
    }

    fn changed_since(&self, Moment(since): Moment, word: &str) -> bool {
        self.group(word).load(Ordering::SeqCst) > since
            || self.last_of_all.load(Ordering::SeqCst) > since
    }
}

impl Kept {
    fn get(&mut self, id: &str, now: Timestamp, want: Want, most: usize) -> Option<Arc<Entry>> {
        let held = self.entries.get_mut(id)?;
        if held.entry.is_expired(now) {
            self.remove(id);
            return None;
        }
        if want == Want::Value && held.entry.value.is_remote() {
            return None;
        }
        held.wanted = true;
        let entry = held.entry.apart();
        // what is remembered of it grows
        let bytes = size(&held.entry);
        let grown = bytes > held.bytes;
        self.bytes = self.bytes - held.bytes + bytes;
        held.bytes = bytes;
        if grown {
            self.make_room(most);
        }
        Some(entry)
    }

    fn keep(&mut self, id: &Arc<str>, entry: &Arc<Entry>, bytes: usize) {
        let named = self.remove_entry(id);
        self.number += 1;
        let held = Held {
            entry: entry.apart(),
            bytes,
            wanted: false,
            number: self.number,
            named,
        };
        self.bytes += bytes;
        self.queue.push_back((Arc::clone(id), self.number));
        self.entries.insert(Arc::clone(id), held);
    }

    fn name(&mut self, key: String, space: &Arc<str>, id: &Arc<str>) {
        let spaces = self.names.entry(key.clone()).or_default();
        spaces.retain(|(known, _)| known != space);
        spaces.push((Arc::clone(space), Arc::clone(id)));
        if let Some(held) = self.entries.get_mut(id) {
            held.named = Some(key);
        }
    }

    /// Takes an entry away, and its name.
    fn remove(&mut self, id: &str) {
        let Some(key) = self.remove_entry(id) else {
            return;
        };
        if let Some(spaces) = self.names.get_mut(&key) {
            spaces.retain(|(_, known)| **known != *id);
            if spaces.is_empty() {
                self.names.remove(&key);
            }
        }
    }

    /// Takes an entry away; where its name stands.
    fn remove_entry(&mut self, id: &str) -> Option<String> {
        let held = self.entries.remove(id)?;
        self.bytes -= held.bytes;
        if self.queue.len() > 2 * self.entries.len() + 64 {
            let entries = &self.entries;
            self.queue
                .retain(|(id, number)| entries.get(id).is_some_and(|held| held.number == *number));
        }
        held.named
    }

    /// Takes away what nobody asked for since it was looked at last, until the rest has room.
    fn make_room(&mut self, most: usize) {
        while self.bytes > most
            && let Some((id, number)) = self.queue.pop_front()
        {
            match self.entries.get_mut(&id) {
                Some(held) if held.number == number && held.wanted => {
                    held.wanted = false;
                    self.queue.push_back((id, number));
                }
                Some(held) if held.number == number => self.remove(&id),
                _ => {}
            }
        }
    }
}

/// About so many bytes are taken by an entry.
fn size(entry: &Entry) -> usize {
    let value = match &entry.value {
        Value::Remote(value) => value.outline_bytes(), // what is read of it goes with the reader
        value => {
            let text = value.total_size().unwrap_or(0);
            text + Document::index_bytes(text)
        }
    };
    OVERHEAD + value + entry.remembered_bytes()
}

/// A cache and a key of it in one word.
fn key_of(cache: &str, key: &str) -> String {
    let mut word = String::with_capacity(cache.len() + 1 + key.len());
    word.push_str(cache);
    word.push('\0');
    word.push_str(key);
    word
}

impl fmt::Debug for Near {
    /// Never shows an entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Near")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}
