//! Arguments as Python callers give them: an error names the argument, what it was, and what is
//! allowed.

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::error::to_py;
use crate::cache::Ttl;
use crate::error::Error;

/// "Never expires": a TTL, to be told from None, which means "as the cache says".
#[pyclass(frozen, name = "Never", module = "mcp_refcache._core")]
pub(super) struct Never;

#[pymethods]
impl Never {
    #[new]
    fn new() -> Self {
        Self
    }

    fn __repr__(&self) -> &'static str {
        "NEVER"
    }
}

/// How much of a wrong argument an error shows.
const SHOWN: usize = 60;

/// A name: a str that other programs can read, so without lone surrogates.
pub(super) fn text<'a>(name: &str, given: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    readable(name, given)?.ok_or_else(|| {
        let found = shown(given);
        PyValueError::new_err(format!(
            "{name} must be text without lone surrogates, not {found}"
        ))
    })
}

/// A name that may be left out.
pub(super) fn optional_text<'a>(
    name: &str,
    given: Option<&'a Bound<'_, PyAny>>,
) -> PyResult<Option<&'a str>> {
    given.map(|given| text(name, given)).transpose()
}

/// A str that something may be stored under; `None` for one with lone surrogates, under which
/// nothing is.
pub(super) fn readable<'a>(name: &str, given: &'a Bound<'_, PyAny>) -> PyResult<Option<&'a str>> {
    match given.cast::<PyString>() {
        Ok(text) => Ok(text.to_str().ok()),
        Err(_) => Err(wrong_type(name, "a str", given)),
    }
}

/// A whole number from `least` on, that may be left out.
pub(super) fn number(
    name: &'static str,
    least: i64,
    given: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<usize>> {
    let Some(given) = given else {
        return Ok(None);
    };
    let too_large = match given.extract::<i64>() {
        Ok(number) if number >= least => return Ok(usize::try_from(number).ok()),
        Ok(_) => false,
        Err(error) if error.is_instance_of::<PyOverflowError>(given.py()) => given.gt(least)?,
        Err(_) => return Err(wrong_type(name, "a whole number", given)),
    };
    let message = if too_large {
        format!("{name} must be from {least} to {}", i64::MAX)
    } else {
        format!("{name} must be {least} or greater")
    };
    Err(to_py(Error::invalid(message).with(name, shown(given))))
}

/// A TTL: None, seconds or NEVER.
pub(super) fn ttl(name: &str, given: &Bound<'_, PyAny>) -> PyResult<Ttl> {
    if given.is_none() {
        return Ok(Ttl::Default);
    }
    if given.is_instance_of::<Never>() {
        return Ok(Ttl::Never);
    }
    let seconds = given.extract().map(Ttl::Seconds);
    seconds.map_err(|_| wrong_type(name, "a number of seconds, NEVER or None", given))
}

/// The error for an argument of another type.
pub(super) fn wrong_type(name: &str, allowed: &str, given: &Bound<'_, PyAny>) -> PyErr {
    match given.get_type().name() {
        Ok(found) => PyTypeError::new_err(format!("{name} must be {allowed}, not {found}")),
        Err(error) => error,
    }
}

/// The beginning of the repr of a text or number.
pub(super) fn shown(given: &Bound<'_, PyAny>) -> String {
    let Ok(text) = given.repr().map(|text| text.to_string_lossy().into_owned()) else {
        return "something that cannot be shown".to_owned();
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
