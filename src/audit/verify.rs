//! [`verify`]: whether a log holds what was written, all of it, in its order.

use std::path::Path;

use super::chain::{GENESIS, Head, Seal, sha256};
use super::lines::lines;
use crate::error::{Error, ErrorKind, Result};

/// What a log was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// How many records it has.
    pub records: u64,
    /// The number of its first record; above 1, earlier ones are in a file that was not given.
    pub first: u64,
    /// The hash of the last record: note it elsewhere, and give it as `expect` later.
    pub head: String,
    /// How many lines a crash left unfinished, as the records after them say.
    pub torn: u64,
}

/// Checks the chain of a log, which may be several files, the oldest first.
///
/// A chain without a key shows what was damaged, lost or changed carelessly; who can write the file can also make a
/// new chain. With a key only its holders can. Neither shows that the last records are missing, unless `expect`, the
/// hash of a record that once was the last one, says what has to be there. A last line that is no record is an error:
/// only the next record of a writer says that a crash left it so.
///
/// # Errors
/// [`Audit`](ErrorKind::Audit) with file and line of what does not fit, or if `expect` is not there.
pub fn verify<P: AsRef<Path>>(
    paths: &[P],
    key: Option<&[u8]>,
    expect: Option<&str>,
) -> Result<Verified> {
    let seal = Seal::new(key)?;
    let mut chain = Chain {
        seal,
        head: None,
        records: 0,
        first: 0,
        pending: None,
        torn: 0,
        awaited: expect.filter(|hash| *hash != GENESIS),
    };
    let mut last = (Path::new(""), 0);
    for path in paths {
        for line in lines(path)? {
            let line = line?;
            last = (path.as_ref(), line.number);
            chain
                .take(&line.text)
                .map_err(|why| changed(&format!("the audit log was changed: {why}"), last))?;
        }
    }
    if let Some((_, why)) = chain.pending {
        let message = format!(
            "the last line of the audit log was left unfinished by a crash, or changed: {why}; if it was a \
             crash, the next record that is written says so"
        );
        return Err(changed(&message, last));
    }
    if chain.awaited.is_some() {
        let message =
            "the audit log lacks the expected record: its end was cut off, or it is another log";
        return Err(Error::new(ErrorKind::Audit, message));
    }
    Ok(Verified {
        records: chain.records,
        first: chain.first,
        head: chain.head.unwrap_or_default().hash,
        torn: chain.torn,
    })
}

fn changed(message: &str, (path, line): (&Path, u64)) -> Error {
    Error::new(ErrorKind::Audit, message)
        .with("path", path.display())
        .with("line", line)
}

struct Chain<'a> {
    seal: Seal,
    /// `None` before the first record.
    head: Option<Head>,
    records: u64,
    first: u64,
    /// The hash of a line that is none, with what is wrong with it: the next one must say that it was torn.
    pending: Option<(String, &'static str)>,
    torn: u64,
    awaited: Option<&'a str>,
}

impl Chain<'_> {
    fn take(&mut self, line: &[u8]) -> std::result::Result<(), &'static str> {
        let opened = match (self.seal.open(line), &self.pending) {
            (Ok(opened), _) => opened,
            (Err(_), Some((_, why))) => return Err(why),
            (Err(why), None) if line.last() == Some(&b'}') => return Err(why),
            (Err(why), None) => {
                self.pending = Some((sha256(line), why));
                self.torn += 1;
                return Ok(());
            }
        };
        match (&self.pending, &opened.torn) {
            (None, None) => {}
            (Some((hash, _)), Some(torn)) if hash == torn => {}
            (Some((_, why)), _) => return Err(why),
            (None, Some(_)) => return Err("the torn line before it is missing"),
        }
        self.pending = None;
        match &self.head {
            None => self.first = opened.head.n,
            Some(head) if opened.prev != head.hash || opened.head.n != head.n + 1 => {
                return Err(
                    "it does not follow the record before it: some are missing or in another order",
                );
            }
            Some(_) => {}
        }
        if self.awaited == Some(opened.head.hash.as_str()) {
            self.awaited = None;
        }
        self.head = Some(opened.head);
        self.records += 1;
        Ok(())
    }
}
