//! [`Keys`]: the keys of a dict that is shown in part; long ones are cut, and none is there twice.

use std::borrow::Cow;
use std::ops::Range;

use rustc_hash::FxHashSet;

use super::text::Text;
use crate::value::{Document, Node};

/// A key may take a quarter of the room.
pub(super) fn key_cap(budget: usize) -> usize {
    (budget / 4).max(24)
}

/// Keys of one shown dict: a made key must not be that of another entry.
pub(super) struct Keys<'a> {
    document: &'a Document,
    taken: FxHashSet<Cow<'a, str>>,
    clashes: usize,
}

impl<'a> Keys<'a> {
    /// The keys of these entries (key and value).
    pub(super) fn new(document: &'a Document, entries: &[(Range<usize>, Range<usize>)]) -> Self {
        let keys = entries
            .iter()
            .map(|(key, _)| Cow::Borrowed(document.slice(key.clone())));
        Self {
            document,
            taken: keys.collect(),
            clashes: 0,
        }
    }

    /// A key, and how many characters it takes: itself, or its beginning if it has more than `most`.
    pub(super) fn shown(&mut self, key: Range<usize>, most: usize) -> (Node, usize) {
        const NUMBERED: usize = "\"... (99999)\"".len();
        if key.len() <= most {
            return (Node::Span(key.clone()), key.len());
        }
        let text = Text::of(self.document.slice(key));
        let kept = text.chars_within(most.saturating_sub(NUMBERED));
        let json = self.free(text.slice(0..kept));
        let chars = json.len();
        (Node::Made(json), chars)
    }

    /// The text and `...` as a key, with a number behind it if there is such a key already.
    pub(super) fn free(&mut self, text: &str) -> String {
        let mut json = format!("\"{text}...\"");
        while !self.taken.insert(Cow::Owned(json.clone())) {
            self.clashes += 1;
            json = format!("\"{text}... ({})\"", self.clashes + 1);
        }
        json
    }
}
