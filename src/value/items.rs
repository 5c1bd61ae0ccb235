//! [`Items`]: the items of a list or dict of a document, one after the other, as far as its text is here.

use std::ops::Range;

use super::document::{Container, Document};
use super::scan::{self, Item};

/// Walks over the items of a container.
pub(super) struct Items<'a> {
    document: &'a Document,
    keyed: bool,
    /// Offset behind the container's closing bracket.
    end: usize,
    /// Where the next item begins, or the separator or bracket behind the last one.
    at: usize,
    /// The container, to know what to read where the text is not here.
    marked: Option<&'a Container>,
}

impl<'a> Items<'a> {
    /// All items of the container at this range.
    pub(super) fn of(document: &'a Document, span: Range<usize>, keyed: bool) -> Self {
        Self {
            document,
            keyed,
            end: span.end,
            at: span.start + 1,
            marked: None,
        }
    }

    /// The items of a container from the one that begins at `at` on.
    pub(super) fn from(document: &'a Document, container: &'a Container, at: usize) -> Self {
        Self {
            document,
            keyed: container.is_dict(),
            end: container.span().end,
            at,
            marked: Some(container),
        }
    }

    /// Notes that the text from here on is needed, up to the next mark at least.
    fn lack(&self, from: usize) -> Option<Item> {
        let part = match self.marked {
            Some(container) => from..container.between_marks(from).end,
            None => from..self.end,
        };
        self.document.note_missing(part);
        None
    }

    /// The end of the value that starts at `start`: of a large container without a look inside.
    fn value_end(&self, base: usize, text: &[u8], start: usize) -> usize {
        match self.document.index().at(start) {
            Some(container) => container.span().end,
            None => base + scan::value_end(text, start - base),
        }
    }
}

impl Iterator for Items<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if self.at + 1 >= self.end {
            return None;
        }
        let Some((mut base, mut stretch)) = self.document.stretch(self.at) else {
            return self.lack(self.at);
        };
        if stretch.as_bytes()[self.at - base] == b',' {
            self.at += 2;
            match self.document.stretch(self.at) {
                Some(next) => (base, stretch) = next,
                None => return self.lack(self.at),
            }
        }
        let text = stretch.as_bytes();
        let here = base + text.len();
        let key = self
            .keyed
            .then(|| self.at..base + scan::string_end(text, self.at - base));
        let start = key.as_ref().map_or(self.at, |key| key.end + 2); // ": "
        if start >= here {
            return if here < self.end {
                self.lack(here)
            } else {
                None
            };
        }
        let end = self.value_end(base, text, start);
        if end == start {
            return None; // damaged text: there is nothing where a value is due
        }
        // what reaches to where the text breaks off may be cut there
        if end >= here && end < self.end && self.document.index().at(start).is_none() {
            return self.lack(here);
        }
        self.at = end;
        Some(Item {
            key,
            value: start..end,
        })
    }
}
