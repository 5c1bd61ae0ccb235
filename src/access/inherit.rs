//! What a result inherits from the values it was made of: it is never more open than one of them.
//!
//! Two things have no place in a policy: two owners, and two sessions. Each leaves a mark (no owner and no
//! `owner_permissions`; [`AccessPolicy::closed`]) that later inheriting respects, so that results of results
//! stay as restricted.

use super::actor::ActorType;
use super::pattern::{ActorPattern, ActorPatterns};
use super::permission::Permission;
use super::policy::AccessPolicy;

impl AccessPolicy {
    /// The policy for a result with this policy of its own that was made of values with those `inputs`.
    ///
    /// An input under the default policy restricts nothing. Of what is left, with `READ` implying `EXECUTE`:
    /// permissions are intersected, denials united; what was made of masked values no agent sees; an allow-list entry
    /// stays if every list has it, with what a policy without a list gives the role; an owner stays if nobody else
    /// owns anything, with what they may do everywhere. A result of values that are bound to different sessions is
    /// for nobody but the server.
    ///
    /// ```
    /// use mcp_refcache::access::{AccessPolicy, Permission};
    /// let own = AccessPolicy::default();
    /// let secret = AccessPolicy::execute_only().with_denied_actors(["user:mallory"]);
    /// let result = own.inherit([&secret]);
    /// assert_eq!(result.agent_permissions, Permission::EXECUTE);
    /// assert_eq!(result.denied_actors, secret.denied_actors);
    /// assert_eq!(own.inherit([&AccessPolicy::default()]), own);
    /// ```
    #[must_use]
    pub fn inherit<'a>(&'a self, inputs: impl IntoIterator<Item = &'a Self>) -> Self {
        let unrestricted = Self::default();
        let restricting = inputs.into_iter().filter(|input| **input != unrestricted);
        let mut all = vec![self];
        all.extend(restricting);
        if all.len() == 1 {
            return self.clone();
        }
        let denied = united(all.iter().filter_map(|each| each.denied_actors.as_ref()));
        let mut result = match one(all.iter().filter_map(|each| each.bound_session.as_ref())) {
            Common::Several => Self::closed(),
            _ if all.iter().any(|each| each.is_closed()) => Self::closed(),
            Common::None => shared(&all),
            Common::One(session) => shared(&all).with_bound_session(session),
        };
        if all[1..].iter().any(|input| input.masked_paths.is_some()) {
            result.hide_from_agents();
        }
        Self {
            denied_actors: denied,
            masked_paths: self.masked_paths.clone(),
            ..result
        }
    }

    /// Takes from agents, whether by role, as owner or listed, the right to see.
    fn hide_from_agents(&mut self) {
        let is_agent = |label: &str| kind_of(label) != Some(ActorType::User);
        self.agent_permissions = self.agent_permissions.without_read();
        if self.owner.as_deref().is_some_and(is_agent) {
            self.owner_permissions = self.owner_permissions.without_read();
        }
        if let Some(allowed) = &self.allowed_actors {
            let people = allowed.iter().map(ActorPattern::as_str);
            let mut people = people.filter(|label| !is_agent(label)).peekable();
            self.allowed_actors = people.peek().is_some().then(|| people.collect());
        }
    }

    /// A policy that lets in nobody but the server.
    #[must_use]
    pub fn closed() -> Self {
        Self {
            user_permissions: Permission::NONE,
            agent_permissions: Permission::NONE,
            owner: None,
            owner_permissions: Permission::NONE,
            allowed_actors: None,
            denied_actors: None,
            bound_session: None,
            allowed_permissions: Permission::NONE,
            masked_paths: None,
        }
    }

    fn is_closed(&self) -> bool {
        let open = Self {
            denied_actors: None,
            masked_paths: None,
            ..self.clone()
        };
        open == Self::closed()
    }

    /// What the actor of this label may do as the owner, or by the role.
    fn permissions_of(&self, label: &str) -> Permission {
        let permissions = if self.owner.as_deref() == Some(label) {
            self.owner_permissions
        } else {
            match kind_of(label) {
                Some(ActorType::User) => self.user_permissions,
                Some(ActorType::Agent) => self.agent_permissions,
                Some(ActorType::System) => Permission::FULL,
                Some(ActorType::Other) | None => Permission::NONE,
            }
        };
        permissions.with_implied_execute()
    }

    /// What everybody whom the pattern names is granted: by the list, or, where there is none, at least by the role.
    fn granted_to(&self, pattern: &ActorPattern) -> Permission {
        match &self.allowed_actors {
            None => self.role_of(pattern),
            Some(list) if list.covers(pattern) => self.allowed_permissions.with_implied_execute(),
            Some(_) => Permission::NONE,
        }
    }

    /// What everybody whom the pattern names may do by the role, also if they are the owner or a model of theirs is.
    fn role_of(&self, pattern: &ActorPattern) -> Permission {
        let role = match kind_of(pattern.as_str()) {
            Some(ActorType::User) => self.user_permissions,
            Some(ActorType::Agent) => self.agent_permissions,
            _ => return Permission::NONE,
        };
        let owner = match self.owner {
            Some(_) => self.owner_permissions,
            None => Permission::FULL,
        };
        role.with_implied_execute() & owner.with_implied_execute()
    }
}

/// What several things have in common.
enum Common<T> {
    None,
    One(T),
    Several,
}

fn one<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Common<T> {
    let mut items = items.into_iter();
    match items.next() {
        None => Common::None,
        Some(first) if items.all(|item| item == first) => Common::One(first),
        Some(_) => Common::Several,
    }
}

fn kind_of(label: &str) -> Option<ActorType> {
    ActorType::from_name(label.split_once(':')?.0)
}

fn intersected(permissions: impl Iterator<Item = Permission>) -> Permission {
    permissions
        .map(Permission::with_implied_execute)
        .fold(Permission::FULL, |all, each| all & each)
}

/// Roles, owner and allow-list; sessions and denials are decided before.
fn shared(all: &[&AccessPolicy]) -> AccessPolicy {
    let mut result = AccessPolicy {
        user_permissions: intersected(all.iter().map(|each| each.user_permissions)),
        agent_permissions: intersected(all.iter().map(|each| each.agent_permissions)),
        ..AccessPolicy::default()
    };
    match one(all.iter().filter_map(|each| each.owner.as_ref())) {
        Common::One(owner) if !all.iter().any(|each| lost_owner(each)) => {
            result.owner_permissions = all.iter().fold(Permission::FULL, |all, each| {
                all & each.permissions_of(owner)
            });
            result.owner = Some(owner.clone());
        }
        Common::None if !all.iter().any(|each| lost_owner(each)) => {}
        _ => {
            result.owner_permissions = Permission::NONE;
            // who owned one of the values may have had less than the role
            for each in all {
                let Some(owner) = &each.owner else { continue };
                let kept = each.owner_permissions.with_implied_execute();
                match kind_of(owner) {
                    Some(ActorType::Agent) => result.agent_permissions &= kept,
                    _ => {
                        result.user_permissions &= kept;
                        result.agent_permissions &= kept; // of models that act for the owner
                    }
                }
            }
        }
    }
    let (allowed_actors, allowed_permissions) = allowed(all, &result);
    AccessPolicy {
        allowed_actors,
        allowed_permissions,
        ..result
    }
}

/// Whether it was made of values of different owners.
fn lost_owner(policy: &AccessPolicy) -> bool {
    policy.owner.is_none() && policy.owner_permissions == Permission::NONE
}

fn united<'a>(lists: impl Iterator<Item = &'a ActorPatterns>) -> Option<ActorPatterns> {
    let mut texts = lists
        .flat_map(ActorPatterns::iter)
        .map(ActorPattern::as_str)
        .peekable();
    texts.peek().is_some().then(|| texts.collect())
}

/// The entries that every allow-list has, and what all of them are granted everywhere; `roles` is what the
/// result grants without a list.
fn allowed(all: &[&AccessPolicy], roles: &AccessPolicy) -> (Option<ActorPatterns>, Permission) {
    let granted = |pattern: &ActorPattern| {
        let each = all.iter().map(|each| each.granted_to(pattern));
        each.fold(Permission::FULL, |all, each| all & each)
    };
    let lists = all.iter().filter_map(|each| each.allowed_actors.as_ref());
    let kept: Vec<_> = lists
        .flat_map(ActorPatterns::iter)
        .filter(|pattern| !granted(pattern).is_empty())
        .collect();
    let everywhere = kept
        .iter()
        .fold(Permission::FULL, |all, pattern| all & granted(pattern));
    let all_have_one = all.iter().all(|each| each.allowed_actors.is_some());
    let adds = |pattern: &&ActorPattern| !roles.role_of(pattern).contains(everywhere);
    // where a role stands in for a list, what comes of it may be no more than the role
    if kept.is_empty() || !all_have_one && !kept.iter().any(adds) {
        return (None, Permission::FULL);
    }
    let listed = kept.into_iter().map(ActorPattern::as_str).collect();
    (Some(listed), everywhere)
}
