//! Namespace resolvers written in Python.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::super::error::from_py;
use super::actor::actor_to_python;
use crate::access::{Actor, NamespaceInfo, NamespaceRules};
use crate::error::Result;

/// A Python object with the methods of `NamespaceResolver`.
#[derive(Debug)]
pub(super) struct PyResolver(Py<PyAny>);

impl PyResolver {
    pub(super) fn new(resolver: &Bound<'_, PyAny>) -> Self {
        Self(resolver.clone().unbind())
    }

    fn text(&self, method: &str, namespace: &str) -> Result<Option<String>> {
        Python::attach(|py| {
            self.0
                .bind(py)
                .call_method1(method, (namespace,))?
                .extract()
        })
        .map_err(from_py)
    }
}

/// Whether the object is exactly the package's own resolver, whose rules are the core's.
pub(super) fn is_default(resolver: &Bound<'_, PyAny>) -> PyResult<bool> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = CLASS.import(
        resolver.py(),
        "mcp_refcache.access.namespace",
        "DefaultNamespaceResolver",
    )?;
    Ok(resolver.get_type().is(class))
}

impl NamespaceRules for PyResolver {
    fn parse(&self, namespace: &str) -> Result<NamespaceInfo> {
        Python::attach(|py| {
            let info = self
                .0
                .bind(py)
                .call_method1(intern!(py, "parse"), (namespace,))?;
            PyResult::Ok(NamespaceInfo {
                raw: info.getattr(intern!(py, "raw"))?.extract()?,
                prefix: info.getattr(intern!(py, "prefix"))?.extract()?,
                identifier: info.getattr(intern!(py, "identifier"))?.extract()?,
                is_public: info.getattr(intern!(py, "is_public"))?.is_truthy()?,
                is_session_scoped: info
                    .getattr(intern!(py, "is_session_scoped"))?
                    .is_truthy()?,
                is_user_scoped: info.getattr(intern!(py, "is_user_scoped"))?.is_truthy()?,
                is_agent_scoped: info.getattr(intern!(py, "is_agent_scoped"))?.is_truthy()?,
                implied_owner: info.getattr(intern!(py, "implied_owner"))?.extract()?,
            })
        })
        .map_err(from_py)
    }

    fn admits(&self, namespace: &str, actor: &dyn Actor) -> Result<bool> {
        Python::attach(|py| {
            let validate = self.0.bind(py).getattr(intern!(py, "validate_access"))?;
            let admits = |actor| {
                validate
                    .call1((namespace, actor_to_python(py, actor)?))?
                    .is_truthy()
            };
            // a resolver that knows nothing of delegates is asked about the user as well
            PyResult::Ok(admits(actor)? || actor.on_behalf_of().map_or(Ok(false), admits)?)
        })
        .map_err(from_py)
    }

    fn owner(&self, namespace: &str) -> Result<Option<String>> {
        self.text("get_owner", namespace)
    }

    fn required_session(&self, namespace: &str) -> Result<Option<String>> {
        self.text("get_required_session", namespace)
    }
}
