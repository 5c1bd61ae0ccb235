//! The walk over a Python object: writes what `json.dumps(value, default=str)` writes, and notes
//! what that text does not tell.

mod frame;
mod marks;
mod opaque;
mod sink;
mod text;

use std::time::{Duration, Instant};

use pyo3::exceptions::{PyRecursionError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use self::frame::Frame;
pub(super) use self::marks::Marks;
pub(super) use self::opaque::opaque;
use self::sink::Count;
pub(super) use self::sink::Sink;
use super::raw::leaves::{At, Keys, Stop};
use super::raw::text::Text;
use crate::value::{KeyType, Marked, Note, Notes};

/// Deepest nesting of a value.
pub(super) const MAX_DEPTH: usize = 1000;

/// Most values are no longer, and need no room beyond.
const USUAL: usize = 1024;

/// How long a walk may hold up others at a stretch.
const SLICE: Duration = Duration::from_millis(4);
/// After so much text it looks at the clock.
const LOOK: usize = 16 * 1024;

/// What a walk found.
pub(super) struct Walked {
    /// The JSON text.
    pub(super) text: String,
    /// What it does not tell.
    pub(super) notes: Notes,
    /// What `Note::Instance` and `Note::Opaque` refer to by number.
    pub(super) objects: Vec<Py<PyAny>>,
    /// Where the items of a list or dict are.
    pub(super) marked: Option<Marked>,
}

/// Writes the JSON text of a Python object.
///
/// Raises what `json.dumps` raises: `TypeError` for keys that are no str, int, float, bool or None,
/// `ValueError` for circular values, `RecursionError` beyond 1000 levels, and what `str()` of a
/// foreign object raises.
pub(super) fn walk(value: &Bound<'_, PyAny>) -> PyResult<Walked> {
    let mut walk = Walk::begin(value, Text::with_capacity(USUAL))?;
    walk.finish(value.py())?;
    Ok(walk.walked())
}

/// The length of that text.
pub(super) fn size(value: &Bound<'_, PyAny>) -> PyResult<usize> {
    let mut walk = Walk::begin(value, Count::default())?;
    walk.finish(value.py())?;
    Ok(walk.sink.len())
}

/// A walk in slices, between which others may run.
pub(super) struct Slices {
    value: Py<PyAny>,
    walk: Walk<Text>,
}

impl Slices {
    /// Walks over a value for the first slice.
    ///
    /// Raises what [`walk`] raises.
    pub(super) fn begin(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut walk = Walk::begin(value, Text::with_capacity(USUAL))?;
        walk.advance(value.py(), Some(SLICE))?;
        Ok(Self {
            value: value.clone().unbind(),
            walk,
        })
    }

    /// What is walked over.
    pub(super) fn value<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyAny> {
        self.value.bind(py)
    }

    /// Whether all is written.
    pub(super) fn is_done(&self) -> bool {
        self.walk.frames.is_empty()
    }

    /// Goes on for another slice. If somebody changed what is being walked over, the value is written as it
    /// is now, in one slice.
    ///
    /// Raises what [`walk`] raises.
    pub(super) fn advance(&mut self, py: Python<'_>) -> PyResult<()> {
        let has_changed = self.walk.frames.iter().any(|frame| frame.has_changed(py));
        if has_changed || self.walk.advance(py, Some(SLICE)).is_err() {
            self.walk = Walk::begin(self.value.bind(py), Text::with_capacity(USUAL))?;
            self.walk.finish(py)?;
        }
        Ok(())
    }

    /// What was found.
    pub(super) fn walked(self) -> Walked {
        self.walk.walked()
    }
}

/// A walk that has come so far.
struct Walk<S> {
    sink: S,
    notes: Notes,
    objects: Vec<Py<PyAny>>,
    /// Containers being written, the innermost last.
    frames: Vec<Frame>,
    outermost: Marks,
    inner: Marks,
    keys: Keys,
    is_container: bool,
}

impl<S: Sink> Walk<S> {
    fn begin(value: &Bound<'_, PyAny>, sink: S) -> PyResult<Self> {
        let mut walk = Self {
            sink,
            notes: Notes::default(),
            objects: Vec::new(),
            frames: Vec::new(),
            outermost: Marks::outermost(),
            inner: Marks::none(),
            keys: Keys::new(),
            is_container: false,
        };
        walk.value(value.clone())?;
        walk.is_container = !walk.frames.is_empty();
        Ok(walk)
    }

    fn finish(&mut self, py: Python<'_>) -> PyResult<()> {
        self.advance(py, None)
    }

    /// Walks on to the end, or for about so long.
    fn advance(&mut self, py: Python<'_>, slice: Option<Duration>) -> PyResult<()> {
        let slice = slice.map(|slice| (Instant::now(), slice));
        let mut look = self.sink.len() + LOOK;
        loop {
            let depth = self.frames.len();
            let Some(frame) = self.frames.last_mut() else {
                return Ok(());
            };
            let marks = match depth == 1 {
                true => &mut self.outermost,
                false => &mut self.inner,
            };
            let levels = MAX_DEPTH - depth;
            let Stop { entered, at } =
                frame.write(py, &mut self.sink, marks, &mut self.keys, levels)?;
            for entered in entered.into_iter().rev() {
                self.may_enter(entered.container())?;
                self.frames.push(Frame::entered(entered));
            }
            match at {
                At::Pause => {}
                At::Value(value) => self.value(value)?,
                At::Entry(key, value) => {
                    self.key(&key)?;
                    self.sink.write(": ");
                    self.value(value)?;
                }
                At::End => {
                    if let Some(frame) = self.frames.pop() {
                        self.sink.write(frame.closing());
                    }
                }
            }
            if let Some((begun, slice)) = slice
                && self.sink.len() >= look
            {
                if begun.elapsed() >= slice {
                    return Ok(());
                }
                look = self.sink.len() + LOOK;
            }
        }
    }

    /// Writes a value, or what begins a list or dict.
    fn value(&mut self, value: Bound<'_, PyAny>) -> PyResult<()> {
        let value = match value.cast_into_exact::<PyDict>() {
            Ok(dict) => {
                self.may_enter(&dict)?;
                self.enter(Frame::dict(dict)?);
                return Ok(());
            }
            Err(other) => other.into_inner(),
        };
        let value = match value.cast_into_exact::<PyList>() {
            Ok(list) => {
                self.may_enter(&list)?;
                self.enter(Frame::list(list));
                return Ok(());
            }
            Err(other) => other.into_inner(),
        };
        if let Ok(text) = value.cast_exact::<PyString>() {
            self.text(text)?;
        } else if value.is_exact_instance_of::<PyInt>() {
            text::int(&value, &mut self.sink)?;
        } else if let Ok(number) = value.cast_exact::<PyFloat>() {
            self.sink.float(number.value());
        } else if value.is_none() {
            self.sink.write("null");
        } else if value.is_exact_instance_of::<PyBool>() {
            let is_true = value.is_truthy()?;
            self.sink.write(if is_true { "true" } else { "false" });
        } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            self.notes.push(self.sink.len(), Note::Tuple);
            self.may_enter(tuple)?;
            self.enter(Frame::tuple(tuple.clone()));
        } else {
            self.other(&value)?;
        }
        Ok(())
    }

    /// Instances of subclasses are written as their base; what is no JSON as its `str()`.
    fn other(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let at = self.sink.len();
        let number = self.number(value)?;
        let (json, opaque) = (Note::Instance(number), Note::Opaque(number));
        if let Ok(value) = value.cast::<PyString>() {
            self.notes.push(at, json);
            text::string(value, &mut self.sink)?;
        } else if value.is_instance_of::<PyInt>() {
            self.notes.push(at, json);
            text::int(value, &mut self.sink)?;
        } else if let Ok(value) = value.cast::<PyFloat>() {
            self.notes.push(at, json);
            self.sink.float(value.value());
        } else if let Ok(dict) = value.cast::<PyDict>() {
            self.notes.push(at, json);
            self.may_enter(dict)?;
            self.enter(Frame::items(dict.clone())?);
        } else if let Ok(list) = value.cast::<PyList>() {
            self.notes.push(at, json);
            self.may_enter(list)?;
            self.enter(Frame::list(list.clone()));
        } else if let Ok(tuple) = value.cast::<PyTuple>() {
            self.notes.push(at, json);
            self.may_enter(tuple)?;
            self.enter(Frame::tuple(tuple.clone()));
        } else {
            self.notes.push(at, opaque);
            text::string(&value.str()?, &mut self.sink)?;
        }
        Ok(())
    }

    /// Gives an object the number that a note refers to it by.
    fn number(&mut self, object: &Bound<'_, PyAny>) -> PyResult<u32> {
        let number = u32::try_from(self.objects.len())
            .map_err(|_| PyValueError::new_err("value has too many objects"))?;
        self.objects.push(object.clone().unbind());
        Ok(number)
    }

    /// Notes that what comes next is an instance of a subclass.
    fn instance(&mut self, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let number = self.number(object)?;
        self.notes.push(self.sink.len(), Note::Instance(number));
        Ok(())
    }

    /// A plain str. Two surrogates side by side read back as the one character that they encode, so
    /// such a str is noted as an object.
    fn text(&mut self, text: &Bound<'_, PyString>) -> PyResult<()> {
        if text::has_surrogate_pair(text)? {
            self.instance(text)?;
        }
        text::string(text, &mut self.sink)
    }

    /// Whether a container is none of those around it, and not too deep in them.
    fn may_enter(&self, container: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.frames.iter().any(|frame| frame.is_of(container)) {
            return Err(PyValueError::new_err("Circular reference detected"));
        }
        if self.frames.len() == MAX_DEPTH {
            return Err(PyRecursionError::new_err(format!(
                "value nests deeper than {MAX_DEPTH} levels"
            )));
        }
        Ok(())
    }

    fn enter(&mut self, frame: Frame) {
        self.sink.write(frame.opening());
        self.frames.push(frame);
    }

    fn key(&mut self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let at = self.sink.len();
        if let Ok(text) = key.cast_exact::<PyString>() {
            return self.text(text);
        }
        if let Ok(text) = key.cast::<PyString>() {
            self.instance(key)?;
            return text::string(text, &mut self.sink);
        }
        let kind = text::key(key, &mut self.sink)?;
        let is_plain = match kind {
            KeyType::Null | KeyType::Bool => true,
            KeyType::Int => key.is_exact_instance_of::<PyInt>(),
            KeyType::Float => key.is_exact_instance_of::<PyFloat>(),
        };
        let note = if is_plain {
            Note::Key(kind)
        } else {
            Note::Instance(self.number(key)?)
        };
        self.notes.push(at, note);
        Ok(())
    }
}

impl Walk<Text> {
    fn walked(self) -> Walked {
        Walked {
            text: self.sink.into_string(),
            notes: self.notes,
            objects: self.objects,
            marked: self.is_container.then(|| self.outermost.into_marked()),
        }
    }
}
