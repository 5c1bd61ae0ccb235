//! What SQLite's errors mean for the person who must act.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

use crate::error::{Error, ErrorKind};

/// The error for a failure of SQLite on this file. SQLite's own text names no stored value.
pub(super) fn explain(failure: rusqlite::Error, path: &Path) -> Error {
    let (kind, message) = match failure.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            ErrorKind::Busy,
            "the SQLite file is locked by another process for longer than the timeout; try again, or end what holds it",
        ),
        Some(ErrorCode::DiskFull) => (
            ErrorKind::Io,
            "the disk of the SQLite file is full; nothing was written; make room or set max_bytes",
        ),
        Some(ErrorCode::ReadOnly) => (
            ErrorKind::Io,
            "the SQLite file or its folder is read-only; make both writable or choose another path",
        ),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => (
            ErrorKind::Io,
            "the SQLite file cannot be opened; check that the folder exists and that file and folder are writable",
        ),
        Some(ErrorCode::SystemIoFailure) => (
            ErrorKind::Io,
            "the disk of the SQLite file failed; check the disk, then try again",
        ),
        Some(ErrorCode::NotADatabase) => (
            ErrorKind::Backend,
            "the file is not a SQLite database; choose another path or remove the file",
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            ErrorKind::Backend,
            "the SQLite file is damaged; remove it (a cache can be filled again) or restore a copy",
        ),
        Some(ErrorCode::TooBig) => (
            ErrorKind::Backend,
            "the value is larger than the billion bytes that SQLite can keep in a row",
        ),
        Some(ErrorCode::OutOfMemory) => (
            ErrorKind::Backend,
            "there is not enough memory to read or write the SQLite file",
        ),
        _ => (
            ErrorKind::Backend,
            "the SQLite file does not hold what a cache expects; choose another path or remove the file",
        ),
    };
    Error::new(kind, message)
        .with("path", path.display())
        .caused_by(failure)
}

/// The error for a file or folder that cannot be made or looked at.
pub(super) fn cannot(what: &str, path: &Path, failure: io::Error) -> Error {
    Error::new(
        ErrorKind::Io,
        format!("{what}; check that the folder is writable and the disk has room, or choose another path"),
    )
    .with("path", path.display())
    .caused_by(failure)
}

/// Whether the connection that met this had better be opened anew.
pub(super) fn spoils(failure: &rusqlite::Error) -> bool {
    matches!(
        failure.sqlite_error_code(),
        Some(
            ErrorCode::NotADatabase
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::SchemaChanged
        )
    )
}

/// What somebody gets who waited for too long in this process.
pub(super) fn busy() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
        Some("waited for other writers of this process".into()),
    )
}
