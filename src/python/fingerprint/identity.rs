//! Numbers for living objects: an object keeps its number, and no number is ever given twice.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::Unkeyable;
use super::sink::Sink;
use super::watched::Watched;

static NEXT: AtomicU64 = AtomicU64::new(0);
static NUMBERS: Watched<u64> = Watched::new();

/// Writes which object this is: unlike any other of this or another process.
pub(super) fn write(value: &Bound<'_, PyAny>, sink: &mut Sink) -> PyResult<()> {
    let Some(number) = NUMBERS.get_or_insert(value, || NEXT.fetch_add(1, Ordering::Relaxed)) else {
        let kind = value.get_type().fully_qualified_name()?;
        return Err(Unkeyable::new_err(format!(
            "a value of type {kind} has neither content nor a watchable identity"
        )));
    };
    sink.tag(b'@');
    sink.raw(process(value.py())?);
    // a forked child has the token of its parent
    sink.number(u64::from(std::process::id()));
    sink.number(number);
    Ok(())
}

/// Random bytes of this process: numbers of another one, or of its last run, mean other objects.
fn process(py: Python<'_>) -> PyResult<&'static [u8; 16]> {
    static TOKEN: PyOnceLock<[u8; 16]> = PyOnceLock::new();
    TOKEN.get_or_try_init(py, || {
        let mut token = [0; 16];
        getrandom::fill(&mut token)
            .map_err(|error| pyo3::exceptions::PyOSError::new_err(error.to_string()))?;
        Ok(token)
    })
}
