//! The order in which lists, session, namespace, owner and role decide.

use super::actor::{Actor, ActorType};
use super::checker::DenialReason;
use super::escape::means;
use super::pattern::ActorPatterns;
use super::permission::Permission;
use super::policy::AccessPolicy;
use super::rules::NamespaceRules;
use crate::error::Result;

/// What an actor may do with an entry.
#[derive(Debug, Clone, Copy)]
pub(super) enum Decision {
    /// Kept out, whatever is asked for.
    Refused(DenialReason),
    /// Let in.
    Granted(Grant),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Grant {
    permissions: Permission,
    is_owner: bool,
    /// The most that an owner of this role may get: says whether the role or the owner lacks something.
    ceiling: Permission,
}

impl Decision {
    /// The permissions that are granted.
    pub(super) fn permissions(self) -> Permission {
        match self {
            Self::Refused(_) => Permission::NONE,
            Self::Granted(grant) => grant.permissions,
        }
    }

    /// Why the required permissions are denied; `None` if they are granted.
    pub(super) fn denial(self, required: Permission) -> Option<DenialReason> {
        match self {
            Self::Refused(reason) => Some(reason),
            Self::Granted(grant) if grant.permissions.contains(required) => None,
            Self::Granted(grant) if grant.is_owner && grant.ceiling.contains(required) => {
                Some(DenialReason::OwnerInsufficient)
            }
            Self::Granted(_) => Some(DenialReason::RoleInsufficient),
        }
    }
}

/// Decides. The order of the steps is a promise: it shows in the reason of a denial.
pub(super) fn decide(
    policy: &AccessPolicy,
    actor: &dyn Actor,
    namespace: &str,
    rules: &impl NamespaceRules,
) -> Result<Decision> {
    if let Some(reason) = refusal(policy, actor, namespace, rules)? {
        return Ok(Decision::Refused(reason));
    }
    let mut grant = match actor.on_behalf_of() {
        Some(user) => delegated_grant(policy, actor, user),
        None => own_grant(policy, actor),
    };
    grant.permissions |= listed_grant(policy, actor)?;
    Ok(Decision::Granted(grant))
}

fn refusal(
    policy: &AccessPolicy,
    actor: &dyn Actor,
    namespace: &str,
    rules: &impl NamespaceRules,
) -> Result<Option<DenialReason>> {
    if let Some(denied) = &policy.denied_actors {
        let user_is_denied = |user| is_listed(denied, user);
        if is_listed(denied, actor)? || actor.on_behalf_of().map_or(Ok(false), user_is_denied)? {
            return Ok(Some(DenialReason::ExplicitDeny));
        }
    }
    if let Some(session) = &policy.bound_session
        && actor.session_id().as_deref() != Some(session)
    {
        return Ok(Some(DenialReason::SessionMismatch));
    }
    if !rules.admits(namespace, actor)? {
        return Ok(Some(DenialReason::NamespaceOwnership));
    }
    Ok(None)
}

/// The owner's permissions for the owner, else the role's.
fn own_grant(policy: &AccessPolicy, actor: &dyn Actor) -> Grant {
    let is_owner = owns(policy, actor);
    let permissions = if is_owner {
        policy.owner_permissions
    } else {
        match actor.kind() {
            ActorType::System => Permission::FULL,
            ActorType::User => policy.user_permissions,
            ActorType::Agent => policy.agent_permissions,
            ActorType::Other => Permission::NONE,
        }
    };
    Grant {
        permissions,
        is_owner,
        ceiling: Permission::FULL,
    }
}

/// A model that acts for a user never gets more than models get.
fn delegated_grant(policy: &AccessPolicy, agent: &dyn Actor, user: &dyn Actor) -> Grant {
    let is_owner = owns(policy, user) || owns(policy, agent);
    let ceiling = policy.agent_permissions.with_implied_execute();
    let permissions = if is_owner {
        policy.owner_permissions.with_implied_execute() & ceiling
    } else {
        policy.agent_permissions
    };
    Grant {
        permissions,
        is_owner,
        ceiling,
    }
}

/// What being on the allow-list adds.
fn listed_grant(policy: &AccessPolicy, actor: &dyn Actor) -> Result<Permission> {
    let Some(allowed) = &policy.allowed_actors else {
        return Ok(Permission::NONE);
    };
    if is_listed(allowed, actor)? {
        return Ok(policy.allowed_permissions);
    }
    match actor.on_behalf_of() {
        Some(user) if is_listed(allowed, user)? => {
            Ok(policy.allowed_permissions & policy.agent_permissions.with_implied_execute())
        }
        _ => Ok(Permission::NONE),
    }
}

/// A label that is written out in the list counts even where it would not match as a pattern.
fn is_listed(patterns: &ActorPatterns, actor: &dyn Actor) -> Result<bool> {
    for pattern in patterns.iter() {
        if actor.matches(pattern)? {
            return Ok(true);
        }
    }
    Ok(patterns.contains(&actor.label()))
}

/// `user:*` owns what anonymous users made; somebody whose id is a star is not anonymous. An owner may
/// be written as templates write it.
fn owns(policy: &AccessPolicy, actor: &dyn Actor) -> bool {
    let Some(owner) = &policy.owner else {
        return false;
    };
    let id = actor.id();
    match (id.as_deref(), owner.split_once(':')) {
        (Some("*"), Some((kind, "%2A"))) => kind == actor.kind_name(),
        (Some("*"), _) => false,
        (Some(id), Some((kind, owner_id))) if kind == actor.kind_name() => means(owner_id, id),
        _ => *owner == actor.label(),
    }
}
