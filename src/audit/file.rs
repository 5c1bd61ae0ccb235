//! The files of a log, and what is said when they fail.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::file::private;

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
    private(File::options().read(true).append(true).create(true))
        .open(path)
        .map_err(|why| failed(path, why))
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
