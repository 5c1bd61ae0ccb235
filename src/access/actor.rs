//! Actors: who asks.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;

use super::pattern::ActorPattern;
use crate::error::Result;

/// What sort of actor asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ActorType {
    /// A person.
    User,
    /// A model.
    Agent,
    /// The server itself: every namespace and every permission of the role is open to it.
    System,
    /// A type that only a user-written actor knows: its role grants nothing.
    Other,
}

impl ActorType {
    /// `user`, `agent`, `system` or `other`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Agent => "agent",
            Self::System => "system",
            Self::Other => "other",
        }
    }

    /// Whether parts of a value are hidden from such an actor, if its policy has masks: from all but people and the
    /// system.
    pub(crate) fn sees_masked(self) -> bool {
        !matches!(self, Self::User | Self::System)
    }

    /// The type a pattern can name; `None` for every other text.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "user" => Some(Self::User),
            "agent" => Some(Self::Agent),
            "system" => Some(Self::System),
            _ => None,
        }
    }
}

impl fmt::Display for ActorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Somebody who asks for access.
///
/// The checker trusts what an actor says of itself: make it from an authenticated identity, never
/// from an argument of the request.
pub trait Actor: Any + Send + Sync {
    /// The type, which decides about the role.
    fn kind(&self) -> ActorType;

    /// The identity; `None` is an anonymous actor.
    fn id(&self) -> Option<Cow<'_, str>>;

    /// The session the request belongs to.
    fn session_id(&self) -> Option<Cow<'_, str>>;

    /// The organisation, where the server knows one.
    fn org_id(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// The type as messages name it; differs from [`Actor::kind`] only for [`ActorType::Other`].
    fn kind_name(&self) -> Cow<'_, str> {
        self.kind().as_str().into()
    }

    /// The name that owners and patterns are compared with: `user:alice`, anonymous `agent:*`.
    fn label(&self) -> String {
        format!(
            "{}:{}",
            self.kind_name(),
            self.id().as_deref().unwrap_or("*")
        )
    }

    /// Whether this actor matches the pattern.
    ///
    /// # Errors
    /// Whatever a user-written actor fails with.
    fn matches(&self, pattern: &ActorPattern) -> Result<bool> {
        Ok(pattern.matches(self.kind(), self.id().as_deref()))
    }

    /// The user a model acts for: see [`Delegate`](super::Delegate) for what follows from it.
    fn on_behalf_of(&self) -> Option<&dyn Actor> {
        None
    }
}

/// The actor of this crate: a type, an id and a session.
///
/// ```
/// use mcp_refcache::access::{Actor, DefaultActor};
/// let alice = DefaultActor::user("alice", "session-1");
/// assert_eq!(alice.to_string(), "user:alice");
/// assert_eq!(DefaultActor::agent(None, None).to_string(), "agent:*");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DefaultActor {
    kind: ActorType,
    id: Option<String>,
    session_id: Option<String>,
    org_id: Option<String>,
}

impl DefaultActor {
    fn new<'a>(
        kind: ActorType,
        id: impl Into<Option<&'a str>>,
        session_id: impl Into<Option<&'a str>>,
    ) -> Self {
        Self {
            kind,
            id: id.into().map(str::to_owned),
            session_id: session_id.into().map(str::to_owned),
            org_id: None,
        }
    }

    /// A person.
    pub fn user<'a>(
        id: impl Into<Option<&'a str>>,
        session_id: impl Into<Option<&'a str>>,
    ) -> Self {
        Self::new(ActorType::User, id, session_id)
    }

    /// A model.
    pub fn agent<'a>(
        id: impl Into<Option<&'a str>>,
        session_id: impl Into<Option<&'a str>>,
    ) -> Self {
        Self::new(ActorType::Agent, id, session_id)
    }

    /// The server itself: `system:internal`, without a session.
    #[must_use]
    pub fn system() -> Self {
        Self::new(ActorType::System, "internal", None)
    }

    /// The anonymous actor a literal stands for: `"user"` is a user, anything else an agent.
    pub fn from_literal<'a>(literal: &str, session_id: impl Into<Option<&'a str>>) -> Self {
        match literal {
            "user" => Self::user(None, session_id),
            _ => Self::agent(None, session_id),
        }
    }

    /// The same actor as a member of an organisation.
    #[must_use]
    pub fn in_org(mut self, org_id: impl Into<String>) -> Self {
        self.org_id = Some(org_id.into());
        self
    }
}

impl Actor for DefaultActor {
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
}

impl fmt::Display for DefaultActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())
    }
}
