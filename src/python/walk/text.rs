//! Texts, ints and keys that need more than a look: of any size, with lone surrogates.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString};

use super::Sink;
use crate::value::KeyType;

/// Whether a str has a high surrogate with a low one behind it, as two characters.
pub(super) fn has_surrogate_pair(text: &Bound<'_, PyString>) -> PyResult<bool> {
    if text.to_str().is_ok() {
        return Ok(false);
    }
    let encoded = text.call_method1("encode", ("utf-32-le", "surrogatepass"))?;
    let units = encoded.cast::<PyBytes>()?.as_bytes().chunks_exact(4);
    let mut after_high = false;
    for unit in units {
        let unit = u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]]);
        if after_high && (0xDC00..0xE000).contains(&unit) {
            return Ok(true);
        }
        after_high = (0xD800..0xDC00).contains(&unit);
    }
    Ok(false)
}

/// Writes a str, lone surrogates included.
pub(super) fn string(text: &Bound<'_, PyString>, sink: &mut impl Sink) -> PyResult<()> {
    if let Ok(text) = text.to_str() {
        sink.string(text);
        return Ok(());
    }
    let encoded = text.call_method1("encode", ("utf-16-le", "surrogatepass"))?;
    let bytes = encoded.cast::<PyBytes>()?.as_bytes();
    sink.string_utf16(
        bytes
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]])),
    );
    Ok(())
}

/// Writes an int of any size. Beyond the interpreter's digit limit: its `ValueError`.
pub(super) fn int(value: &Bound<'_, PyAny>, sink: &mut impl Sink) -> PyResult<()> {
    match value.extract::<i64>() {
        Ok(number) => sink.int(number),
        Err(_) => {
            let digits = value
                .py()
                .get_type::<PyInt>()
                .call_method1("__repr__", (value,))?;
            sink.write(digits.cast::<PyString>()?.to_str()?);
        }
    }
    Ok(())
}

/// Writes a key that is no str as the text that stands for it.
///
/// Raises `TypeError` for what is no key of JSON.
pub(super) fn key(key: &Bound<'_, PyAny>, sink: &mut impl Sink) -> PyResult<KeyType> {
    if key.is_none() {
        sink.write("\"null\"");
        return Ok(KeyType::Null);
    }
    if key.is_instance_of::<PyBool>() {
        let is_true = key.is_truthy()?;
        sink.write(if is_true { "\"true\"" } else { "\"false\"" });
        return Ok(KeyType::Bool);
    }
    if key.is_instance_of::<PyInt>() {
        sink.write("\"");
        int(key, sink)?;
        sink.write("\"");
        return Ok(KeyType::Int);
    }
    if let Ok(number) = key.cast::<PyFloat>() {
        sink.write("\"");
        sink.float(number.value());
        sink.write("\"");
        return Ok(KeyType::Float);
    }
    let kind = key.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "keys must be str, int, float, bool or None, not {kind}"
    )))
}
