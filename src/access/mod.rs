//! Who may do what: permissions, actors, policies, namespaces and the checker that weighs them.
//!
//! Everything here is a function from values to values: no clock, no lock, no I/O.
//!
//! ```
//! use mcp_refcache::access::{
//!     AccessPolicy, DefaultActor, DefaultPermissionChecker, Permission, PermissionChecker,
//! };
//!
//! # fn main() -> mcp_refcache::Result<()> {
//! let policy = AccessPolicy::execute_only().with_owner("user:alice");
//! let checker = DefaultPermissionChecker::default();
//!
//! let model = DefaultActor::agent("claude", "session-1");
//! checker.check(&policy, Permission::EXECUTE, &model, "public")?;
//! let denied = checker.check(&policy, Permission::READ, &model, "public").unwrap_err();
//! assert_eq!(denied.to_string(), "Agent lacks READ permission");
//! # Ok(())
//! # }
//! ```

mod actor;
mod checker;
mod decision;
mod delegate;
mod escape;
mod glob;
mod inherit;
mod mask;
mod namespace;
mod pattern;
mod permission;
mod policy;
mod rules;
mod template;

pub use actor::{Actor, ActorType, DefaultActor};
pub use checker::{DefaultPermissionChecker, Denial, DenialReason, PermissionChecker};
pub use delegate::Delegate;
pub use glob::Glob;
pub use mask::Masks;
pub(crate) use mask::Walk;
pub use namespace::Namespace;
pub use pattern::{ActorPattern, ActorPatterns};
pub use permission::Permission;
pub use policy::{AccessPolicy, PolicySource};
pub use rules::{DefaultNamespaceRules, NamespaceInfo, NamespaceRules, StrictNamespaceRules};
pub use template::{Filling, escape_id, expand_template};
