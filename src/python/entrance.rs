//! How threads that Python did not start come into the interpreter: none is inside when it ends.
//!
//! Before 3.14 a thread that asks for the lock of an ending interpreter is killed where it stands. That may be in the
//! middle of a Python function that this crate called, and Rust aborts the process when such a death passes through it.

use std::thread::{self, ThreadId};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::wrap_pyfunction;

use crate::process::{self, PerProcess};

/// How long the interpreter's end waits for a thread that does not come out, as one that waits for a lock of a
/// program that is over.
const PATIENCE: Duration = Duration::from_secs(5);

/// A forked child has none of the threads that are inside, and its own end.
static ENTRANCE: PerProcess<Entrance> = PerProcess::new();

#[derive(Default)]
struct Entrance {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Default)]
struct State {
    inside: usize,
    /// The thread that ends the interpreter, and may use it until then.
    closed_by: Option<ThreadId>,
}

/// Counts a thread as inside for as long as it lives.
struct Inside(&'static Entrance);

impl Inside {
    fn come() -> Option<Self> {
        let entrance = ENTRANCE.get();
        let mut state = entrance.state.lock();
        if state.is_closed() {
            return None;
        }
        state.inside += 1;
        Some(Self(entrance))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.state.lock().inside -= 1;
        self.0.left.notify_all();
    }
}

impl State {
    fn is_closed(&self) -> bool {
        self.closed_by
            .is_some_and(|closer| closer != thread::current().id())
    }
}

/// Does work with the interpreter, on any thread; `None` where it has ended, or is about to.
pub(super) fn attach<T>(work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    let _inside = Inside::come()?;
    Python::try_attach(work)
}

/// Whether other threads are kept out by now, so that none can tell an event loop to go on.
pub(super) fn is_closed() -> bool {
    ENTRANCE.get().state.lock().closed_by.is_some()
}

/// Has the entrance closed before the interpreter ends.
pub(super) fn close_at_exit(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let close = wrap_pyfunction!(close, module)?;
    let atexit = module.py().import("atexit")?;
    atexit.call_method1("register", (close,)).map(drop)
}

/// Has the core told of each fork: it need not ask the system for its process before each look at what belongs to one.
pub(super) fn tell_of_forks(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let os = module.py().import("os")?;
    if let Ok(register) = os.getattr("register_at_fork") {
        let how = PyDict::new(module.py());
        how.set_item("after_in_child", wrap_pyfunction!(forked, module)?)?;
        register.call((), Some(&how))?;
        process::note_id();
    }
    Ok(())
}

#[pyfunction]
fn forked() {
    process::note_id();
}

/// Lets nobody in any more, and waits until all are out.
#[pyfunction]
fn close(py: Python<'_>) {
    py.detach(|| {
        let entrance = ENTRANCE.get();
        let mut state = entrance.state.lock();
        state.closed_by = Some(thread::current().id());
        entrance
            .left
            .wait_while_for(&mut state, |state| state.inside > 0, PATIENCE);
    });
}
