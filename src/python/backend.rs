//! The native memory store for Python, and backends written in Python for the core.

use std::sync::Arc;

use async_trait::async_trait;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::{PyTraverseError, PyVisit};

use super::arguments::{number, optional_text, readable, text};
use super::clock::PythonClock;
use super::entry::{self, Owner};
use super::error::{from_py, to_py};
use super::hook::Hook;
use crate::backend::{Backend, MemoryBackend, PutOptions, Scope, SimpleBackend, Want};
use crate::clock::Clock;
use crate::entry::Entry;
use crate::error::Result;
use crate::runtime;

/// Runs a backend's future on this thread, without the interpreter where it has to wait.
pub(super) fn wait<F: Future<Output = Result<T>> + Send, T: Send>(
    py: Python<'_>,
    future: F,
) -> PyResult<T> {
    let future = Box::pin(future);
    runtime::poll_once(future)
        .unwrap_or_else(|future| py.detach(|| runtime::block_on(future)))
        .map_err(to_py)
}

/// The native store behind `mcp_refcache.backends.MemoryBackend`: entries by any string.
#[pyclass(frozen, module = "mcp_refcache._core")]
pub(super) struct MemoryStore {
    pub(super) backend: MemoryBackend,
}

#[pymethods]
impl MemoryStore {
    #[new]
    #[pyo3(signature = (max_size = None))]
    fn new(max_size: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let limit = number("max_size", 1, max_size)?;
        let backend = MemoryBackend::assembled(limit, Arc::new(PythonClock)).map_err(to_py)?;
        Ok(Self { backend })
    }

    /// Sets the most entries to keep; None = no limit.
    fn set_max_size(&self, max_size: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let limit = number("max_size", 1, max_size)?;
        self.backend.set_limit(limit).map_err(to_py)
    }

    /// The live entry with this key as a `CacheEntry`, or None.
    fn get<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(key) = readable("key", key)? else {
            return Ok(None);
        };
        let found = wait(py, self.backend.get(key, PythonClock.now(), Want::Value))?;
        found.map(|found| entry::to_python(py, &found)).transpose()
    }

    /// Stores a snapshot of a `CacheEntry`.
    fn set(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        entry: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let key = text("key", key)?;
        let entry = Arc::new(entry::from_python(entry, Owner::Caller)?);
        wait(py, self.backend.put(key, entry, PutOptions::default()))
    }

    /// Removes an entry; whether it was there.
    fn delete(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        match readable("key", key)? {
            Some(key) => wait(py, self.backend.delete(key)),
            None => Ok(false),
        }
    }

    /// Whether a live entry has this key.
    fn exists(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        match readable("key", key)? {
            Some(key) => wait(py, self.backend.exists(key, PythonClock.now())),
            None => Ok(false),
        }
    }

    /// Removes the entries of a namespace, or all; how many.
    #[pyo3(signature = (namespace = None))]
    fn clear(&self, py: Python<'_>, namespace: Option<&Bound<'_, PyAny>>) -> PyResult<usize> {
        wait(py, self.backend.clear(scope(namespace)?))
    }

    /// Keys of the live entries of a namespace, or of all.
    #[pyo3(signature = (namespace = None))]
    fn keys<'py>(
        &self,
        py: Python<'py>,
        namespace: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyString>>> {
        let scope = scope(namespace)?;
        let keys = wait(py, self.backend.keys(scope, PythonClock.now()))?;
        Ok(keys.iter().map(|key| PyString::new(py, key)).collect())
    }

    /// The entry with this key, also if it is expired and not yet removed.
    fn peek<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = wait(py, self.backend.get(key, f64::NEG_INFINITY, Want::Value))?;
        found.map(|found| entry::to_python(py, &found)).transpose()
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

/// The entries of a namespace, or all.
fn scope<'a>(namespace: Option<&'a Bound<'_, PyAny>>) -> PyResult<Scope<'a>> {
    let namespace = optional_text("namespace", namespace)?;
    Ok(Scope {
        cache: None,
        namespace,
    })
}

/// A backend written in Python: six methods over `CacheEntry` objects.
pub(super) struct PyBackend(pub(super) Hook);

impl PyBackend {
    fn call<T>(&self, work: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> Result<T> {
        Python::attach(|py| work(self.0.bind(py))).map_err(from_py)
    }
}

#[async_trait]
impl SimpleBackend for PyBackend {
    async fn get(&self, id: &str) -> Result<Option<Arc<Entry>>> {
        self.call(|backend| {
            let found = backend.call_method1(intern!(backend.py(), "get"), (id,))?;
            if found.is_none() {
                Ok(None)
            } else {
                entry::from_python(&found, Owner::Store).map(|entry| Some(Arc::new(entry)))
            }
        })
    }

    async fn set(&self, id: &str, entry: Arc<Entry>) -> Result<()> {
        self.call(|backend| {
            let entry = entry::to_python(backend.py(), &entry)?;
            backend
                .call_method1(intern!(backend.py(), "set"), (id, entry))
                .map(drop)
        })
    }

    async fn delete(&self, id: &str) -> Result<bool> {
        self.call(|backend| {
            backend
                .call_method1(intern!(backend.py(), "delete"), (id,))?
                .is_truthy()
        })
    }

    async fn exists(&self, id: &str) -> Result<bool> {
        self.call(|backend| {
            backend
                .call_method1(intern!(backend.py(), "exists"), (id,))?
                .is_truthy()
        })
    }

    async fn clear(&self, namespace: Option<&str>) -> Result<usize> {
        self.call(|backend| {
            backend
                .call_method1(intern!(backend.py(), "clear"), (namespace,))?
                .extract()
        })
    }

    async fn keys(&self, namespace: Option<&str>) -> Result<Vec<String>> {
        self.call(|backend| {
            let keys = backend.call_method1(intern!(backend.py(), "keys"), (namespace,))?;
            keys.try_iter()?.map(|key| key?.extract()).collect()
        })
    }
}
