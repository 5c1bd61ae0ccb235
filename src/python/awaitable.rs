//! Work of the core as something that Python can await: polled on the thread of the event loop, where the
//! caller's hooks may run, and woken from wherever a store has its answer.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyModule;
use pyo3::{PyTraverseError, PyVisit, intern};

use super::entrance;
use crate::process::PerProcess;
use crate::runtime::{self, INTERRUPT_PERIOD};

/// Work that ends with a Python object.
type Work = Pin<Box<dyn Future<Output = PyResult<Py<PyAny>>> + Send>>;

thread_local! {
    /// What a signal handler raised while this thread waited for a disk.
    static INTERRUPT: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// How work of the core is done for a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// On this thread, for which everything is in memory.
    Inline,
    /// On this thread, without the interpreter from where it waits for a disk or a network.
    Blocking,
    /// Handed out to be awaited; `waits`: it may need timers and sockets.
    Awaited { waits: bool },
}

/// Does the work, or hands it out.
///
/// # Errors
/// What the work raises, and `KeyboardInterrupt` if it comes while the thread waits.
pub(super) fn run<'py, F>(py: Python<'py>, mode: Mode, work: F) -> PyResult<Bound<'py, PyAny>>
where
    F: Future<Output = PyResult<Py<PyAny>>> + Send + 'static,
{
    match mode {
        Mode::Inline => {
            let output = runtime::poll_once(Box::pin(work)).unwrap_or_else(|work| wait(py, work));
            Ok(output?.into_bound(py))
        }
        Mode::Blocking => {
            let output = runtime::begin(Box::pin(work)).unwrap_or_else(|work| wait(py, work));
            Ok(output?.into_bound(py))
        }
        Mode::Awaited { waits } => {
            let awaitable = Awaitable {
                work: Mutex::new(Some(Box::pin(work))),
                bell: Arc::default(),
                waits,
            };
            Ok(Bound::new(py, awaitable)?.into_any())
        }
    }
}

/// Blocks this thread, without the interpreter. What a signal handler raises comes before what the work
/// raises: it may be the reason that the work failed.
fn wait(py: Python<'_>, work: Work) -> PyResult<Py<PyAny>> {
    let output = py.detach(|| runtime::block_on(Interruptible::new(work)));
    if let Some(interrupt) = INTERRUPT.take() {
        return Err(interrupt);
    }
    if output.is_err() {
        py.check_signals()?;
    }
    output
}

/// Runs the handlers of signals that came to this thread; whether one raised. For [`runtime::on_interrupt`].
pub(super) fn is_interrupted() -> bool {
    let raised = Python::try_attach(|py| py.check_signals().err()).flatten();
    let is_raised = raised.is_some();
    INTERRUPT.set(raised);
    is_raised
}

/// A plain answer as a Python object.
pub(super) fn object<T>(answer: T) -> PyResult<Py<PyAny>>
where
    T: for<'py> IntoPyObjectExt<'py>,
{
    Python::attach(|py| answer.into_py_any(py))
}

/// Work that ends early with the exception of a signal handler (Ctrl-C).
struct Interruptible {
    work: Work,
    ticks: Option<tokio::time::Interval>,
}

impl Interruptible {
    fn new(work: Work) -> Self {
        Self { work, ticks: None }
    }
}

impl Future for Interruptible {
    type Output = PyResult<Py<PyAny>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(output) = self.work.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        if tokio::runtime::Handle::try_current().is_err() {
            return Poll::Pending; // not waiting yet
        }
        let ticks = self
            .ticks
            .get_or_insert_with(|| tokio::time::interval(INTERRUPT_PERIOD));
        while ticks.poll_tick(context).is_ready() {
            if let Err(interrupt) = Python::attach(|py| py.check_signals()) {
                return Poll::Ready(Err(interrupt));
            }
        }
        Poll::Pending
    }
}

/// An awaitable of the core.
#[pyclass(frozen, module = "mcp_refcache._core")]
pub(super) struct Awaitable {
    work: Mutex<Option<Work>>,
    bell: Arc<Bell>,
    waits: bool,
}

#[pymethods]
impl Awaitable {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Works on; what there is to wait for next, or `StopIteration` with the result.
    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let taken = self.work.lock().take();
        let Some(mut work) = taken else {
            return Err(PyRuntimeError::new_err("cannot await the same work twice"));
        };
        let waker = Waker::from(Arc::clone(&self.bell));
        let _entered = self.waits.then(|| runtime::runtime().enter());
        let _loops = runtime::Blocking::never();
        match work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => Err(PyStopIteration::new_err((output?,))),
            Poll::Pending if entrance::is_closed() => {
                Err(PyStopIteration::new_err((wait(py, work)?,)))
            }
            Poll::Pending => {
                *self.work.lock() = Some(work);
                self.bell.expect(py)
            }
        }
    }

    /// Waiters that were awaited on may refer back; the work itself is not looked into.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.bell.0.try_lock() {
            Some(state) => match &*state {
                State::Waited(waiter) => visit.call(&waiter.future),
                State::Silent | State::Rung => Ok(()),
            },
            None => Ok(()),
        }
    }
}

/// Tells an event loop that work can go on.
#[derive(Default)]
struct Bell(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Silent,
    /// It rang before anybody waited.
    Rung,
    Waited(Waiter),
}

/// A future that somebody awaits, and its event loop.
struct Waiter {
    future: Py<PyAny>,
    event_loop: Py<PyAny>,
}

impl Bell {
    /// What to give to the event loop in order to be called again.
    fn expect(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let event_loop = running_loop(py)?;
        let future = event_loop.call_method0(intern!(py, "create_future"))?;
        let before = {
            let mut state = self.0.lock();
            let waiter = Waiter {
                future: future.clone().unbind(),
                event_loop: event_loop.unbind(),
            };
            std::mem::replace(&mut *state, State::Waited(waiter))
        };
        if let State::Rung = before {
            self.silence();
            future.call_method1(intern!(py, "set_result"), (py.None(),))?;
        }
        // the loop recognises a future by a mark that its own iterator sets
        let steps = future.call_method0(intern!(py, "__await__"))?;
        match steps.try_iter()?.next() {
            Some(step) => Ok(step?.unbind()),
            // it is done already: nothing to wait for, but one turn of the loop
            None => Ok(py.None()),
        }
    }

    fn silence(&self) {
        let waited = std::mem::take(&mut *self.0.lock());
        drop(waited);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let before = std::mem::replace(&mut *self.0.lock(), State::Rung);
        if let State::Waited(waiter) = before {
            self.silence();
            ring(waiter);
        }
    }
}

/// Waiters to be told, together: the first one that comes sends for the loop, the others join it.
/// The one that a forked child's parent sent for is on its way in the parent.
static RINGING: PerProcess<Mutex<Vec<Waiter>>> = PerProcess::new();

fn ring(waiter: Waiter) {
    let first = {
        let mut ringing = RINGING.get().lock();
        ringing.push(waiter);
        ringing.len() == 1
    };
    if first {
        // at the interpreter's end there is nobody left to be told
        entrance::attach(|py| {
            let waiters = std::mem::take(&mut *RINGING.get().lock());
            tell(py, waiters);
        });
    }
}

/// Has each loop wake its waiters.
fn tell(py: Python<'_>, mut waiters: Vec<Waiter>) {
    while let Some(first) = waiters.first() {
        let event_loop = first.event_loop.clone_ref(py);
        let (same, others) = waiters
            .into_iter()
            .partition::<Vec<_>, _>(|waiter| waiter.event_loop.is(&event_loop));
        waiters = others;
        let futures: Vec<_> = same.into_iter().map(|waiter| waiter.future).collect();
        let told = wake_all(py).and_then(|wake| {
            let call = intern!(py, "call_soon_threadsafe");
            event_loop.call_method1(py, call, (wake.clone_ref(py), futures))
        });
        // a loop that was closed has cancelled its tasks
        drop(told);
    }
}

/// `mcp_refcache._waking.wake_all`.
fn wake_all(py: Python<'_>) -> PyResult<&Py<PyAny>> {
    static WAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    WAKE.get_or_try_init(py, || {
        let module = py.import("mcp_refcache._waking")?;
        Ok(module.getattr("wake_all")?.unbind())
    })
}

fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static ASYNCIO: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let asyncio = ASYNCIO.get_or_try_init(py, || Ok::<_, PyErr>(py.import("asyncio")?.unbind()))?;
    asyncio
        .bind(py)
        .call_method0(intern!(py, "get_running_loop"))
}
