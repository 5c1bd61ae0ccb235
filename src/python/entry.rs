//! Entries as `CacheEntry` objects, for backends written in Python and for users of a backend.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};
use pyo3::{PyTraverseError, PyVisit};

use super::access::PyPolicy;
use super::arguments::{text, wrong_type};
use super::shown;
use super::snapshot::{self, Keep, Snapshot};
use crate::clock::Timestamp;
use crate::entry::{Details, Entry};
use crate::preview::PreviewStrategy;
use crate::value::Value;

/// The key of an entry's metadata under which the core keeps what it needs to know again.
const RESERVED: &str = "_refcache";

/// `mcp_refcache.backends.base.CacheEntry`.
fn class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "mcp_refcache.backends.base", "CacheEntry")
}

/// A `CacheEntry` with a fresh value.
pub(super) fn to_python<'py>(py: Python<'py>, entry: &Entry) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item(intern!(py, "value"), snapshot::fresh_of(py, entry)?)?;
    fields.set_item(intern!(py, "namespace"), &*entry.namespace)?;
    fields.set_item(intern!(py, "policy"), policy(py, entry)?)?;
    fields.set_item(intern!(py, "created_at"), entry.created_at)?;
    fields.set_item(intern!(py, "expires_at"), entry.expires_at)?;
    fields.set_item(intern!(py, "metadata"), metadata(py, &entry.details)?)?;
    class(py)?.call((), Some(&fields))
}

/// The entry's policy as a Python object.
pub(super) fn policy<'py>(py: Python<'py>, entry: &Entry) -> PyResult<Bound<'py, PyAny>> {
    super::access::policy_to_python(py, &*entry.policy)
}

/// The entry's metadata as a fresh dict.
pub(super) fn metadata<'py>(py: Python<'py>, details: &Details) -> PyResult<Bound<'py, PyAny>> {
    if let Some(extra) = &details.extra {
        return snapshot::fresh(py, extra);
    }
    let metadata = PyDict::new(py);
    metadata.set_item(intern!(py, "tool_name"), details.tool_name.as_deref())?;
    metadata.set_item(intern!(py, "total_items"), details.total_items)?;
    metadata.set_item(intern!(py, "total_size"), details.total_size)?;
    if details.promised {
        metadata.set_item(intern!(py, "async_completed"), true)?;
    }
    if details.max_size.is_some() || details.strategy.is_some() || details.bound {
        let reserved = PyDict::new(py);
        reserved.set_item("max_size", details.max_size)?;
        reserved.set_item("strategy", details.strategy.map(PreviewStrategy::as_str))?;
        reserved.set_item("bound", details.bound)?;
        metadata.set_item(RESERVED, reserved)?;
    }
    Ok(metadata.into_any())
}

/// Whose the value of a `CacheEntry` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// A caller's, who may change it later.
    Caller,
    /// A store's, which keeps it as it is.
    Store,
}

/// An entry from a `CacheEntry` (or anything with its attributes).
pub(super) fn from_python(entry: &Bound<'_, PyAny>, owner: Owner) -> PyResult<Entry> {
    let py = entry.py();
    let field = |name| {
        let value = entry.getattr_opt(name)?;
        value.ok_or_else(|| wrong_type("entry", "a CacheEntry", entry))
    };
    let details = details(&field(intern!(py, "metadata"))?, owner)?;
    let value = field(intern!(py, "value"))?;
    let value = match owner {
        Owner::Caller => Snapshot::take_any(&value, Keep::Copy)?,
        Owner::Store => Snapshot::borrowed(&value, details.total_size),
    };
    let namespace = field(intern!(py, "namespace"))?;
    let policy = Arc::new(PyPolicy::new(&field(intern!(py, "policy"))?));
    let created_at = field(intern!(py, "created_at"))?;
    let expires_at = field(intern!(py, "expires_at"))?;
    Ok(Entry::new(
        Value::Foreign(Arc::new(value)),
        text("namespace", &namespace)?.into(),
        policy,
        seconds("created_at", &created_at)?,
        (!expires_at.is_none())
            .then(|| seconds("expires_at", &expires_at))
            .transpose()?,
        details,
    ))
}

/// A moment in seconds since 1970.
fn seconds(name: &str, given: &Bound<'_, PyAny>) -> PyResult<Timestamp> {
    let seconds = given.extract();
    seconds.map_err(|_| wrong_type(name, "seconds since 1970", given))
}

/// Details from metadata; what is missing or of another type is not known.
fn details(metadata: &Bound<'_, PyAny>, owner: Owner) -> PyResult<Details> {
    let extra = match owner {
        Owner::Caller => Snapshot::take_any(metadata, Keep::Copy)?,
        Owner::Store => Snapshot::borrowed(metadata, None),
    };
    let mut details = Details {
        extra: Some(Value::Foreign(Arc::new(extra))),
        ..Details::default()
    };
    let Ok(metadata) = metadata.cast::<PyDict>() else {
        return Ok(details);
    };
    let text = |dict: &Bound<'_, PyDict>, key| {
        dict.get_item(key)
            .ok()
            .flatten()
            .and_then(|item| item.extract::<String>().ok())
    };
    let number = |dict: &Bound<'_, PyDict>, key| {
        dict.get_item(key)
            .ok()
            .flatten()
            .and_then(|item| item.extract::<usize>().ok())
    };
    details.tool_name = text(metadata, "tool_name").map(Arc::from);
    details.total_items = number(metadata, "total_items");
    details.total_size = number(metadata, "total_size");
    if let Some(reserved) = metadata.get_item(RESERVED)?
        && let Ok(reserved) = reserved.cast::<PyDict>()
    {
        details.max_size = number(reserved, "max_size");
        details.strategy = text(reserved, "strategy").and_then(|strategy| strategy.parse().ok());
        details.bound = reserved
            .get_item("bound")?
            .is_some_and(|bound| bound.is_truthy().unwrap_or(true));
    }
    Ok(details)
}

/// Shows the garbage collector what only this entry holds.
pub(super) fn traverse(entry: &Entry, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
    let mut documents = Vec::new();
    for value in [Some(&entry.value), entry.details.extra.as_ref()]
        .into_iter()
        .flatten()
    {
        if let Value::Foreign(value) = value
            && Arc::strong_count(value) == 1
            && let Some(snapshot) = value.as_any().downcast_ref::<Snapshot>()
        {
            documents.extend(snapshot.traverse(visit)?.cloned());
        }
    }
    let mut outcome = Ok(());
    entry.visit_viewed(|excerpt| {
        documents.push(Arc::clone(excerpt.document()));
        if outcome.is_ok() {
            outcome = shown::traverse(excerpt, visit);
        }
    });
    outcome?;
    documents.sort_by_key(Arc::as_ptr);
    for same in documents.chunk_by(Arc::ptr_eq) {
        // each is held once here besides
        if Arc::strong_count(&same[0]) == 2 * same.len()
            && let Some(objects) = snapshot::objects(&same[0])
        {
            objects.traverse(visit)?;
        }
    }
    match Arc::strong_count(&entry.policy) {
        1 => entry
            .policy
            .as_any()
            .downcast_ref::<PyPolicy>()
            .map_or(Ok(()), |policy| policy.traverse(visit)),
        _ => Ok(()),
    }
}
