//! [`Needles`]: a set of texts, of which the longest that stands at each place of another text is found.
//!
//! Most places are passed by a look at a bit for their first bytes. Where these begin a needle, a binary search over
//! lengths asks which prefixes of needles stand there: at most twelve lookups a place, whatever texts and needles are.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

use super::hash::{Base, Hashes, random};

/// The first so many bytes of a longer needle stand for it.
pub(super) const LONGEST: usize = 4096;
/// Bytes that a needle costs, at most, with its prefixes; measured at random lengths.
pub(super) const BYTES_PER_NEEDLE: usize = 192;
/// Bytes that are looked at first, if all needles have them.
const WINDOW: usize = 8;
/// Bits of the filter per needle: one place in sixteen passes it for nothing.
const BITS_PER_NEEDLE: usize = 16;

/// The number of a needle.
pub(super) type Id = u32;
const NONE: Id = Id::MAX;

pub(super) struct Needles {
    base: Base,
    powers: Box<[u64]>,
    /// How many bytes the window has; a mask for them; a random odd factor that spreads them.
    width: usize,
    mask: u64,
    spread: u64,
    /// One bit for each window that begins a needle, by its uppermost bits.
    filter: Box<[u64]>,
    shift: u32,
    windows: HashMap<u64, Bucket, FxBuildHasher>,
    /// Prefixes of needles, by hash, on the way of the search to each; the longest needle in each.
    prefixes: HashMap<u64, Id, FxBuildHasher>,
    /// The longest other needle that a needle begins with.
    inner: Box<[Id]>,
}

/// The needles that begin with one window.
struct Bucket {
    longest: usize,
    /// The needle that is the window.
    whole: Id,
}

/// The text of needles until they are indexed, one behind the other.
#[derive(Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    pub(super) fn push(&mut self, text: &[u8]) {
        self.bytes
            .extend_from_slice(&text[..text.len().min(LONGEST)]);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// What they take, indexed or not.
    pub(super) fn memory(&self) -> usize {
        self.bytes.len() + self.len() * BYTES_PER_NEEDLE
    }

    fn sorted(&self) -> Vec<&[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let spans = starts.zip(&self.ends);
        let mut texts: Vec<_> = spans.map(|(start, end)| &self.bytes[start..*end]).collect();
        texts.sort_unstable();
        texts.dedup();
        texts
    }
}

impl Needles {
    /// An index of texts that have `shortest` bytes at least.
    pub(super) fn new(texts: &Texts, shortest: usize) -> Self {
        let base = Base::random();
        let width = shortest.clamp(1, WINDOW);
        let bits = (texts.len() * BITS_PER_NEEDLE)
            .next_power_of_two()
            .clamp(1 << 12, 1 << 24);
        let mut needles = Self {
            base,
            powers: base.powers(LONGEST),
            width,
            mask: u64::MAX >> (64 - 8 * width),
            spread: random() | 1,
            filter: vec![0; bits / 64].into(),
            shift: 64 - bits.ilog2(),
            windows: HashMap::default(),
            prefixes: HashMap::default(),
            inner: Box::default(),
        };
        let sorted = texts.sorted();
        let mut inner = Vec::with_capacity(sorted.len());
        // needles that the present one begins with, with their lengths
        let mut around: Vec<(usize, Id)> = Vec::new();
        for (id, needle) in (0..).zip(&sorted) {
            while let Some((len, outer)) = around.last()
                && !needle.starts_with(&sorted[*outer as usize][..*len])
            {
                around.pop();
            }
            inner.push(around.last().map_or(NONE, |(_, outer)| *outer));
            around.push((needle.len(), id));
            needles.add(id, needle, &around);
        }
        needles.inner = inner.into();
        needles.windows.shrink_to_fit();
        needles.prefixes.shrink_to_fit();
        needles
    }

    fn add(&mut self, id: Id, needle: &[u8], around: &[(usize, Id)]) {
        let key = self.key(padded(needle));
        let bit = (key >> self.shift) as usize;
        self.filter[bit / 64] |= 1 << (bit % 64);
        let bucket = self.windows.entry(key).or_insert(Bucket {
            longest: 0,
            whole: NONE,
        });
        bucket.longest = bucket.longest.max(needle.len());
        if needle.len() == self.width {
            bucket.whole = id;
        }
        let mut hash = self.base.hash(&needle[..self.width]);
        let mut at = self.width;
        for step in steps(needle.len() - self.width) {
            if at + step <= needle.len() {
                let more = &needle[at..at + step];
                hash = more
                    .iter()
                    .fold(hash, |hash, byte| self.base.push(hash, *byte));
                at += step;
                let fits = around.partition_point(|(len, _)| *len <= at);
                let longest = fits.checked_sub(1).map_or(NONE, |last| around[last].1);
                self.prefixes.insert(hash, longest);
            }
        }
    }

    fn key(&self, window: u64) -> u64 {
        (window & self.mask).wrapping_mul(self.spread)
    }

    /// Calls `found` with the longest needle at each place of a text, until it says that this is enough.
    pub(super) fn find(&self, text: &[u8], found: &mut dyn FnMut(Id) -> bool) -> bool {
        if self.windows.is_empty() {
            return false;
        }
        let mut hashes = Hashes::of(text, self.base, &self.powers);
        for (at, window) in text.windows(WINDOW).enumerate() {
            let window = window
                .first_chunk()
                .map_or(0, |bytes| u64::from_le_bytes(*bytes));
            let key = self.key(window);
            if self.may_begin(key) && self.look_at(text, at, key, &mut hashes, found) {
                return true;
            }
        }
        // the last ones, if less than a whole window counts
        let first = text.len().saturating_sub(WINDOW - 1);
        let mut last = first..(text.len() + 1).saturating_sub(self.width);
        last.any(|at| {
            let key = self.key(padded(&text[at..]));
            self.may_begin(key) && self.look_at(text, at, key, &mut hashes, found)
        })
    }

    #[inline]
    fn may_begin(&self, key: u64) -> bool {
        let bit = (key >> self.shift) as usize;
        self.filter
            .get(bit / 64)
            .is_some_and(|bits| bits >> (bit % 64) & 1 == 1)
    }

    #[inline(never)]
    fn look_at(
        &self,
        text: &[u8],
        at: usize,
        key: u64,
        hashes: &mut Hashes<'_>,
        found: &mut dyn FnMut(Id) -> bool,
    ) -> bool {
        let Some(bucket) = self.windows.get(&key) else {
            return false;
        };
        match self.longest_at(text, at, bucket, hashes) {
            NONE => false,
            id => found(id),
        }
    }

    /// A needle that stands here has its prefixes here, and the search goes from one to the next. Where it goes on
    /// beyond the needle, it follows one that begins with it.
    fn longest_at(&self, text: &[u8], at: usize, bucket: &Bucket, hashes: &mut Hashes<'_>) -> Id {
        let most = bucket.longest.min(text.len() - at);
        let mut longest = bucket.whole;
        let mut len = self.width;
        for step in steps(most.saturating_sub(len)) {
            if len + step <= most
                && let Some(id) = self.prefixes.get(&hashes.get(at..at + len + step))
            {
                len += step;
                longest = *id;
            }
        }
        longest
    }

    /// A needle and those that it begins with.
    pub(super) fn with_inner(&self, id: Id) -> impl Iterator<Item = Id> + '_ {
        std::iter::successors(Some(id), |id| {
            Some(self.inner[*id as usize]).filter(|inner| *inner != NONE)
        })
    }

    /// Bytes that the index takes.
    pub(super) fn memory(&self) -> usize {
        let slot = |size: usize| (size + 1) * 8 / 7;
        8 * (self.powers.len() + self.filter.len())
            + 4 * self.inner.len()
            + slot(size_of::<(u64, Bucket)>()) * self.windows.capacity()
            + slot(size_of::<(u64, Id)>()) * self.prefixes.capacity()
    }
}

/// Powers of two, descending, that add up to every length up to this one.
fn steps(length: usize) -> impl Iterator<Item = usize> {
    let first = length.checked_ilog2().map(|power| 1 << power);
    std::iter::successors(first, |step| Some(step / 2).filter(|step| *step > 0))
}

/// The first bytes of a text, zeros behind it.
fn padded(text: &[u8]) -> u64 {
    let mut bytes = [0; WINDOW];
    let len = text.len().min(WINDOW);
    bytes[..len].copy_from_slice(&text[..len]);
    u64::from_le_bytes(bytes)
}
