//! Export and import: a cache's entries as JSON Lines, one entry after the other.
//!
//! The first line says what the file is, the last how many entries there are, so that a cut file is
//! noticed. Each line between is one entry:
//!
//! ```json
//! {"ref_id": "c:0f…", "key": "cities", "namespace": "public", "policy": {…}, "created_at": 1767225600.5, "expires_at": null, "metadata": {…}, "value": […]}
//! ```
//!
//! Both block: they read or write a stream and call the caller's code between two steps of the store, while
//! nothing is locked and no runtime waits. Async callers hand them to a thread of their own. Memory holds
//! one entry at a time.

mod export;
mod import;
mod line;

pub use export::{ExportOptions, Exported, export};
pub use import::{Conflict, ImportOptions, Imported, import};

/// How far an export or import has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Entries that are done, those that were left out included.
    pub entries: usize,
    /// How many there will be, as far as that is known.
    pub total: Option<usize>,
    /// Bytes written or read.
    pub bytes: u64,
}

/// What a file of ours calls itself.
const FORMAT: &str = "mcp-refcache-export";
/// The version of the format.
const VERSION: u32 = 1;
