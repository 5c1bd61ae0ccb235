//! Documents, parts of them and excerpts as Rust values.

use std::ops::Range;

use serde::de::DeserializeOwned;

use super::Document;
use super::excerpt::{Excerpt, Node};
use super::reader::Reader;
use crate::error::Result;

impl Document {
    /// The whole value as a Rust value.
    ///
    /// `NaN` and the infinities are floats, integers are read in full where the type asks for 128 bits
    /// and are floats beyond 64 bits otherwise; lone surrogates become U+FFFD. In a
    /// [`serde_json::Value`], which has no such numbers, `NaN`, the infinities and integers beyond the
    /// range of `f64` become null.
    ///
    /// ```
    /// use mcp_refcache::value::Document;
    /// let document = Document::parse(r#"[1.5, NaN, 3]"#)?;
    /// let numbers: Vec<f64> = document.deserialize()?;
    /// assert!(numbers[1].is_nan() && numbers[2] == 3.0);
    /// # Ok::<(), mcp_refcache::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Codec`](crate::ErrorKind::Codec) if the value does not fit the type: what was
    /// expected and where, never what is stored. Messages of the type's own `Deserialize`
    /// implementation are dropped, since they may quote values.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T> {
        read(self.text(), 0)
    }

    /// The value at a range of the text, as [`Document::deserialize`] reads it.
    ///
    /// # Errors
    /// As [`Document::deserialize`].
    ///
    /// # Panics
    /// If the range does not come from this document.
    pub fn deserialize_at<T: DeserializeOwned>(&self, span: Range<usize>) -> Result<T> {
        read(self.slice(span.clone()), span.start)
    }
}

impl Excerpt {
    /// The shown value as a Rust value, as [`Document::deserialize`] reads it; offsets in errors count
    /// in [`Excerpt::text`].
    ///
    /// # Errors
    /// As [`Document::deserialize`].
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T> {
        match self.root() {
            Node::Span(span) => read(self.document().slice(span.clone()), 0),
            Node::Made(text) => read(text, 0),
            _ => read(&self.text(), 0),
        }
    }

    /// The shown value for an answer. What a [`serde_json::Value`] cannot hold (`NaN`, infinities,
    /// integers beyond the range of `f64`) is null, lone surrogates are U+FFFD.
    ///
    /// An excerpt that was put together deeper than [`MAX_DEPTH`](super::MAX_DEPTH) comes as its text.
    pub fn to_value(&self) -> serde_json::Value {
        self.deserialize()
            .unwrap_or_else(|_| serde_json::Value::String(self.text()))
    }
}

fn read<T: DeserializeOwned>(text: &str, base: usize) -> Result<T> {
    let mut reader = Reader::new(text);
    T::deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|mismatch| mismatch.at(0).into_error(base))
}
