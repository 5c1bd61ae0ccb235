//! A quick look whether a value holds references at all, so that ordinary arguments cost next to nothing.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple};

use super::fingerprint::kinds::{Kind, kind_of};
use crate::reference;

/// Deeper than this nothing is looked for; resolving goes no deeper either.
const MAX_DEPTH: u16 = 1000;

/// Whether a value holds a reference, at any depth, where resolving would replace it.
///
/// `knows(ref)` tells references from text of the same form; None = all are references.
#[pyfunction]
#[pyo3(signature = (value, knows = None))]
pub(super) fn contains_refs(
    value: &Bound<'_, PyAny>,
    knows: Option<&Bound<'_, PyAny>>,
) -> PyResult<bool> {
    search(value, knows, 0)
}

fn search(
    value: &Bound<'_, PyAny>,
    knows: Option<&Bound<'_, PyAny>>,
    depth: u16,
) -> PyResult<bool> {
    if let Ok(text) = value.cast::<PyString>() {
        return is_reference(text, knows);
    }
    if value.is_none()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyBool>()
        || depth == MAX_DEPTH
    {
        return Ok(false);
    }
    let depth = depth + 1;
    if let Ok(list) = value.cast::<PyList>() {
        return any(list.iter(), knows, depth);
    }
    if let Ok(tuple) = value.cast::<PyTuple>() {
        return any(tuple.iter(), knows, depth);
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        return Ok(
            any(dict.values().iter(), knows, depth)? || any(dict.keys().iter(), knows, depth)?
        );
    }
    if value.is_instance_of::<PySet>() || value.is_instance_of::<PyFrozenSet>() {
        let items = value.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        return any(items.into_iter(), knows, depth);
    }
    model(value, knows, depth)
}

fn any<'py>(
    mut items: impl Iterator<Item = Bound<'py, PyAny>>,
    knows: Option<&Bound<'_, PyAny>>,
    depth: u16,
) -> PyResult<bool> {
    // the first answer that is not "no"
    items
        .find_map(|item| {
            search(&item, knows, depth)
                .map_or_else(|e| Some(Err(e)), |found| found.then_some(Ok(true)))
        })
        .unwrap_or(Ok(false))
}

/// The fields of a dataclass instance or a pydantic model.
fn model(value: &Bound<'_, PyAny>, knows: Option<&Bound<'_, PyAny>>, depth: u16) -> PyResult<bool> {
    let kind = kind_of(&value.get_type())?;
    let Kind::Model(model) = &*kind else {
        return Ok(false);
    };
    let values = model
        .fields
        .iter()
        .filter_map(|name| value.getattr(name.bind(value.py())).ok());
    any(values, knows, depth)
}

fn is_reference(text: &Bound<'_, PyString>, knows: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
    if !text.to_str().is_ok_and(reference::is_ref_id) {
        return Ok(false);
    }
    knows.map_or(Ok(true), |knows| knows.call1((text,))?.is_truthy())
}
