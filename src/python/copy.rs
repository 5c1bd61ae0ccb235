//! Copies of Python values: what was stored must not change with the caller's object.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString,
    PyTuple, PyType,
};
use pyo3::{PyTraverseError, PyVisit};

use super::raw;

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

/// A copy of a value: JSON containers are rebuilt, their text and numbers shared.
pub(super) fn value<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let shared = Shared::new(value.py());
    copied(value, &shared)
}

fn copied<'py>(value: &Bound<'py, PyAny>, shared: &Shared) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    if let Ok(dict) = value.cast_exact::<PyDict>() {
        let copy = dict.copy()?;
        if !raw::all_values(dict, |kind| shared.has(kind)) {
            // replacing values of existing keys does not disturb the iteration over the original
            for (key, item) in dict {
                if !shared.has(item.get_type_ptr()) {
                    copy.set_item(key, copied(&item, shared)?)?;
                }
            }
        }
        Ok(copy.into_any())
    } else if let Ok(list) = value.cast_exact::<PyList>() {
        let copy = list.get_slice(0, list.len());
        if !raw::all_items(list, |kind| shared.has(kind)) {
            for (i, item) in list.iter().enumerate() {
                if !shared.has(item.get_type_ptr()) {
                    copy.set_item(i, copied(&item, shared)?)?;
                }
            }
        }
        Ok(copy.into_any())
    } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        if tuple.iter().all(|item| shared.has(item.get_type_ptr())) {
            return Ok(value.clone());
        }
        let items = tuple
            .iter()
            .map(|item| copied(&item, shared))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(PyTuple::new(py, items)?.into_any())
    } else {
        leaf(value)
    }
}

/// The types whose objects never change and need no look inside, the usual ones first.
struct Shared([*mut ffi::PyTypeObject; 5]);

impl Shared {
    fn new(py: Python<'_>) -> Self {
        Self([
            py.get_type::<PyString>().as_type_ptr(),
            py.get_type::<PyInt>().as_type_ptr(),
            py.get_type::<PyFloat>().as_type_ptr(),
            py.get_type::<PyBool>().as_type_ptr(),
            py.None().bind(py).get_type_ptr(),
        ])
    }

    fn has(&self, kind: *mut ffi::PyTypeObject) -> bool {
        self.0.contains(&kind)
    }
}

/// Copies of objects that are no JSON containers.
pub(super) fn leaves(py: Python<'_>, objects: Vec<Py<PyAny>>) -> PyResult<Vec<Py<PyAny>>> {
    let copies = objects.iter().map(|object| leaf(object.bind(py)));
    copies.map(|copy| Ok(copy?.unbind())).collect()
}

/// A copy of something that is no JSON container; itself if it never changes or cannot be copied.
fn leaf<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let shared = Shared::new(value.py());
    if shared.has(value.get_type_ptr()) || value.is_exact_instance_of::<PyBytes>() {
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
