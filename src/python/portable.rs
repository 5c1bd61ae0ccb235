//! Python objects as texts that another process can read, and back: what they mean is decided in
//! `mcp_refcache._codec`.

use std::sync::Arc;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyType};

use super::copy::Objects;
use super::decode;
use super::error::{self, is_exit, to_py};
use super::snapshot;
use super::snapshot::{Keep, Snapshot};
use crate::error::ErrorKind;
use crate::value::{Document, ForeignValue, Note, Notes, PortableObjects, Value};

/// The document with texts in place of its live objects.
///
/// Raises `CodecError` with the path of an object that has no such text.
pub(super) fn portable(
    py: Python<'_>,
    document: &Arc<Document>,
    default: Option<&Py<PyAny>>,
) -> PyResult<Arc<Document>> {
    let objects = document.notes().objects.as_ref();
    let Some(objects) = objects.and_then(|objects| objects.downcast_ref::<Objects>()) else {
        return Ok(Arc::clone(document));
    };
    let encode = codec(py, "encode")?;
    let mut texts: HashMap<String, u32> = HashMap::new();
    let mut notes = Notes::default();
    for (offset, note) in document.notes().iter() {
        let (number, as_json, renumber): (_, _, fn(u32) -> Note) = match note {
            Note::Instance(number) => (number, true, Note::Instance),
            Note::Opaque(number) => (number, false, Note::Opaque),
            Note::Tuple | Note::Key(_) => {
                notes.push(offset, note);
                continue;
            }
        };
        let encoded = encode.call1((objects.get(py, number), as_json, default));
        let encoded = encoded.map_err(|why| with_path(py, why, document, offset))?;
        // None: the text says all there is to keep
        if let Ok(text) = encoded.cast::<PyString>() {
            let next = texts.len() as u32;
            let text = text.to_str()?;
            let known = texts.get(text).copied();
            let number = known.unwrap_or_else(|| *texts.entry(text.to_owned()).or_insert(next));
            notes.push(offset, renumber(number));
        }
    }
    let mut numbered: Vec<(u32, Box<str>)> = texts
        .into_iter()
        .map(|(text, number)| (number, text.into_boxed_str()))
        .collect();
    numbered.sort_unstable_by_key(|(number, _)| *number);
    let texts = numbered.into_iter().map(|(_, text)| text).collect();
    notes.objects = Some(Arc::new(PortableObjects(texts)));
    Ok(Arc::new(document.with_notes(notes)))
}

/// The exception for an object that cannot be kept, with where it stands in the value.
fn with_path(py: Python<'_>, why: PyErr, document: &Document, offset: usize) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let located = || -> PyResult<PyErr> {
        let class = CLASS.import(py, "mcp_refcache._codec", "Unkept")?;
        if !why.is_instance(py, class) {
            return Ok(why.clone_ref(py));
        }
        let message = why
            .value(py)
            .call_method1("at", (document.path_of(offset),))?;
        error::raised(py, ErrorKind::Codec, message.extract()?)
    };
    located().unwrap_or_else(|error| error)
}

/// A function of `mcp_refcache._codec`.
fn codec<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static ENCODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static READER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let cell = if name == "encode" { &ENCODE } else { &READER };
    let function = cell.get_or_try_init(py, || {
        Ok::<_, PyErr>(py.import("mcp_refcache._codec")?.getattr(name)?.unbind())
    })?;
    Ok(function.bind(py).clone())
}

/// The functions that make objects of what is shown of them, each read from its text once.
pub(super) struct Readers<'a, 'py> {
    py: Python<'py>,
    texts: &'a PortableObjects,
    readers: HashMap<u32, Bound<'py, PyAny>>,
}

impl<'a, 'py> Readers<'a, 'py> {
    pub(super) fn new(py: Python<'py>, texts: &'a PortableObjects) -> Self {
        Self {
            py,
            texts,
            readers: HashMap::new(),
        }
    }

    /// The object of this number that is shown like this.
    ///
    /// Raises `CodecError`: what is stored may have been written by anybody.
    pub(super) fn restore(
        &mut self,
        number: u32,
        shown: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let restored = self
            .reader(number)
            .and_then(|reader| reader.call1((shown,)));
        restored.map_err(|why| self.refused(why))
    }

    fn reader(&mut self, number: u32) -> PyResult<&Bound<'py, PyAny>> {
        match self.readers.entry(number) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => {
                let text = &*self.texts.0[number as usize];
                Ok(new.insert(codec(self.py, "reader")?.call1((text,))?))
            }
        }
    }

    /// The `CodecError` for what an object that was read raises. Messages of other exceptions may quote
    /// what is stored, so their type has to do.
    pub(super) fn refused(&self, why: PyErr) -> PyErr {
        let py = self.py;
        if is_exit(py, &why) || error::kind_of(py, &why) == Some(ErrorKind::Codec) {
            return why;
        }
        let kind = why.get_type(py).name().map(|name| name.to_string());
        let message = format!(
            "a stored value cannot be read: the description of an object in it is damaged ({})",
            kind.as_deref().unwrap_or("unknown")
        );
        error::raised(py, ErrorKind::Codec, message).unwrap_or_else(|error| error)
    }
}

/// A value as stores that outlive the process keep it: its JSON text, and JSON text of what that does
/// not tell (None = it tells everything).
///
/// `default` stands in for what cannot be kept. With `any`, a value without JSON text is kept as a whole.
#[pyfunction]
#[pyo3(signature = (value, default = None, *, any = false))]
pub(super) fn to_stored(
    value: &Bound<'_, PyAny>,
    default: Option<Py<PyAny>>,
    any: bool,
) -> PyResult<(String, Option<String>)> {
    let snapshot = if any {
        Snapshot::take_any(value, Keep::Share)
    } else {
        Snapshot::take(value, Keep::Share)
    }?;
    let snapshot = snapshot.or_default(default);
    let document = snapshot.portable().map_err(to_py)?;
    Ok((document.text().to_owned(), document.types()))
}

/// The value that was stored as these texts.
#[pyfunction]
#[pyo3(signature = (text, types = None))]
pub(super) fn from_stored<'py>(
    py: Python<'py>,
    text: &str,
    types: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let document = match types {
        Some(types) => Document::with_types(text.to_owned(), types),
        None => match decode::text(py, text)? {
            Some(value) => return Ok(value),
            None => Document::parse(text), // which says what is wrong
        },
    };
    snapshot::fresh(py, &Value::Document(Arc::new(document.map_err(to_py)?)))
}
