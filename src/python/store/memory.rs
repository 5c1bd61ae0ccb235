//! Entries in the memory of this process.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::super::arguments::number;
use super::super::clock::PythonClock;
use super::super::entry;
use super::super::error::to_py;
use super::{Store, object};
use crate::backend::{Backend, MemoryBackend, Want};

/// The native store behind `mcp_refcache.backends.MemoryBackend`.
#[pyclass(frozen, extends = Store, module = "mcp_refcache._core")]
pub(in crate::python) struct MemoryStore {
    backend: MemoryBackend,
}

#[pymethods]
impl MemoryStore {
    #[new]
    #[pyo3(signature = (max_size = None))]
    fn new(max_size: Option<&Bound<'_, PyAny>>) -> PyResult<PyClassInitializer<Self>> {
        let limit = number("max_size", 1, max_size)?;
        let backend = MemoryBackend::assembled(limit, Arc::new(PythonClock)).map_err(to_py)?;
        let store = Store::of_entries(Arc::new(backend.clone()));
        Ok(PyClassInitializer::from(store).add_subclass(Self { backend }))
    }

    /// Sets the most entries to keep; None = no limit.
    fn set_max_size(&self, max_size: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let limit = number("max_size", 1, max_size)?;
        self.backend.set_limit(limit).map_err(to_py)
    }

    /// Sets the most bytes of JSON text to keep; None = no limit.
    fn set_max_bytes(&self, max_bytes: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let limit = number("max_bytes", 1, max_bytes)?;
        let limit = limit.map(|limit| limit as u64);
        self.backend.set_max_bytes(limit).map_err(to_py)
    }

    /// The entry with this key, also if it is expired and not yet removed.
    fn peek<'py>(slf: &Bound<'py, Self>, key: String) -> PyResult<Bound<'py, PyAny>> {
        let backend = slf.get().backend.clone();
        slf.as_super().get().wait(slf.py(), async move {
            let found = backend.get(&key, f64::NEG_INFINITY, Want::Value).await;
            match found.map_err(to_py)? {
                Some(found) => Python::attach(|py| entry::to_python(py, &found).map(Bound::unbind)),
                None => object(None::<bool>),
            }
        })
    }

    /// All keys, also of entries that are expired and not yet removed.
    fn all_keys(&self) -> Vec<String> {
        self.backend.ids().iter().map(ToString::to_string).collect()
    }

    fn __len__(&self) -> usize {
        self.backend.len()
    }

    /// Only what nobody else holds is visited: an object must not be counted twice.
    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        let mut outcome = Ok(());
        self.backend.visit_entries(|entry| {
            if outcome.is_ok() && Arc::strong_count(entry) == 1 {
                outcome = entry::traverse(entry, &visit);
            }
        });
        outcome
    }

    fn __clear__(&self) {
        self.backend.drain();
    }
}
