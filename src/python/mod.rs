//! The Python module `mcp_refcache._core`: the only place that knows PyO3.

mod access;
mod arguments;
mod audit;
mod awaitable;
mod cache;
mod clock;
mod contains_refs;
mod copy;
mod decode;
mod entrance;
mod entry;
mod error;
#[cfg(unix)]
mod event_loop;
mod fingerprint;
mod hook;
mod masked;
mod measure;
mod portable;
mod preview;
mod raw;
mod resolve;
mod shown;
mod snapshot;
mod store;
mod walk;

/// Native core of the Python package `mcp_refcache`.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::runtime::on_interrupt(super::awaitable::is_interrupted);
        crate::runtime::on_blocking(super::awaitable::release);
        super::entrance::tell_of_forks(module)?;
        super::entrance::close_at_exit(module)
    }

    /// The version of the crate.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use super::access::{
        actor_matches, check_masked_paths, check_permission, effective_permissions,
        escape_template_value, expand_template, namespace_admits, namespace_name, parse_namespace,
        required_session,
    };
    #[pymodule_export]
    use super::arguments::Never;
    #[pymodule_export]
    use super::audit::{AuditLines, AuditLog, audit_verify};
    #[pymodule_export]
    use super::awaitable::Awaitable;
    #[pymodule_export]
    use super::cache::{Cache, Found, PyUses, Removed};
    #[pymodule_export]
    use super::contains_refs::contains_refs;
    #[pymodule_export]
    use super::fingerprint::{Unkeyable, fingerprint, identity_of};
    #[pymodule_export]
    use super::masked::masked;
    #[pymodule_export]
    use super::measure::{Encoding, count_characters, count_tokens, json_text};
    #[pymodule_export]
    use super::portable::{from_stored, to_stored};
    #[pymodule_export]
    use super::preview::generate;
    #[pymodule_export]
    use super::resolve::{is_ref_id, resolve_refs};
    #[pymodule_export]
    use super::store::{
        Completion, KeyValueStore, MemoryStore, RedisStore, SealedStore, SqliteStore, Store,
    };
}
