//! [`Removed`]: what a store removes by itself, in the hands of Python.

use std::sync::Arc;

use pyo3::prelude::*;

use crate::backend::{Gone, RemovalLog, Why};

/// An entry's reference and namespace, and whether it was evicted, not expired.
type Removal = (String, String, bool);

/// What the store of a cache removes by itself, from now on.
#[pyclass(frozen, module = "mcp_refcache._core")]
pub(crate) struct Removed(pub(super) Arc<RemovalLog>);

#[pymethods]
impl Removed {
    /// What went since the last time: reference, namespace and whether it was evicted, not expired; then how many
    /// more expired, and how many more were evicted, than are told one by one.
    fn take(&self) -> (Vec<Removal>, u64, u64) {
        let Gone {
            entries,
            more_expired,
            more_evicted,
            ..
        } = self.0.take();
        let told = entries.iter().map(|gone| {
            let is_evicted = gone.why == Why::Evicted;
            (gone.id.to_string(), gone.namespace.to_string(), is_evicted)
        });
        (told.collect(), more_expired, more_evicted)
    }
}
