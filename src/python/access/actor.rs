//! Actors of Python: what an actor says of itself is read once, patterns are its own business.

use std::any::Any;
use std::borrow::Cow;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};
use pyo3::{intern, pybacked::PyBackedStr};

use super::super::error::from_py;
use super::attributes::Attributes;
use crate::access::{Actor, ActorPattern, ActorType, DefaultActor};
use crate::error::Result;

/// A Python object that reads like an `Actor`. An id, session or organisation that it lacks, or that
/// is no str, counts as none.
pub(crate) struct PyActor {
    object: Py<PyAny>,
    kind: ActorType,
    id: Option<PyBackedStr>,
    session_id: Option<PyBackedStr>,
    org_id: Option<PyBackedStr>,
    user: Option<Box<dyn Actor>>,
    /// What only objects of other classes have: their own way of naming and matching.
    foreign: Option<Foreign>,
}

struct Foreign {
    kind_name: String,
    label: Option<String>,
}

fn default_actor(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "mcp_refcache.access.actor", "DefaultActor")
}

fn delegate(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "mcp_refcache.access.actor", "Delegate")
}

impl PyActor {
    /// Reads the object.
    pub(crate) fn new(actor: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = actor.py();
        let class = actor.get_type();
        if class.is(default_actor(py)?) {
            Self::from_default_actor(actor)
        } else if class.is(delegate(py)?) {
            Self::from_delegate(actor)
        } else {
            Self::from_any(actor)
        }
    }

    fn from_default_actor(actor: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (py, said) = (actor.py(), Attributes::own(actor)?);
        let kind: PyBackedStr = said.required(intern!(py, "actor_type"))?.extract()?;
        Ok(Self {
            object: actor.clone().unbind(),
            kind: ActorType::from_name(&kind).unwrap_or(ActorType::Other),
            id: said.required(intern!(py, "actor_id"))?.extract()?,
            session_id: said.required(intern!(py, "actor_session_id"))?.extract()?,
            org_id: None,
            user: None,
            foreign: None,
        })
    }

    fn from_delegate(actor: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (py, said) = (actor.py(), Attributes::own(actor)?);
        let user_id: Option<PyBackedStr> = said.required(intern!(py, "user_id"))?.extract()?;
        let session_id: Option<PyBackedStr> =
            said.required(intern!(py, "session_id"))?.extract()?;
        let org_id: Option<PyBackedStr> = said.required(intern!(py, "org_id"))?.extract()?;
        let user = user_id.map(|id| {
            let user = DefaultActor::user(&*id, session_id.as_deref());
            Box::new(match &org_id {
                Some(org) => user.in_org(&**org),
                None => user,
            }) as Box<dyn Actor>
        });
        Ok(Self {
            object: actor.clone().unbind(),
            kind: ActorType::Agent,
            id: said.required(intern!(py, "agent_id"))?.extract()?,
            session_id,
            org_id,
            user,
            foreign: None,
        })
    }

    fn from_any(actor: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = actor.py();
        let text = |name| {
            let value = actor.getattr_opt(name)?;
            PyResult::Ok(value.and_then(|value| value.extract::<PyBackedStr>().ok()))
        };
        let Some(own_type) = actor.getattr_opt(intern!(py, "type"))? else {
            let found = actor.get_type().name()?;
            let message = format!("actor must be an Actor, 'user' or 'agent', not {found}");
            return Err(PyTypeError::new_err(message));
        };
        let (kind, kind_name) = kind(&own_type)?;
        let label = match actor.getattr_opt(intern!(py, "to_string"))? {
            Some(to_string) => Some(to_string.call0()?.str()?.to_str()?.to_owned()),
            None => None,
        };
        let user = if actor.is_instance(delegate(py)?)? {
            let user = actor.getattr(intern!(py, "on_behalf_of"))?;
            (!user.is_none()).then(|| Self::new(&user)).transpose()?
        } else {
            None
        };
        Ok(Self {
            object: actor.clone().unbind(),
            kind,
            id: text(intern!(py, "id"))?,
            session_id: text(intern!(py, "session_id"))?,
            org_id: text(intern!(py, "org_id"))?,
            user: user.map(|user| Box::new(user) as Box<dyn Actor>),
            foreign: Some(Foreign { kind_name, label }),
        })
    }
}

/// A type is a str (an `ActorType` is one too); an enum of another kind has a name but no role.
fn kind(object: &Bound<'_, PyAny>) -> PyResult<(ActorType, String)> {
    if let Ok(name) = object.extract::<PyBackedStr>() {
        let kind = ActorType::from_name(&name).unwrap_or(ActorType::Other);
        return Ok((kind, name.to_string()));
    }
    let named = object.getattr_opt(intern!(object.py(), "value"))?;
    let name = named.as_ref().unwrap_or(object).str()?.to_str()?.to_owned();
    Ok((ActorType::Other, name))
}

impl Actor for PyActor {
    fn kind(&self) -> ActorType {
        self.kind
    }

    fn id(&self) -> Option<Cow<'_, str>> {
        self.id.as_deref().map(Cow::Borrowed)
    }

    fn session_id(&self) -> Option<Cow<'_, str>> {
        self.session_id.as_deref().map(Cow::Borrowed)
    }

    fn org_id(&self) -> Option<Cow<'_, str>> {
        self.org_id.as_deref().map(Cow::Borrowed)
    }

    fn kind_name(&self) -> Cow<'_, str> {
        match &self.foreign {
            Some(foreign) => (&*foreign.kind_name).into(),
            None => self.kind.as_str().into(),
        }
    }

    fn label(&self) -> String {
        match self
            .foreign
            .as_ref()
            .and_then(|foreign| foreign.label.clone())
        {
            Some(label) => label,
            None => format!("{}:{}", self.kind_name(), self.id.as_deref().unwrap_or("*")),
        }
    }

    fn matches(&self, pattern: &ActorPattern) -> Result<bool> {
        if self.foreign.is_none() {
            return Ok(pattern.matches(self.kind, self.id.as_deref()));
        }
        Python::attach(|py| {
            let matches = intern!(py, "matches");
            self.object
                .bind(py)
                .call_method1(matches, (pattern.as_str(),))?
                .is_truthy()
        })
        .map_err(from_py)
    }

    fn on_behalf_of(&self) -> Option<&dyn Actor> {
        self.user.as_deref()
    }
}

/// The actor as a Python object: the one that was given, else a new one that says the same.
pub(super) fn actor_to_python<'py>(
    py: Python<'py>,
    actor: &dyn Actor,
) -> PyResult<Bound<'py, PyAny>> {
    if let Some(own) = (actor as &dyn Any).downcast_ref::<PyActor>() {
        return Ok(own.object.bind(py).clone());
    }
    let fields = PyDict::new(py);
    let (id, session, org) = (actor.id(), actor.session_id(), actor.org_id());
    let user = actor.on_behalf_of();
    if actor.kind() == ActorType::Agent && (user.is_some() || org.is_some()) {
        fields.set_item("agent_id", id)?;
        fields.set_item("user_id", user.and_then(Actor::id))?;
        fields.set_item("session_id", session)?;
        fields.set_item("org_id", org)?;
        return delegate(py)?.call((), Some(&fields));
    }
    fields.set_item("actor_type", actor.kind().as_str())?;
    fields.set_item("actor_id", id)?;
    fields.set_item("actor_session_id", session)?;
    default_actor(py)?.call((), Some(&fields))
}
