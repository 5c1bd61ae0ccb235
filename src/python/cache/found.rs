//! [`Found`]: an entry in the hands of Python, so that what was found need not be looked up again.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::super::access::{PyPolicy, policy_to_python};
use super::super::awaitable::{self, Mode, object};
use super::super::error::to_py;
use crate::egress::Limits;
use crate::entry::Entry;

/// An entry and its reference.
#[pyclass(frozen, module = "mcp_refcache._core")]
pub(crate) struct Found {
    pub(super) id: Arc<str>,
    pub(super) entry: Arc<Entry>,
    /// The entry as somebody sees it from whom parts are hidden.
    pub(super) seen: Option<Arc<Entry>>,
}

impl Found {
    /// The entry as a Python object.
    pub(super) fn of(py: Python<'_>, id: Arc<str>, entry: Arc<Entry>) -> PyResult<Py<PyAny>> {
        let found = Self {
            id,
            entry,
            seen: None,
        };
        Ok(Py::new(py, found)?.into_any())
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

    /// Who may do what with it.
    #[getter]
    fn policy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        policy_to_python(py, &*self.entry.policy)
    }

    /// The same entry as if it had another policy.
    fn under(&self, policy: &Bound<'_, PyAny>) -> Self {
        let entry = self.entry.under(Arc::new(PyPolicy::new(policy)));
        Self {
            id: Arc::clone(&self.id),
            entry: Arc::new(entry),
            seen: None,
        }
    }

    /// What a `CacheReference` says of it, by the names of its fields and in their order.
    fn facts<'py>(
        &self,
        py: Python<'py>,
        cache_name: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (entry, facts) = (&self.entry, PyDict::new(py));
        facts.set_item(intern!(py, "ref_id"), &*self.id)?;
        facts.set_item(intern!(py, "cache_name"), cache_name)?;
        facts.set_item(intern!(py, "namespace"), &*entry.namespace)?;
        facts.set_item(intern!(py, "tool_name"), entry.details.tool_name.as_deref())?;
        facts.set_item(intern!(py, "created_at"), entry.created_at)?;
        facts.set_item(intern!(py, "expires_at"), entry.expires_at)?;
        facts.set_item(intern!(py, "total_items"), entry.total_items())?;
        facts.set_item(intern!(py, "total_size"), entry.total_size())?;
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
        self.entry.total_items()
    }

    /// Characters of the JSON text.
    #[getter]
    fn total_size(&self) -> Option<usize> {
        self.entry.total_size()
    }

    /// Whether a part of the value stands in one of these texts, in UTF-8, and in none of the known ones; None if
    /// that cannot be told, as the index of the value would be too large.
    ///
    /// Reads the value from its store if it is not here.
    #[pyo3(signature = (texts, known, *, min_characters, min_digits, max_memory))]
    fn stands_in<'py>(
        &self,
        py: Python<'py>,
        texts: Vec<Vec<u8>>,
        mut known: Vec<Vec<u8>>,
        min_characters: usize,
        min_digits: usize,
        max_memory: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (entry, seen) = (Arc::clone(&self.entry), self.seen.clone());
        let limits = Limits {
            min_characters,
            min_digits,
            max_memory,
        };
        awaitable::run(py, Mode::Blocking, async move {
            entry.value.load().await.map_err(to_py)?;
            let Some(index) = entry.secrets(&limits).map_err(to_py)? else {
                return object(None::<bool>);
            };
            if let Some(seen) = seen {
                // what is not masked may go out
                let document = seen.value.document().map_err(to_py)?;
                known.push(document.text().as_bytes().to_vec());
            }
            object(Some(index.occurs_in(&texts, &index.seen_in(&known))))
        })
    }
}
