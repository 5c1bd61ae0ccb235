//! Policies of Python: kept by reference and read at each check, for they may change.

use std::any::Any;
use std::borrow::Cow;
use std::collections::HashMap;

use parking_lot::Mutex;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFrozenSet, PyString, PyType};
use pyo3::{PyTraverseError, PyVisit, intern, pybacked::PyBackedStr};

use super::super::arguments::wrong_type;
use super::super::error::{from_py, to_py};
use super::attributes::Attributes;
use super::permission;
use crate::access::{AccessPolicy, ActorPattern, ActorPatterns, Masks, Permission, PolicySource};
use crate::error::Result;

/// A Python object that reads like an `AccessPolicy`. Lists, owner and session that it lacks count as
/// None.
#[derive(Debug)]
pub(crate) struct PyPolicy(Py<PyAny>);

impl PyPolicy {
    /// Keeps the object.
    pub(crate) fn new(policy: &Bound<'_, PyAny>) -> Self {
        Self(policy.clone().unbind())
    }

    /// Shows the object to the garbage collector; for the only holder of this policy.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}

impl PolicySource for PyPolicy {
    fn policy(&self) -> Result<Cow<'_, AccessPolicy>> {
        Python::attach(|py| read(self.0.bind(py)))
            .map(Cow::Owned)
            .map_err(from_py)
    }

    fn masked_paths(&self) -> Result<Option<Masks>> {
        Python::attach(|py| {
            let name = intern!(py, "masked_paths");
            masks(self.0.bind(py).getattr_opt(name)?)
        })
        .map_err(from_py)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The masks of a policy's paths; None counts as none, as does a policy that knows of no masks.
fn masks(paths: Option<Bound<'_, PyAny>>) -> PyResult<Option<Masks>> {
    let paths = paths.filter(|paths| !paths.is_none());
    static COMPILED: Compiled<Masks> = Compiled::new();
    paths.map(|paths| COMPILED.of(&paths, masks_of)).transpose()
}

/// The masks of some paths.
pub(super) fn masks_of(paths: &Bound<'_, PyAny>) -> PyResult<Masks> {
    Masks::new(texts(paths, "masked paths")?.iter()).map_err(to_py)
}

/// The class of our own policies.
fn class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "mcp_refcache.permissions", "AccessPolicy")
}

fn read<'py>(policy: &Bound<'py, PyAny>) -> PyResult<AccessPolicy> {
    let py = policy.py();
    let attributes = Attributes::of(policy, class(py)?)?;
    let permissions = |name: &Bound<'py, PyString>| {
        let value = attributes.get(name)?;
        value.map(|value| permission::granted(&value)).transpose()
    };
    let optional = |name: &Bound<'py, PyString>| {
        let value = attributes.get(name)?;
        PyResult::Ok(value.filter(|value| !value.is_none()))
    };
    let text = |name: &Bound<'py, PyString>| optional(name)?.map(text_or_unequal).transpose();
    let patterns =
        |name: &Bound<'py, PyString>| optional(name)?.map(|list| patterns_of(&list)).transpose();

    let user_permissions = permissions(intern!(py, "user_permissions"))?;
    let agent_permissions = permissions(intern!(py, "agent_permissions"))?;
    if user_permissions.is_none() && agent_permissions.is_none() {
        return Err(wrong_type("policy", "an AccessPolicy", policy));
    }
    Ok(AccessPolicy {
        user_permissions: user_permissions.unwrap_or_default(),
        agent_permissions: agent_permissions.unwrap_or_default(),
        owner: text(intern!(py, "owner"))?,
        owner_permissions: permissions(intern!(py, "owner_permissions"))?
            .unwrap_or(Permission::FULL),
        allowed_actors: patterns(intern!(py, "allowed_actors"))?,
        denied_actors: patterns(intern!(py, "denied_actors"))?,
        bound_session: text(intern!(py, "bound_session"))?,
        allowed_permissions: permissions(intern!(py, "allowed_permissions"))?
            .unwrap_or(Permission::FULL),
        masked_paths: masks(attributes.get(intern!(py, "masked_paths"))?)?,
    })
}

/// A text; for anything else (a mock, say) one that equals no label and no session.
fn text_or_unequal(value: Bound<'_, PyAny>) -> PyResult<String> {
    match value.cast::<PyString>() {
        Ok(text) => Ok(text.to_str()?.to_owned()),
        Err(_) => Ok(format!(
            "<{} at {:p}>",
            value.get_type().name()?,
            value.as_ptr()
        )),
    }
}

/// How many compiled lists are remembered; policies share few.
const REMEMBERED: usize = 256;

/// What was compiled of frozensets.
struct Compiled<T>(PyOnceLock<Mutex<ByAddress<T>>>);

/// By the address of a set, which is kept so that the address stays its own.
type ByAddress<T> = HashMap<usize, (Py<PyFrozenSet>, T)>;

impl<T: Clone + Send> Compiled<T> {
    const fn new() -> Self {
        Self(PyOnceLock::new())
    }

    /// What `compile` makes of a list; of a frozenset, once.
    fn of(
        &self,
        list: &Bound<'_, PyAny>,
        compile: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>,
    ) -> PyResult<T> {
        let Ok(set) = list.cast_exact::<PyFrozenSet>() else {
            return compile(list);
        };
        let known = self.0.get_or_init(list.py(), Mutex::default);
        let address = set.as_ptr().addr();
        if let Some((_, compiled)) = known.lock().get(&address) {
            return Ok(compiled.clone());
        }
        let compiled = compile(list)?;
        let mut known = known.lock();
        let forgotten = if known.len() >= REMEMBERED {
            std::mem::take(&mut *known)
        } else {
            HashMap::new()
        };
        known.insert(address, (set.clone().unbind(), compiled.clone()));
        drop(known);
        drop(forgotten); // after the lock: dropping Python objects may run code
        Ok(compiled)
    }
}

/// The patterns of a list of actors.
fn patterns_of(list: &Bound<'_, PyAny>) -> PyResult<ActorPatterns> {
    static COMPILED: Compiled<ActorPatterns> = Compiled::new();
    COMPILED.of(list, |list| {
        Ok(texts(list, "actor patterns")?.iter().collect())
    })
}

fn texts(list: &Bound<'_, PyAny>, what: &str) -> PyResult<Vec<PyBackedStr>> {
    let text = |item: Bound<'_, PyAny>| {
        item.extract().map_err(|_| match item.get_type().name() {
            Ok(found) => PyTypeError::new_err(format!("{what} must be str, not {found}")),
            Err(error) => error,
        })
    };
    list.try_iter()?.map(|item| text(item?)).collect()
}

/// The policy as a Python object: the one that was given, else a new `AccessPolicy`.
pub(crate) fn policy_to_python<'py>(
    py: Python<'py>,
    policy: &dyn PolicySource,
) -> PyResult<Bound<'py, PyAny>> {
    if let Some(PyPolicy(object)) = policy.as_any().downcast_ref() {
        return Ok(object.bind(py).clone());
    }
    let policy = policy.policy().map_err(to_py)?;
    let list = |patterns: &Option<ActorPatterns>| {
        let patterns = patterns.as_ref();
        patterns
            .map(|patterns| PyFrozenSet::new(py, patterns.iter().map(ActorPattern::as_str)))
            .transpose()
    };
    let fields = PyDict::new(py);
    for (name, permission) in [
        ("user_permissions", policy.user_permissions),
        ("agent_permissions", policy.agent_permissions),
        ("owner_permissions", policy.owner_permissions),
        ("allowed_permissions", policy.allowed_permissions),
    ] {
        fields.set_item(name, permission::to_python(py, permission)?)?;
    }
    fields.set_item("owner", &policy.owner)?;
    fields.set_item("allowed_actors", list(&policy.allowed_actors)?)?;
    fields.set_item("denied_actors", list(&policy.denied_actors)?)?;
    fields.set_item("bound_session", &policy.bound_session)?;
    if let Some(masks) = &policy.masked_paths {
        fields.set_item("masked_paths", PyFrozenSet::new(py, masks.iter())?)?;
    }
    class(py)?.call((), Some(&fields))
}
