//! Native stores for Python: one class with the methods of a `CacheBackend`, one subclass per kind of store.

mod blobs;
mod foreign;
mod memory;
mod redis;
mod sealed;
mod sqlite;

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use super::arguments::{optional_text, readable, text};
use super::awaitable::{self, Mode, object};
use super::clock::PythonClock;
use super::entry::{self, Owner};
use super::error::to_py;
use crate::backend::seal::Compressed;
use crate::backend::{Backend, PutOptions, RecordStore, Scope, Stored, Want};
use crate::clock::Clock;

pub(super) use blobs::{Completion, KeyValueStore};
pub(super) use foreign::PyBackend;
pub(super) use memory::MemoryStore;
pub(super) use redis::RedisStore;
pub(super) use sealed::SealedStore;
pub(super) use sqlite::SqliteStore;

/// A native store: entries by any string.
#[pyclass(frozen, subclass, module = "mcp_refcache._core")]
pub(super) struct Store {
    pub(super) backend: Arc<dyn Backend>,
    /// What a seal can be put around; `None` for entries in memory.
    records: Option<Arc<dyn RecordStore>>,
    /// From how many characters on values are compressed.
    compress: Option<usize>,
}

impl Store {
    /// A store of entries.
    fn of_entries(backend: Arc<dyn Backend>) -> Self {
        Self {
            backend,
            records: None,
            compress: None,
        }
    }

    /// A store of records, in which values of more than `compress` characters are compressed.
    fn of_records(records: Arc<dyn RecordStore>, compress: Option<usize>) -> Self {
        // what was compressed before is read also where nothing is any more
        let above = compress.unwrap_or(usize::MAX);
        let stored = Stored::shared(Arc::clone(&records)).sealed(Arc::new(Compressed), above);
        Self {
            backend: Arc::new(stored),
            records: Some(records),
            compress,
        }
    }

    /// Waits for work on the store, without the interpreter where it waits for a disk or a network.
    fn wait<'py>(
        &self,
        py: Python<'py>,
        work: impl Future<Output = PyResult<Py<PyAny>>> + Send + 'static,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mode = match self.backend.capabilities().waits {
            true => Mode::Blocking,
            false => Mode::Inline,
        };
        awaitable::run(py, mode, work)
    }
}

#[pymethods]
impl Store {
    /// The live entry with this key as a `CacheEntry`, or None.
    fn get<'py>(&self, py: Python<'py>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let key = readable("key", key)?.map(str::to_owned);
        let backend = Arc::clone(&self.backend);
        self.wait(py, async move {
            let found = match &key {
                Some(key) => backend.get(key, PythonClock.now(), Want::Value).await,
                None => Ok(None),
            };
            let found = found.map_err(to_py)?;
            Python::attach(|py| match found {
                Some(found) => entry::to_python(py, &found).map(Bound::unbind),
                None => Ok(py.None()),
            })
        })
    }

    /// Stores a snapshot of a `CacheEntry`.
    fn set(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        entry: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let key = text("key", key)?.to_owned();
        let entry = Arc::new(entry::from_python(entry, Owner::Caller)?);
        let backend = Arc::clone(&self.backend);
        self.wait(py, async move {
            let put = backend.put(&key, entry, PutOptions::default()).await;
            object(put.map_err(to_py)?)
        })
        .map(drop)
    }

    /// Removes an entry; whether it was there.
    fn delete<'py>(&self, py: Python<'py>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let key = readable("key", key)?.map(str::to_owned);
        let backend = Arc::clone(&self.backend);
        self.wait(py, async move {
            object(match &key {
                Some(key) => backend.delete(key).await.map_err(to_py)?,
                None => false,
            })
        })
    }

    /// Whether a live entry has this key.
    fn exists<'py>(&self, py: Python<'py>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let key = readable("key", key)?.map(str::to_owned);
        let backend = Arc::clone(&self.backend);
        self.wait(py, async move {
            let now = PythonClock.now();
            object(match &key {
                Some(key) => backend.exists(key, now).await.map_err(to_py)?,
                None => false,
            })
        })
    }

    /// Removes the entries of a namespace, or all; how many.
    #[pyo3(signature = (namespace = None))]
    fn clear<'py>(
        &self,
        py: Python<'py>,
        namespace: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let namespace = optional_text("namespace", namespace)?.map(str::to_owned);
        let backend = Arc::clone(&self.backend);
        self.wait(py, async move {
            let cleared = backend.clear(scope(namespace.as_deref())).await;
            object(cleared.map_err(to_py)?)
        })
    }

    /// Keys of the live entries of a namespace, or of all.
    #[pyo3(signature = (namespace = None))]
    fn keys<'py>(
        &self,
        py: Python<'py>,
        namespace: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let namespace = optional_text("namespace", namespace)?.map(str::to_owned);
        let backend = Arc::clone(&self.backend);
        self.wait(py, async move {
            let scope = scope(namespace.as_deref());
            let keys = backend.keys(scope, PythonClock.now()).await;
            let keys = keys.map_err(to_py)?;
            Python::attach(|py| {
                let keys = keys.iter().map(|key| PyString::new(py, key));
                Ok(PyList::new(py, keys)?.into_any().unbind())
            })
        })
    }
}

/// The entries of a namespace, or all.
fn scope(namespace: Option<&str>) -> Scope<'_> {
    Scope {
        cache: None,
        namespace,
    }
}
