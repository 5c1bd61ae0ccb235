//! [`Attributes`]: what a policy or an actor says of itself.

use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

/// The attributes of an object.
pub(super) enum Attributes<'a, 'py> {
    /// A model of ours has nothing else than what stands in its dict, which answers faster.
    Own(Bound<'py, PyDict>),
    Any(&'a Bound<'py, PyAny>),
}

impl<'a, 'py> Attributes<'a, 'py> {
    /// Those of an object that may be a model of ours, of exactly this class.
    pub(super) fn of(object: &'a Bound<'py, PyAny>, class: &Bound<'py, PyType>) -> PyResult<Self> {
        Ok(match object.is_exact_instance(class) {
            true => Self::Own(Self::dict(object)?),
            false => Self::Any(object),
        })
    }

    /// Those of a model of ours.
    pub(super) fn own(model: &Bound<'py, PyAny>) -> PyResult<Self> {
        Self::dict(model).map(Self::Own)
    }

    fn dict(model: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        Ok(model
            .getattr(intern!(model.py(), "__dict__"))?
            .cast_into()?)
    }

    /// The attribute of this name, if there is one.
    pub(super) fn get(&self, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self {
            Self::Own(dict) => dict.get_item(name),
            Self::Any(object) => object.getattr_opt(name),
        }
    }

    /// The attribute of this name, which every such object has.
    pub(super) fn required(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        self.get(name)?
            .ok_or_else(|| PyAttributeError::new_err(format!("{name} is missing")))
    }
}
