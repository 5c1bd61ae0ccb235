//! [`Hook`]: a Python object that the core calls and the garbage collector has to know.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

/// A user's object, held once for the part of the core that calls it and the class that visits it.
#[derive(Debug, Clone)]
pub(super) struct Hook(Arc<Py<PyAny>>);

/// The class that visits it, and the part that calls it.
const HOLDERS: usize = 2;

impl Hook {
    pub(super) fn new(object: &Bound<'_, PyAny>) -> Self {
        Self(Arc::new(object.clone().unbind()))
    }

    pub(super) fn bind<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.0.bind(py)
    }

    /// Visits the object for the one class that holds it beside the part that calls it.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // whoever else holds it keeps it alive
        if Arc::strong_count(&self.0) <= HOLDERS {
            visit.call(&*self.0)?;
        }
        Ok(())
    }
}
