//! What the classes in `mcp_refcache.permissions` and `mcp_refcache.access` call.

use std::borrow::Cow;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyString;

use super::super::arguments::text;
use super::super::error::to_py;
use super::actor::PyActor;
use super::checker::NativeChecker;
use super::permission;
use super::policy::{PyPolicy, masks_of};
use super::resolver::{NativeRules, PyResolver};
use crate::access::{
    Actor, ActorPattern, ActorType, DefaultNamespaceRules, DefaultPermissionChecker, Filling,
    Namespace, NamespaceRules, PermissionChecker, escape_id, expand_template as expand,
};

/// Calls `ask` with the core's checker over this resolver.
fn with_checker<T>(
    resolver: &Bound<'_, PyAny>,
    ask: impl FnOnce(&dyn PermissionChecker) -> crate::Result<T>,
) -> PyResult<T> {
    let answer = match NativeRules::of(resolver)? {
        Some(rules) => ask(&NativeChecker(DefaultPermissionChecker::new(rules))),
        None => ask(&NativeChecker(DefaultPermissionChecker::new(
            PyResolver::new(resolver),
        ))),
    };
    answer.map_err(to_py)
}

/// Raise `PermissionDenied` unless the actor has all of the required permissions.
#[pyfunction]
pub(crate) fn check_permission(
    policy: &Bound<'_, PyAny>,
    required: &Bound<'_, PyAny>,
    actor: &Bound<'_, PyAny>,
    namespace: &str,
    resolver: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let required = permission::required(required)?;
    let (policy, actor) = (PyPolicy::new(policy), PyActor::new(actor)?);
    with_checker(resolver, |checker| {
        checker.check(&policy, required, &actor, namespace)
    })
}

/// Raise ValueError for what is no masked path, TypeError for what is no text.
#[pyfunction]
pub(crate) fn check_masked_paths(paths: &Bound<'_, PyAny>) -> PyResult<()> {
    masks_of(paths).map(drop)
}

/// Everything that the actor may do.
#[pyfunction]
pub(crate) fn effective_permissions<'py>(
    policy: &Bound<'py, PyAny>,
    actor: &Bound<'py, PyAny>,
    namespace: &str,
    resolver: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = policy.py();
    let (policy, actor) = (PyPolicy::new(policy), PyActor::new(actor)?);
    let granted = with_checker(resolver, |checker| {
        checker.effective(&policy, &actor, namespace)
    })?;
    permission::to_python(py, granted)
}

/// Whether an actor of this type and id matches the pattern.
#[pyfunction]
pub(crate) fn actor_matches(pattern: &str, actor_type: &str, actor_id: Option<&str>) -> bool {
    ActorType::from_name(actor_type)
        .is_some_and(|kind| ActorPattern::parse(pattern).matches(kind, actor_id))
}

/// Whether the actor may enter the namespace by the core's rules; `strict` as in `DefaultNamespaceResolver`.
#[pyfunction]
pub(crate) fn namespace_admits(
    namespace: &str,
    actor: &Bound<'_, PyAny>,
    strict: bool,
) -> PyResult<bool> {
    let actor = PyActor::new(actor)?;
    NativeRules::new(strict)
        .admits(namespace, &actor as &dyn Actor)
        .map_err(to_py)
}

/// Identifier and implied owner of a namespace.
#[pyfunction]
pub(crate) fn parse_namespace(namespace: &str) -> PyResult<(Option<String>, Option<String>)> {
    let info = DefaultNamespaceRules.parse(namespace).map_err(to_py)?;
    Ok((info.identifier, info.implied_owner))
}

/// The session one has to be in to enter the namespace.
#[pyfunction]
pub(crate) fn required_session(namespace: &str) -> PyResult<Option<String>> {
    DefaultNamespaceRules
        .required_session(namespace)
        .map_err(to_py)
}

/// The name of a namespace made of `(scope, id)` pairs.
#[pyfunction]
pub(crate) fn namespace_name(parts: Vec<(PyBackedStr, PyBackedStr)>) -> PyResult<String> {
    let parts: Vec<(&str, &str)> = parts.iter().map(|(scope, id)| (&**scope, &**id)).collect();
    Namespace::of_parts(&parts).map(String::from).map_err(to_py)
}

/// The template with its placeholders filled: with values, escaped, or else with the text for their names. Both are
/// mappings.
#[pyfunction]
pub(crate) fn expand_template(
    template: &str,
    values: &Bound<'_, PyAny>,
    texts: &Bound<'_, PyAny>,
) -> PyResult<String> {
    expand(template, |name| {
        if !values.contains(name)? {
            let fallback = match texts.contains(name)? {
                true => texts.get_item(name)?.extract()?,
                false => "unknown".to_owned(),
            };
            return Ok(Filling::Text(Cow::Owned(fallback)));
        }
        let value = values.get_item(name)?;
        if value.is_none() {
            return Ok(Filling::Text(Cow::Borrowed("")));
        }
        match value.cast::<PyString>() {
            Ok(id) => Ok(Filling::Id(Cow::Owned(text(name, id)?.to_owned()))),
            Err(_) => Err(PyTypeError::new_err(format!(
                "context value '{name}' must be str or None, not {}",
                value.get_type().name()?
            ))),
        }
    })
}

/// The id as templates write it.
#[pyfunction]
pub(crate) fn escape_template_value(value: &str) -> Cow<'_, str> {
    escape_id(value)
}
