//! Copies of Python values: what was stored must not change with the caller's object.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyFrozenSet, PyList, PySet, PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};

use super::raw::places;

/// Live objects that a document's notes refer to.
pub(super) struct Objects {
    objects: Vec<Py<PyAny>>,
    copied: bool,
}

impl Objects {
    /// Keeps these, which are copies already, and hands out copies.
    pub(super) fn adopt(objects: Vec<Py<PyAny>>) -> Self {
        Self {
            objects,
            copied: true,
        }
    }

    /// Keeps and hands out these themselves.
    pub(super) fn share(objects: Vec<Py<PyAny>>) -> Self {
        Self {
            objects,
            copied: false,
        }
    }

    /// The object to hand out.
    pub(super) fn fresh<'py>(&self, py: Python<'py>, number: u32) -> PyResult<Bound<'py, PyAny>> {
        let object = self.objects[number as usize].bind(py);
        if self.copied {
            leaf(object)
        } else {
            Ok(object.clone())
        }
    }

    /// Whether copies are handed out.
    pub(super) fn are_copied(&self) -> bool {
        self.copied
    }

    /// The object itself, to look at.
    pub(super) fn get<'a, 'py>(&'a self, py: Python<'py>, number: u32) -> &'a Bound<'py, PyAny> {
        self.objects[number as usize].bind(py)
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.objects
            .iter()
            .try_for_each(|object| visit.call(object))
    }
}

/// A value that is kept to be copied. As nobody else has it, how deep its containers nest is found out but once: the
/// innermost ones are then copied without a look at what they hold.
pub(super) struct Kept {
    value: Py<PyAny>,
    levels: Levels,
}

/// How many things that may change stand inside one another: 0 for text, numbers and tuples of them, 1 for a list
/// of those, 2 for a list of such lists. What a value has more than this is not looked at.
type Levels = u16;

impl Kept {
    /// Keeps a copy of a value.
    pub(super) fn copy_of(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (copy, levels) = copied(value, Levels::MAX)?;
        Ok(Self {
            value: copy.unbind(),
            levels,
        })
    }

    /// Keeps a value that others have, and may change: each copy looks at all of it.
    pub(super) fn borrowed(value: &Bound<'_, PyAny>) -> Self {
        Self {
            value: value.clone().unbind(),
            levels: Levels::MAX,
        }
    }

    /// A copy to hand out: JSON containers are rebuilt, their text and numbers shared.
    pub(super) fn fresh<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(copied(self.value.bind(py), self.levels)?.0)
    }

    /// The value itself, to look at.
    pub(super) fn value(&self) -> &Py<PyAny> {
        &self.value
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.value)
    }
}

/// A copy of a value that has at most so many levels, and how many it has.
fn copied<'py>(value: &Bound<'py, PyAny>, levels: Levels) -> PyResult<(Bound<'py, PyAny>, Levels)> {
    if levels == 0 || places::is_plain(value) {
        return Ok((value.clone(), 0));
    }
    let mut below = 0;
    let inside = |item: &Bound<'py, PyAny>| {
        let (copy, of_item) = copied(item, levels - 1)?;
        below = below.max(of_item);
        PyResult::Ok((of_item > 0).then_some(copy))
    };
    if let Ok(dict) = value.cast_exact::<PyDict>() {
        let copy = dict.copy()?;
        if levels > 1 {
            places::exchange_values(&copy, inside)?;
        }
        Ok((copy.into_any(), 1 + below))
    } else if let Ok(list) = value.cast_exact::<PyList>() {
        let copy = list.get_slice(0, list.len());
        if levels > 1 {
            places::exchange_items(&copy, inside)?;
        }
        Ok((copy.into_any(), 1 + below))
    } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        // a copy of it cannot be filled later
        let copy = tuple.to_list();
        places::exchange_items(&copy, inside)?;
        Ok(match below {
            0 => (value.clone(), 0),
            _ => (copy.to_tuple().into_any(), 1 + below),
        })
    } else {
        let copy = leaf(value)?;
        let levels = Levels::from(!copy.is(value));
        Ok((copy, levels))
    }
}

/// Copies of objects that are no JSON containers.
pub(super) fn leaves(py: Python<'_>, objects: Vec<Py<PyAny>>) -> PyResult<Vec<Py<PyAny>>> {
    let copies = objects.iter().map(|object| leaf(object.bind(py)));
    copies.map(|copy| Ok(copy?.unbind())).collect()
}

/// A copy of something that is no JSON container; itself if it never changes or cannot be copied.
fn leaf<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if places::is_plain(value) || value.is_exact_instance_of::<PyBytes>() {
        return Ok(value.clone());
    }
    if value.is_exact_instance_of::<PySet>() || value.is_exact_instance_of::<PyByteArray>() {
        return value.call_method0("copy");
    }
    if value.is_exact_instance_of::<PyFrozenSet>() {
        return Ok(value.clone());
    }
    copier(value.py())?.bind(value.py()).call1((value,))
}

/// `mcp_refcache._copying.copy_object`: what is to be done with types that Rust does not know.
fn copier(py: Python<'_>) -> PyResult<&Py<PyAny>> {
    static COPIER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    COPIER.get_or_try_init(py, || {
        Ok(py
            .import("mcp_refcache._copying")?
            .getattr("copy_object")?
            .unbind())
    })
}

/// Number of items of the collections that users know by their length.
pub(super) fn length(value: &Bound<'_, PyAny>) -> Option<usize> {
    let py = value.py();
    let collections: [Bound<'_, PyType>; 5] = [
        py.get_type::<PyList>(),
        py.get_type::<PyDict>(),
        py.get_type::<PyTuple>(),
        py.get_type::<PySet>(),
        py.get_type::<PyFrozenSet>(),
    ];
    let known = collections
        .iter()
        .any(|kind| value.is_instance(kind).unwrap_or(false));
    if known { value.len().ok() } else { None }
}
