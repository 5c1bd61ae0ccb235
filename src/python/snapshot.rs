//! [`Snapshot`]: a Python value as an entry holds it.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString};
use pyo3::{PyTraverseError, PyVisit, intern};

use super::copy::{self, Kept, Objects};
use super::walk::{self, Slices, Walked};
use super::{decode, error, portable};
use crate::entry::Entry;
use crate::error::Result;
use crate::runtime::others_turn;
use crate::value::{Document, ForeignValue, Notes, Value};

/// From so much JSON text on a value is kept as text: Python objects take five times as much.
const LARGE: usize = 64 * 1024;

/// A stored Python value.
pub(super) struct Snapshot {
    form: Form,
    total_items: Option<usize>,
    total_size: Option<usize>,
    /// What stands in for objects that cannot be stored.
    default: Option<Py<PyAny>>,
}

enum Form {
    /// A list or dict whose text tells everything.
    Text(Written),
    /// A copy of the containers.
    Copied(Kept),
    /// The caller's object, on request (`copy_values=False`).
    Shared(Py<PyAny>),
    /// Text and notes.
    Document(Arc<Document>),
    /// No JSON at all; shown as its `str()`.
    Opaque(Py<PyAny>, Arc<Document>),
}

/// A short JSON text, which is made anyway and takes a tenth of what the objects take.
struct Written {
    text: Box<str>,
    /// Whether it was read before: most values are read once or never.
    is_read: AtomicBool,
    /// Its objects, from the second reading on. They are handed out as copies, and lead nowhere a garbage
    /// collector would have to follow.
    objects: PyOnceLock<Kept>,
}

impl Written {
    fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            is_read: AtomicBool::new(false),
            objects: PyOnceLock::new(),
        }
    }

    fn fresh<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(objects) = self.objects.get(py) {
            return objects.fresh(py);
        }
        let value = decode::written(py, &self.text)?;
        if self.is_read.swap(true, Ordering::Relaxed) {
            let objects = Kept::copy_of(&value)?;
            self.objects.get_or_init(py, || objects);
        }
        Ok(value)
    }

    fn document(&self) -> Result<Document> {
        Document::from_written(self.text.to_string(), Notes::default())
    }
}

/// What becomes of a value on its way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// A copy.
    Copy,
    /// The object itself.
    Share,
}

/// A snapshot that is being taken.
pub(super) enum Taking {
    Taken(Snapshot),
    /// The value is long: the event loop has other turns meanwhile.
    Going {
        slices: Slices,
        keep: Keep,
        any: bool,
    },
}

impl Taking {
    /// Takes a snapshot, of `any` value or of one that has JSON text; all at once, or the first slice of it.
    ///
    /// Raises what [`Snapshot::take`] raises.
    pub(super) fn begin(
        value: &Bound<'_, PyAny>,
        keep: Keep,
        any: bool,
        at_once: bool,
    ) -> PyResult<Self> {
        let begun = match at_once {
            true => Snapshot::take(value, keep).map(Self::Taken),
            false => Slices::begin(value).and_then(|slices| match slices.is_done() {
                true => Snapshot::of(value, keep, slices.walked()).map(Self::Taken),
                false => Ok(Self::Going { slices, keep, any }),
            }),
        };
        match begun {
            Err(why) if any => Snapshot::opaque(value, why).map(Self::Taken),
            begun => begun,
        }
    }

    /// Takes the rest, slice by slice.
    ///
    /// Raises what [`Taking::begin`] raises.
    pub(super) async fn finish(self) -> PyResult<Snapshot> {
        let (mut slices, keep, any) = match self {
            Self::Taken(snapshot) => return Ok(snapshot),
            Self::Going { slices, keep, any } => (slices, keep, any),
        };
        let value = Python::attach(|py| slices.value(py).clone().unbind());
        let mut gone_on = Ok(());
        while gone_on.is_ok() && !slices.is_done() {
            others_turn().await;
            gone_on = Python::attach(|py| slices.advance(py));
        }
        Python::attach(|py| {
            let value = value.bind(py);
            let taken = gone_on.and_then(|()| Snapshot::of(value, keep, slices.walked()));
            taken.or_else(|why| match any {
                true => Snapshot::opaque(value, why),
                false => Err(why),
            })
        })
    }
}

impl Snapshot {
    /// A snapshot of a value that has JSON text.
    ///
    /// Raises what `json.dumps(value, default=str)` raises.
    pub(super) fn take(value: &Bound<'_, PyAny>, keep: Keep) -> PyResult<Self> {
        Self::of(value, keep, walk::walk(value)?)
    }

    fn of(value: &Bound<'_, PyAny>, keep: Keep, walked: Walked) -> PyResult<Self> {
        let (total_items, total_size) = (copy::length(value), Some(walked.text.len()));
        let form = match keep {
            Keep::Share => Form::Shared(value.clone().unbind()),
            Keep::Copy if walked.text.len() >= LARGE => {
                let objects = copy::leaves(value.py(), walked.objects)?;
                let walked = Walked { objects, ..walked };
                let document = to_document(walked, Objects::adopt).map_err(error::to_py)?;
                Form::Document(Arc::new(document))
            }
            Keep::Copy if walked.marked.is_some() && walked.notes.as_slice().is_empty() => {
                Form::Text(Written::new(&walked.text))
            }
            Keep::Copy => Form::Copied(Kept::copy_of(value)?),
        };
        Ok(Self {
            form,
            total_items,
            total_size,
            default: None,
        })
    }

    /// A snapshot of any value at all: what has no JSON text is kept as it is and shown as its `str()`.
    pub(super) fn take_any(value: &Bound<'_, PyAny>, keep: Keep) -> PyResult<Self> {
        Self::take(value, keep).or_else(|why| Self::opaque(value, why))
    }

    fn opaque(value: &Bound<'_, PyAny>, why: PyErr) -> PyResult<Self> {
        let walked = walk::opaque(value, why)?;
        let document = to_document(walked, Objects::share).map_err(error::to_py)?;
        let form = Form::Opaque(value.clone().unbind(), Arc::new(document));
        Ok(Self {
            form,
            total_items: copy::length(value),
            total_size: None,
            default: None,
        })
    }

    /// What a store written in Python holds: it is that store's, so only what is handed out is copied.
    pub(super) fn borrowed(value: &Bound<'_, PyAny>, total_size: Option<usize>) -> Self {
        Self {
            form: Form::Copied(Kept::borrowed(value)),
            total_items: copy::length(value),
            total_size,
            default: None,
        }
    }

    /// The snapshot, with what stands in for objects that a store cannot keep: a callable like the
    /// `default` of `json.dumps`.
    pub(super) fn or_default(mut self, default: Option<Py<PyAny>>) -> Self {
        self.default = default;
        self
    }

    /// The value as an object for a caller.
    pub(super) fn fresh<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.form {
            Form::Text(written) => written.fresh(py),
            Form::Copied(kept) => kept.fresh(py),
            Form::Shared(value) | Form::Opaque(value, _) => Ok(value.bind(py).clone()),
            Form::Document(document) => decode::document(py, document),
        }
    }

    /// Shows the garbage collector the value itself; gives the document, which others may hold, too.
    pub(super) fn traverse(
        &self,
        visit: &PyVisit<'_>,
    ) -> std::result::Result<Option<&Arc<Document>>, PyTraverseError> {
        visit.call(&self.default)?;
        match &self.form {
            Form::Text(_) => Ok(None),
            Form::Copied(kept) => kept.traverse(visit).map(|()| None),
            Form::Shared(value) => visit.call(value).map(|()| None),
            Form::Opaque(value, document) => visit.call(value).map(|()| Some(document)),
            Form::Document(document) => Ok(Some(document)),
        }
    }
}

/// The live objects that a document refers to, if nobody else refers to them.
pub(super) fn objects(document: &Document) -> Option<&Objects> {
    let objects = document.notes().objects.as_ref()?;
    (Arc::strong_count(objects) == 1).then(|| objects.downcast_ref())?
}

impl ForeignValue for Snapshot {
    fn document(&self) -> Result<Arc<Document>> {
        match &self.form {
            Form::Document(document) | Form::Opaque(_, document) => Ok(Arc::clone(document)),
            Form::Text(written) => written.document().map(Arc::new),
            Form::Copied(kept) => document_of(kept.value(), Objects::adopt),
            Form::Shared(value) => document_of(value, Objects::share),
        }
    }

    fn portable(&self) -> Result<Arc<Document>> {
        let document = self.document()?;
        Python::attach(|py| portable::portable(py, &document, self.default.as_ref()))
            .map_err(error::from_py)
    }

    fn total_items(&self) -> Option<usize> {
        self.total_items
    }

    fn total_size(&self) -> Option<usize> {
        self.total_size
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The document of a value that had text when it was stored; it may have been changed behind our back since.
fn document_of(value: &Py<PyAny>, objects: fn(Vec<Py<PyAny>>) -> Objects) -> Result<Arc<Document>> {
    let walked = Python::attach(|py| {
        let value = value.bind(py);
        walk::walk(value).or_else(|why| walk::opaque(value, why))
    });
    to_document(walked.map_err(error::from_py)?, objects).map(Arc::new)
}

/// What was walked as a document that holds on to its objects.
pub(super) fn to_document(
    walked: Walked,
    objects: fn(Vec<Py<PyAny>>) -> Objects,
) -> Result<Document> {
    let Walked {
        text,
        mut notes,
        objects: found,
        marked,
    } = walked;
    if !found.is_empty() {
        notes.objects = Some(Arc::new(objects(found)));
    }
    Document::from_marked(text, notes, marked)
}

/// The value of an entry as an object for a caller. A text cannot be changed, so of an entry that is kept near it is
/// made once.
pub(super) fn fresh_of<'py>(py: Python<'py>, entry: &Entry) -> PyResult<Bound<'py, PyAny>> {
    let Some(place) = entry.made() else {
        return fresh(py, &entry.value);
    };
    if let Some(made) = place.get::<Py<PyAny>>() {
        return Ok(made.bind(py).clone());
    }
    let value = fresh(py, &entry.value)?;
    if value.is_exact_instance_of::<PyString>() || value.is_exact_instance_of::<PyBytes>() {
        let bytes = value.call_method0(intern!(py, "__sizeof__"))?.extract()?;
        place.keep(value.clone().unbind(), bytes);
    }
    Ok(value)
}

/// A stored value as an object for a caller.
pub(super) fn fresh<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Document(document) => decode::document(py, document),
        Value::Remote(remote) => decode::document(py, &remote.document()),
        Value::Masked(masked) => {
            let seen = masked.document().map_err(error::to_py)?;
            decode::document(py, &seen)
        }
        Value::Foreign(foreign) => match foreign.as_any().downcast_ref::<Snapshot>() {
            Some(snapshot) => snapshot.fresh(py),
            None => {
                let document = foreign.document().map_err(error::to_py)?;
                decode::document(py, &document)
            }
        },
    }
}
