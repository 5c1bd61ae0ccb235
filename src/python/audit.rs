//! Audit logs for Python: files, or a function that is called with each record.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};
use pyo3::{PyTraverseError, PyVisit, intern};

use super::error::{is_exit, raised, to_py};
use super::hook::Hook;
use crate::audit::{self, Action, Audit, AuditRecord, AuditSink, JsonLines, Line, SqliteLog};
use crate::error::{Error, ErrorKind, Result};

/// Where the records of a cache go.
#[pyclass(frozen, module = "mcp_refcache._core")]
pub(super) struct AuditLog {
    sink: Arc<dyn AuditSink>,
    hook: Option<Hook>,
}

#[pymethods]
impl AuditLog {
    /// A file of JSON lines.
    #[staticmethod]
    #[pyo3(signature = (path, key = None))]
    fn json_lines(py: Python<'_>, path: PathBuf, key: Option<Vec<u8>>) -> PyResult<Self> {
        let log = py.detach(|| JsonLines::open(path, key.as_deref()));
        Ok(Self {
            sink: Arc::new(log.map_err(to_py)?),
            hook: None,
        })
    }

    /// A SQLite file.
    #[staticmethod]
    #[pyo3(signature = (path, key = None))]
    fn sqlite(py: Python<'_>, path: PathBuf, key: Option<Vec<u8>>) -> PyResult<Self> {
        let log = py.detach(|| SqliteLog::open(path, key.as_deref()));
        Ok(Self {
            sink: Arc::new(log.map_err(to_py)?),
            hook: None,
        })
    }

    /// A function of an `AuditRecord`.
    #[staticmethod]
    fn function(called: &Bound<'_, PyAny>) -> Self {
        let hook = Hook::new(called);
        Self {
            sink: Arc::new(Called(hook.clone())),
            hook: Some(hook),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        self.hook
            .as_ref()
            .map_or(Ok(()), |hook| hook.traverse(&visit))
    }
}

/// The audit of a cache: where records go, the function that names the tool that is running, and the one that is
/// told of failures if these are to be tolerated.
pub(super) fn audit(
    log: &Bound<'_, AuditLog>,
    running: Py<PyAny>,
    told: Option<Py<PyAny>>,
) -> Audit {
    let audit = Audit::shared(Arc::clone(&log.get().sink)).tool(move || {
        Python::attach(|py| running.call0(py).and_then(|name| name.extract(py)).ok()).flatten()
    });
    match told {
        None => audit,
        Some(told) => audit.tolerate(move |error| {
            Python::attach(|py| {
                // whoever cannot even be told keeps nobody from working
                drop(told.call1(py, (error.message(),)));
            });
        }),
    }
}

/// A function of the user's own.
struct Called(Hook);

impl AuditSink for Called {
    fn record(&self, record: &AuditRecord) -> Result<()> {
        Python::attach(|py| {
            let given = as_python(py, record).and_then(|record| self.0.bind(py).call1((record,)));
            given.map(drop).map_err(|why| failed(py, why))
        })
        .map_err(|error| Error::new(ErrorKind::Audit, MESSAGE).caused_by(error))
    }
}

const MESSAGE: &str = "the audit function failed, so this is not done";

/// What comes of an exception of the function: an order to stop stays one.
fn failed(py: Python<'_>, why: PyErr) -> PyErr {
    if is_exit(py, &why) {
        return why;
    }
    match raised(py, ErrorKind::Audit, MESSAGE.to_owned()) {
        Ok(error) => {
            error.set_cause(py, Some(why));
            error
        }
        Err(error) => error,
    }
}

fn as_python<'py>(py: Python<'py>, record: &AuditRecord) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let fields = PyDict::new(py);
    fields.set_item(intern!(py, "at"), record.at)?;
    fields.set_item(intern!(py, "cache"), &record.cache)?;
    fields.set_item(intern!(py, "action"), record.action.as_str())?;
    fields.set_item(intern!(py, "ref_id"), &record.ref_id)?;
    fields.set_item(intern!(py, "namespace"), &record.namespace)?;
    fields.set_item(intern!(py, "actor"), &record.actor)?;
    fields.set_item(intern!(py, "user"), &record.user)?;
    fields.set_item(intern!(py, "session"), &record.session)?;
    fields.set_item(intern!(py, "tool"), &record.tool)?;
    fields.set_item(intern!(py, "reason"), record.reason)?;
    fields.set_item(intern!(py, "count"), record.count)?;
    CLASS
        .import(py, "mcp_refcache.audit", "AuditRecord")?
        .call((), Some(&fields))
}

/// The action of this name.
pub(super) fn action(name: &str) -> PyResult<Action> {
    let known = [Action::Read, Action::Used, Action::Denied, Action::Deleted];
    let found = known.into_iter().find(|action| action.as_str() == name);
    found.ok_or_else(|| to_py(Error::invalid("no such action").with("action", name)))
}

/// Checks the chain of a log: how many records, the number of the first, the last hash, and how many torn lines.
#[pyfunction]
#[pyo3(signature = (paths, key = None, expect = None))]
pub(super) fn audit_verify(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    key: Option<Vec<u8>>,
    expect: Option<String>,
) -> PyResult<(u64, u64, String, u64)> {
    let found = py.detach(|| audit::verify(&paths, key.as_deref(), expect.as_deref()));
    let found = found.map_err(to_py)?;
    Ok((found.records, found.first, found.head, found.torn))
}

type Lines = Box<dyn Iterator<Item = Result<Line>> + Send>;

/// The lines of a log, oldest first.
#[pyclass(frozen, module = "mcp_refcache._core")]
pub(super) struct AuditLines(Mutex<Lines>);

#[pymethods]
impl AuditLines {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let lines = py.detach(|| audit::lines(path)).map_err(to_py)?;
        Ok(Self(Mutex::new(lines)))
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Vec<u8>>> {
        let line = py.detach(|| self.0.lock().next());
        Ok(line.transpose().map_err(to_py)?.map(|line| line.text))
    }
}
