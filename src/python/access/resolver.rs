//! The rules for namespaces: the core's own, and resolvers written in Python.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::super::error::from_py;
use super::actor::actor_to_python;
use crate::access::{
    Actor, DefaultNamespaceRules, NamespaceInfo, NamespaceRules, StrictNamespaceRules,
};
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

/// The core's rules, chosen by `DefaultNamespaceResolver(strict=)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct NativeRules {
    strict: bool,
}

impl NativeRules {
    pub(super) fn new(strict: bool) -> Self {
        Self { strict }
    }

    /// The rules of exactly the package's own resolver; a subclass may override anything.
    pub(super) fn of(resolver: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let py = resolver.py();
        let class = CLASS.import(
            py,
            "mcp_refcache.access.namespace",
            "DefaultNamespaceResolver",
        )?;
        if !resolver.get_type().is(class) {
            return Ok(None);
        }
        let strict = resolver.getattr(intern!(py, "strict"))?.is_truthy()?;
        Ok(Some(Self::new(strict)))
    }
}

impl NamespaceRules for NativeRules {
    fn parse(&self, namespace: &str) -> Result<NamespaceInfo> {
        DefaultNamespaceRules.parse(namespace)
    }

    fn admits(&self, namespace: &str, actor: &dyn Actor) -> Result<bool> {
        static WARNED: AtomicBool = AtomicBool::new(false);
        if StrictNamespaceRules.admits(namespace, actor)? {
            return Ok(true);
        }
        if self.strict || !DefaultNamespaceRules.admits(namespace, actor)? {
            return Ok(false);
        }
        if !WARNED.swap(true, Ordering::Relaxed) {
            warn_of_presumption().map_err(from_py)?;
        }
        Ok(true)
    }

    fn required_session(&self, namespace: &str) -> Result<Option<String>> {
        DefaultNamespaceRules.required_session(namespace)
    }
}

/// Says, once per process, that members of an organisation are not told from others.
fn warn_of_presumption() -> PyResult<()> {
    const MESSAGE: &str = "an actor without org_id entered an org: namespace, as no organisation is known of \
        it; set org_id on actors or in the identity, or refuse such actors with \
        DefaultNamespaceResolver(strict=True)";
    Python::attach(|py| {
        py.import("logging")?
            .call_method1("getLogger", ("mcp_refcache",))?
            .call_method1("warning", (MESSAGE,))
            .map(drop)
    })
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
