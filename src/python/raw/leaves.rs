//! Writes what is plain (str, int, float, bool, None) of a list or dict by borrowed references, and what holds
//! nothing else, in one go: counting references for each of them would cost as much as the text.
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

use super::FREE_THREADED;
use crate::python::walk::{Marks, Sink};

/// So many values are written before a walker is asked whether it has to pause.
const MOST: usize = 1024;

/// So many levels of lists and dicts are entered at a stretch; a walker, which needs no stack, goes on there.
const LEVELS: usize = 8;

/// Where writing stopped.
pub(in crate::python) struct Stop<'py> {
    /// The containers that were entered and not left, the innermost first.
    pub(in crate::python) entered: Vec<Entered<'py>>,
    /// Where in the innermost of them, or in the container itself.
    pub(in crate::python) at: At<'py>,
}

/// A list or dict of which a part is written.
pub(in crate::python) enum Entered<'py> {
    /// A list, and its next item.
    List(Bound<'py, PyList>, usize),
    /// A dict, and where in it its next entry is.
    Dict(Bound<'py, PyDict>, ffi::Py_ssize_t),
}

impl<'py> Stop<'py> {
    /// In the container itself.
    pub(in crate::python) fn at(at: At<'py>) -> Self {
        let entered = Vec::new();
        Self { entered, at }
    }
}

impl<'py> Entered<'py> {
    /// The list or dict.
    pub(in crate::python) fn container(&self) -> &Bound<'py, PyAny> {
        match self {
            Self::List(list, _) => list,
            Self::Dict(dict, _) => dict,
        }
    }
}

/// What writing stopped at.
pub(in crate::python) enum At<'py> {
    /// Behind the last item.
    End,
    /// Behind an item, as there are many.
    Pause,
    /// At a value that is not plain; what stands before it is written.
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

/// Where the text of keys stands that were written before: rows repeat theirs, mostly as the same objects. All places
/// together are what an allocator has at hand (1 KB).
pub(in crate::python) struct Keys(Box<[Option<Written>; Keys::MOST]>);

struct Written {
    /// Held, so that no other key can have its address.
    key: Py<PyString>,
    /// Where its literal begins.
    start: u32,
    /// The length of that and the colon.
    len: u32,
}

impl Written {
    fn text(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.len as usize
    }
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

/// Writes the items of a list or tuple from `next` on, as far as they are plain down to so many levels.
pub(in crate::python) fn items<'py>(
    items: Items<'_, 'py>,
    next: &mut usize,
    sink: &mut impl Sink,
    marks: &mut Marks,
    keys: &mut Keys,
    levels: usize,
) -> Stop<'py> {
    let py = match items {
        Items::List(list) => list.py(),
        Items::Tuple(tuple) => tuple.py(),
    };
    let mut writer = Writer::new(py, sink, keys);
    let at = writer.items(items, next, marks, levels.min(LEVELS));
    writer.stop(at)
}

/// Writes the entries of a dict from a position on, as far as they are plain down to so many levels.
pub(in crate::python) fn entries<'py>(
    dict: &Bound<'py, PyDict>,
    position: &mut ffi::Py_ssize_t,
    sink: &mut impl Sink,
    marks: &mut Marks,
    keys: &mut Keys,
    levels: usize,
) -> Stop<'py> {
    let mut writer = Writer::new(dict.py(), sink, keys);
    let at = writer.entries(dict, position, marks, levels.min(LEVELS));
    writer.stop(at)
}

/// Writes at one stretch. What its methods are given lives until the end of the stretch: nobody's code runs.
struct Writer<'a, 'py, S> {
    py: Python<'py>,
    sink: &'a mut S,
    keys: &'a mut Keys,
    entered: Vec<Entered<'py>>,
    /// So many more values may be written.
    left: usize,
}

impl<'a, 'py, S: Sink> Writer<'a, 'py, S> {
    fn new(py: Python<'py>, sink: &'a mut S, keys: &'a mut Keys) -> Self {
        Self {
            py,
            sink,
            keys,
            entered: Vec::new(),
            left: MOST,
        }
    }

    fn stop(self, at: At<'py>) -> Stop<'py> {
        let entered = self.entered;
        Stop { entered, at }
    }

    fn items(
        &mut self,
        items: Items<'_, 'py>,
        next: &mut usize,
        marks: &mut Marks,
        levels: usize,
    ) -> At<'py> {
        let len = match items {
            Items::List(list) => list.len(),
            Items::Tuple(tuple) => tuple.len(),
        };
        while *next < len {
            if self.left == 0 {
                return At::Pause;
            }
            self.left -= 1;
            let at = *next as ffi::Py_ssize_t;
            // SAFETY: the container lives, the interpreter is attached, and no code of others runs after the length is
            // asked, so that the index is inside.
            let item = unsafe {
                match items {
                    Items::List(list) => ffi::PyList_GetItem(list.as_ptr(), at),
                    Items::Tuple(tuple) => ffi::PyTuple_GetItem(tuple.as_ptr(), at),
                }
            };
            if item.is_null() {
                // SAFETY: the interpreter is attached.
                unsafe { ffi::PyErr_Clear() };
                return At::End;
            }
            if *next > 0 {
                self.sink.write(", ");
            }
            marks.item(self.sink.len());
            *next += 1;
            // SAFETY: `item` is borrowed from the container, and nothing ran since.
            if let Some(stopped) = unsafe { self.value(item, levels) } {
                return stopped;
            }
        }
        At::End
    }

    fn entries(
        &mut self,
        dict: &Bound<'py, PyDict>,
        position: &mut ffi::Py_ssize_t,
        marks: &mut Marks,
        levels: usize,
    ) -> At<'py> {
        loop {
            if self.left == 0 {
                return At::Pause;
            }
            self.left -= 1;
            let before = *position;
            let (mut key, mut value) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: `dict` lives and the interpreter is attached, so PyDict_Next may be called; it tolerates any
            // position and any change between two stretches (it may then skip or repeat items, which the walker
            // finds out by the length).
            if unsafe { ffi::PyDict_Next(dict.as_ptr(), position, &raw mut key, &raw mut value) }
                == 0
            {
                return At::End;
            }
            if before > 0 {
                self.sink.write(", ");
            }
            marks.item(self.sink.len());
            // SAFETY: both are borrowed from the dict, and nothing runs before they are written or owned.
            unsafe {
                if !self.key(key, before as usize) {
                    return At::Entry(self.own(key), self.own(value));
                }
                if let Some(stopped) = self.value(value, levels) {
                    return stopped;
                }
            }
        }
    }

    /// Writes a key and the colon; nothing if it needs more than a look.
    ///
    /// # Safety
    /// `key` is a live object.
    unsafe fn key(&mut self, key: *mut ffi::PyObject, number: usize) -> bool {
        let place = self.keys.place(key);
        if let Some(known) = place
            && known.key.as_ptr() == key
        {
            self.sink.repeat(known.text());
            return true;
        }
        let start = self.sink.len();
        // SAFETY: by the contract of this function.
        let key: Bound<'py, PyAny> = unsafe { Bound::from_borrowed_ptr(self.py, key) };
        // SAFETY: the same.
        if !key.is_exact_instance_of::<PyString>() || !unsafe { leaf(key.as_ptr(), self.sink) } {
            return false;
        }
        self.sink.write(": ");
        let text = (u32::try_from(start), u32::try_from(self.sink.len() - start));
        // the keys of a large dict are not those of another
        if let (Ok(start), Ok(len)) = text
            && number < Keys::MOST
        {
            // SAFETY: it is a str. One that nobody needs any more goes without running anybody's code.
            let key = unsafe { key.cast_into_unchecked() }.unbind();
            *place = Some(Written { key, start, len });
        }
        true
    }

    /// Writes a value if it is plain, or what it holds as far as that is; where that stopped.
    ///
    /// # Safety
    /// `value` is a live object.
    #[inline(always)]
    unsafe fn value(&mut self, value: *mut ffi::PyObject, levels: usize) -> Option<At<'py>> {
        // SAFETY: by the contract of this function.
        unsafe {
            match leaf(value, self.sink) {
                true => None,
                false => self.container(value, levels),
            }
        }
    }

    /// # Safety
    /// `value` is a live object.
    unsafe fn container(&mut self, value: *mut ffi::PyObject, levels: usize) -> Option<At<'py>> {
        // SAFETY: by the contract of this function; each is cast to the exact type that it was found to have.
        let (value, dict, list) = unsafe {
            let object = Borrowed::<PyAny>::from_ptr(self.py, value);
            let is_dict = ffi::PyDict_CheckExact(value) != 0;
            let is_list = !is_dict && ffi::PyList_CheckExact(value) != 0;
            let dict = is_dict.then(|| object.cast_unchecked::<PyDict>());
            (
                object,
                dict,
                is_list.then(|| object.cast_unchecked::<PyList>()),
            )
        };
        // where other threads may change what is walked over, the walker enters a copy
        let may_enter = !FREE_THREADED && levels > 0;
        let (at, entered) = match (dict, list) {
            (Some(dict), _) if may_enter => {
                self.sink.write("{");
                let mut position = 0;
                let at = self.entries(&dict, &mut position, &mut Marks::none(), levels - 1);
                if let At::End = at {
                    self.sink.write("}");
                    return None;
                }
                (at, Entered::Dict(dict.to_owned(), position))
            }
            (_, Some(list)) if may_enter => {
                self.sink.write("[");
                let mut next = 0;
                let at = self.items(
                    Items::List(&list),
                    &mut next,
                    &mut Marks::none(),
                    levels - 1,
                );
                if let At::End = at {
                    self.sink.write("]");
                    return None;
                }
                (at, Entered::List(list.to_owned(), next))
            }
            _ => return Some(At::Value(value.to_owned())),
        };
        self.entered.push(entered);
        Some(at)
    }

    /// # Safety
    /// `object` is a live object.
    unsafe fn own(&self, object: *mut ffi::PyObject) -> Bound<'py, PyAny> {
        // SAFETY: by the contract of this function.
        unsafe { Bound::from_borrowed_ptr(self.py, object) }
    }
}

/// Writes an object if it is a leaf; whether it was. Not a str with surrogates, nor an int beyond 64 bits:
/// those need other code.
///
/// # Safety
/// The interpreter is attached and `object` is a live object.
#[inline(always)]
unsafe fn leaf(object: *mut ffi::PyObject, sink: &mut impl Sink) -> bool {
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
