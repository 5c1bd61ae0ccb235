//! Writes what is plain (str, int, float, bool, None) of a list or dict by borrowed references, in one go:
//! counting references for each of them would cost as much as the text.
//!
//! Nothing plain runs anybody's code when it is looked at, so what is borrowed stays. All else is given back,
//! owned, to be written by a walker that lets others run.

use std::ops::Range;
use std::ptr;
use std::slice;
use std::str;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::python::walk::{Marks, Sink};

/// So many leaves are written before a walker is asked whether it has to pause.
const MOST: usize = 1024;

/// Where writing the leaves of a container stopped.
pub(in crate::python) enum Stop<'py> {
    /// Behind the last item.
    End,
    /// Behind an item, as there are many.
    Pause,
    /// At a value that is no leaf; what stands before it is written.
    Value(Bound<'py, PyAny>),
    /// At a key that needs more than a look, and its value; neither is written.
    Entry(Bound<'py, PyAny>, Bound<'py, PyAny>),
}

/// The items of a list or tuple, by number.
#[derive(Clone, Copy)]
pub(in crate::python) enum Items<'a, 'py> {
    /// Of a list, which may change between two calls.
    List(&'a Bound<'py, PyList>),
    /// Of a tuple.
    Tuple(&'a Bound<'py, PyTuple>),
}

/// Where the text of keys stands that were written before: rows repeat theirs, mostly as the same objects.
pub(in crate::python) struct Keys(Box<[Option<Written>; Keys::MOST]>);

struct Written {
    /// Held, so that no other key can have its address.
    key: Py<PyString>,
    /// Its literal and the colon.
    text: Range<usize>,
}

impl Keys {
    const MOST: usize = 64;

    pub(in crate::python) fn new() -> Self {
        Self(Box::new([const { None }; Self::MOST]))
    }

    /// The place for a key. Objects are aligned to 16 bytes at least.
    fn place(&mut self, key: *mut ffi::PyObject) -> &mut Option<Written> {
        let address = key as usize;
        &mut self.0[(address >> 4 ^ address >> 10) % Self::MOST]
    }
}

/// Writes the items of a list or tuple from `next` on, as far as they are leaves.
pub(in crate::python) fn items<'py>(
    items: Items<'_, 'py>,
    next: &mut usize,
    sink: &mut impl Sink,
    marks: &mut Marks,
) -> Stop<'py> {
    let (py, len) = match items {
        Items::List(list) => (list.py(), list.len()),
        Items::Tuple(tuple) => (tuple.py(), tuple.len()),
    };
    let end = len.min(*next + MOST);
    while *next < end {
        let at = *next as ffi::Py_ssize_t;
        // SAFETY: the container lives, the interpreter is attached, and no Python code runs between the length
        // and the item, so that the index is inside.
        let item = unsafe {
            match items {
                Items::List(list) => ffi::PyList_GetItem(list.as_ptr(), at),
                Items::Tuple(tuple) => ffi::PyTuple_GetItem(tuple.as_ptr(), at),
            }
        };
        if item.is_null() {
            // SAFETY: the interpreter is attached.
            unsafe { ffi::PyErr_Clear() };
            return Stop::End;
        }
        if *next > 0 {
            sink.write(", ");
        }
        marks.item(sink.len());
        *next += 1;
        // SAFETY: `item` is borrowed from the container, and nothing ran since.
        unsafe {
            if !leaf(py, item, sink) {
                return Stop::Value(Bound::from_borrowed_ptr(py, item));
            }
        }
    }
    if end < len { Stop::Pause } else { Stop::End }
}

/// Writes the items of a dict from a position on, as far as they are leaves under plain keys.
pub(in crate::python) fn entries<'py>(
    dict: &Bound<'py, PyDict>,
    position: &mut ffi::Py_ssize_t,
    is_first: &mut bool,
    sink: &mut impl Sink,
    marks: &mut Marks,
    keys: &mut Keys,
) -> Stop<'py> {
    let py = dict.py();
    let repeats = dict.len() <= Keys::MOST;
    for _ in 0..MOST {
        let (mut key, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: `dict` is a live dict and the interpreter is attached, so PyDict_Next may be called; it
        // tolerates any position and any change between two calls (it may then skip or repeat items, which
        // the walker finds out by the length).
        if unsafe { ffi::PyDict_Next(dict.as_ptr(), position, &raw mut key, &raw mut value) } == 0 {
            return Stop::End;
        }
        if !std::mem::replace(is_first, false) {
            sink.write(", ");
        }
        marks.item(sink.len());
        // SAFETY: both are borrowed from the dict, and nothing runs before they are written or owned.
        unsafe {
            let place = keys.place(key);
            match place {
                Some(known) if known.key.as_ptr() == key => sink.repeat(known.text.clone()),
                _ => {
                    let start = sink.len();
                    let key = Bound::from_borrowed_ptr(py, key);
                    let is_text = key.is_exact_instance_of::<PyString>();
                    if !is_text || !leaf(py, key.as_ptr(), sink) {
                        return Stop::Entry(key, Bound::from_borrowed_ptr(py, value));
                    }
                    sink.write(": ");
                    if repeats {
                        // a str that nobody needs any more goes without running anybody's code
                        let key = key.cast_into_unchecked().unbind();
                        let text = start..sink.len();
                        *place = Some(Written { key, text });
                    }
                }
            }
            if !leaf(py, value, sink) {
                return Stop::Value(Bound::from_borrowed_ptr(py, value));
            }
        }
    }
    Stop::Pause
}

/// Writes an object if it is a leaf; whether it was. Not a str with surrogates, nor an int beyond 64 bits:
/// those need other code.
///
/// # Safety
/// The interpreter is attached and `object` is a live object.
unsafe fn leaf(_py: Python<'_>, object: *mut ffi::PyObject, sink: &mut impl Sink) -> bool {
    // SAFETY: the object lives for the whole call, as nothing here runs code of others. Each function is called
    // on an exact instance of the type that it is for.
    unsafe {
        let kind = ffi::Py_TYPE(object);
        if kind == &raw mut ffi::PyUnicode_Type {
            let mut size = 0;
            let data = ffi::PyUnicode_AsUTF8AndSize(object, &raw mut size);
            if data.is_null() {
                ffi::PyErr_Clear();
                return false;
            }
            let bytes = slice::from_raw_parts(data.cast(), size as usize);
            // the interpreter made it as UTF-8, and it lives as long as the str
            sink.string(str::from_utf8_unchecked(bytes));
        } else if kind == &raw mut ffi::PyLong_Type {
            let mut overflow = 0;
            let number = ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow);
            if overflow != 0 {
                return false;
            }
            sink.int(number);
        } else if kind == &raw mut ffi::PyFloat_Type {
            sink.float(ffi::PyFloat_AsDouble(object));
        } else if object == ffi::Py_None() {
            sink.write("null");
        } else if object == ffi::Py_True() {
            sink.write("true");
        } else if object == ffi::Py_False() {
            sink.write("false");
        } else {
            return false;
        }
        true
    }
}
