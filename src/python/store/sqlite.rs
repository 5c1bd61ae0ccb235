//! Entries in a SQLite file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;

use super::super::clock::PythonClock;
use super::super::error::to_py;
use super::{Store, object};
use crate::backend::{self, SqliteOptions};
use crate::error::Error;

/// The native store behind `mcp_refcache.backends.SQLiteBackend`.
#[pyclass(frozen, extends = Store, module = "mcp_refcache._core")]
pub(in crate::python) struct SqliteStore {
    store: backend::SqliteStore,
}

#[pymethods]
impl SqliteStore {
    #[new]
    #[pyo3(signature = (path, *, timeout, max_entries = None, max_bytes = None, near_cache = None, compress = None))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        timeout: f64,
        max_entries: Option<u64>,
        max_bytes: Option<u64>,
        near_cache: Option<usize>,
        compress: Option<usize>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let store = py.detach(|| {
            let timeout = Duration::try_from_secs_f64(timeout).map_err(|_| {
                Error::invalid("timeout must be 0 seconds or more").with("timeout", timeout)
            })?;
            let mut options = SqliteOptions::default()
                .timeout(timeout)
                .clock(Arc::new(PythonClock));
            if let Some(limit) = max_entries {
                options = options.max_entries(limit)?;
            }
            if let Some(limit) = max_bytes {
                options = options.max_bytes(limit)?;
            }
            if let Some(bytes) = near_cache {
                options = options.near_cache(bytes);
            }
            backend::SqliteStore::open(path, options)
        });
        let store = store.map_err(to_py)?;
        let base = Store::of_records(Arc::new(store.clone()), compress);
        Ok(PyClassInitializer::from(base).add_subclass(Self { store }))
    }

    /// Number of entries and their bytes, expired ones that are not yet removed included.
    fn totals<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let store = slf.get().store.clone();
        slf.as_super().get().wait(slf.py(), async move {
            let totals = store.totals().await.map_err(to_py)?;
            object((totals.entries, totals.bytes))
        })
    }

    /// Closes the file; the next use opens it again.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.store.close());
    }

    /// To be called before a fork, and `after_fork` in the parent.
    fn before_fork(&self, py: Python<'_>) {
        py.detach(|| self.store.before_fork());
    }

    /// Ends what `before_fork` began.
    fn after_fork(&self) {
        self.store.after_fork();
    }
}
