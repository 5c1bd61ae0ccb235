//! The files of a log: made for their owner only, and recognised when another one takes their path.

use std::fs::{File, OpenOptions};
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

/// Whether the file is the one that has the path now.
pub(super) fn has_path(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(own), Ok(there)) => is_same(&own, &there),
        _ => false,
    }
}

#[cfg(unix)]
fn is_same(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Elsewhere a file that is open cannot be moved away.
#[cfg(not(unix))]
fn is_same(_: &std::fs::Metadata, _: &std::fs::Metadata) -> bool {
    true
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
