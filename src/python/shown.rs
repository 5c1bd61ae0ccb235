//! What is shown of a value, as Python objects: made of its text, and from the second time on kept and copied, which
//! is many times faster.

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::copy::{Kept, Objects};
use super::decode;
use crate::value::Excerpt;

/// Up to so many characters of JSON text are kept as objects: a preview of the usual size has a quarter of it.
const MOST: usize = 16 * 1024;

/// Objects take about so many times as much as their text.
const OBJECTS: usize = 5;

/// What an excerpt shows, for a caller who may do with it what he likes.
pub(super) fn fresh<'py>(py: Python<'py>, excerpt: &Excerpt) -> PyResult<Bound<'py, PyAny>> {
    if let Some(kept) = excerpt.made().get::<Kept>() {
        return kept.fresh(py);
    }
    let shown = decode::excerpt(py, excerpt)?;
    if excerpt.made().is_asked_again() && is_copied_alike(excerpt) {
        let characters = excerpt.chars();
        if characters <= MOST {
            let kept = Kept::copy_of(&shown)?;
            excerpt.made().keep(kept, OBJECTS * characters);
        }
    }
    Ok(shown)
}

/// Whether a copy of the objects is as good as making them anew: not where the objects of the value are to be handed
/// out themselves, nor where a store that outlives the process describes them.
fn is_copied_alike(excerpt: &Excerpt) -> bool {
    let objects = excerpt.document().notes().objects.as_ref();
    objects.is_none_or(|objects| {
        let live = objects.downcast_ref::<Objects>();
        live.is_some_and(Objects::are_copied)
    })
}

/// Shows the garbage collector what is kept of an excerpt.
pub(super) fn traverse(excerpt: &Excerpt, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
    let kept = excerpt.made().get::<Kept>();
    kept.map_or(Ok(()), |kept| kept.traverse(visit))
}
