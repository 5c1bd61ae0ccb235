//! The Python module `mcp_refcache._core`: the only place that knows PyO3.

mod access;
mod error;

/// Native core of the Python package `mcp_refcache`.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    /// The version of the crate.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use super::access::{
        actor_matches, check_permission, effective_permissions, namespace_admits, namespace_name,
        parse_namespace, required_session,
    };
}
