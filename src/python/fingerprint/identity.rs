//! Numbers for living objects: an object keeps its number, and no number is ever given twice.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;
use pyo3::sync::{MutexExt, PyOnceLock};
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use super::Unkeyable;
use super::sink::Sink;

/// Dead objects are cleared away when this many are known, and again at each doubling.
const FIRST_SWEEP: usize = 1024;

static NEXT: AtomicU64 = AtomicU64::new(0);
static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

/// Objects by address. An address is used again after its object died, so the weak reference decides.
struct Known {
    numbers: HashMap<usize, (Py<PyWeakrefReference>, u64)>,
    sweep_at: usize,
}

/// Writes which object this is: unlike any other of this or another process.
pub(super) fn write(value: &Bound<'_, PyAny>, sink: &mut Sink) -> PyResult<()> {
    let number = number(value)?;
    sink.tag(b'@');
    sink.raw(process(value.py())?);
    // a forked child has the token of its parent
    sink.number(u64::from(std::process::id()));
    sink.number(number);
    Ok(())
}

fn number(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    let py = value.py();
    // made before the lock is taken: making it may run the garbage collector, and that anything
    let Ok(reference) = PyWeakrefReference::new(value) else {
        let kind = value.get_type().fully_qualified_name()?;
        return Err(Unkeyable::new_err(format!("a value of type {kind} has neither content nor a watchable identity")));
    };
    let address = value.as_ptr() as usize;
    // what is let go goes after the lock: the last reference to an object runs its finalizer
    let (mut dead, mut living) = (Vec::new(), Vec::new());
    let mut guard = KNOWN.lock_py_attached(py).unwrap_or_else(std::sync::PoisonError::into_inner);
    let known = guard.get_or_insert_with(|| Known { numbers: HashMap::new(), sweep_at: FIRST_SWEEP });
    if let Some((earlier, number)) = known.numbers.get(&address)
        && is_of(earlier.bind(py), value)
    {
        let number = *number;
        drop(guard);
        return Ok(number);
    }
    if known.numbers.len() >= known.sweep_at {
        dead.extend(known.numbers.extract_if(|_, (earlier, _)| match earlier.bind(py).upgrade() {
            Some(object) => {
                living.push(object);
                false
            }
            None => true,
        }));
        known.sweep_at = (known.numbers.len() * 2).max(FIRST_SWEEP);
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let replaced = known.numbers.insert(address, (reference.unbind(), number));
    drop(guard);
    drop((dead, living, replaced));
    Ok(number)
}

fn is_of(reference: &Bound<'_, PyWeakrefReference>, value: &Bound<'_, PyAny>) -> bool {
    reference.upgrade().is_some_and(|living| living.is(value))
}

/// Random bytes of this process: numbers of another one, or of its last run, mean other objects.
fn process(py: Python<'_>) -> PyResult<&'static [u8; 16]> {
    static TOKEN: PyOnceLock<[u8; 16]> = PyOnceLock::new();
    TOKEN.get_or_try_init(py, || {
        let mut token = [0; 16];
        getrandom::fill(&mut token).map_err(|error| pyo3::exceptions::PyOSError::new_err(error.to_string()))?;
        Ok(token)
    })
}
