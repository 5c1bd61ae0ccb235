//! Policies: what each role, the owner and listed actors may do with an entry.

use std::any::Any;
use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::mask::Masks;
use super::pattern::ActorPatterns;
use super::permission::Permission;
use crate::error::Result;

/// Who may do what with an entry. The default lets users do everything, agents read and execute.
///
/// As JSON it is what SQLite and Redis store beside the value; unknown keys are ignored when read.
///
/// ```
/// use mcp_refcache::access::{AccessPolicy, Permission};
/// let policy = AccessPolicy::read_only()
///     .with_owner("user:alice")
///     .with_denied_actors(["agent:untrusted-*"]);
/// assert!(!policy.agent_can(Permission::EXECUTE));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AccessPolicy {
    /// What people may do.
    pub user_permissions: Permission,
    /// What models may do.
    pub agent_permissions: Permission,
    /// The label of the actor who owns the entry, such as `user:alice`.
    pub owner: Option<String>,
    /// What the owner may do, instead of what the role may.
    pub owner_permissions: Permission,
    /// Actors who are granted [`allowed_permissions`](Self::allowed_permissions), whatever their role.
    pub allowed_actors: Option<ActorPatterns>,
    /// Actors who are refused before anything else is asked.
    pub denied_actors: Option<ActorPatterns>,
    /// The one session that may use the entry.
    pub bound_session: Option<String>,
    /// What `allowed_actors` are granted. Being listed is a full grant unless this narrows it.
    #[serde(skip_serializing_if = "Permission::is_all")]
    pub allowed_permissions: Permission,
    /// The parts of the value that agents do not see, whoever they act for. Users and the system do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masked_paths: Option<Masks>,
}

impl Default for AccessPolicy {
    fn default() -> Self {
        Self {
            user_permissions: Permission::FULL,
            agent_permissions: Permission::READ | Permission::EXECUTE,
            owner: None,
            owner_permissions: Permission::FULL,
            allowed_actors: None,
            denied_actors: None,
            bound_session: None,
            allowed_permissions: Permission::FULL,
            masked_paths: None,
        }
    }
}

impl AccessPolicy {
    fn for_roles(user: Permission, agent: Permission) -> Self {
        Self::default()
            .with_user_permissions(user)
            .with_agent_permissions(agent)
    }

    /// Everybody may do everything.
    #[must_use]
    pub fn public() -> Self {
        Self::for_roles(Permission::FULL, Permission::FULL)
    }

    /// Users may do everything, agents nothing.
    #[must_use]
    pub fn user_only() -> Self {
        Self::for_roles(Permission::FULL, Permission::NONE)
    }

    /// Users may do everything; agents may have the server compute with the value, unseen.
    #[must_use]
    pub fn execute_only() -> Self {
        Self::for_roles(Permission::FULL, Permission::EXECUTE)
    }

    /// Users and agents may read, nothing else.
    #[must_use]
    pub fn read_only() -> Self {
        Self::for_roles(Permission::READ, Permission::READ)
    }

    /// Sets what people may do.
    #[must_use]
    pub fn with_user_permissions(mut self, permissions: Permission) -> Self {
        self.user_permissions = permissions;
        self
    }

    /// Sets what models may do.
    #[must_use]
    pub fn with_agent_permissions(mut self, permissions: Permission) -> Self {
        self.agent_permissions = permissions;
        self
    }

    /// Sets the owner, such as `user:alice`.
    #[must_use]
    pub fn with_owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Sets what the owner may do.
    #[must_use]
    pub fn with_owner_permissions(mut self, permissions: Permission) -> Self {
        self.owner_permissions = permissions;
        self
    }

    /// Sets the patterns of the actors who are let in whatever their role.
    #[must_use]
    pub fn with_allowed_actors<T: AsRef<str>>(
        mut self,
        patterns: impl IntoIterator<Item = T>,
    ) -> Self {
        self.allowed_actors = Some(patterns.into_iter().collect());
        self
    }

    /// Sets the patterns of the actors who are refused.
    #[must_use]
    pub fn with_denied_actors<T: AsRef<str>>(
        mut self,
        patterns: impl IntoIterator<Item = T>,
    ) -> Self {
        self.denied_actors = Some(patterns.into_iter().collect());
        self
    }

    /// Binds the entry to one session.
    #[must_use]
    pub fn with_bound_session(mut self, session_id: impl Into<String>) -> Self {
        self.bound_session = Some(session_id.into());
        self
    }

    /// Narrows what `allowed_actors` are granted.
    #[must_use]
    pub fn with_allowed_permissions(mut self, permissions: Permission) -> Self {
        self.allowed_permissions = permissions;
        self
    }

    /// Hides parts of the value from agents; see [`Masks`] for how paths are written.
    ///
    /// # Errors
    /// As [`Masks::new`].
    pub fn with_masked_paths<T: AsRef<str>>(
        mut self,
        paths: impl IntoIterator<Item = T>,
    ) -> Result<Self> {
        self.masked_paths = Some(Masks::new(paths)?);
        Ok(self)
    }

    /// Whether the user role has all of these permissions.
    #[must_use]
    pub fn user_can(&self, permissions: Permission) -> bool {
        self.user_permissions.contains(permissions)
    }

    /// Whether the agent role has all of these permissions.
    #[must_use]
    pub fn agent_can(&self, permissions: Permission) -> bool {
        self.agent_permissions.contains(permissions)
    }
}

/// Where an entry's policy comes from. A language binding keeps its own object, which may change
/// between two checks; an [`AccessPolicy`] is its own source.
pub trait PolicySource: Any + Send + Sync {
    /// The policy as it is now.
    ///
    /// # Errors
    /// What the binding's object cannot be read for.
    fn policy(&self) -> Result<Cow<'_, AccessPolicy>>;

    /// The parts of the value that agents do not see, as it is now: asked at each read.
    ///
    /// # Errors
    /// As [`PolicySource::policy`].
    fn masked_paths(&self) -> Result<Option<Masks>> {
        Ok(self.policy()?.masked_paths.clone())
    }

    /// The source itself, for the binding that wants its object back.
    fn as_any(&self) -> &dyn Any;
}

impl PolicySource for AccessPolicy {
    fn policy(&self) -> Result<Cow<'_, AccessPolicy>> {
        Ok(Cow::Borrowed(self))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
