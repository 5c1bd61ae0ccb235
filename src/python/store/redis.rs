//! Entries in Redis or Valkey.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::super::error::to_py;
use super::{Store, object};
use crate::backend::redis::{self, RedisOptions, Servers};
use crate::error::Error;

/// The native store behind `mcp_refcache.backends.RedisBackend`.
#[pyclass(frozen, extends = Store, module = "mcp_refcache._core")]
pub(in crate::python) struct RedisStore {
    store: Arc<redis::RedisStore>,
}

#[pymethods]
impl RedisStore {
    #[new]
    #[pyo3(signature = (*, url = None, host = None, port = None, nodes = None, sentinels = None, service = None, db = None, username = None, password = None, sentinel_username = None, sentinel_password = None, ssl = None, ca_file = None, cert_file = None, key_file = None, insecure = false, socket_timeout = None, max_entries = None, max_bytes = None, shared_with_original = true, near_cache = 0, compress = None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "called by one constructor, by keyword"
    )]
    fn new(
        url: Option<&str>,
        host: Option<String>,
        port: Option<u16>,
        nodes: Option<Vec<(String, u16)>>,
        sentinels: Option<Vec<(String, u16)>>,
        service: Option<String>,
        db: Option<i64>,
        username: Option<String>,
        password: Option<String>,
        sentinel_username: Option<String>,
        sentinel_password: Option<String>,
        ssl: Option<bool>,
        ca_file: Option<PathBuf>,
        cert_file: Option<PathBuf>,
        key_file: Option<PathBuf>,
        insecure: bool,
        socket_timeout: Option<f64>,
        max_entries: Option<u64>,
        max_bytes: Option<u64>,
        shared_with_original: bool,
        near_cache: u64,
        compress: Option<usize>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let mut options = match url {
            Some(url) => RedisOptions::parse(url).map_err(to_py)?,
            None => RedisOptions::default(),
        };
        if let Some(host) = host {
            options.servers = Servers::One((host, port.unwrap_or(6379)));
        }
        if let Some(nodes) = nodes {
            options.servers = Servers::Cluster(nodes);
        }
        if let (Some(sentinels), Some(service)) = (sentinels, service) {
            options.servers = Servers::Sentinel { sentinels, service };
        }
        options.db = db.unwrap_or(options.db);
        options.username = username.or(options.username);
        options.password = password.or(options.password);
        options.sentinel_username = sentinel_username.or(options.sentinel_username);
        options.sentinel_password = sentinel_password.or(options.sentinel_password);
        let files = ca_file.is_some() || cert_file.is_some() || key_file.is_some();
        if ssl == Some(true) || files || insecure {
            let mut tls = options.tls.take().unwrap_or_default();
            tls.ca_file = ca_file.or(tls.ca_file);
            tls.cert_file = cert_file.or(tls.cert_file);
            tls.key_file = key_file.or(tls.key_file);
            tls.insecure |= insecure;
            options.tls = Some(tls);
        }
        if let Some(seconds) = socket_timeout {
            let timeout = Duration::try_from_secs_f64(seconds).ok();
            options.socket_timeout =
                timeout
                    .filter(|timeout| !timeout.is_zero())
                    .ok_or_else(|| {
                        let message = "socket_timeout must be more than 0 seconds";
                        to_py(Error::invalid(message).with("socket_timeout", seconds))
                    })?;
        }
        options.max_entries = max_entries;
        options.max_bytes = max_bytes;
        options.shared_with_original = shared_with_original;
        options.near_cache = near_cache;
        if near_cache > 0 && !options.may_keep_near() {
            let message =
                "near_cache works with one server or its Sentinels, without TLS; leave it out";
            return Err(to_py(Error::invalid(message)));
        }
        let store = Arc::new(redis::RedisStore::new(options));
        let base = Store::of_records(Arc::clone(&store) as _, compress);
        Ok(PyClassInitializer::from(base).add_subclass(Self { store }))
    }

    /// What may be shown of the connection: no user name, no password.
    fn connection_info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let info = self.store.connection_info();
        let facts = PyDict::new(py);
        facts.set_item("url", info.url)?;
        facts.set_item("host", info.host)?;
        facts.set_item("port", info.port)?;
        facts.set_item("db", info.db)?;
        facts.set_item("ssl", info.ssl)?;
        Ok(facts)
    }

    /// Raises what keeps the server from answering.
    fn ping(slf: &Bound<'_, Self>) -> PyResult<()> {
        let store = Arc::clone(&slf.get().store);
        let answered = slf.as_super().get().wait(slf.py(), async move {
            store.ping().await.map_err(to_py)?;
            object(true)
        });
        answered.map(drop)
    }

    /// Closes the connections; the next use connects again.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.store.close());
    }
}
