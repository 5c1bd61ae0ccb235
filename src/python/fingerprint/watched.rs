//! Facts about living objects, forgotten when the objects die.

use std::hash::BuildHasherDefault;
use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use rustc_hash::FxHasher;

/// Dead objects are cleared away when this many are known, and again at each doubling.
const FIRST_SWEEP: usize = 1024;

/// Facts by the address of an object. An address is used again after its object died, so the weak
/// reference decides.
pub(super) struct Watched<T>(Mutex<Known<T>>);

struct Known<T> {
    facts: HashMap<usize, (Py<PyWeakrefReference>, T), BuildHasherDefault<FxHasher>>,
    sweep_at: usize,
}

impl<T: Clone> Watched<T> {
    pub(super) const fn new() -> Self {
        let facts = HashMap::with_hasher(BuildHasherDefault::new());
        Self(Mutex::new(Known {
            facts,
            sweep_at: FIRST_SWEEP,
        }))
    }

    /// The fact about this object if it was noted.
    pub(super) fn get(&self, object: &Bound<'_, PyAny>) -> Option<T> {
        let py = object.py();
        let guard = self
            .0
            .lock_py_attached(py)
            .unwrap_or_else(PoisonError::into_inner);
        let (reference, fact) = guard.facts.get(&(object.as_ptr() as usize))?;
        // if it lives it is this object, which the caller holds: letting go of it here ends nothing
        reference
            .bind(py)
            .upgrade()?
            .is(object)
            .then(|| fact.clone())
    }

    /// The fact about this object, noted now if it was not; `None` if the object cannot be watched.
    pub(super) fn get_or_insert(
        &self,
        object: &Bound<'_, PyAny>,
        fact: impl FnOnce() -> T,
    ) -> Option<T> {
        if let Some(fact) = self.get(object) {
            return Some(fact);
        }
        let py = object.py();
        // before the lock is taken: making it may run the garbage collector, and that anything
        let reference = PyWeakrefReference::new(object).ok()?;
        // what is let go goes after the lock: the last reference to an object runs its finalizer
        let (mut dead, mut living) = (Vec::new(), Vec::new());
        let mut guard = self
            .0
            .lock_py_attached(py)
            .unwrap_or_else(PoisonError::into_inner);
        let known = &mut *guard;
        if known.facts.len() >= known.sweep_at {
            dead.extend(known.facts.extract_if(|_, (reference, _)| {
                match reference.bind(py).upgrade() {
                    Some(object) => {
                        living.push(object);
                        false
                    }
                    None => true,
                }
            }));
            known.sweep_at = (known.facts.len() * 2).max(FIRST_SWEEP);
        }
        let address = object.as_ptr() as usize;
        let noted = match known.facts.get(&address) {
            // another thread was quicker
            Some((earlier, noted)) if earlier.is(&reference) => noted.clone(),
            _ => {
                let fact = fact();
                dead.extend(
                    known
                        .facts
                        .insert(address, (reference.unbind(), fact.clone()))
                        .map(|former| (address, former)),
                );
                fact
            }
        };
        drop(guard);
        drop((dead, living));
        Some(noted)
    }
}
