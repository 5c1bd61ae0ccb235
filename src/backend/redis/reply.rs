//! Taking answers apart. Missing is `None`; a form that was not asked for is an error.

use std::sync::Arc;

use ::redis::Value;
use bytes::Bytes;

use super::errors::unexpected;
use crate::error::Result;

/// Bytes, without copying them.
pub(super) fn bytes(answer: Value) -> Result<Option<Bytes>> {
    match answer {
        Value::BulkString(bytes) => Ok(Some(bytes.into())),
        Value::SimpleString(text) => Ok(Some(text.into_bytes().into())),
        Value::Nil | Value::Boolean(false) => Ok(None),
        _ => Err(unexpected()),
    }
}

/// A text.
pub(super) fn text(answer: Value) -> Result<Option<Arc<str>>> {
    match bytes(answer)? {
        None => Ok(None),
        Some(bytes) => match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(text.into())),
            Err(_) => Err(unexpected()),
        },
    }
}

/// A whole number, also one written as text.
pub(super) fn number(answer: Value) -> Result<Option<u64>> {
    match answer {
        Value::Int(number) => Ok(u64::try_from(number).ok()),
        answer => match text(answer)? {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| unexpected()),
        },
    }
}

/// Whether a command changed or found something.
pub(super) fn yes(answer: Value) -> Result<bool> {
    match answer {
        Value::Boolean(yes) => Ok(yes),
        answer => Ok(number(answer)?.unwrap_or(0) > 0),
    }
}

/// Several answers in one; pairs of a map one behind the other.
pub(super) fn list(answer: Value) -> Result<Vec<Value>> {
    match answer {
        Value::Array(items) | Value::Set(items) => Ok(items),
        Value::Map(pairs) => Ok(pairs.into_iter().flat_map(|(k, v)| [k, v]).collect()),
        Value::Nil | Value::Boolean(false) => Ok(Vec::new()),
        _ => Err(unexpected()),
    }
}

/// So many answers in one, or `None` for none.
pub(super) fn some<const N: usize>(answer: Value) -> Result<Option<[Value; N]>> {
    match list(answer)? {
        items if items.is_empty() => Ok(None),
        items => items.try_into().map(Some).map_err(|_| unexpected()),
    }
}

/// Several texts.
pub(super) fn texts(answer: Value) -> Result<Vec<Arc<str>>> {
    list(answer)?
        .into_iter()
        .filter_map(|item| text(item).transpose())
        .collect()
}
