//! Which namespace is open to whom.

use std::borrow::Cow;

use super::actor::{Actor, ActorType};
use super::escape::means;
use crate::error::Result;

/// What the name of a namespace says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamespaceInfo {
    /// The whole name.
    pub raw: String,
    /// What stands before the first colon.
    pub prefix: String,
    /// What follows it, up to the next identity: `alice` in `user:alice:session:s1`.
    pub identifier: Option<String>,
    /// Whether it is exactly `public`.
    pub is_public: bool,
    /// Whether the prefix is `session`.
    pub is_session_scoped: bool,
    /// Whether the prefix is `user`.
    pub is_user_scoped: bool,
    /// Whether the prefix is `agent`.
    pub is_agent_scoped: bool,
    /// The label of the actor whom a `user:` or `agent:` namespace belongs to.
    pub implied_owner: Option<String>,
}

/// Decides which namespaces an actor may enter.
pub trait NamespaceRules: Send + Sync {
    /// Reads the name of a namespace.
    ///
    /// # Errors
    /// Whatever user-written rules fail with.
    fn parse(&self, namespace: &str) -> Result<NamespaceInfo>;

    /// Whether the actor may enter. A model that acts for a user ([`Actor::on_behalf_of`]) may enter
    /// what is open to it or to the user.
    ///
    /// # Errors
    /// Whatever user-written rules fail with.
    fn admits(&self, namespace: &str, actor: &dyn Actor) -> Result<bool>;

    /// The label of the actor whom the namespace belongs to.
    ///
    /// # Errors
    /// As [`NamespaceRules::parse`].
    fn owner(&self, namespace: &str) -> Result<Option<String>> {
        Ok(self.parse(namespace)?.implied_owner)
    }

    /// The session one has to be in.
    ///
    /// # Errors
    /// Whatever user-written rules fail with.
    fn required_session(&self, namespace: &str) -> Result<Option<String>>;
}

/// The rules of this crate.
///
/// | namespace | who may enter |
/// | --- | --- |
/// | `session:S` | actors in session S |
/// | `user:U` | user U, and models that act for U |
/// | `agent:A` | agent A |
/// | `org:O` | members of O, and actors of whom no organisation is known |
/// | `user:U:session:S`, `org:O:user:U`, ... | who meets every part |
/// | `public` and all other names | everybody |
///
/// An id is compared as a whole, prefixes exactly. A prefix without an id (`user`) admits nobody. The
/// system may enter everything.
///
/// ```
/// use mcp_refcache::access::{DefaultActor, DefaultNamespaceRules, NamespaceRules};
/// let alice = DefaultActor::user("alice", "s1");
/// assert!(DefaultNamespaceRules.admits("user:alice:session:s1", &alice)?);
/// assert!(!DefaultNamespaceRules.admits("user:alice:session:s2", &alice)?);
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct DefaultNamespaceRules;

/// [`DefaultNamespaceRules`], but `org:O` is closed to actors of whom no organisation is known.
///
/// ```
/// use mcp_refcache::access::{DefaultActor, DefaultNamespaceRules, NamespaceRules, StrictNamespaceRules};
/// let alice = DefaultActor::user("alice", None);
/// assert!(DefaultNamespaceRules.admits("org:acme", &alice)?);
/// assert!(!StrictNamespaceRules.admits("org:acme", &alice)?);
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct StrictNamespaceRules;

/// An identity that a namespace is tied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Session,
    User,
    Agent,
    Org,
}

/// One `scope:id` of a name; the id is `None` where even the colon is missing.
type Part<'n> = (Scope, Option<&'n str>);

impl Scope {
    fn from_prefix(prefix: &str) -> Option<Self> {
        match prefix {
            "session" => Some(Self::Session),
            "user" => Some(Self::User),
            "agent" => Some(Self::Agent),
            "org" => Some(Self::Org),
            _ => None,
        }
    }

    /// Splits `U:session:S` into the id and the part after it.
    fn split_id(text: &str) -> (&str, Option<&str>) {
        text.match_indices(':')
            .find_map(|(at, _)| {
                let next = &text[at + 1..];
                let (prefix, _) = next.split_once(':')?;
                Self::from_prefix(prefix)?;
                Some((&text[..at], Some(next)))
            })
            .unwrap_or((text, None))
    }
}

/// The identities a namespace is tied to, in the order of its name; none if it is open.
pub(super) fn parts(namespace: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = Some(namespace);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some((prefix, body)) = text.split_once(':') else {
            return Some((Scope::from_prefix(text)?, None));
        };
        let scope = Scope::from_prefix(prefix)?;
        let (id, next) = Scope::split_id(body);
        rest = next;
        Some((scope, Some(id)))
    })
}

/// The identities an actor brings along, its own and those of the user it acts for.
struct Identities<'a> {
    user: Option<Cow<'a, str>>,
    agent: Option<Cow<'a, str>>,
    session: Option<Cow<'a, str>>,
    org: Option<Cow<'a, str>>,
}

impl<'a> Identities<'a> {
    fn of(actor: &'a dyn Actor) -> Self {
        let id_of = |kind| (actor.kind() == kind).then(|| actor.id()).flatten();
        let own = Self {
            user: id_of(ActorType::User),
            agent: id_of(ActorType::Agent),
            session: actor.session_id(),
            org: actor.org_id(),
        };
        let Some(user) = actor.on_behalf_of() else {
            return own;
        };
        Self {
            user: own.user.or_else(|| user.id()),
            session: own.session.or_else(|| user.session_id()),
            org: own.org.or_else(|| user.org_id()),
            ..own
        }
    }

    /// Whether one of them is the identity that the part names.
    fn meet(&self, (scope, id): Part<'_>) -> bool {
        let own = match scope {
            Scope::Session => &self.session,
            Scope::User => &self.user,
            Scope::Agent => &self.agent,
            Scope::Org => &self.org,
        };
        matches!((own, id), (Some(own), Some(id)) if means(id, own))
    }

    /// Whether nothing says that they are not: of most actors no organisation is known.
    fn may_meet(&self, part: Part<'_>) -> bool {
        part.0 == Scope::Org && self.org.is_none() || self.meet(part)
    }
}

impl NamespaceRules for DefaultNamespaceRules {
    fn parse(&self, namespace: &str) -> Result<NamespaceInfo> {
        let (prefix, rest) = match namespace.split_once(':') {
            Some((prefix, rest)) => (prefix, Some(rest)),
            None => (namespace, None),
        };
        let scope = Scope::from_prefix(prefix);
        let identifier = rest.map(|rest| match scope {
            Some(_) => Scope::split_id(rest).0,
            None => rest,
        });
        let implied_owner = match (scope, identifier) {
            (Some(Scope::User | Scope::Agent), Some(id)) if !id.is_empty() => {
                Some(format!("{prefix}:{id}"))
            }
            _ => None,
        };
        Ok(NamespaceInfo {
            raw: namespace.to_owned(),
            prefix: prefix.to_owned(),
            identifier: identifier.map(str::to_owned),
            is_public: namespace == "public",
            is_session_scoped: scope == Some(Scope::Session),
            is_user_scoped: scope == Some(Scope::User),
            is_agent_scoped: scope == Some(Scope::Agent),
            implied_owner,
        })
    }

    fn admits(&self, namespace: &str, actor: &dyn Actor) -> Result<bool> {
        Ok(all_parts(namespace, actor, |own, part| own.may_meet(part)))
    }

    fn required_session(&self, namespace: &str) -> Result<Option<String>> {
        Ok(parts(namespace)
            .find(|(scope, _)| *scope == Scope::Session)
            .and_then(|(_, id)| id)
            .map(str::to_owned))
    }
}

impl NamespaceRules for StrictNamespaceRules {
    fn parse(&self, namespace: &str) -> Result<NamespaceInfo> {
        DefaultNamespaceRules.parse(namespace)
    }

    fn admits(&self, namespace: &str, actor: &dyn Actor) -> Result<bool> {
        Ok(all_parts(namespace, actor, |own, part| own.meet(part)))
    }

    fn required_session(&self, namespace: &str) -> Result<Option<String>> {
        DefaultNamespaceRules.required_session(namespace)
    }
}

/// Whether the actor passes at every part of the name; the system passes at any.
fn all_parts(
    namespace: &str,
    actor: &dyn Actor,
    passes: impl Fn(&Identities<'_>, Part<'_>) -> bool,
) -> bool {
    let mut parts = parts(namespace).peekable();
    if parts.peek().is_none() || actor.kind() == ActorType::System {
        return true;
    }
    let identities = Identities::of(actor);
    parts.all(|part| passes(&identities, part))
}
