//! [`Value`]: what an entry holds, a document or a language binding's own snapshot of one.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::{Document, Excerpt, Masked, Remote};
use crate::error::Result;
use crate::runtime::unblock;

/// A stored value. It never changes, whatever callers do to the object they passed in or got back.
#[derive(Clone)]
pub enum Value {
    /// A JSON-like value.
    Document(Arc<Document>),
    /// A snapshot that a language binding made of one of its own objects.
    Foreign(Arc<dyn ForeignValue>),
    /// A large value whose text is read from its store when it is looked at.
    Remote(Arc<Remote>),
    /// A value as those see it from whom parts of it are hidden.
    Masked(Arc<Masked>),
}

/// A snapshot in the form of another language, for instance a copy of Python containers.
pub trait ForeignValue: Any + Send + Sync {
    /// The value as a document, made now or remembered.
    ///
    /// # Errors
    /// [`ErrorKind::Codec`](crate::ErrorKind::Codec) if it has no JSON text.
    fn document(&self) -> Result<Arc<Document>>;

    /// The value as a document that another process can read: its text and its [`Document::types`] tell
    /// everything.
    ///
    /// # Errors
    /// [`ErrorKind::Codec`](crate::ErrorKind::Codec) if something in it cannot be kept outside of this
    /// process: where it is and what to do.
    fn portable(&self) -> Result<Arc<Document>> {
        self.document()
    }

    /// Number of items, if the value is a collection.
    fn total_items(&self) -> Option<usize>;

    /// Characters of the JSON text, `None` where the value has none.
    fn total_size(&self) -> Option<usize>;

    /// For the binding, to find its own type again.
    fn as_any(&self) -> &dyn Any;
}

impl Value {
    /// The value as a document. One of a remote value may lack parts of its text, which it then tells;
    /// see [`Value::load`].
    ///
    /// # Errors
    /// [`ErrorKind::Codec`](crate::ErrorKind::Codec) if a foreign value has no JSON text.
    pub fn document(&self) -> Result<Arc<Document>> {
        match self {
            Value::Document(document) => Ok(Arc::clone(document)),
            Value::Foreign(value) => value.document(),
            Value::Remote(value) => Ok(value.document()),
            Value::Masked(value) => value.document(),
        }
    }

    /// The value as a document that another process can read, for stores that outlive this one. One that
    /// is still in its store has to be [loaded](Value::load) first.
    ///
    /// # Errors
    /// As [`ForeignValue::portable`].
    pub fn portable(&self) -> Result<Arc<Document>> {
        match self {
            Value::Document(document) => Ok(Arc::clone(document)),
            Value::Foreign(value) => value.portable(),
            Value::Remote(value) => Ok(value.document()),
            Value::Masked(value) => value.document(),
        }
    }

    /// Reads all of a value that is still in its store.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if it is not there any more, and what the store
    /// fails with.
    pub async fn load(&self) -> Result<()> {
        match self.whole() {
            Value::Remote(value) => value.load_all().await,
            Value::Document(_) | Value::Foreign(_) | Value::Masked(_) => Ok(()),
        }
    }

    /// Reads what no look can begin without: all of a value of which parts are hidden.
    ///
    /// # Errors
    /// As [`Value::load`].
    pub(crate) async fn ready(&self) -> Result<()> {
        match self {
            Value::Masked(value) if value.made().is_none() => {
                self.load().await?;
                match value.whole() {
                    // may be large, and needs nobody's code
                    Value::Remote(_) => {
                        let value = Arc::clone(value);
                        unblock(move || value.document()).await.map(drop)
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// The value with nothing hidden: what its store keeps.
    pub(crate) fn whole(&self) -> &Value {
        match self {
            Value::Masked(value) => value.whole(),
            value => value,
        }
    }

    /// Whether what was made of the value should not hold on to it.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self.whole(), Value::Remote(_))
    }

    /// Number of items of a list or dict (and of a binding's other collections), else `None`.
    pub fn total_items(&self) -> Option<usize> {
        match self {
            Value::Document(document) => document.root().map(|root| root.len()),
            Value::Foreign(value) => value.total_items(),
            Value::Remote(value) => value.document().root().map(|root| root.len()),
            Value::Masked(value) => value.total_items(),
        }
    }

    /// Characters of the JSON text, `None` where a foreign value has none.
    pub fn total_size(&self) -> Option<usize> {
        match self {
            Value::Document(document) => Some(document.text_len()),
            Value::Foreign(value) => value.total_size(),
            Value::Remote(value) => Some(value.text_len()),
            Value::Masked(value) => value.total_size(),
        }
    }

    /// All of the value, as something to measure or show.
    ///
    /// # Errors
    /// As [`Value::document`].
    pub fn excerpt(&self) -> Result<Excerpt> {
        self.document().map(Excerpt::whole)
    }
}

impl fmt::Debug for Value {
    /// Never shows the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Document(document) => document.fmt(f),
            Value::Foreign(_) => f.write_str("Foreign(..)"),
            Value::Remote(value) => value.fmt(f),
            Value::Masked(value) => value.fmt(f),
        }
    }
}
