//! Stored values: an immutable [`Document`] and the parts of it that are shown.

mod document;
mod excerpt;
mod notes;
pub(crate) mod scan;
mod stored;
pub(crate) mod write;

pub use document::{Container, Document, Kind};
pub use excerpt::{Excerpt, Node};
#[allow(unused_imports, reason = "used by the Python walker")]
pub(crate) use notes::{KeyType, Note, Notes};
pub use scan::Item;
pub use stored::{ForeignValue, Value};
