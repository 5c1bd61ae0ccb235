//! `mcp_refcache.permissions.Permission` as bits and back.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::access::Permission;

/// The 32 members; an enum makes each only once, so that they can be told apart by identity.
fn members(py: Python<'_>) -> PyResult<&[Py<PyAny>]> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static MEMBERS: PyOnceLock<Vec<Py<PyAny>>> = PyOnceLock::new();
    let members = MEMBERS.get_or_try_init(py, || {
        let class = CLASS.import(py, "mcp_refcache.permissions", "Permission")?;
        (0..=Permission::FULL.bits())
            .map(|bits| class.call1((bits,)).map(Bound::unbind))
            .collect::<PyResult<_>>()
    })?;
    Ok(members)
}

/// The Python member.
pub(super) fn to_python(py: Python<'_>, permission: Permission) -> PyResult<Bound<'_, PyAny>> {
    Ok(members(py)?[usize::from(permission.bits())]
        .bind(py)
        .clone())
}

fn member(object: &Bound<'_, PyAny>) -> PyResult<Option<Permission>> {
    let found = members(object.py())?
        .iter()
        .position(|member| object.is(member));
    Ok(found
        .and_then(|bits| u8::try_from(bits).ok())
        .and_then(Permission::from_bits))
}

/// What is asked for: a member.
pub(super) fn required(object: &Bound<'_, PyAny>) -> PyResult<Permission> {
    member(object)?.ok_or_else(|| not_a_permission("required", object))
}

fn not_a_permission(name: &str, object: &Bound<'_, PyAny>) -> PyErr {
    match object.get_type().name() {
        Ok(found) => PyTypeError::new_err(format!("{name} must be a Permission, not {found}")),
        Err(error) => error,
    }
}

/// What is granted: a member, or any container that says which flags are in it.
pub(super) fn granted(object: &Bound<'_, PyAny>) -> PyResult<Permission> {
    if let Some(permission) = member(object)? {
        return Ok(permission);
    }
    let mut granted = Permission::NONE;
    for flag in Permission::CRUD | Permission::EXECUTE {
        if object.contains(to_python(object.py(), flag)?)? {
            granted |= flag;
        }
    }
    Ok(granted)
}
