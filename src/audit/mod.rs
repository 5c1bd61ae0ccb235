//! Who stored, read, used, was denied, exported or removed what, when, and through which tool: never a value,
//! a key name or the text of an error.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use mcp_refcache::audit::{Action, Audit, AuditRecord, AuditSink};
//! use mcp_refcache::blocking::RefCache;
//!
//! #[derive(Clone, Default)]
//! struct Seen(Arc<Mutex<Vec<AuditRecord>>>);
//! impl AuditSink for Seen {
//!     fn record(&self, record: &AuditRecord) -> mcp_refcache::Result<()> {
//!         self.0.lock().unwrap().push(record.clone());
//!         Ok(())
//!     }
//! }
//!
//! let seen = Seen::default();
//! let cache = mcp_refcache::RefCache::builder("ledger").audit(Audit::new(seen.clone())).build()?;
//! let cache = RefCache::from(cache);
//! let reference = cache.set("balance", &1_000)?;
//! cache.get(reference.ref_id.as_str())?;
//! let actions: Vec<_> = seen.0.lock().unwrap().iter().map(|record| record.action).collect();
//! assert_eq!(actions, [Action::Stored, Action::Read]);
//! # Ok::<(), mcp_refcache::Error>(())
//! ```

mod chain;
mod file;
mod json_lines;
mod lines;
#[cfg(feature = "sqlite")]
mod sqlite;
mod verify;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::error::{Error, Result};

pub use json_lines::JsonLines;
pub use lines::{Line, lines};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteLog;
pub use verify::{Verified, verify};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// A value was stored.
    Stored,
    /// Somebody was shown a value, a part of it, or how far its making is.
    Read,
    /// The server used a value on behalf of somebody, who was not shown it.
    Used,
    /// Somebody may not do what they asked for, or asked for what is not there.
    Denied,
    /// An entry was written to an export.
    Exported,
    /// An entry was taken from an export.
    Imported,
    /// An entry was removed.
    Deleted,
    /// All entries that somebody may remove, of a namespace or of the cache.
    Cleared,
}

impl Action {
    /// The word of the log: `stored`, `read`, ...
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Read => "read",
            Self::Used => "used",
            Self::Denied => "denied",
            Self::Exported => "exported",
            Self::Imported => "imported",
            Self::Deleted => "deleted",
            Self::Cleared => "cleared",
        }
    }
}

/// One thing that happened; what is not known of it is `None`.
///
/// It is written down before it takes effect: a store that fails afterwards leaves the record of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AuditRecord {
    /// When.
    pub at: Timestamp,
    /// The name of the cache.
    pub cache: String,
    /// What.
    pub action: Action,
    /// The reference; of a denial also one that does not exist. Never a key, which may be any text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ref_id: Option<String>,
    /// Where the entry lives; of a clearing, the namespace that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Who, as `type:id`; `server` where no actor asked.
    pub actor: String,
    /// The user a model acts for, as `type:id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The session of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The tool through which it happened; of a value stored outside of one, the tool that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Why it was denied: the word of a [`DenialReason`](crate::access::DenialReason), `not_found`,
    /// `rate_limited`, `refused` by a checker of the user's own; from the Python package also `egress` and
    /// `not_admin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// How many entries a clearing concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
}

/// Where records go.
pub trait AuditSink: Send + Sync {
    /// Keeps a record, or fails. It is called on the thread where the thing happens, before it takes effect and
    /// without a lock held, by several threads at once.
    ///
    /// # Errors
    /// Whatever kept it from keeping the record; the operation then fails, too, unless
    /// [`tolerate`](Audit::tolerate) says otherwise.
    fn record(&self, record: &AuditRecord) -> Result<()>;
}

/// A sink, and how a cache uses it.
#[derive(Clone)]
pub struct Audit {
    sink: Arc<dyn AuditSink>,
    tool: Option<Arc<Tool>>,
    tolerate: Option<Arc<Tolerate>>,
}

type Tool = dyn Fn() -> Option<String> + Send + Sync;
type Tolerate = dyn Fn(&Error) + Send + Sync;

impl Audit {
    /// Records go to this sink; an operation that cannot be recorded fails.
    pub fn new(sink: impl AuditSink + 'static) -> Self {
        Self::shared(Arc::new(sink))
    }

    /// The same with a sink that others use, too.
    #[must_use]
    pub fn shared(sink: Arc<dyn AuditSink>) -> Self {
        Self {
            sink,
            tool: None,
            tolerate: None,
        }
    }

    /// Asks which tool is running, on its thread, for each record.
    #[must_use]
    pub fn tool(mut self, running: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        self.tool = Some(Arc::new(running));
        self
    }

    /// Has operations go on that cannot be recorded; the function is told why, and should be loud.
    #[must_use]
    pub fn tolerate(mut self, told: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.tolerate = Some(Arc::new(told));
        self
    }

    /// The tool that is running.
    pub(crate) fn running(&self) -> Option<String> {
        self.tool.as_ref().and_then(|running| running())
    }

    /// Keeps a record.
    ///
    /// # Errors
    /// What the sink fails with, unless that is tolerated.
    pub(crate) fn record(&self, record: &AuditRecord) -> Result<()> {
        match (self.sink.record(record), &self.tolerate) {
            (Err(error), Some(told)) => {
                told(&error);
                Ok(())
            }
            (outcome, _) => outcome,
        }
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").finish_non_exhaustive()
    }
}
