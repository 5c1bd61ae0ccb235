//! What can be chosen about a store in a SQLite file.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Result};

/// How long a locked file is waited for, as the original does.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Room for a few thousand results of some kilobytes, and for one of a megabyte.
const NEAR: usize = 16 * 1024 * 1024;

/// Choices for a [`SqliteStore`](super::SqliteStore): no limits and 30 seconds of patience unless said otherwise.
///
/// ```
/// use mcp_refcache::backend::SqliteOptions;
/// use std::time::Duration;
/// let options = SqliteOptions::default().timeout(Duration::from_secs(5)).max_bytes(1 << 30)?;
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
#[derive(Clone)]
pub struct SqliteOptions {
    pub(super) timeout: Duration,
    pub(super) limits: Limits,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) near_cache: usize,
}

/// How much may be stored; `None` = no limit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    pub(super) entries: Option<u64>,
    pub(super) bytes: Option<u64>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            timeout: TIMEOUT,
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
            near_cache: NEAR,
        }
    }
}

/// SQLite counts milliseconds in 32 bits.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

impl SqliteOptions {
    /// How long an operation waits for a file that another process has locked; a day at most.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.min(LONGEST_TIMEOUT);
        self
    }

    /// The most entries that are kept: beyond it expired ones go first, then the oldest.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if it is 0.
    pub fn max_entries(mut self, limit: u64) -> Result<Self> {
        self.limits.entries = Some(positive("max_entries", limit)?);
        Ok(self)
    }

    /// The most bytes that are kept: values, what helps to show them, and 512 bytes for each entry.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if it is 0.
    pub fn max_bytes(mut self, limit: u64) -> Result<Self> {
        self.limits.bytes = Some(positive("max_bytes", limit)?);
        Ok(self)
    }

    /// Bytes of entries that were read to be kept in this process until anybody writes to the file: what is asked for
    /// again is not read again. 16 MiB unless said otherwise; 0 keeps none.
    #[must_use]
    pub fn near_cache(mut self, bytes: usize) -> Self {
        self.near_cache = bytes;
        self
    }

    /// The clock by which expired entries are removed in the background.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

fn positive(name: &'static str, limit: u64) -> Result<u64> {
    if limit == 0 {
        return Err(
            Error::invalid("a limit must be 1 or more; leave it out for no limit").with(name, 0),
        );
    }
    Ok(limit)
}
