//! Files as a whole: readable by their owner only, and told apart when another one takes a path.

use std::fs::{Metadata, OpenOptions};
#[cfg(any(feature = "sqlite", feature = "python"))]
use std::io;
use std::path::Path;

/// The same options, by which a new file is readable and writable by its owner only.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes the file, for its owner only, if it is not there. One that is there is not opened: closing it would take
/// the locks away that SQLite holds on it in this process.
///
/// # Errors
/// What the file system fails with.
#[cfg(feature = "sqlite")]
pub(crate) fn provide(path: &Path) -> io::Result<()> {
    match private(OpenOptions::new().write(true).create_new(true)).open(path) {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => Err(why),
        _ => Ok(()),
    }
}

/// Which file it is, whatever its path; it is told apart from others as long as somebody has it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity(u64, u64);

impl Identity {
    /// The file that has the path now; `None` if there is none.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|found| Self::of(&found))
    }

    #[cfg(unix)]
    pub(crate) fn of(found: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(found.dev(), found.ino())
    }

    /// Elsewhere a file that is open cannot be moved away.
    #[cfg(not(unix))]
    pub(crate) fn of(_: &Metadata) -> Self {
        Self(0, 0)
    }
}
