//! Checkers: the core's own, and those written in Python.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

use super::super::error::from_py;
use super::super::hook::Hook;
use super::actor::actor_to_python;
use super::permission;
use super::policy::policy_to_python;
use super::resolver::NativeRules;
use crate::access::{
    Actor, DefaultPermissionChecker, Denial, NamespaceRules, Permission, PermissionChecker,
    PolicySource,
};
use crate::error::{Error, ErrorKind, Result};

/// The checker that a Python object stands for: the core's own for a `DefaultPermissionChecker` with
/// its own resolver, otherwise the object itself is asked. A subclass may override anything.
pub(crate) fn checker_from_python(
    checker: &Bound<'_, PyAny>,
) -> PyResult<(Arc<dyn PermissionChecker>, Option<Hook>)> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = checker.py();
    let class = CLASS.import(
        py,
        "mcp_refcache.access.checker",
        "DefaultPermissionChecker",
    )?;
    if checker.get_type().is(class)
        && let Some(rules) = NativeRules::of(&checker.getattr(intern!(py, "_namespace_resolver"))?)?
    {
        return Ok((
            Arc::new(NativeChecker(DefaultPermissionChecker::new(rules))),
            None,
        ));
    }
    let hook = Hook::new(checker);
    Ok((Arc::new(PyChecker(hook.clone())), Some(hook)))
}

/// The core's checker; its denials remember the Python object that asked.
#[derive(Debug)]
pub(super) struct NativeChecker<R>(pub(super) DefaultPermissionChecker<R>);

impl<R: NamespaceRules> PermissionChecker for NativeChecker<R> {
    fn check(
        &self,
        policy: &dyn PolicySource,
        required: Permission,
        actor: &dyn Actor,
        namespace: &str,
    ) -> Result<()> {
        let checked = self.0.check(policy, required, actor, namespace);
        let Err(error) = checked else { return Ok(()) };
        match Denial::of(&error).cloned() {
            None => Err(error),
            Some(denial) => Err(Python::attach(|py| {
                let asked = Asked {
                    denial,
                    actor: actor_to_python(py, actor)?.unbind(),
                };
                let message = error.message().to_owned();
                PyResult::Ok(Error::new(ErrorKind::PermissionDenied, message).caused_by(asked))
            })
            .unwrap_or_else(from_py)),
        }
    }

    fn effective(
        &self,
        policy: &dyn PolicySource,
        actor: &dyn Actor,
        namespace: &str,
    ) -> Result<Permission> {
        self.0.effective(policy, actor, namespace)
    }

    fn allows(
        &self,
        policy: &dyn PolicySource,
        required: Permission,
        actor: &dyn Actor,
        namespace: &str,
    ) -> Result<bool> {
        self.0.allows(policy, required, actor, namespace)
    }
}

/// A denial and the Python object that asked.
#[derive(Debug)]
struct Asked {
    denial: Denial,
    actor: Py<PyAny>,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.denial.fmt(f)
    }
}

impl StdError for Asked {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.denial)
    }
}

/// The `PermissionDenied` for a denial of the core, with what is known about it.
pub(crate) fn denied(message: String, source: Option<Box<dyn StdError + Send + Sync>>) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let source = source
        .as_deref()
        .map(|source| source as &(dyn StdError + 'static));
    let asked = source.and_then(|source| source.downcast_ref::<Asked>());
    let denial = asked
        .map(|asked| &asked.denial)
        .or_else(|| source?.downcast_ref());
    Python::attach(|py| {
        let class = CLASS.import(py, "mcp_refcache.access.checker", "PermissionDenied")?;
        let facts = PyDict::new(py);
        if let Some(denial) = denial {
            facts.set_item(
                intern!(py, "required"),
                permission::to_python(py, denial.required)?,
            )?;
            facts.set_item(intern!(py, "reason"), denial.reason.as_str())?;
            facts.set_item(intern!(py, "namespace"), &denial.namespace)?;
        }
        facts.set_item(intern!(py, "actor"), asked.map(|asked| &asked.actor))?;
        class.call((message,), Some(&facts)).map(PyErr::from_value)
    })
    .unwrap_or_else(|error| error)
}

/// A Python object with the methods of `PermissionChecker`.
#[derive(Debug)]
struct PyChecker(Hook);

impl PermissionChecker for PyChecker {
    fn check(
        &self,
        policy: &dyn PolicySource,
        required: Permission,
        actor: &dyn Actor,
        namespace: &str,
    ) -> Result<()> {
        Python::attach(|py| {
            let required = permission::to_python(py, required)?;
            let arguments = (
                policy_to_python(py, policy)?,
                required,
                actor_to_python(py, actor)?,
                namespace,
            );
            self.0
                .bind(py)
                .call_method1(intern!(py, "check"), arguments)?;
            Ok(())
        })
        .map_err(from_py)
    }

    fn effective(
        &self,
        policy: &dyn PolicySource,
        actor: &dyn Actor,
        namespace: &str,
    ) -> Result<Permission> {
        Python::attach(|py| {
            let arguments = (
                policy_to_python(py, policy)?,
                actor_to_python(py, actor)?,
                namespace,
            );
            let method = intern!(py, "get_effective_permissions");
            permission::granted(&self.0.bind(py).call_method1(method, arguments)?)
        })
        .map_err(from_py)
    }
}
