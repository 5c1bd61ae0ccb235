//! Errors across the border: Rust kinds become Python classes, Python exceptions pass through.

use std::error::Error as StdError;

use pyo3::exceptions::{
    PyException, PyKeyError, PyPermissionError, PyRuntimeError, PyTypeError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::error::{Error, ErrorKind};
use crate::limits::RateLimited;

/// The exception for an error of the core. One that came out of Python code is the same object again.
pub(super) fn to_py(error: Error) -> PyErr {
    let (kind, message) = (error.kind(), error.to_string());
    let source = match error.into_source().map(|source| source.downcast::<PyErr>()) {
        Some(Ok(raised)) => return *raised,
        Some(Err(source)) => Some(source),
        None => None,
    };
    match kind {
        ErrorKind::PermissionDenied => super::access::denied(message, source),
        ErrorKind::RateLimited => rate_limited(message, source),
        ErrorKind::NotFound => PyKeyError::new_err(message),
        ErrorKind::InvalidArgument | ErrorKind::Unsupported => PyValueError::new_err(message),
        ErrorKind::InvalidType => PyTypeError::new_err(message),
        ErrorKind::Codec
        | ErrorKind::Audit
        | ErrorKind::Backend
        | ErrorKind::Unreachable
        | ErrorKind::Timeout
        | ErrorKind::Busy
        | ErrorKind::Io => {
            Python::attach(|py| raised(py, kind, message)).unwrap_or_else(|error| error)
        }
        ErrorKind::CircularReference | ErrorKind::Hook | ErrorKind::Unexpected => {
            PyRuntimeError::new_err(message)
        }
    }
}

/// The `RateLimitExceeded` that says when to come back.
fn rate_limited(message: String, source: Option<Box<dyn StdError + Send + Sync>>) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let limited = source
        .as_deref()
        .and_then(|source| source.downcast_ref::<RateLimited>());
    let retry_after = limited.map_or(0.0, |limited| limited.retry_after);
    Python::attach(|py| {
        let make = MAKE.import(py, "mcp_refcache.exceptions", "rate_limit_exceeded")?;
        make.call1((message, retry_after)).map(PyErr::from_value)
    })
    .unwrap_or_else(|error| error)
}

/// An exception on its way through the core. A `PermissionError` is understood as a denial.
pub(super) fn from_py(raised: PyErr) -> Error {
    Python::attach(|py| {
        let kind = if raised.is_instance_of::<PyPermissionError>(py) {
            Some(ErrorKind::PermissionDenied)
        } else {
            kind_of(py, &raised)
        };
        match kind {
            Some(kind) if kind != ErrorKind::PermissionDenied => {
                Error::new(kind, raised.value(py).to_string())
            }
            _ => Error::new(kind.unwrap_or(ErrorKind::Hook), "code of the user failed"),
        }
    })
    .caused_by(raised)
}

/// The classes of `mcp_refcache.exceptions`, subclasses before their bases.
const CLASSES: [(ErrorKind, &str); 7] = [
    (ErrorKind::Audit, "AuditError"),
    (ErrorKind::Codec, "CodecError"),
    (ErrorKind::Busy, "BackendBusyError"),
    (ErrorKind::Timeout, "BackendTimeoutError"),
    (ErrorKind::Unreachable, "BackendConnectionError"),
    (ErrorKind::Io, "BackendIOError"),
    (ErrorKind::Backend, "BackendError"),
];

fn class<'py>(py: Python<'py>, place: usize) -> PyResult<&'py Bound<'py, PyType>> {
    static KNOWN: [PyOnceLock<Py<PyType>>; CLASSES.len()] =
        [const { PyOnceLock::new() }; CLASSES.len()];
    KNOWN[place].import(py, "mcp_refcache.exceptions", CLASSES[place].1)
}

/// The exception of a kind that has a class of its own.
pub(super) fn raised(py: Python<'_>, kind: ErrorKind, message: String) -> PyResult<PyErr> {
    let place = CLASSES.iter().position(|(known, _)| *known == kind);
    let class = class(py, place.unwrap_or(CLASSES.len() - 1))?;
    Ok(PyErr::from_type(class.clone(), (message,)))
}

/// The kind that an exception says by its class.
pub(super) fn kind_of(py: Python<'_>, raised: &PyErr) -> Option<ErrorKind> {
    let place = (0..CLASSES.len())
        .find(|place| class(py, *place).is_ok_and(|class| raised.is_instance(py, class)));
    place.map(|place| CLASSES[place].0)
}

/// Whether an exception is no answer but an order to stop (`KeyboardInterrupt`, `SystemExit`).
pub(super) fn is_exit(py: Python<'_>, raised: &PyErr) -> bool {
    !raised.is_instance_of::<PyException>(py)
}
