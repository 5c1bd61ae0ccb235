//! Stored values: an immutable [`Document`] and the parts of it that are shown.

mod de;
mod document;
mod excerpt;
pub(crate) mod index;
mod items;
mod keys;
pub(crate) mod literal;
#[cfg_attr(
    not(feature = "python"),
    allow(dead_code, reason = "only Python makes objects")
)]
mod made;
mod masked;
mod mismatch;
mod notes;
mod parse;
#[cfg(any(test, feature = "python"))]
mod path;
mod reader;
mod remote;
pub(crate) mod scan;
mod ser;
mod sparse;
mod stored;
mod types;
mod words;
pub(crate) mod write;

#[allow(unused_imports, reason = "used by the Python walker")]
pub(crate) use document::Marked;
pub(crate) use document::Outline;
pub use document::{Container, Document, Kind};
pub use excerpt::{Excerpt, Node};
pub(crate) use made::Made;
pub use masked::Masked;
pub(crate) use masked::{Hide, hide};
#[allow(unused_imports, reason = "used by the Python walker")]
pub(crate) use notes::{KeyType, Note, Notes};
pub use remote::Remote;
pub(crate) use remote::TextSource;
pub use scan::Item;
pub use stored::{ForeignValue, Value};
#[allow(unused_imports, reason = "used by the Python codec")]
pub(crate) use types::PortableObjects;

/// How deep the lists and dicts of a value may be nested.
///
/// The same as Python's usual recursion limit, which bounds what `json.dumps` writes.
pub const MAX_DEPTH: usize = 1000;
