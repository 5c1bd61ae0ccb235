//! The checker: may this actor do that with this entry?

use std::fmt;

use super::actor::Actor;
use super::decision::{Decision, decide};
use super::permission::Permission;
use super::policy::{AccessPolicy, PolicySource};
use super::rules::{DefaultNamespaceRules, NamespaceRules};
use crate::error::{Error, ErrorKind, Result};

/// Decides about access.
///
/// Asked with the namespace `public`, which is open to everybody, a checker leaves the namespace out
/// and weighs only the policy.
pub trait PermissionChecker: Send + Sync {
    /// Succeeds if the actor has all of the required permissions.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`] with a [`Denial`] as its source if not; whatever user-written
    /// actors, rules and checkers fail with.
    fn check(
        &self,
        policy: &dyn PolicySource,
        required: Permission,
        actor: &dyn Actor,
        namespace: &str,
    ) -> Result<()>;

    /// Everything the actor may do; for every `p`, `check(p)` succeeds exactly if `p` is in it.
    ///
    /// # Errors
    /// Whatever user-written actors, rules and checkers fail with.
    fn effective(
        &self,
        policy: &dyn PolicySource,
        actor: &dyn Actor,
        namespace: &str,
    ) -> Result<Permission>;

    /// Whether [`PermissionChecker::check`] succeeds.
    ///
    /// # Errors
    /// As `check`, but a denial is the answer `false`.
    fn allows(
        &self,
        policy: &dyn PolicySource,
        required: Permission,
        actor: &dyn Actor,
        namespace: &str,
    ) -> Result<bool> {
        match self.check(policy, required, actor, namespace) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The checker of this crate, over rules for namespaces.
///
/// 1. A denied actor is refused ([`DenialReason::ExplicitDeny`]),
/// 2. then who is not in the bound session ([`DenialReason::SessionMismatch`]),
/// 3. then who may not enter the namespace ([`DenialReason::NamespaceOwnership`]).
/// 4. An allowed actor has `allowed_permissions`;
/// 5. the owner has `owner_permissions` ([`DenialReason::OwnerInsufficient`]),
/// 6. everybody else what the role has ([`DenialReason::RoleInsufficient`]).
///
/// What 4 grants adds to 5 or 6. For a model that acts for a user see [`Delegate`](super::Delegate).
#[derive(Debug, Clone, Copy)]
pub struct DefaultPermissionChecker<R = DefaultNamespaceRules> {
    rules: R,
}

impl Default for DefaultPermissionChecker {
    fn default() -> Self {
        Self::new(DefaultNamespaceRules)
    }
}

impl<R: NamespaceRules> DefaultPermissionChecker<R> {
    /// A checker that asks these rules about namespaces.
    pub fn new(rules: R) -> Self {
        Self { rules }
    }
}

impl<R: NamespaceRules> PermissionChecker for DefaultPermissionChecker<R> {
    fn check(
        &self,
        policy: &dyn PolicySource,
        required: Permission,
        actor: &dyn Actor,
        namespace: &str,
    ) -> Result<()> {
        let policy = policy.policy()?;
        let decision: Decision = decide(&policy, actor, namespace, &self.rules)?;
        match decision.denial(required) {
            None => Ok(()),
            Some(reason) => {
                let denial = Denial {
                    actor: actor.label(),
                    required,
                    reason,
                    namespace: namespace.to_owned(),
                };
                let message = denial.describe(&policy, actor);
                Err(Error::new(ErrorKind::PermissionDenied, message).caused_by(denial))
            }
        }
    }

    fn effective(
        &self,
        policy: &dyn PolicySource,
        actor: &dyn Actor,
        namespace: &str,
    ) -> Result<Permission> {
        Ok(decide(&*policy.policy()?, actor, namespace, &self.rules)?.permissions())
    }

    fn allows(
        &self,
        policy: &dyn PolicySource,
        required: Permission,
        actor: &dyn Actor,
        namespace: &str,
    ) -> Result<bool> {
        let decision = decide(&*policy.policy()?, actor, namespace, &self.rules)?;
        Ok(decision.denial(required).is_none())
    }
}

/// Why access was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DenialReason {
    /// On the list of denied actors.
    ExplicitDeny,
    /// Not in the session the entry is bound to.
    SessionMismatch,
    /// The namespace belongs to somebody else.
    NamespaceOwnership,
    /// The owner lacks a permission.
    OwnerInsufficient,
    /// The role lacks a permission.
    RoleInsufficient,
}

impl DenialReason {
    /// The reason as a word: `explicit_deny`, `session_mismatch`, `namespace_ownership`,
    /// `owner_insufficient` or `role_insufficient`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExplicitDeny => "explicit_deny",
            Self::SessionMismatch => "session_mismatch",
            Self::NamespaceOwnership => "namespace_ownership",
            Self::OwnerInsufficient => "owner_insufficient",
            Self::RoleInsufficient => "role_insufficient",
        }
    }
}

impl fmt::Display for DenialReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The facts of a denial: the source of the [`Error`] that carries its message.
///
/// ```
/// use mcp_refcache::access::*;
/// let alice = DefaultActor::user("alice", None);
/// let error = DefaultPermissionChecker::default()
///     .check(&AccessPolicy::public(), Permission::READ, &alice, "user:bob")
///     .unwrap_err();
/// let denial = Denial::of(&error).unwrap();
/// assert_eq!(denial.reason.as_str(), "namespace_ownership");
/// assert_eq!(denial.actor, "user:alice");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The label of the actor.
    pub actor: String,
    /// What was asked for.
    pub required: Permission,
    /// Which step denied it.
    pub reason: DenialReason,
    /// The namespace it was asked in.
    pub namespace: String,
}

impl Denial {
    /// The denial behind an error, if it is one of a [`DefaultPermissionChecker`].
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            if let Some(denial) = cause.downcast_ref() {
                return Some(denial);
            }
            source = cause.source();
        }
        None
    }

    fn describe(&self, policy: &AccessPolicy, asking: &dyn Actor) -> String {
        let Self {
            actor,
            required,
            reason,
            namespace,
        } = self;
        match reason {
            DenialReason::ExplicitDeny => format!("Actor {actor} is explicitly denied"),
            DenialReason::SessionMismatch => {
                format!("Actor {actor} session does not match bound session")
            }
            DenialReason::NamespaceOwnership => {
                format!("Actor {actor} cannot access namespace {namespace}")
            }
            DenialReason::OwnerInsufficient => {
                let owner = policy.owner.as_ref().unwrap_or(actor);
                format!("Owner {owner} lacks {required} permission")
            }
            DenialReason::RoleInsufficient => {
                format!(
                    "{} lacks {required} permission",
                    capitalised(&asking.kind_name())
                )
            }
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            actor,
            required,
            reason,
            namespace,
        } = self;
        write!(f, "{reason}: {actor} asked for {required} in {namespace}")
    }
}

impl std::error::Error for Denial {}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(chars.flat_map(char::to_lowercase))
        .collect()
}
