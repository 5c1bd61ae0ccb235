//! Values that are shown without having been found in a store, as their reader sees them.

use pyo3::prelude::*;

use super::access::{PyActor, PyPolicy};
use super::decode;
use super::error::to_py;
use super::snapshot::{Keep, Snapshot};
use crate::access::{Actor, ActorType, PolicySource};
use crate::value::{ForeignValue, hide};

/// A value as an actor sees it under this policy, None = as agents do: itself if nothing of it is hidden.
#[pyfunction]
#[pyo3(signature = (value, policy, actor = None))]
pub(super) fn masked<'py>(
    value: &Bound<'py, PyAny>,
    policy: &Bound<'py, PyAny>,
    actor: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let kind = match actor {
        Some(actor) => PyActor::new(actor)?.kind(),
        None => ActorType::Agent,
    };
    let masks = PyPolicy::new(policy).masked_paths().map_err(to_py)?;
    let Some(masks) = masks.filter(|_| kind.sees_masked()) else {
        return Ok(value.clone());
    };
    let snapshot = Snapshot::take_any(value, Keep::Share)?;
    let document = snapshot.document().map_err(to_py)?;
    match hide(&document, &mut masks.walk()).map_err(to_py)? {
        Some(seen) => decode::document(value.py(), &seen),
        None => Ok(value.clone()),
    }
}
