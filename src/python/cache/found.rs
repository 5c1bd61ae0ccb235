//! [`Found`]: an entry in the hands of Python, so that what was found need not be looked up again.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::entry::Entry;

/// An entry and its reference.
#[pyclass(frozen, module = "mcp_refcache._core")]
pub(crate) struct Found {
    pub(super) id: Arc<str>,
    pub(super) entry: Arc<Entry>,
}

impl Found {
    /// The entry as a Python object.
    pub(super) fn of(py: Python<'_>, id: Arc<str>, entry: Arc<Entry>) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, Self { id, entry })?.into_any())
    }
}

#[pymethods]
impl Found {
    /// Its reference.
    #[getter]
    fn ref_id(&self) -> &str {
        &self.id
    }

    /// Where it lives.
    #[getter]
    fn namespace(&self) -> &str {
        &self.entry.namespace
    }

    /// What a `CacheReference` says of it, by the names of its fields.
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (entry, facts) = (&self.entry, PyDict::new(py));
        facts.set_item(intern!(py, "ref_id"), &*self.id)?;
        facts.set_item(intern!(py, "namespace"), &*entry.namespace)?;
        facts.set_item(intern!(py, "tool_name"), entry.details.tool_name.as_deref())?;
        facts.set_item(intern!(py, "created_at"), entry.created_at)?;
        facts.set_item(intern!(py, "expires_at"), entry.expires_at)?;
        facts.set_item(intern!(py, "total_items"), entry.details.total_items)?;
        facts.set_item(intern!(py, "total_size"), entry.details.total_size)?;
        Ok(facts)
    }

    /// When it was stored, in seconds since 1970.
    #[getter]
    fn created_at(&self) -> f64 {
        self.entry.created_at
    }

    /// When it ends, in seconds since 1970; None = never.
    #[getter]
    fn expires_at(&self) -> Option<f64> {
        self.entry.expires_at
    }

    /// The tool that made the value.
    #[getter]
    fn tool_name(&self) -> Option<&str> {
        self.entry.details.tool_name.as_deref()
    }

    /// Number of items of a collection.
    #[getter]
    fn total_items(&self) -> Option<usize> {
        self.entry.details.total_items
    }

    /// Characters of the JSON text.
    #[getter]
    fn total_size(&self) -> Option<usize> {
        self.entry.details.total_size
    }
}
