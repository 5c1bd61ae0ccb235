//! The walker over Python objects: writes what `json.dumps(value, default=str)` writes, and notes
//! what that text does not tell.

use pyo3::exceptions::{PyRecursionError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use pyo3::{ffi, intern};

use super::error::is_exit;
use super::raw::next_item;
use crate::value::{KeyType, Note, Notes, write};

/// Deepest nesting of a value.
pub(super) const MAX_DEPTH: usize = 1000;

/// Most values are no longer, and need no room beyond.
const USUAL: usize = 1024;

/// What a walk found.
pub(super) struct Walked {
    /// The JSON text.
    pub(super) text: String,
    /// What it does not tell.
    pub(super) notes: Notes,
    /// What `Note::Instance` and `Note::Opaque` refer to by number.
    pub(super) objects: Vec<Py<PyAny>>,
}

/// Writes the JSON text of a Python object.
///
/// Raises what `json.dumps` raises: `TypeError` for keys that are no str, int, float, bool or None,
/// `ValueError` for circular values, `RecursionError` beyond 1000 levels, and what `str()` of a
/// foreign object raises.
pub(super) fn walk(value: &Bound<'_, PyAny>) -> PyResult<Walked> {
    let walked = Walked {
        text: String::with_capacity(USUAL),
        notes: Notes::default(),
        objects: Vec::new(),
    };
    let mut walker = Walker {
        walked,
        path: Vec::new(),
    };
    walker.value(value)?;
    Ok(walker.walked)
}

/// The text of a value whose walk failed for this reason: a JSON string of its `str()`, noted as opaque.
///
/// Raises only what is no answer (`KeyboardInterrupt`): without a `str()` the type's name has to do.
pub(super) fn opaque(value: &Bound<'_, PyAny>, why: PyErr) -> PyResult<Walked> {
    let py = value.py();
    if is_exit(py, &why) {
        return Err(why);
    }
    // what is too deep to walk is too deep for str() as well: CPython 3.13 overflows small stacks there
    let too_deep = why.is_instance_of::<PyRecursionError>(py);
    let described = match (!too_deep).then(|| value.str()) {
        Some(Err(error)) if is_exit(py, &error) => return Err(error),
        Some(Ok(text)) => Ok(text),
        _ => value.get_type().qualname(),
    };
    let mut text = String::new();
    if described
        .and_then(|described| string(&described, &mut text))
        .is_err()
    {
        text.clear();
        text.push_str("\"?\"");
    }
    let mut notes = Notes::default();
    notes.push(0, Note::Opaque(0));
    Ok(Walked {
        text,
        notes,
        objects: vec![value.clone().unbind()],
    })
}

struct Walker {
    walked: Walked,
    /// Containers being written, to tell a circle from depth.
    path: Vec<*mut ffi::PyObject>,
}

impl Walker {
    fn value(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let kind = value.get_type_ptr();
        let py = value.py();
        if kind == py.get_type::<PyString>().as_type_ptr() {
            self.text(value.cast::<PyString>()?)
        } else if kind == py.get_type::<PyInt>().as_type_ptr() {
            self.int(value)
        } else if kind == py.get_type::<PyDict>().as_type_ptr() {
            self.dict(value.cast::<PyDict>()?)
        } else if kind == py.get_type::<PyList>().as_type_ptr() {
            self.list(value.cast::<PyList>()?)
        } else if kind == py.get_type::<PyFloat>().as_type_ptr() {
            write::float(value.extract()?, &mut self.walked.text);
            Ok(())
        } else if value.is_none() {
            self.walked.text.push_str("null");
            Ok(())
        } else if kind == py.get_type::<PyBool>().as_type_ptr() {
            self.walked
                .text
                .push_str(if value.is_truthy()? { "true" } else { "false" });
            Ok(())
        } else if kind == py.get_type::<PyTuple>().as_type_ptr() {
            self.walked.notes.push(self.walked.text.len(), Note::Tuple);
            self.tuple(value.cast::<PyTuple>()?)
        } else {
            self.other(value)
        }
    }

    /// Instances of subclasses are written as their base; what is no JSON as its `str()`.
    fn other(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let at = self.walked.text.len();
        let number = self.number(value)?;
        let (json, text) = (Note::Instance(number), Note::Opaque(number));
        if let Ok(value) = value.cast::<PyString>() {
            self.walked.notes.push(at, json);
            string(value, &mut self.walked.text)
        } else if value.is_instance_of::<PyInt>() {
            self.walked.notes.push(at, json);
            self.int(value)
        } else if let Ok(value) = value.cast::<PyFloat>() {
            self.walked.notes.push(at, json);
            write::float(value.value(), &mut self.walked.text);
            Ok(())
        } else if let Ok(value) = value.cast::<PyDict>() {
            self.walked.notes.push(at, json);
            self.items(value)
        } else if let Ok(value) = value.cast::<PyList>() {
            self.walked.notes.push(at, json);
            self.list(value)
        } else if let Ok(value) = value.cast::<PyTuple>() {
            self.walked.notes.push(at, json);
            self.tuple(value)
        } else {
            self.walked.notes.push(at, text);
            string(&value.str()?, &mut self.walked.text)
        }
    }

    /// Gives an object the number that a note refers to it by.
    fn number(&mut self, object: &Bound<'_, PyAny>) -> PyResult<u32> {
        let number = u32::try_from(self.walked.objects.len())
            .map_err(|_| PyValueError::new_err("value has too many objects"))?;
        self.walked.objects.push(object.clone().unbind());
        Ok(number)
    }

    /// Notes that what comes next is an instance of a subclass.
    fn instance(&mut self, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let number = self.number(object)?;
        let at = self.walked.text.len();
        self.walked.notes.push(at, Note::Instance(number));
        Ok(())
    }

    /// A plain str. Two surrogates side by side read back as the one character that they encode, so
    /// such a str is noted as an object.
    fn text(&mut self, text: &Bound<'_, PyString>) -> PyResult<()> {
        if text.to_str().is_err() && has_surrogate_pair(text)? {
            self.instance(text)?;
        }
        string(text, &mut self.walked.text)
    }

    fn int(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        int(value, &mut self.walked.text)
    }

    fn enter(&mut self, container: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.path.contains(&container.as_ptr()) {
            return Err(PyValueError::new_err("Circular reference detected"));
        }
        if self.path.len() == MAX_DEPTH {
            return Err(PyRecursionError::new_err(format!(
                "value nests deeper than {MAX_DEPTH} levels"
            )));
        }
        self.path.push(container.as_ptr());
        Ok(())
    }

    fn list(&mut self, list: &Bound<'_, PyList>) -> PyResult<()> {
        self.enter(list)?;
        self.walked.text.push('[');
        let mut i = 0;
        // the length is asked each time: `str()` of an item may change the list
        while i < list.len() {
            if i > 0 {
                self.walked.text.push_str(", ");
            }
            self.value(&list.get_item(i)?)?;
            i += 1;
        }
        self.walked.text.push(']');
        self.path.pop();
        Ok(())
    }

    fn tuple(&mut self, tuple: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.enter(tuple)?;
        self.walked.text.push('[');
        for i in 0..tuple.len() {
            if i > 0 {
                self.walked.text.push_str(", ");
            }
            self.value(&tuple.get_item(i)?)?;
        }
        self.walked.text.push(']');
        self.path.pop();
        Ok(())
    }

    fn dict(&mut self, dict: &Bound<'_, PyDict>) -> PyResult<()> {
        self.enter(dict)?;
        let length = dict.len();
        self.walked.text.push('{');
        let mut position: ffi::Py_ssize_t = 0;
        let mut first = true;
        while let Some((key, value)) = next_item(dict, &mut position) {
            if !first {
                self.walked.text.push_str(", ");
            }
            first = false;
            self.key(&key)?;
            self.walked.text.push_str(": ");
            self.value(&value)?;
            if dict.len() != length {
                return Err(PyRuntimeError::new_err(
                    "dictionary changed size while it was read",
                ));
            }
        }
        self.walked.text.push('}');
        self.path.pop();
        Ok(())
    }

    /// What an instance of a subclass of dict shows as its items, which need not be what it holds.
    fn items(&mut self, dict: &Bound<'_, PyDict>) -> PyResult<()> {
        self.enter(dict)?;
        self.walked.text.push('{');
        // as the json module does: an empty one is not asked
        if !dict.is_empty() {
            let items = dict.call_method0(intern!(dict.py(), "items"))?;
            for (i, item) in items.try_iter()?.enumerate() {
                if i > 0 {
                    self.walked.text.push_str(", ");
                }
                let (key, value) = item?.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
                self.key(&key)?;
                self.walked.text.push_str(": ");
                self.value(&value)?;
            }
        }
        self.walked.text.push('}');
        self.path.pop();
        Ok(())
    }

    fn key(&mut self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let at = self.walked.text.len();
        if let Ok(text) = key.cast_exact::<PyString>() {
            return self.text(text);
        }
        if let Ok(text) = key.cast::<PyString>() {
            self.instance(key)?;
            return string(text, &mut self.walked.text);
        }
        let note = if key.is_none() {
            self.walked.text.push_str("\"null\"");
            KeyType::Null
        } else if key.is_instance_of::<PyBool>() {
            self.walked.text.push_str(if key.is_truthy()? {
                "\"true\""
            } else {
                "\"false\""
            });
            KeyType::Bool
        } else if key.is_instance_of::<PyInt>() {
            self.walked.text.push('"');
            self.int(key)?;
            self.walked.text.push('"');
            KeyType::Int
        } else if let Ok(number) = key.cast::<PyFloat>() {
            self.walked.text.push('"');
            write::float(number.value(), &mut self.walked.text);
            self.walked.text.push('"');
            KeyType::Float
        } else {
            let kind = key.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "keys must be str, int, float, bool or None, not {kind}"
            )));
        };
        let plain = key.is_none()
            || key.is_instance_of::<PyBool>()
            || key.is_exact_instance_of::<PyInt>()
            || key.is_exact_instance_of::<PyFloat>();
        let note = if plain {
            Note::Key(note)
        } else {
            Note::Instance(self.number(key)?)
        };
        self.walked.notes.push(at, note);
        Ok(())
    }
}

/// Whether a str has a high surrogate with a low one behind it, as two characters.
fn has_surrogate_pair(text: &Bound<'_, PyString>) -> PyResult<bool> {
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

/// Appends an int of any size. Beyond the interpreter's digit limit: its `ValueError`.
fn int(value: &Bound<'_, PyAny>, out: &mut String) -> PyResult<()> {
    match value.extract::<i64>() {
        Ok(number) => out.push_str(itoa::Buffer::new().format(number)),
        Err(_) => {
            let digits = value
                .py()
                .get_type::<PyInt>()
                .call_method1("__repr__", (value,))?;
            out.push_str(digits.cast::<PyString>()?.to_str()?);
        }
    }
    Ok(())
}

/// Appends a str, lone surrogates included.
pub(super) fn string(text: &Bound<'_, PyString>, out: &mut String) -> PyResult<()> {
    if let Ok(text) = text.to_str() {
        write::string(text, out);
        return Ok(());
    }
    let encoded = text.call_method1("encode", ("utf-16-le", "surrogatepass"))?;
    let bytes = encoded.cast::<PyBytes>()?.as_bytes();
    write::string_utf16(
        bytes
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]])),
        out,
    );
    Ok(())
}
