//! [`Frame`]: a list or dict of which a part is written. A walk keeps them itself, so that it can pause, and
//! that depth costs no stack.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyTuple};
use pyo3::{ffi, intern};

use super::{Marks, Sink};
use crate::python::raw::FREE_THREADED;
use crate::python::raw::leaves::{self, At, Entered, Items, Keys, Stop};

pub(super) struct Frame {
    rest: Rest,
    /// The container, where what is read is a copy of it: others may change it there, or say what its items are.
    shown: Option<Py<PyAny>>,
}

/// What is read, and how far.
enum Rest {
    List {
        list: Py<PyList>,
        length: usize,
        next: usize,
    },
    Tuple {
        tuple: Py<PyTuple>,
        next: usize,
    },
    Dict {
        dict: Py<PyDict>,
        length: usize,
        position: ffi::Py_ssize_t,
    },
    /// What an instance of a subclass of dict shows as its items, which need not be what it holds; an empty
    /// one is not asked, as by the json module.
    Items {
        items: Option<Py<PyIterator>>,
        is_first: bool,
    },
}

impl Frame {
    pub(super) fn list(list: Bound<'_, PyList>) -> Self {
        let (read, shown) = match FREE_THREADED {
            true => (
                list.get_slice(0, list.len()),
                Some(list.into_any().unbind()),
            ),
            false => (list, None),
        };
        let rest = Rest::List {
            length: read.len(),
            list: read.unbind(),
            next: 0,
        };
        Self { rest, shown }
    }

    /// The rest of what was entered elsewhere.
    pub(super) fn entered(entered: Entered<'_>) -> Self {
        let rest = match entered {
            Entered::List(list, next) => Rest::List {
                length: list.len(),
                list: list.unbind(),
                next,
            },
            Entered::Dict(dict, position) => Rest::Dict {
                length: dict.len(),
                dict: dict.unbind(),
                position,
            },
        };
        Self { rest, shown: None }
    }

    pub(super) fn tuple(tuple: Bound<'_, PyTuple>) -> Self {
        let tuple = tuple.unbind();
        Self {
            rest: Rest::Tuple { tuple, next: 0 },
            shown: None,
        }
    }

    pub(super) fn dict(dict: Bound<'_, PyDict>) -> PyResult<Self> {
        let (read, shown) = match FREE_THREADED {
            true => (dict.copy()?, Some(dict.into_any().unbind())),
            false => (dict, None),
        };
        let rest = Rest::Dict {
            length: read.len(),
            dict: read.unbind(),
            position: 0,
        };
        Ok(Self { rest, shown })
    }

    pub(super) fn items(dict: Bound<'_, PyDict>) -> PyResult<Self> {
        let items = match dict.is_empty() {
            true => None,
            false => {
                let items = dict.call_method0(intern!(dict.py(), "items"))?;
                Some(items.try_iter()?.unbind())
            }
        };
        let rest = Rest::Items {
            items,
            is_first: true,
        };
        let shown = Some(dict.into_any().unbind());
        Ok(Self { rest, shown })
    }

    /// Whether it is of this container.
    pub(super) fn is_of(&self, container: &Bound<'_, PyAny>) -> bool {
        let own = match (&self.shown, &self.rest) {
            (Some(shown), _) => shown.as_ptr(),
            (None, Rest::List { list, .. }) => list.as_ptr(),
            (None, Rest::Tuple { tuple, .. }) => tuple.as_ptr(),
            (None, Rest::Dict { dict, .. }) => dict.as_ptr(),
            (None, Rest::Items { .. }) => return false,
        };
        own == container.as_ptr()
    }

    /// Whether the container has another length than in the beginning.
    pub(super) fn has_changed(&self, py: Python<'_>) -> bool {
        match &self.rest {
            Rest::Dict { dict, length, .. } => dict.bind(py).len() != *length,
            Rest::List { list, length, .. } => list.bind(py).len() != *length,
            Rest::Tuple { .. } | Rest::Items { .. } => false,
        }
    }

    pub(super) fn opening(&self) -> &'static str {
        if self.is_keyed() { "{" } else { "[" }
    }

    pub(super) fn closing(&self) -> &'static str {
        if self.is_keyed() { "}" } else { "]" }
    }

    fn is_keyed(&self) -> bool {
        matches!(self.rest, Rest::Dict { .. } | Rest::Items { .. })
    }

    /// Writes items up to one that is not plain, down to so many levels.
    pub(super) fn write<'py>(
        &mut self,
        py: Python<'py>,
        sink: &mut impl Sink,
        marks: &mut Marks,
        keys: &mut Keys,
        levels: usize,
    ) -> PyResult<Stop<'py>> {
        let (items, next) = match &mut self.rest {
            // the length is asked each time: `str()` of an item may change the list
            Rest::List { list, next, .. } => (Items::List(list.bind(py)), next),
            Rest::Tuple { tuple, next } => (Items::Tuple(tuple.bind(py)), next),
            Rest::Dict {
                dict,
                length,
                position,
            } => {
                let dict = dict.bind(py);
                if dict.len() != *length {
                    return Err(PyRuntimeError::new_err(
                        "dictionary changed size while it was read",
                    ));
                }
                return Ok(leaves::entries(dict, position, sink, marks, keys, levels));
            }
            Rest::Items { items, is_first } => {
                let Some(item) = items
                    .as_ref()
                    .and_then(|items| items.bind(py).clone().next())
                else {
                    return Ok(Stop::at(At::End));
                };
                let (key, value) = item?.extract()?;
                if !std::mem::replace(is_first, false) {
                    sink.write(", ");
                }
                marks.item(sink.len());
                return Ok(Stop::at(At::Entry(key, value)));
            }
        };
        Ok(leaves::items(items, next, sink, marks, keys, levels))
    }
}
