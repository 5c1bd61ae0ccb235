//! The lines of a log, oldest first, from a file of lines or of SQLite.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use super::file::failed;
use crate::error::{Error, ErrorKind, Result};

/// The most bytes that a line may have: one of ours has some hundreds.
pub(super) const LONGEST: u64 = 1 << 20;

/// What a file of SQLite begins with.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// A line of a log, without its line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: u64,
    /// What it says; a JSON object, unless a crash cut it or somebody else wrote it.
    pub text: Vec<u8>,
}

/// The lines of a log of either kind. It is read while others may write; a SQLite file not in the process that
/// writes it, where that would take SQLite's locks away.
///
/// # Errors
/// [`Audit`](ErrorKind::Audit) if the file cannot be read, has a line of more than a megabyte, or is a database without a
/// log.
pub fn lines(path: impl AsRef<Path>) -> Result<Box<dyn Iterator<Item = Result<Line>> + Send>> {
    let path = path.as_ref().to_owned();
    let mut file = File::open(&path).map_err(|why| failed(&path, why))?;
    let mut begin = Vec::new();
    let read = (&mut file)
        .take(SQLITE.len() as u64)
        .read_to_end(&mut begin);
    read.map_err(|why| failed(&path, why))?;
    if begin == SQLITE {
        drop(file);
        return database(&path);
    }
    // the bytes that were looked at, and then the rest
    let mut file = BufReader::new(std::io::Cursor::new(begin).chain(file));
    let mut number = 0;
    Ok(Box::new(std::iter::from_fn(move || {
        number += 1;
        let mut text = Vec::new();
        match (&mut file).take(LONGEST).read_until(b'\n', &mut text) {
            Ok(0) => None,
            Ok(read) if read as u64 == LONGEST && text.last() != Some(&b'\n') => {
                let message = "a line is too long for an audit log";
                Some(Err(Error::new(ErrorKind::Audit, message)
                    .with("path", path.display())
                    .with("line", number)))
            }
            Ok(_) => {
                if text.last() == Some(&b'\n') {
                    text.pop();
                }
                Some(Ok(Line { number, text }))
            }
            Err(why) => Some(Err(failed(&path, why))),
        }
    })))
}

#[cfg(feature = "sqlite")]
fn database(path: &Path) -> Result<Box<dyn Iterator<Item = Result<Line>> + Send>> {
    Ok(Box::new(super::sqlite::Rows::open(path)?))
}

#[cfg(not(feature = "sqlite"))]
fn database(path: &Path) -> Result<Box<dyn Iterator<Item = Result<Line>> + Send>> {
    let message = "the audit log is a SQLite file, which needs the feature sqlite";
    Err(Error::new(ErrorKind::Unsupported, message).with("path", path.display()))
}
