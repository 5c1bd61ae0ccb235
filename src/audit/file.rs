//! The files of a log: made for their owner only, and recognised when another one takes their path.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// The path that does not depend on the working folder.
///
/// # Errors
/// [`InvalidArgument`](ErrorKind::InvalidArgument) for one that is none.
pub(super) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|why| Error::invalid("the path of the audit log cannot be used").caused_by(why))
}

/// Opens the file for appending, and makes it, readable by its owner only, if it is not there.
///
/// # Errors
/// [`Audit`](ErrorKind::Audit) if that cannot be done.
pub(super) fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|why| failed(path, why))
}

/// Makes the file, for its owner only, if it is not there. One that is there is not touched: closing it would
/// take the locks away that SQLite holds on it in this process.
///
/// # Errors
/// [`Audit`](ErrorKind::Audit) if that cannot be done.
#[cfg(feature = "sqlite")]
pub(super) fn provide(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => Err(failed(path, why)),
        _ => Ok(()),
    }
}

/// Which file it is, whatever its path; it is told apart from others as long as somebody has it open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

impl Identity {
    /// The file that has the path now.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|found| Self::of(&found))
    }

    #[cfg(unix)]
    pub(super) fn of(found: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(found.dev(), found.ino())
    }

    /// Elsewhere a file that is open cannot be moved away.
    #[cfg(not(unix))]
    pub(super) fn of(_: &Metadata) -> Self {
        Self(0, 0)
    }
}

/// The error for a file that does not do its part.
pub(super) fn failed(path: &Path, why: io::Error) -> Error {
    let message = "the audit log cannot be read or written; check that its folder exists, is writable and has room";
    Error::new(ErrorKind::Audit, message)
        .with("path", path.display())
        .caused_by(why)
}

/// The error for a file that holds something else.
pub(super) fn foreign(path: &Path, why: &str) -> Error {
    let message = format!(
        "the last record of the audit log cannot be continued: {why}; verify the log, or choose another path"
    );
    Error::new(ErrorKind::Audit, message).with("path", path.display())
}
