//! What JSON text does not tell about a value's types, kept beside the text by offset.

use std::ops::Range;

/// A remark on the value or key that starts at some offset of a document's text.
///
/// `Instance` and `Opaque` carry a number that the language binding that wrote them understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Note {
    /// The list was a tuple.
    Tuple,
    /// An instance of a subclass; the text is that of its base type.
    Instance(u32),
    /// Something that is no JSON; the text is a string that describes it.
    Opaque(u32),
    /// The key was no string.
    Key(KeyType),
}

/// What a dict key was before it became text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyType {
    /// An integer.
    Int,
    /// A float.
    Float,
    /// A boolean.
    Bool,
    /// None.
    Null,
}

/// Notes in the order of their offsets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Vec<(u32, Note)>);

impl Notes {
    /// Adds a note; offsets must not descend.
    pub(crate) fn push(&mut self, offset: usize, note: Note) {
        debug_assert!(
            self.0
                .last()
                .is_none_or(|(last, _)| *last as usize <= offset)
        );
        self.0.push((offset as u32, note));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The note on what starts at this offset.
    pub(crate) fn at(&self, offset: usize) -> Option<Note> {
        let found = self.0.partition_point(|(at, _)| (*at as usize) < offset);
        self.0
            .get(found)
            .filter(|(at, _)| *at as usize == offset)
            .map(|(_, note)| *note)
    }

    /// The notes on what starts within a range.
    pub(crate) fn within(&self, span: Range<usize>) -> &[(u32, Note)] {
        let from = self
            .0
            .partition_point(|(at, _)| (*at as usize) < span.start);
        let to = self.0.partition_point(|(at, _)| (*at as usize) < span.end);
        &self.0[from..to.max(from)]
    }
}
