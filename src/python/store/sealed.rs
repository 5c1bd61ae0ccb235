//! A seal around any store: values that only the holder of a key can read.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use zeroize::Zeroizing;

use super::super::arguments::wrong_type;
use super::super::entrance;
use super::super::error::{from_py, to_py};
use super::super::hook::Hook;
use super::{PyBackend, Store};
use crate::backend::seal::{Compressed, Encrypted, Key, KeyId, Keyring, Seal, Then, Uncompressed};
use crate::backend::{Backend, Entries, KeyIndexed, RecordStore, Stored};
use crate::error::{Error, ErrorKind, Result};

/// The native store behind `mcp_refcache.backends.EncryptedBackend`.
#[pyclass(frozen, extends = Store, module = "mcp_refcache._core")]
pub(in crate::python) struct SealedStore {
    keyring: Keyring,
}

#[pymethods]
impl SealedStore {
    /// Around a native store, or any object with the methods of a `CacheBackend`. `key` is a key, a list of
    /// them with the current one first, or a callable that gives either.
    #[new]
    #[pyo3(signature = (backend, key, *, compress = None))]
    fn new(
        backend: &Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
        compress: Option<usize>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let keyring = keyring(key)?;
        let (records, inner) = match backend.cast::<Store>() {
            Ok(store) => {
                let store = store.get();
                let entries =
                    || Arc::new(Entries::new(Arc::clone(&store.backend))) as Arc<dyn RecordStore>;
                (
                    store.records.clone().unwrap_or_else(entries),
                    store.compress,
                )
            }
            Err(_) => {
                let foreign = KeyIndexed::new(PyBackend(Hook::new(backend)));
                let backend: Arc<dyn Backend> = Arc::new(foreign);
                (
                    Arc::new(Entries::new(backend)) as Arc<dyn RecordStore>,
                    None,
                )
            }
        };
        let compress = compress.or(inner);
        let encrypted = Encrypted::new(keyring.clone());
        let seal: Arc<dyn Seal> = match compress {
            Some(_) => Arc::new(Then(Compressed, encrypted)),
            None => Arc::new(Then(Uncompressed, encrypted)),
        };
        let stored = Stored::shared(Arc::clone(&records)).sealed(seal, 0);
        let store = Store {
            backend: Arc::new(stored),
            records: None,
            compress,
        };
        Ok(PyClassInitializer::from(store).add_subclass(Self { keyring }))
    }

    /// Seals with another key from now on; the former one still opens.
    fn rotate(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        self.keyring.rotate(one(key)?).map_err(to_py)
    }

    /// Forgets a key by its id; whether it was there. What was sealed with it cannot be opened any more.
    fn destroy_key(&self, key_id: &str) -> PyResult<bool> {
        let id = KeyId::parse(key_id).ok_or_else(|| {
            let message = "a key id is 8 hex digits, as key_ids gives them";
            to_py(Error::invalid(message).with("key_id", key_id))
        })?;
        Ok(self.keyring.destroy(id))
    }

    /// Ids of the keys, that of the current one first.
    fn key_ids(&self, py: Python<'_>) -> Vec<String> {
        let ids = py.detach(|| self.keyring.ids());
        ids.iter().map(ToString::to_string).collect()
    }
}

fn keyring(given: &Bound<'_, PyAny>) -> PyResult<Keyring> {
    if given.is_callable() {
        let source = given.clone().unbind();
        return Ok(Keyring::from_source(move || ask(&source)));
    }
    let mut keys = keys(given)?.into_iter();
    let current = keys.next().ok_or_else(|| {
        to_py(Error::invalid(
            "key must be a key of 32 bytes, or a list of them with the current one first",
        ))
    })?;
    let keyring = Keyring::new(current);
    for older in keys {
        keyring.add_older(older).map_err(to_py)?;
    }
    Ok(keyring)
}

fn ask(source: &Py<PyAny>) -> Result<Vec<Key>> {
    // large values are opened on threads of the core's own
    let asked = entrance::attach(|py| {
        let given = source.bind(py).call0();
        given.and_then(|given| keys(&given)).map_err(from_py)
    });
    asked.unwrap_or_else(|| {
        let message = "Python has ended, so nobody is left to ask for the keys";
        Err(Error::new(ErrorKind::Unexpected, message))
    })
}

/// One key, or several in a list or in one text.
fn keys(given: &Bound<'_, PyAny>) -> PyResult<Vec<Key>> {
    if let Ok(text) = given.cast::<PyString>() {
        let text = Zeroizing::new(text.to_str()?.to_owned());
        let parts = text.split(|c: char| c == ',' || c.is_whitespace());
        let parts = parts.filter(|part| !part.is_empty());
        return parts.map(|part| Key::parse(part).map_err(to_py)).collect();
    }
    if given.is_instance_of::<PyBytes>() {
        return Ok(vec![one(given)?]);
    }
    match given.try_iter() {
        Ok(items) => items.map(|item| one(&item?)).collect(),
        Err(_) => Ok(vec![one(given)?]),
    }
}

fn one(given: &Bound<'_, PyAny>) -> PyResult<Key> {
    if let Ok(bytes) = given.cast::<PyBytes>() {
        return Key::from_bytes(bytes.as_bytes()).map_err(to_py);
    }
    match given.cast::<PyString>() {
        Ok(text) => Key::parse(text.to_str()?).map_err(to_py),
        Err(_) => Err(wrong_type(
            "key",
            "32 bytes, or their hex or base64 text",
            given,
        )),
    }
}
