//! What JSON text does not tell about a value's types, kept beside the text by offset.
use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

/// A remark on the value or key that starts at some offset of a document's text.
///
/// `Instance` and `Opaque` carry the number of an object: a live one of the language binding that wrote
/// them, or, in a portable document, a text (see [`PortableObjects`](super::types::PortableObjects)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Note {
    /// The list was a tuple.
    Tuple,
    /// The value or key is an instance of a subclass; the text is that of its base type.
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

/// Notes in the order of their offsets, and what their numbers refer to.
#[derive(Clone, Default)]
pub(crate) struct Notes {
    notes: Vec<(u32, Note)>,
    /// What `Instance` and `Opaque` refer to: whatever the binding keeps, or `PortableObjects`.
    pub(crate) objects: Option<Arc<dyn Any + Send + Sync>>,
}

impl Notes {
    /// Adds a note; offsets must not descend.
    pub(crate) fn push(&mut self, offset: usize, note: Note) {
        debug_assert!(
            self.notes
                .last()
                .is_none_or(|(last, _)| *last as usize <= offset)
        );
        self.notes.push((offset as u32, note));
    }

    /// All notes, by ascending offset.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, Note)> + '_ {
        self.notes.iter().map(|(at, note)| (*at as usize, *note))
    }

    /// All notes with their offsets.
    pub(crate) fn as_slice(&self) -> &[(u32, Note)] {
        &self.notes
    }

    /// Adds another document's notes on a part of it that now begins at `at`.
    pub(crate) fn extend_from(&mut self, other: &Self, part: Range<usize>, at: usize) {
        let first = other
            .notes
            .partition_point(|(offset, _)| (*offset as usize) < part.start);
        for (offset, note) in &other.notes[first..] {
            if *offset as usize >= part.end {
                break;
            }
            self.push(*offset as usize - part.start + at, *note);
        }
    }

    /// The note on what starts at this offset.
    pub(crate) fn at(&self, offset: usize) -> Option<Note> {
        let found = self
            .notes
            .partition_point(|(at, _)| (*at as usize) < offset);
        self.notes
            .get(found)
            .filter(|(at, _)| *at as usize == offset)
            .map(|(_, note)| *note)
    }
}
