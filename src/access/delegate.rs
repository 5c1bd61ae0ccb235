//! The model that asks on behalf of a person.

use std::borrow::Cow;
use std::fmt;

use super::actor::{Actor, ActorType, DefaultActor};

/// A model that acts for a user: it gets to what is the user's, and does there what agents may do.
///
/// - A denied pattern that names the model or the user denies.
/// - Namespaces and bound sessions open by the user's id, the model's id, their session and their
///   organisation.
/// - What it may do is `agent_permissions`. In an entry that the user or the model owns it is what
///   both `owner_permissions` and `agent_permissions` allow, `READ` including `EXECUTE`.
/// - An allow-list that names the model grants `allowed_permissions`; one that names only the user
///   grants of these what `agent_permissions` allow, `READ` including `EXECUTE`.
///
/// Without a user it is an agent like any other.
///
/// ```
/// use mcp_refcache::access::{
///     AccessPolicy, Delegate, DefaultPermissionChecker, Permission, PermissionChecker,
/// };
/// let model = Delegate::new("claude", "session-1").for_user("alice");
/// let checker = DefaultPermissionChecker::default();
///
/// let secret = AccessPolicy::execute_only().with_owner("user:alice");
/// let granted = checker.effective(&secret, &model, "user:alice")?;
/// assert_eq!(granted, Permission::EXECUTE);
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Delegate {
    agent: DefaultActor,
    user: Option<DefaultActor>,
}

impl Delegate {
    /// A model, so far acting for nobody.
    pub fn new<'a>(
        agent_id: impl Into<Option<&'a str>>,
        session_id: impl Into<Option<&'a str>>,
    ) -> Self {
        Self {
            agent: DefaultActor::agent(agent_id, session_id),
            user: None,
        }
    }

    /// The same model acting for this user, in the model's session and organisation.
    #[must_use]
    pub fn for_user(mut self, user_id: &str) -> Self {
        let user = DefaultActor::user(user_id, self.agent.session_id().as_deref());
        self.user = Some(match self.agent.org_id() {
            Some(org) => user.in_org(org),
            None => user,
        });
        self
    }

    /// The same model, and its user, as members of an organisation.
    #[must_use]
    pub fn in_org(mut self, org_id: impl Into<String>) -> Self {
        let org_id = org_id.into();
        self.user = self.user.map(|user| user.in_org(org_id.clone()));
        self.agent = self.agent.in_org(org_id);
        self
    }
}

impl Actor for Delegate {
    fn kind(&self) -> ActorType {
        self.agent.kind()
    }

    fn id(&self) -> Option<Cow<'_, str>> {
        self.agent.id()
    }

    fn session_id(&self) -> Option<Cow<'_, str>> {
        self.agent.session_id()
    }

    fn org_id(&self) -> Option<Cow<'_, str>> {
        self.agent.org_id()
    }

    fn on_behalf_of(&self) -> Option<&dyn Actor> {
        self.user.as_ref().map(|user| user as &dyn Actor)
    }
}

impl fmt::Display for Delegate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())
    }
}
