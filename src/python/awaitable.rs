//! Work of the core as something that Python can await: polled on the thread of the event loop, where the
//! caller's hooks may run, and woken from wherever a store has its answer.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyModule;
use pyo3::{PyTraverseError, PyVisit, intern};
use tokio::time::{Instant, interval_at};

use super::entrance;
#[cfg(unix)]
use super::event_loop::watching;
use crate::process::PerProcess;
use crate::runtime::{self, INTERRUPT_PERIOD};

/// Work that ends with a Python object.
type Work = Pin<Box<dyn Future<Output = PyResult<Py<PyAny>>> + Send>>;

thread_local! {
    /// Whether this thread has the interpreter while it does work that may block.
    static HOLDS: Cell<bool> = const { Cell::new(false) };
    /// Whom to tell when the event loop of this thread is done with what it is at.
    static TOGETHER: RefCell<Option<Vec<Waiter>>> = const { RefCell::new(None) };
    /// What a signal handler raised while this thread waited for a disk.
    static INTERRUPT: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// How work of the core is done for a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// On this thread, for which everything is in memory.
    Inline,
    /// On this thread, without the interpreter, as it waits for a disk or a network.
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
            let output = runtime::poll_once(pin!(work)).unwrap_or_else(|work| wait(py, work));
            Ok(output?.into_bound(py))
        }
        Mode::Blocking => Ok(wait(py, pin!(work))?.into_bound(py)),
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

/// Does the work on this thread. What of it blocks, and waiting, is done without the interpreter, all else with it: it
/// is taken back once for an answer, as each time may be a long wait among many threads. What a signal handler raises
/// comes before what the work raises: it may be the reason that the work failed.
fn wait<F>(py: Python<'_>, work: F) -> PyResult<Py<PyAny>>
where
    F: Future<Output = PyResult<Py<PyAny>>> + Send + Unpin,
{
    let advanced = {
        let _holds = Holds(HOLDS.replace(true));
        runtime::advance(work)
    };
    let output = match advanced {
        Ok(output) => output,
        Err(work) => py.detach(|| runtime::block_on(Interruptible::new(work))),
    };
    if let Some(interrupt) = INTERRUPT.take() {
        return Err(interrupt);
    }
    if output.is_err() {
        py.check_signals()?;
    }
    output
}

/// Does work without the interpreter, if this thread has it. For [`runtime::on_blocking`].
pub(super) fn release(work: &mut (dyn FnMut() + Send)) {
    if !HOLDS.get() {
        return work();
    }
    let _holds = Holds(HOLDS.replace(false));
    Python::attach(|py| py.detach(work));
}

/// Sets back what [`HOLDS`] was before.
struct Holds(bool);

impl Drop for Holds {
    fn drop(&mut self) {
        HOLDS.set(self.0);
    }
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
struct Interruptible<F> {
    work: F,
    ticks: Option<tokio::time::Interval>,
}

impl<F> Interruptible<F> {
    fn new(work: F) -> Self {
        Self { work, ticks: None }
    }
}

impl<F> Future for Interruptible<F>
where
    F: Future<Output = PyResult<Py<PyAny>>> + Unpin,
{
    type Output = PyResult<Py<PyAny>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(output) = Pin::new(&mut self.work).poll(context) {
            return Poll::Ready(output);
        }
        if tokio::runtime::Handle::try_current().is_err() {
            return Poll::Pending; // not waiting yet
        }
        let ticks = self
            .ticks
            // the first one is not due at once: who is answered soon need not ask for the interpreter
            .get_or_insert_with(|| {
                interval_at(Instant::now() + INTERRUPT_PERIOD, INTERRUPT_PERIOD)
            });
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
        let mut context = Context::from_waker(&waker);
        let allowed = runtime::Allowed::not();
        let polled = match self.waits {
            true => self.poll_on_loop(py, work.as_mut(), &mut context),
            false => work.as_mut().poll(&mut context),
        };
        drop(allowed);
        match polled {
            Poll::Ready(output) => Err(PyStopIteration::new_err((output?,))),
            Poll::Pending if entrance::is_closed() => {
                Err(PyStopIteration::new_err((wait(py, work)?,)))
            }
            Poll::Pending => {
                *self.work.lock() = Some(work);
                self.bell.expect(&running_loop(py)?)
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

impl Awaitable {
    /// Works on as a part of the running event loop, which may watch the sockets of the work.
    fn poll_on_loop(
        &self,
        py: Python<'_>,
        work: Pin<&mut (dyn Future<Output = PyResult<Py<PyAny>>> + Send)>,
        context: &mut Context<'_>,
    ) -> Poll<PyResult<Py<PyAny>>> {
        let _entered = runtime::runtime().enter();
        #[cfg(unix)]
        if !entrance::is_closed()
            && let Ok(Some(event_loop)) = running_loop(py).and_then(|running| watching(&running))
        {
            return runtime::on_loop(event_loop, || work.poll(context));
        }
        #[cfg(not(unix))]
        let _ = py;
        work.poll(context)
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
    fn expect(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = event_loop.py();
        let future = event_loop.call_method0(intern!(py, "create_future"))?;
        let before = {
            let mut state = self.0.lock();
            let waiter = Waiter {
                future: future.clone().unbind(),
                event_loop: event_loop.clone().unbind(),
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
    let Some(waiter) = TOGETHER.with_borrow_mut(|together| match together {
        Some(together) => {
            together.push(waiter);
            None
        }
        None => Some(waiter),
    }) else {
        return;
    };
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

/// Does work on the thread of this event loop, and wakes all of its waiters that can go on by then at once.
#[cfg(unix)]
pub(super) fn wake_together(
    py: Python<'_>,
    event_loop: &Py<PyAny>,
    work: impl FnOnce(),
) -> PyResult<()> {
    TOGETHER.set(Some(Vec::new()));
    work();
    let waiters = TOGETHER.take().unwrap_or_default();
    let (own, others) = waiters
        .into_iter()
        .partition::<Vec<_>, _>(|waiter| waiter.event_loop.is(event_loop));
    tell(py, others);
    let futures: Vec<_> = own.into_iter().map(|waiter| waiter.future).collect();
    wake_all(py)?.call1(py, (futures,)).map(drop)
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
