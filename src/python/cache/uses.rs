//! [`PyUses`]: what a call used, in the hands of Python.

use std::sync::Arc;

use pyo3::prelude::*;

use super::Found;
use crate::access::{AccessPolicy, PolicySource};
use crate::cache::Uses;
use crate::python::access::{PyActor, PyPolicy, policy_to_python};
use crate::python::error::to_py;

/// The entries whose values a call used.
#[pyclass(frozen, name = "Uses", module = "mcp_refcache._core")]
pub(crate) struct PyUses(pub(super) Uses);

#[pymethods]
impl PyUses {
    /// An empty collection.
    #[new]
    fn new() -> Self {
        Self(Uses::new())
    }

    /// One for a call inside this one: what it uses, this one uses as well.
    fn inner(&self) -> Self {
        Self(self.0.inner())
    }

    /// How many entries were used.
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Of what was used, that which the actor may not see.
    fn hidden_from(&self, actor: &Bound<'_, PyAny>) -> PyResult<Vec<Found>> {
        let hidden = self.0.hidden_from(&PyActor::new(actor)?).map_err(to_py)?;
        let found = hidden.into_iter().map(|hidden| Found {
            id: hidden.used.id,
            entry: hidden.used.entry,
            seen: hidden.seen,
        });
        Ok(found.collect())
    }

    /// The policy of a result with this policy of its own; None if it is the same.
    ///
    /// What the calls around this one used counts as well, unless `alone`.
    #[pyo3(signature = (policy, *, alone = false))]
    fn inherited<'py>(
        &self,
        policy: &Bound<'py, PyAny>,
        alone: bool,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if self.0.is_empty() && (alone || !self.0.is_inside_of_uses()) {
            return Ok(None);
        }
        let own = PyPolicy::new(policy);
        let own: AccessPolicy = own.policy().map_err(to_py)?.into_owned();
        let result = match alone {
            true => self.0.inherited_alone(&own),
            false => self.0.inherited(&own),
        };
        if result == own {
            return Ok(None);
        }
        let result: Arc<dyn PolicySource> = Arc::new(result);
        policy_to_python(policy.py(), &*result).map(Some)
    }
}
