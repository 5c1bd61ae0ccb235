//! [`SecretIndex`]: what of one value must not get out, and whether it stands in a text.

use std::collections::HashSet;
use std::fmt;

use memchr::memmem;
use rustc_hash::FxBuildHasher;

use super::decode;
use super::leaves::Leaves;
use super::needles::{Id, LONGEST, Needles};
use super::numbers::{Digits, Numbers};
use crate::error::{Error, Result};
use crate::value::{Document, Kind};

/// What counts as a part of a value that gives it away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Texts count that have so many characters.
    pub min_characters: usize,
    /// Numbers count that have so many digits.
    pub min_digits: usize,
    /// Bytes that an index may take, while it is made and afterwards.
    pub max_memory: usize,
}

impl Default for Limits {
    /// 8 characters, 7 digits, 64 MB.
    fn default() -> Self {
        Self {
            min_characters: 8,
            min_digits: 7,
            max_memory: 64 << 20,
        }
    }
}

impl Limits {
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if fewer than 3 characters or digits would
    /// do: they stand in every text.
    pub fn check(&self) -> Result<()> {
        let least = [
            ("min_characters", self.min_characters),
            ("min_digits", self.min_digits),
        ];
        match least.into_iter().find(|(_, number)| *number < 3) {
            None => Ok(()),
            Some((name, number)) => {
                Err(Error::invalid(format!("{name} must be 3 or greater")).with(name, number))
            }
        }
    }
}

/// The parts of a value by which it is known again, hashed.
///
/// These are: texts of [`Limits::min_characters`] at least (of longer ones, their first 4,096 bytes), numbers of
/// [`Limits::min_digits`], keys that are such texts or numbers and data rather than names of fields (they have other
/// characters than a name, or stand in a dict of more than 64), and the whole, whatever the spaces and quotes in it.
/// A whole that is shorter counts only where a text is nothing else; `true`, `false` and `null` never do.
///
/// Texts are compared exactly: `Secret-1234` is not `SECRET-1234`.
///
/// ```
/// use mcp_refcache::egress::{Limits, SecretIndex, Seen};
/// use mcp_refcache::value::Document;
///
/// let salaries = Document::from_serialize(&[("Ada Lovelace", 1_234_567), ("Bob", 3)])?;
/// let index = SecretIndex::of(&salaries, &Limits::default()).expect("it is small");
/// assert!(index.occurs_in(["she earns 1,234,567 a year"], &Seen::default()));
/// assert!(index.occurs_in(["?who=Ada%20Lovelace"], &Seen::default()));
/// assert!(!index.occurs_in(["Ada earns more than Bob: true"], &Seen::default()));
/// // what the caller knows already is no secret
/// let known = index.seen_in(["Ada Lovelace"]);
/// assert!(!index.occurs_in(["Ada Lovelace: present"], &known));
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
pub struct SecretIndex {
    texts: Needles,
    numbers: Numbers,
    whole: Whole,
    /// No part has fewer bytes.
    shortest: usize,
}

/// A whole value, without spaces, quotes and backslashes.
enum Whole {
    /// It counts wherever it stands.
    Anywhere(Box<Anywhere>),
    /// It counts where nothing else is said.
    Alone(Vec<u8>),
    /// It says nothing, or is a text that counts as one.
    Nowhere,
}

/// A whole value to be found in a text.
struct Anywhere {
    len: usize,
    /// Its first bytes, which stand for a longer one.
    start: memmem::Finder<'static>,
    /// A word of it: where that is not, there is nothing to leave spaces out of.
    word: memmem::Finder<'static>,
}

/// The parts of a value that stand in texts which the caller knows.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    texts: HashSet<Id, FxBuildHasher>,
    numbers: HashSet<Digits, FxBuildHasher>,
    whole: bool,
}

/// A part that was found.
#[derive(Debug, Clone, Copy)]
enum Part {
    Text(Id),
    Number(Digits),
    Whole,
}

/// How often a text may still be decoded.
#[derive(Clone, Copy)]
struct Depth {
    /// Of base64 and percent encoding: one inside the other.
    encodings: u8,
    /// JSON inside JSON.
    escapes: u8,
}

const DEPTH: Depth = Depth {
    encodings: 2,
    escapes: 2,
};

impl SecretIndex {
    /// The index of a value all of which is here; `None` if it takes more memory than allowed.
    #[must_use]
    pub fn of(document: &Document, limits: &Limits) -> Option<Self> {
        let leaves = Leaves::of(document.text(), limits)?;
        let index = Self {
            texts: Needles::new(&leaves.texts, limits.min_characters),
            numbers: leaves.numbers,
            whole: Whole::of(document, limits),
            shortest: limits.min_characters.min(limits.min_digits),
        };
        (index.memory() <= limits.max_memory).then_some(index)
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.texts.memory() + self.numbers.memory() + LONGEST
    }

    /// The parts that these texts hold. What they hold encoded counts as well.
    pub fn seen_in<T: AsRef<[u8]>>(&self, texts: impl IntoIterator<Item = T>) -> Seen {
        let mut seen = Seen::default();
        for text in texts {
            self.look(text.as_ref(), &mut |part| {
                match part {
                    Part::Text(id) => {
                        let all = self.texts.with_inner(id);
                        // those of one that was seen before are there already
                        all.take_while(|id| seen.texts.insert(*id)).for_each(drop);
                    }
                    Part::Number(digits) => drop(seen.numbers.insert(digits)),
                    Part::Whole => seen.whole = true,
                }
                false
            });
        }
        seen
    }

    /// Whether any part stands in any of these texts, in UTF-8: also inside other text, in JSON escapes, percent
    /// encoding or base64, and in one of these inside of another; not counting those that were seen before.
    pub fn occurs_in<T: AsRef<[u8]>>(
        &self,
        texts: impl IntoIterator<Item = T>,
        ignoring: &Seen,
    ) -> bool {
        let mut is_new = |part| match part {
            Part::Text(id) => !ignoring.texts.contains(&id),
            Part::Number(digits) => !ignoring.numbers.contains(&digits),
            Part::Whole => !ignoring.whole,
        };
        texts
            .into_iter()
            .any(|text| self.look(text.as_ref(), &mut is_new))
    }

    fn look(&self, text: &[u8], found: &mut dyn FnMut(Part) -> bool) -> bool {
        if let Whole::Alone(whole) = &self.whole
            && text.len() <= 4 * whole.len() + 64
            && squeezed(text) == *whole
            && found(Part::Whole)
        {
            return true;
        }
        self.search(text, DEPTH, found)
    }

    fn search(&self, text: &[u8], depth: Depth, found: &mut dyn FnMut(Part) -> bool) -> bool {
        if text.len() < self.shortest {
            return false;
        }
        self.texts.find(text, &mut |id| found(Part::Text(id)))
            || self
                .numbers
                .find(text, &mut |digits| found(Part::Number(digits)))
            || self.whole.stands_in(text) && found(Part::Whole)
            || self.search_decoded(text, depth, found)
    }

    fn search_decoded(
        &self,
        text: &[u8],
        depth: Depth,
        found: &mut dyn FnMut(Part) -> bool,
    ) -> bool {
        if depth.escapes > 0 {
            let inside = Depth {
                escapes: depth.escapes - 1,
                ..depth
            };
            if decode::unescaped(text, &mut |plain| self.search(plain, inside, found)) {
                return true;
            }
        }
        if depth.encodings == 0 {
            return false;
        }
        let inside = Depth {
            encodings: depth.encodings - 1,
            ..depth
        };
        decode::percent(text, &mut |plain, is_encoded| {
            // where only spaces are written otherwise, other encodings are as they were
            let encodings = if is_encoded { inside.encodings } else { 0 };
            let inside = Depth {
                encodings,
                ..inside
            };
            self.search(plain, inside, found)
        }) || decode::base64(text, self.shortest, &mut |plain| {
            self.search(plain, inside, found)
        })
    }
}

impl Whole {
    fn of(document: &Document, limits: &Limits) -> Self {
        let mut plain = Vec::new();
        decode::unescape(document.text().as_bytes(), &mut plain);
        let whole = squeezed(&plain);
        match document.kind() {
            Kind::Null | Kind::Bool => Self::Nowhere,
            Kind::List | Kind::Dict if whole.len() >= limits.min_characters.max(8) => {
                let start = &whole[..whole.len().min(LONGEST)];
                let words =
                    plain[..plain.len().min(LONGEST)].split(|byte| !byte.is_ascii_alphanumeric());
                let word = words.max_by_key(|word| word.len()).unwrap_or_default();
                Self::Anywhere(Box::new(Anywhere {
                    len: whole.len(),
                    start: memmem::Finder::new(start).into_owned(),
                    word: memmem::Finder::new(word).into_owned(),
                }))
            }
            // an empty list says as little as `null`
            _ if whole.len() > 2
                || matches!(document.kind(), Kind::Number | Kind::String) && !whole.is_empty() =>
            {
                Self::Alone(whole)
            }
            _ => Self::Nowhere,
        }
    }

    fn stands_in(&self, text: &[u8]) -> bool {
        match self {
            Self::Anywhere(whole) => {
                text.len() >= whole.len
                    && whole.word.find(text).is_some()
                    && whole.start.find(&squeezed(text)).is_some()
            }
            Self::Alone(_) | Self::Nowhere => false,
        }
    }
}

/// A text without what differs between ways to write the same value. Without a branch per byte: three times as fast.
fn squeezed(text: &[u8]) -> Vec<u8> {
    let mut squeezed = vec![0; text.len()];
    let mut len = 0;
    for byte in text {
        squeezed[len] = *byte;
        len += usize::from(IS_KEPT[usize::from(*byte)]);
    }
    squeezed.truncate(len);
    squeezed
}

/// Which bytes are no space, quote or backslash.
const IS_KEPT: [bool; 256] = {
    let mut is_kept = [true; 256];
    let left_out = b" \t\n\r\"'\\";
    let mut at = 0;
    while at < left_out.len() {
        is_kept[left_out[at] as usize] = false;
        at += 1;
    }
    is_kept
};

impl fmt::Debug for SecretIndex {
    /// Never shows a part.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretIndex")
            .field("memory", &self.memory())
            .finish_non_exhaustive()
    }
}
