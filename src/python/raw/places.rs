//! The places of a list or dict that hold something else than what is plain (str, int, float, bool, None): found by
//! borrowed references, as most places hold nothing else.

use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// Whether an object is of a type whose objects never change and need no look inside.
pub(in crate::python) fn is_plain(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the object lives and the interpreter is attached.
    unsafe { has_plain_type(object.as_ptr()) }
}

/// Puts something else in the places of a list that hold what is not plain, where `instead` says so.
///
/// The list must be nobody else's.
///
/// # Errors
/// What `instead` fails with.
pub(in crate::python) fn exchange_items<'py>(
    list: &Bound<'py, PyList>,
    mut instead: impl FnMut(&Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>>,
) -> PyResult<()> {
    for i in 0..list.len() {
        // SAFETY: the list lives and the interpreter is attached; an index outside gives null and an exception. The
        // borrowed item is in a list that nobody else has, and is owned before anything else runs.
        let item = unsafe {
            let item = ffi::PyList_GetItem(list.as_ptr(), i as ffi::Py_ssize_t);
            if item.is_null() {
                return Err(PyErr::fetch(list.py()));
            }
            if has_plain_type(item) {
                continue;
            }
            Bound::from_borrowed_ptr(list.py(), item)
        };
        if let Some(other) = instead(&item)? {
            list.set_item(i, other)?;
        }
    }
    Ok(())
}

/// Puts something else in the places of a dict whose values are not plain, where `instead` says so.
///
/// The dict must be nobody else's.
///
/// # Errors
/// What `instead` fails with.
pub(in crate::python) fn exchange_values<'py>(
    dict: &Bound<'py, PyDict>,
    mut instead: impl FnMut(&Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>>,
) -> PyResult<()> {
    let mut position = 0;
    loop {
        let (mut key, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the dict lives and the interpreter is attached. Between two steps only values of keys that are
        // there are set, which PyDict_Next allows. What is borrowed is in a dict that nobody else has, and is owned
        // before anything else runs.
        let (key, value) = unsafe {
            if ffi::PyDict_Next(
                dict.as_ptr(),
                &raw mut position,
                &raw mut key,
                &raw mut value,
            ) == 0
            {
                return Ok(());
            }
            if has_plain_type(value) {
                continue;
            }
            (
                Bound::from_borrowed_ptr(dict.py(), key),
                Bound::from_borrowed_ptr(dict.py(), value),
            )
        };
        if let Some(other) = instead(&value)? {
            dict.set_item(key, other)?;
        }
    }
}

/// As [`is_plain`].
///
/// # Safety
/// The interpreter is attached and `object` is a live object.
unsafe fn has_plain_type(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the object lives; the types live as long as the interpreter.
    unsafe {
        let kind = ffi::Py_TYPE(object);
        kind == &raw mut ffi::PyUnicode_Type
            || kind == &raw mut ffi::PyLong_Type
            || kind == &raw mut ffi::PyFloat_Type
            || kind == &raw mut ffi::PyBool_Type
            || object == ffi::Py_None()
    }
}
