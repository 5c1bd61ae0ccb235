//! Values that are shown without having been found in a store, as agents see them.

use pyo3::prelude::*;

use super::access::PyPolicy;
use super::decode;
use super::error::to_py;
use super::snapshot::{Keep, Snapshot};
use crate::access::PolicySource;
use crate::value::{ForeignValue, hide};

/// A value as agents see it under this policy: itself if nothing of it is hidden.
#[pyfunction]
pub(super) fn masked<'py>(
    value: &Bound<'py, PyAny>,
    policy: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(masks) = PyPolicy::new(policy).masked_paths().map_err(to_py)? else {
        return Ok(value.clone());
    };
    let snapshot = Snapshot::take_any(value, Keep::Share)?;
    let document = snapshot.document().map_err(to_py)?;
    match hide(&document, &mut masks.walk()).map_err(to_py)? {
        Some(seen) => decode::document(value.py(), &seen),
        None => Ok(value.clone()),
    }
}
