//! From a document's text back to fresh Python objects.

mod keys;
mod numbers;
mod reader;
mod strings;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use self::reader::{Read, Reader, Unread};
use super::error::to_py;
use crate::error::{Error, ErrorKind};
use crate::value::{Document, Excerpt, Node};

/// All of a document as Python objects.
pub(super) fn document<'py>(py: Python<'py>, document: &Document) -> PyResult<Bound<'py, PyAny>> {
    raised(Reader::of(py, document).all())
}

/// A text that a walk wrote and had nothing to note on, as Python objects.
pub(super) fn written<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    raised(Reader::plain(py, text).all())
}

/// Any JSON text as Python objects; `None` if it is none, or laid out in a way that only
/// [`Document::parse`] understands.
pub(super) fn text<'py>(py: Python<'py>, text: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    match Reader::plain(py, text).all() {
        Ok(read) => Ok(Some(read)),
        Err(Unread::NotJson) => Ok(None),
        Err(Unread::Raised(why)) => Err(why),
    }
}

/// The shown parts of a document as Python objects. A tuple that is shown whole at the top becomes a
/// list, as generators promise.
pub(super) fn excerpt<'py>(py: Python<'py>, excerpt: &Excerpt) -> PyResult<Bound<'py, PyAny>> {
    let mut shown = Shown {
        py,
        document: excerpt.document(),
        reader: Reader::of_parts(py, excerpt.document()),
    };
    let shown = raised(shown.node(excerpt.root()))?;
    match shown.cast::<PyTuple>() {
        Ok(tuple) => Ok(tuple.to_list().into_any()),
        Err(_) => Ok(shown),
    }
}

/// What was read of a text that ought to be JSON.
fn raised<T>(read: Read<T>) -> PyResult<T> {
    read.map_err(|why| match why {
        Unread::Raised(why) => why,
        Unread::NotJson => to_py(Error::new(
            ErrorKind::Codec,
            "a stored value cannot be read: its text is damaged",
        )),
    })
}

/// Makes objects of the nodes of an excerpt.
struct Shown<'a, 'py> {
    py: Python<'py>,
    document: &'a Document,
    reader: Reader<'a, 'py>,
}

impl<'py> Shown<'_, 'py> {
    fn node(&mut self, node: &Node) -> Read<Bound<'py, PyAny>> {
        match node {
            Node::Span(span) => self.reader.value_at(span.start),
            Node::Made(text) => Reader::plain(self.py, text).all(),
            Node::Picks(container, picks) => {
                let document = self.document;
                let items = document.picked(container, picks).flatten();
                if container.is_dict() {
                    let dict = PyDict::new(self.py);
                    for item in items {
                        let key = item.key.expect("items of a dict have keys");
                        let key = self.reader.key_at(key.start)?;
                        let value = self.reader.value_at(item.value.start)?;
                        self.reader.set(&dict, &key, &value)?;
                    }
                    return Ok(dict.into_any());
                }
                let items = items
                    .map(|item| self.reader.value_at(item.value.start))
                    .collect::<Read<Vec<_>>>()?;
                Ok(PyList::new(self.py, items)?.into_any())
            }
            Node::List(nodes) => {
                let items = nodes
                    .iter()
                    .map(|node| self.node(node))
                    .collect::<Read<Vec<_>>>()?;
                Ok(PyList::new(self.py, items)?.into_any())
            }
            Node::Dict(nodes) => {
                let dict = PyDict::new(self.py);
                for (key, node) in nodes {
                    let key = match key {
                        Node::Span(span) => self.reader.key_at(span.start)?,
                        other => self.node(other)?,
                    };
                    let value = self.node(node)?;
                    self.reader.set(&dict, &key, &value)?;
                }
                Ok(dict.into_any())
            }
        }
    }
}
