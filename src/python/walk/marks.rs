//! [`Marks`]: where the items of the outermost list or dict begin, noted while its text is written.

use crate::value::Marked;

/// Counts the items of a container, and marks some if it is the outermost one.
pub(in crate::python) struct Marks {
    marked: Marked,
    /// Offset from which on the next item gets a mark.
    due: usize,
}

impl Marks {
    /// Of the outermost container, which begins the text.
    pub(super) fn outermost() -> Self {
        Self {
            marked: Marked::default(),
            due: Marked::STRIDE,
        }
    }

    /// Of containers whose marks nobody needs.
    pub(in crate::python) fn none() -> Self {
        Self {
            marked: Marked::default(),
            due: usize::MAX,
        }
    }

    /// An item begins at this offset.
    #[inline]
    pub(in crate::python) fn item(&mut self, at: usize) {
        if at >= self.due {
            self.marked.marks.push((self.marked.len as u32, at as u32));
            self.due = at + Marked::STRIDE;
        }
        self.marked.len += 1;
    }

    pub(super) fn into_marked(self) -> Marked {
        self.marked
    }
}
