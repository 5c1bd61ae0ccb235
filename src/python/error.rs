//! Errors across the border: Rust kinds become Python classes, Python exceptions pass through.

use pyo3::exceptions::{
    PyException, PyKeyError, PyPermissionError, PyRuntimeError, PyTypeError, PyValueError,
};
use pyo3::prelude::*;

use crate::error::{Error, ErrorKind};

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
        ErrorKind::NotFound => PyKeyError::new_err(message),
        ErrorKind::InvalidArgument | ErrorKind::Codec | ErrorKind::Unsupported => {
            PyValueError::new_err(message)
        }
        ErrorKind::InvalidType => PyTypeError::new_err(message),
        ErrorKind::CircularReference
        | ErrorKind::Backend
        | ErrorKind::Busy
        | ErrorKind::Unreachable
        | ErrorKind::Timeout
        | ErrorKind::Io
        | ErrorKind::Hook
        | ErrorKind::Unexpected => PyRuntimeError::new_err(message),
    }
}

/// An exception on its way through the core. A `PermissionError` is understood as a denial.
pub(super) fn from_py(raised: PyErr) -> Error {
    let denied = Python::attach(|py| raised.is_instance_of::<PyPermissionError>(py));
    let kind = if denied {
        ErrorKind::PermissionDenied
    } else {
        ErrorKind::Hook
    };
    Error::new(kind, "code of the user failed").caused_by(raised)
}

/// Whether an exception is no answer but an order to stop (`KeyboardInterrupt`, `SystemExit`).
pub(super) fn is_exit(py: Python<'_>, raised: &PyErr) -> bool {
    !raised.is_instance_of::<PyException>(py)
}
