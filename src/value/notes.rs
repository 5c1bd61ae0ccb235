//! What JSON text does not tell about a value's types, kept beside the text by offset.
#![cfg_attr(
    not(feature = "python"),
    allow(dead_code, reason = "only a binding makes notes")
)]

use std::any::Any;
use std::sync::Arc;

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

/// Notes in the order of their offsets, and what their numbers refer to.
#[derive(Clone, Default)]
pub(crate) struct Notes {
    notes: Vec<(u32, Note)>,
    /// Whatever the binding keeps for `Instance` and `Opaque`.
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

    /// Whether the text tells everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.notes.is_empty()
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
