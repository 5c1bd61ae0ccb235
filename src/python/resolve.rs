//! Putting values in the place of references, inside Python values of any nesting.

use pyo3::exceptions::{PyKeyError, PyPermissionError, PyRecursionError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PySet, PyString, PyTuple, PyType};

use super::walk::MAX_DEPTH;
use crate::reference;

/// Whether a value is a str with the form of a reference.
#[pyfunction]
pub(super) fn is_ref_id(value: &Bound<'_, PyAny>) -> bool {
    value
        .cast::<PyString>()
        .is_ok_and(|text| text.to_str().is_ok_and(reference::is_ref_id))
}

/// Replaces references inside a value.
///
/// `resolve(ref)` gives the value of a reference of the caller's, `follow(ref)` of one that stands in
/// a stored value (None = those are left alone), `knows(ref)` tells references from text of the same
/// form (None = all are references). Gives the new value, the list of replaced references and a dict
/// of those that failed.
#[pyfunction]
#[pyo3(signature = (value, resolve, follow, knows, fail_on_missing))]
pub(super) fn resolve_refs<'py>(
    value: &Bound<'py, PyAny>,
    resolve: Bound<'py, PyAny>,
    follow: Option<Bound<'py, PyAny>>,
    knows: Option<Bound<'py, PyAny>>,
    fail_on_missing: bool,
) -> PyResult<(Bound<'py, PyAny>, Vec<String>, Bound<'py, PyDict>)> {
    let errors = PyDict::new(value.py());
    let mut resolver = Resolver {
        resolve,
        follow,
        knows,
        fail_on_missing,
        chain: Vec::new(),
        resolved: Vec::new(),
        errors,
        depth: 0,
    };
    let replaced = resolver.visit(value)?.unwrap_or_else(|| value.clone());
    Ok((replaced, resolver.resolved, resolver.errors))
}

struct Resolver<'py> {
    resolve: Bound<'py, PyAny>,
    follow: Option<Bound<'py, PyAny>>,
    knows: Option<Bound<'py, PyAny>>,
    fail_on_missing: bool,
    /// References being resolved, outermost first.
    chain: Vec<String>,
    resolved: Vec<String>,
    errors: Bound<'py, PyDict>,
    depth: usize,
}

impl<'py> Resolver<'py> {
    /// The value with its references replaced; `None` if it is to be used as it is.
    ///
    /// Containers of the caller are rebuilt, those of a stored value only where something changed.
    fn visit(&mut self, value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Ok(text) = value.cast::<PyString>() {
            return match text.to_str() {
                Ok(text) if self.is_reference(text)? => self.replace(text),
                _ => Ok(None),
            };
        }
        if self.depth == MAX_DEPTH {
            return Err(PyRecursionError::new_err(format!(
                "value nests deeper than {MAX_DEPTH} levels"
            )));
        }
        self.depth += 1;
        let visited = self.container(value);
        self.depth -= 1;
        visited
    }

    fn container(&mut self, value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = value.py();
        if let Ok(list) = value.cast::<PyList>() {
            let (items, changed) = self.items(list.iter())?;
            return self.rebuilt(changed, || Ok(PyList::new(py, items)?.into_any()));
        }
        if let Ok(tuple) = value.cast::<PyTuple>() {
            let (items, changed) = self.items(tuple.iter())?;
            return self.rebuilt(changed, || Ok(PyTuple::new(py, items)?.into_any()));
        }
        if let Ok(dict) = value.cast::<PyDict>() {
            let (keys, new_keys) = self.items(dict.keys().iter())?;
            let (values, new_values) = self.items(dict.values().iter())?;
            return self.rebuilt(new_keys || new_values, || {
                let rebuilt = PyDict::new(py);
                keys.into_iter()
                    .zip(values)
                    .try_for_each(|(key, value)| rebuilt.set_item(key, value))?;
                Ok(rebuilt.into_any())
            });
        }
        if let Ok(set) = value.cast::<PySet>() {
            let (items, changed) = self.items(set.iter())?;
            return if changed {
                Ok(Some(PySet::new(py, items)?.into_any()))
            } else {
                Ok(None)
            };
        }
        if let Ok(set) = value.cast::<PyFrozenSet>() {
            let (items, changed) = self.items(set.iter())?;
            return if changed {
                Ok(Some(PyFrozenSet::new(py, items)?.into_any()))
            } else {
                Ok(None)
            };
        }
        self.object(value)
    }

    fn items(
        &mut self,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
    ) -> PyResult<(Vec<Bound<'py, PyAny>>, bool)> {
        let mut changed = false;
        let items = items.map(|item| {
            let visited = self.visit(&item)?;
            changed |= visited.is_some();
            Ok(visited.unwrap_or(item))
        });
        let items = items.collect::<PyResult<Vec<_>>>()?;
        Ok((items, changed))
    }

    fn rebuilt(
        &self,
        changed: bool,
        build: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if changed || self.chain.is_empty() {
            build().map(Some)
        } else {
            Ok(None)
        }
    }

    /// A dataclass instance or pydantic model with references in its fields is copied with the values.
    fn object(&mut self, value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = value.py();
        if value.is_instance_of::<PyType>() {
            return Ok(None);
        }
        let class = value.get_type();
        let fields = [
            intern!(py, "__dataclass_fields__"),
            intern!(py, "__pydantic_fields__"),
        ];
        let Some(fields) = fields.into_iter().find_map(|name| class.getattr(name).ok()) else {
            return Ok(None);
        };
        let Ok(fields) = fields.cast_into::<PyDict>() else {
            return Ok(None);
        };
        let mut copy = None;
        for name in fields.keys() {
            let Ok(field) = value.getattr(name.cast::<PyString>()?) else {
                continue;
            };
            let Some(replaced) = self.visit(&field)? else {
                continue;
            };
            if replaced.is(&field)
                || (self.chain.is_empty()
                    && is_container(&field)
                    && replaced.eq(&field).unwrap_or(false))
            {
                continue;
            }
            let copy = match &copy {
                Some(copy) => copy,
                None => copy.insert(py.import("copy")?.call_method1("copy", (value,))?),
            };
            // past frozen dataclasses and validation: the value goes where the reference was
            py.get_type::<PyAny>()
                .call_method1("__setattr__", (copy, name, replaced))?;
        }
        Ok(copy)
    }

    fn is_reference(&self, text: &str) -> PyResult<bool> {
        Ok(reference::is_ref_id(text)
            && self
                .knows
                .as_ref()
                .map_or(Ok(true), |knows| knows.call1((text,))?.is_truthy())?)
    }

    fn replace(&mut self, reference: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        if self.chain.iter().any(|outer| outer == reference) {
            return Err(self.circular(reference));
        }
        let resolve = match (self.chain.is_empty(), &self.follow) {
            (true, _) => &self.resolve,
            (false, Some(follow)) => follow,
            (false, None) => return Ok(None),
        };
        let py = resolve.py();
        let value = match resolve.call1((reference,)) {
            Ok(value) => value,
            Err(error)
                if error.is_instance_of::<PyKeyError>(py)
                    || error.is_instance_of::<PyPermissionError>(py) =>
            {
                return self.missing(reference);
            }
            Err(error) => return Err(error),
        };
        self.resolved.push(reference.to_owned());
        if self.follow.is_none() {
            return Ok(Some(value));
        }
        self.chain.push(reference.to_owned());
        let visited = self.visit(&value);
        self.chain.pop();
        Ok(Some(visited?.unwrap_or(value)))
    }

    /// Missing and forbidden are one answer; inside a stored value it names the caller's reference.
    fn missing(&self, reference: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        if self.fail_on_missing {
            let named = self.chain.first().map_or(reference, String::as_str);
            return Err(PyKeyError::new_err(format!(
                "Invalid or inaccessible reference: {named}"
            )));
        }
        self.errors
            .set_item(reference, "Invalid or inaccessible reference")?;
        Ok(None)
    }

    fn circular(&self, reference: &str) -> PyErr {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let py = self.errors.py();
        match CLASS.import(py, "mcp_refcache.resolution", "CircularReferenceError") {
            Ok(class) => {
                PyErr::from_type(class.clone(), (reference.to_owned(), self.chain.clone()))
            }
            Err(error) => error,
        }
    }
}

fn is_container(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>()
        || value.is_instance_of::<PyDict>()
}
