//! From a document's text back to fresh Python objects.

use std::ops::Range;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyNone, PyString, PyTuple};

use super::copy::Objects;
use super::portable::Readers;
use crate::value::{Document, Excerpt, KeyType, Node, Note, PortableObjects, scan};

/// How many keys are remembered while a value is decoded: rows repeat theirs.
const KEY_CACHE: usize = 64;

/// All of a document as Python objects.
pub(super) fn document<'py>(py: Python<'py>, document: &Document) -> PyResult<Bound<'py, PyAny>> {
    Decoder::new(py, document).span(document.span())
}

/// The shown parts of a document as Python objects. A tuple that is shown whole at the top becomes a
/// list, as generators promise.
pub(super) fn excerpt<'py>(py: Python<'py>, excerpt: &Excerpt) -> PyResult<Bound<'py, PyAny>> {
    let shown = Decoder::new(py, excerpt.document()).node(excerpt.root())?;
    match shown.cast::<PyTuple>() {
        Ok(tuple) => Ok(tuple.to_list().into_any()),
        Err(_) => Ok(shown),
    }
}

struct Decoder<'a, 'py> {
    py: Python<'py>,
    document: &'a Document,
    text: &'a str,
    noted: bool,
    objects: Option<Source<'a, 'py>>,
    keys: Vec<Option<(&'a str, Bound<'py, PyString>)>>,
}

/// Where the objects come from that notes refer to.
enum Source<'a, 'py> {
    /// They live.
    Live(&'a Objects),
    /// They are made of texts and of what is shown of them.
    Portable(Readers<'a, 'py>),
}

impl<'a, 'py> Decoder<'a, 'py> {
    fn new(py: Python<'py>, document: &'a Document) -> Self {
        let objects = document.notes().objects.as_ref().and_then(|objects| {
            let portable = objects.downcast_ref::<PortableObjects>();
            match portable {
                Some(texts) => Some(Source::Portable(Readers::new(py, texts))),
                None => objects.downcast_ref().map(Source::Live),
            }
        });
        Self {
            py,
            document,
            text: document.text(),
            noted: !document.notes().is_empty(),
            objects,
            keys: vec![None; KEY_CACHE],
        }
    }

    fn node(&mut self, node: &Node) -> PyResult<Bound<'py, PyAny>> {
        match node {
            Node::Span(span) => self.span(span.clone()),
            Node::Made(text) => made(self.py, text),
            Node::Picks(container, picks) => {
                let document = self.document;
                let items = picks
                    .iter()
                    .filter_map(|number| document.item(container, *number));
                if container.is_dict() {
                    let dict = PyDict::new(self.py);
                    for item in items {
                        let key = item.key.expect("items of a dict have keys");
                        dict.set_item(self.key(key)?, self.span(item.value)?)?;
                    }
                    return Ok(dict.into_any());
                }
                let items = items
                    .map(|item| self.span(item.value))
                    .collect::<PyResult<Vec<_>>>()?;
                Ok(PyList::new(self.py, items)?.into_any())
            }
            Node::List(nodes) => {
                let items = nodes
                    .iter()
                    .map(|node| self.node(node))
                    .collect::<PyResult<Vec<_>>>()?;
                Ok(PyList::new(self.py, items)?.into_any())
            }
            Node::Dict(nodes) => {
                let dict = PyDict::new(self.py);
                for (key, node) in nodes {
                    let key = match key {
                        Node::Span(span) => self.key(span.clone())?,
                        other => self.node(other)?,
                    };
                    dict.set_item(key, self.node(node)?)?;
                }
                Ok(dict.into_any())
            }
        }
    }

    fn span(&mut self, span: Range<usize>) -> PyResult<Bound<'py, PyAny>> {
        let mut at = span.start;
        self.value(&mut at)
    }

    fn note(&self, at: usize) -> Option<Note> {
        if self.noted {
            self.document.notes().at(at)
        } else {
            None
        }
    }

    fn value(&mut self, at: &mut usize) -> PyResult<Bound<'py, PyAny>> {
        let note = self.note(*at);
        if let Some(Note::Instance(number) | Note::Opaque(number)) = note {
            match &self.objects {
                Some(Source::Live(objects)) => {
                    *at = scan::value_end(self.text.as_bytes(), *at);
                    return objects.fresh(self.py, number);
                }
                Some(Source::Portable(_)) => {
                    let shown = self.shown(at, None)?;
                    return self.restored(number, shown);
                }
                None => {}
            }
        }
        self.shown(at, note)
    }

    /// What the text says, by itself.
    fn shown(&mut self, at: &mut usize, note: Option<Note>) -> PyResult<Bound<'py, PyAny>> {
        match self.text.as_bytes().get(*at) {
            Some(b'"') => {
                let end = scan::string_end(self.text.as_bytes(), *at);
                let text = string(self.py, &self.text[*at..end])?;
                *at = end;
                Ok(text.into_any())
            }
            Some(b'{') => self.dict(at),
            Some(b'[') => {
                let items = self.items(at)?;
                match note {
                    Some(Note::Tuple) => Ok(PyTuple::new(self.py, items)?.into_any()),
                    _ => Ok(PyList::new(self.py, items)?.into_any()),
                }
            }
            _ => {
                let end = scan::value_end(self.text.as_bytes(), *at);
                let scalar = scalar(self.py, &self.text[*at..end]);
                *at = end;
                scalar
            }
        }
    }

    /// The object that is shown like this.
    fn restored(&mut self, number: u32, shown: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match &mut self.objects {
            Some(Source::Live(objects)) => objects.fresh(self.py, number),
            Some(Source::Portable(readers)) => readers.restore(number, shown),
            None => Ok(shown),
        }
    }

    fn items(&mut self, at: &mut usize) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let bytes = self.text.as_bytes();
        let mut items = Vec::new();
        *at += 1;
        while bytes.get(*at).is_some_and(|byte| *byte != b']') {
            items.push(self.value(at)?);
            if bytes.get(*at) == Some(&b',') {
                *at += 2;
            }
        }
        *at += 1;
        Ok(items)
    }

    fn dict(&mut self, at: &mut usize) -> PyResult<Bound<'py, PyAny>> {
        let bytes = self.text.as_bytes();
        let dict = PyDict::new(self.py);
        *at += 1;
        while bytes.get(*at).is_some_and(|byte| *byte != b'}') {
            let end = scan::string_end(bytes, *at);
            let key = self.key(*at..end)?;
            *at = end + 2;
            let value = self.value(at)?;
            dict.set_item(key, value)?;
            if bytes.get(*at) == Some(&b',') {
                *at += 2;
            }
        }
        *at += 1;
        Ok(dict.into_any())
    }

    fn key(&mut self, span: Range<usize>) -> PyResult<Bound<'py, PyAny>> {
        let note = self.note(span.start);
        let quoted = &self.text[span];
        if let Some(Note::Key(kind)) = note {
            let inside = &quoted[1..quoted.len() - 1];
            return match kind {
                KeyType::Null => Ok(PyNone::get(self.py).to_owned().into_any()),
                KeyType::Bool | KeyType::Int | KeyType::Float => scalar(self.py, inside),
            };
        }
        if let Some(Note::Instance(number)) = note {
            let shown = string(self.py, quoted)?;
            return self.restored(number, shown.into_any());
        }
        let slot = key_slot(quoted);
        if let Some((known, key)) = &self.keys[slot]
            && *known == quoted
        {
            return Ok(key.clone().into_any());
        }
        let key = string(self.py, quoted)?;
        self.keys[slot] = Some((quoted, key.clone()));
        Ok(key.into_any())
    }
}

/// A slot of the key cache: length and ends tell the keys of a row apart well enough.
fn key_slot(quoted: &str) -> usize {
    let bytes = quoted.as_bytes();
    let (first, last) = (
        bytes.get(1).copied().unwrap_or(0),
        bytes.len().checked_sub(2).map_or(0, |i| bytes[i]),
    );
    (bytes.len() * 31 + usize::from(first) * 7 + usize::from(last)) % KEY_CACHE
}

/// JSON text that was made for an excerpt.
pub(super) fn made<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    let document = Document::from_written(text.to_owned(), crate::value::Notes::default())
        .map_err(super::error::to_py)?;
    self::document(py, &document)
}

/// A string literal, quotes included.
fn string<'py>(py: Python<'py>, quoted: &str) -> PyResult<Bound<'py, PyString>> {
    let inside = &quoted[1..quoted.len() - 1];
    if !inside.as_bytes().contains(&b'\\') {
        return Ok(PyString::new(py, inside));
    }
    let units: Vec<u8> = scan::utf16(inside).flat_map(u16::to_le_bytes).collect();
    PyString::from_encoded_object(
        &PyBytes::new(py, &units),
        Some(c"utf-16-le"),
        Some(c"surrogatepass"),
    )
}

/// A number, bool or null.
fn scalar<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    Ok(match text {
        "null" => PyNone::get(py).to_owned().into_any(),
        "true" => PyBool::new(py, true).to_owned().into_any(),
        "false" => PyBool::new(py, false).to_owned().into_any(),
        "NaN" => PyFloat::new(py, f64::NAN).into_any(),
        "Infinity" => PyFloat::new(py, f64::INFINITY).into_any(),
        "-Infinity" => PyFloat::new(py, f64::NEG_INFINITY).into_any(),
        number => {
            if let Ok(int) = number.parse::<i64>() {
                return Ok(int.into_pyobject(py)?.into_any());
            }
            if number
                .bytes()
                .any(|byte| matches!(byte, b'.' | b'e' | b'E'))
            {
                return Ok(PyFloat::new(py, number.parse()?).into_any());
            }
            py.get_type::<PyInt>().call1((number,))?
        }
    })
}
