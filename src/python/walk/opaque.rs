//! What is shown of a value that has no JSON text.

use pyo3::exceptions::PyRecursionError;
use pyo3::prelude::*;

use super::{Sink, Walked, text};
use crate::python::error::is_exit;
use crate::python::raw::text::Text;
use crate::value::{Note, Notes};

/// The text of a value whose walk failed for this reason: a JSON string of its `str()`, noted as opaque.
///
/// Raises only what is no answer (`KeyboardInterrupt`): without a `str()` the type's name has to do.
pub(in crate::python) fn opaque(value: &Bound<'_, PyAny>, why: PyErr) -> PyResult<Walked> {
    let py = value.py();
    if is_exit(py, &why) {
        return Err(why);
    }
    // what is too deep to walk is too deep for str() as well: CPython 3.13 overflows small stacks there
    let too_deep = why.is_instance_of::<PyRecursionError>(py);
    let described = match (!too_deep).then(|| value.str()) {
        Some(Err(error)) if is_exit(py, &error) => return Err(error),
        Some(Ok(text)) => Ok(text),
        _ => value.get_type().qualname(),
    };
    let mut written = Text::with_capacity(0);
    if described
        .and_then(|described| text::string(&described, &mut written))
        .is_err()
    {
        written = Text::with_capacity(0);
        written.write("\"?\"");
    }
    let mut notes = Notes::default();
    notes.push(0, Note::Opaque(0));
    Ok(Walked {
        text: written.into_string(),
        notes,
        objects: vec![value.clone().unbind()],
        marked: None,
    })
}
