//! The event loops of asyncio as the core knows them: each watches the sockets of its own tasks.

use std::cell::RefCell;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::awaitable::wake_together;
use crate::runtime::{EventLoop, Nudge, Source};

/// An event loop, for as long as Python knows it.
#[pyclass(frozen, module = "mcp_refcache._core")]
struct Known {
    number: u64,
    /// Whether it cannot watch sockets, as those of Windows.
    is_blind: AtomicBool,
}

/// An event loop, and what is known of it.
struct Running {
    event_loop: Py<PyAny>,
    known: Py<Known>,
}

thread_local! {
    /// The loop that ran here last.
    static LAST: RefCell<Option<Arc<Running>>> = const { RefCell::new(None) };
}

/// This event loop, if it can watch sockets.
pub(super) fn watching(event_loop: &Bound<'_, PyAny>) -> PyResult<Option<Arc<dyn EventLoop>>> {
    let py = event_loop.py();
    let last = LAST.with_borrow(|last| {
        let last = last.as_ref()?;
        last.event_loop.is(event_loop).then(|| Arc::clone(last))
    });
    let running = match last {
        Some(running) => running,
        None => {
            let running = Arc::new(Running {
                event_loop: event_loop.clone().unbind(),
                known: known(event_loop)?,
            });
            let before = LAST.replace(Some(Arc::clone(&running)));
            drop(before);
            running
        }
    };
    let is_blind = running
        .known
        .bind(py)
        .get()
        .is_blind
        .load(Ordering::Relaxed);
    Ok((!is_blind).then_some(running as _))
}

/// What is known of a loop; it is told from one that had its address before.
fn known(event_loop: &Bound<'_, PyAny>) -> PyResult<Py<Known>> {
    static LOOPS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let py = event_loop.py();
    let loops = LOOPS.get_or_try_init(py, || {
        let weakref = py.import("weakref")?;
        Ok::<_, PyErr>(weakref.getattr("WeakKeyDictionary")?.call0()?.unbind())
    })?;
    let new = Known {
        number: COUNT.fetch_add(1, Ordering::Relaxed),
        is_blind: AtomicBool::new(false),
    };
    let known = loops.call_method1(
        py,
        intern!(py, "setdefault"),
        (event_loop, Bound::new(py, new)?),
    )?;
    Ok(known.extract(py)?)
}

impl EventLoop for Running {
    fn number(&self) -> u64 {
        self.known.get().number
    }

    fn watch(&self, socket: RawFd, source: Arc<dyn Source>) -> Option<Nudge> {
        Python::attach(|py| {
            let event_loop = self.event_loop.clone_ref(py);
            let served = Served {
                event_loop: event_loop.clone_ref(py),
                socket,
                source,
            };
            let sender = served.sender(py);
            let watched = Bound::new(py, served).and_then(|served| {
                let add = intern!(py, "add_reader");
                event_loop.call_method1(py, add, (socket, served))
            });
            if watched.is_err() {
                self.known.get().is_blind.store(true, Ordering::Relaxed);
                return None;
            }
            let sender = Py::new(py, sender).ok()?;
            let nudge = move || {
                Python::attach(|py| {
                    let soon = intern!(py, "call_soon");
                    // a closed loop has told its sources that it is over
                    let called = event_loop.call_method1(py, soon, (&sender,));
                    drop(called);
                });
            };
            Some(Arc::new(nudge) as Nudge)
        })
    }
}

/// What a loop calls when there is something to be received.
#[pyclass(frozen, module = "mcp_refcache._core")]
struct Served {
    event_loop: Py<PyAny>,
    socket: RawFd,
    source: Arc<dyn Source>,
}

/// What a loop calls when there is something to be sent, and room for it.
#[pyclass(frozen, module = "mcp_refcache._core")]
struct Sender {
    event_loop: Py<PyAny>,
    socket: RawFd,
    source: Arc<dyn Source>,
    /// Whether the loop tells of room.
    awaits_room: AtomicBool,
}

impl Served {
    fn sender(&self, py: Python<'_>) -> Sender {
        Sender {
            event_loop: self.event_loop.clone_ref(py),
            socket: self.socket,
            source: Arc::clone(&self.source),
            awaits_room: AtomicBool::new(false),
        }
    }
}

#[pymethods]
impl Served {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let mut goes_on = true;
        wake_together(py, &self.event_loop, || goes_on = self.source.receive())?;
        if !goes_on {
            for stop in [intern!(py, "remove_reader"), intern!(py, "remove_writer")] {
                self.event_loop.call_method1(py, stop, (self.socket,))?;
            }
        }
        Ok(())
    }
}

impl Drop for Served {
    /// The loop was closed, or the source is over.
    fn drop(&mut self) {
        self.source.end();
    }
}

#[pymethods]
impl Sender {
    fn __call__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let mut lacks_room = false;
        wake_together(py, &this.event_loop, || lacks_room = this.source.send())?;
        if this.awaits_room.swap(lacks_room, Ordering::Relaxed) != lacks_room {
            match lacks_room {
                true => this.event_loop.call_method1(
                    py,
                    intern!(py, "add_writer"),
                    (this.socket, slf),
                )?,
                false => this.event_loop.call_method1(
                    py,
                    intern!(py, "remove_writer"),
                    (this.socket,),
                )?,
            };
        }
        Ok(())
    }
}
