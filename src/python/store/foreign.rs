//! Backends written in Python, for the core.

use std::sync::Arc;

use async_trait::async_trait;
use pyo3::intern;
use pyo3::prelude::*;

use super::super::entry::{self, Owner};
use super::super::error::from_py;
use super::super::hook::Hook;
use crate::backend::SimpleBackend;
use crate::entry::Entry;
use crate::error::Result;

/// A backend written in Python: six methods over `CacheEntry` objects.
pub(in crate::python) struct PyBackend(pub(in crate::python) Hook);

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
