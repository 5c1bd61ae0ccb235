//! Access control across the border: Python's policies, actors, resolvers and checkers as the core's
//! traits, and the functions that the package's own classes call.

mod actor;
mod attributes;
mod checker;
mod functions;
mod permission;
mod policy;
mod resolver;

#[allow(unused_imports, reason = "for the cache's binding")]
pub(super) use {
    actor::PyActor,
    checker::{checker_from_python, denied},
    policy::{PyPolicy, policy_to_python},
};

pub(super) use functions::{
    actor_matches, check_masked_paths, check_permission, effective_permissions,
    escape_template_value, expand_template, namespace_admits, namespace_name, parse_namespace,
    required_session,
};
