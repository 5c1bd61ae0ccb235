//! Entries in a key-value store that Python reaches.

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::{PyTraverseError, PyVisit};
use tokio::sync::oneshot;

use super::super::error::from_py;
use super::super::hook::Hook;
use super::Store;
use crate::backend::blobs::{BlobStore, Blobs};
use crate::error::{Error, ErrorKind, Result};

/// The native store behind `mcp_refcache.backends.KeyValueBackend`.
#[pyclass(frozen, extends = Store, module = "mcp_refcache._core")]
pub(in crate::python) struct KeyValueStore {
    bridge: Hook,
}

#[pymethods]
impl KeyValueStore {
    /// Over an object whose `start(method, arguments, completion)` begins a call of the store and calls
    /// `completion(error, result)` when it is done.
    #[new]
    #[pyo3(signature = (bridge, *, compress = None))]
    fn new(bridge: &Bound<'_, PyAny>, compress: Option<usize>) -> PyClassInitializer<Self> {
        let bridge = Hook::new(bridge);
        let blobs = Blobs::new(PyBlobs(bridge.clone()));
        let store = Store::of_records(std::sync::Arc::new(blobs), compress);
        PyClassInitializer::from(store).add_subclass(Self { bridge })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        self.bridge.traverse(&visit)
    }
}

/// Takes the outcome of a call.
#[pyclass(frozen, module = "mcp_refcache._core")]
pub(in crate::python) struct Completion {
    sender: Mutex<Option<oneshot::Sender<PyResult<Py<PyAny>>>>>,
}

#[pymethods]
impl Completion {
    fn __call__(&self, error: Option<Bound<'_, PyAny>>, result: Py<PyAny>) {
        let outcome = match error {
            Some(error) => Err(PyErr::from_value(error)),
            None => Ok(result),
        };
        if let Some(sender) = self.sender.lock().take() {
            // nobody waits any more: the call was given up
            let _ = sender.send(outcome);
        }
    }
}

struct PyBlobs(Hook);

impl PyBlobs {
    /// The outcome of a call, however long it takes.
    async fn call(
        &self,
        method: &'static str,
        arguments: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>>,
    ) -> Result<Py<PyAny>> {
        let (sender, receiver) = oneshot::channel();
        Python::attach(|py| {
            let sender = Mutex::new(Some(sender));
            let completion = Bound::new(py, Completion { sender })?;
            let arguments = arguments(py)?;
            let start = self.0.bind(py).getattr("start")?;
            start.call1((method, arguments, completion)).map(drop)
        })
        .map_err(failed)?;
        let outcome = receiver.await.map_err(|_| {
            Error::new(
                ErrorKind::Backend,
                "the key-value store was closed during a call",
            )
        })?;
        outcome.map_err(failed)
    }
}

/// What a key-value store raises is a failure of the storage, whatever its class.
fn failed(raised: PyErr) -> Error {
    let error = from_py(raised);
    match error.kind() {
        kind if kind.is_backend() => error,
        _ => Python::attach(|py| {
            let source = error.into_source();
            let raised = source.and_then(|source| source.downcast::<PyErr>().ok());
            let name = raised.map_or_else(String::new, |raised| {
                raised
                    .get_type(py)
                    .name()
                    .map_or_else(|_| String::new(), |name| name.to_string())
            });
            Error::new(ErrorKind::Backend, "the key-value store failed").with("error", name)
        }),
    }
}

#[async_trait]
impl BlobStore for PyBlobs {
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Bytes>> {
        let found = self.call("get", |py| tuple(py, (collection, key))).await?;
        Python::attach(|py| {
            let found: Option<Bound<'_, PyBytes>> = found.bind(py).extract()?;
            Ok(found.map(|bytes| Bytes::copy_from_slice(bytes.as_bytes())))
        })
        .map_err(failed)
    }

    async fn put(
        &self,
        collection: &str,
        key: &str,
        blob: Bytes,
        seconds_to_live: Option<f64>,
    ) -> Result<()> {
        let put = self.call("put", |py| {
            tuple(
                py,
                (collection, key, PyBytes::new(py, &blob), seconds_to_live),
            )
        });
        put.await.map(drop)
    }

    async fn delete(&self, collection: &str, key: &str) -> Result<bool> {
        let deleted = self
            .call("delete", |py| tuple(py, (collection, key)))
            .await?;
        Python::attach(|py| deleted.bind(py).is_truthy()).map_err(failed)
    }
}

fn tuple<'py>(
    py: Python<'py>,
    items: impl IntoPyObject<
        'py,
        Target = pyo3::types::PyTuple,
        Output = Bound<'py, pyo3::types::PyTuple>,
        Error = PyErr,
    >,
) -> PyResult<Py<PyAny>> {
    Ok(items.into_pyobject(py)?.into_any().unbind())
}
