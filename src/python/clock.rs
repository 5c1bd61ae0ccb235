//! The clock of Python callers: `time.time`, looked up at each call because tests patch it.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyModule;

use super::entrance;
use crate::clock::{Clock, SystemClock, Timestamp};

/// `time.time()`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PythonClock;

impl Clock for PythonClock {
    /// The machine's clock where Python's cannot be asked: at the interpreter's end, or when a
    /// patched one fails.
    fn now(&self) -> Timestamp {
        Python::try_attach(|py| ask(py).ok())
            .flatten()
            .unwrap_or_else(|| SystemClock.now())
    }

    fn at_now(&self, work: &mut dyn FnMut(Timestamp)) {
        entrance::attach(|py| work(ask(py).unwrap_or_else(|_| SystemClock.now())));
    }
}

fn ask(py: Python<'_>) -> PyResult<Timestamp> {
    static TIME: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let time = TIME.get_or_try_init(py, || Ok::<_, PyErr>(py.import("time")?.unbind()))?;
    time.bind(py)
        .call_method0(pyo3::intern!(py, "time"))?
        .extract()
}
