//! [`Hook`]: a Python object that the core calls.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

/// A Python object shared by the adapter that calls it and by the cache, which shows it to the
/// garbage collector: it is one reference, to be visited once.
#[derive(Clone, Debug)]
pub(super) struct Hook(Arc<Py<PyAny>>);

impl Hook {
    /// Keeps the object.
    pub(super) fn new(object: &Bound<'_, PyAny>) -> Self {
        Self(Arc::new(object.clone().unbind()))
    }

    /// The object.
    pub(super) fn bind<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.0.bind(py)
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&*self.0)
    }
}
