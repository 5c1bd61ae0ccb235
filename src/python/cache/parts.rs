//! What a cache is made of, as Python gives it.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::super::access::PyPolicy;
use super::super::arguments::{self, number};
use super::super::audit::AuditLog;
use super::super::error::to_py;
use super::super::hook::Hook;
use super::super::store::{PyBackend, Store};
use crate::backend::{Backend, KeyIndexed};
use crate::cache::{NamespaceRule, PreviewConfig, Ttl};
use crate::preview::PreviewStrategy;

/// Who holds the default policy of a cache whose entries do not: the cache here and its core.
const OWN_HOLDERS: usize = 2;

/// The Python objects that a cache was made of; the user may exchange them.
pub(super) struct Parts {
    pub(super) backend: Py<PyAny>,
    pub(super) measurer: Py<PyAny>,
    /// The user's generator; `None` where it is one of ours.
    pub(super) generator: Option<Py<PyAny>>,
    /// Whether the user's generator gives way to pagination when a page is asked for.
    pub(super) samples: bool,
    pub(super) preview_config: Py<PyAny>,
    /// What a store keeps in place of an object that it cannot keep.
    pub(super) default: Option<Py<PyAny>>,
    /// Where it is written down who did what.
    pub(super) audit_log: Option<Py<AuditLog>>,
    /// What the core calls.
    pub(super) backend_hook: Option<Hook>,
    pub(super) measurer_hook: Option<Hook>,
    pub(super) checker_hook: Option<Hook>,
    pub(super) default_policy: Arc<PyPolicy>,
}

impl Parts {
    /// Shows the garbage collector what only the cache holds; entries belong to their store.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.backend)?;
        visit.call(&self.measurer)?;
        visit.call(&self.generator)?;
        visit.call(&self.preview_config)?;
        visit.call(&self.default)?;
        visit.call(&self.audit_log)?;
        let hooks = [&self.backend_hook, &self.measurer_hook, &self.checker_hook];
        hooks
            .into_iter()
            .flatten()
            .try_for_each(|hook| hook.traverse(visit))?;
        // entries may hold it, too, and outlive the cache in a store of several caches
        match Arc::strong_count(&self.default_policy) {
            OWN_HOLDERS => self.default_policy.traverse(visit),
            _ => Ok(()),
        }
    }
}

/// The store that a Python backend stands for, and the object itself if it is asked.
pub(super) fn store(
    backend: &Bound<'_, PyAny>,
    limit: Option<usize>,
) -> (Arc<dyn Backend>, Option<Hook>) {
    // only the class itself: a subclass may have overridden any of the six methods
    let native = backend.getattr(intern!(backend.py(), "_native_store")).ok();
    match native
        .as_ref()
        .and_then(|native| native.cast::<Store>().ok())
    {
        Some(native) => (Arc::clone(&native.get().backend), None),
        None => {
            let hook = Hook::new(backend);
            let store = PyBackend(hook.clone());
            let indexed = match limit {
                Some(limit) => KeyIndexed::with_limit(store, limit),
                None => KeyIndexed::new(store),
            };
            (Arc::new(indexed), Some(hook))
        }
    }
}

/// Size and strategy of previews, as a `PreviewConfig` says now.
pub(super) fn config(preview_config: &Bound<'_, PyAny>) -> PyResult<PreviewConfig> {
    let py = preview_config.py();
    let max_size = number(
        "max_size",
        1,
        Some(&preview_config.getattr(intern!(py, "max_size"))?),
    )?;
    let strategy = preview_config.getattr(intern!(py, "default_strategy"))?;
    let strategy: PreviewStrategy = strategy.extract::<&str>()?.parse().map_err(to_py)?;
    PreviewConfig::new(max_size.unwrap_or(0), strategy).map_err(to_py)
}

/// A rule for namespaces: pattern, TTL, policy.
pub(super) fn rule(
    (pattern, given_ttl, policy): &(String, Bound<'_, PyAny>, Option<Bound<'_, PyAny>>),
) -> PyResult<NamespaceRule> {
    let given_ttl = arguments::ttl(&format!("ttl of namespace '{pattern}'"), given_ttl)?;
    let rule = NamespaceRule::new(pattern).ttl(given_ttl);
    Ok(match policy {
        Some(policy) => rule.policy(Arc::new(PyPolicy::new(policy))),
        None => rule,
    })
}

/// Seconds that entries live by default; `None` = for ever.
pub(super) fn default_ttl(given: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    Ok(match arguments::ttl("default_ttl", given)? {
        Ttl::Seconds(seconds) => Some(seconds),
        Ttl::Default | Ttl::Never => None,
    })
}
