//! A log of JSON lines: append only, hash-chained, shared by processes.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::chain::{Head, Seal, sha256};
use super::file::{absolute, failed, foreign, open};
use super::lines::LONGEST;
use super::{AuditRecord, AuditSink};
use crate::error::Result;
use crate::file::Identity;
use crate::process::PerProcess;

/// How much is read at a time in search of the last line.
const BLOCK: u64 = 8 << 10;

/// Records as lines of JSON in a file.
///
/// Processes take turns by a lock on the file. Each record is handed to the operating system before the
/// operation goes on; what it has not yet brought to the disk a power failure takes. A file that is moved away is
/// followed by a new one at the path, which continues the chain: [`verify`](super::verify()) takes both.
pub struct JsonLines {
    path: PathBuf,
    seal: Seal,
    open: PerProcess<Mutex<Option<Open>>>,
}

struct Open {
    file: Arc<File>,
    /// Where the chain stood before the file.
    begun: Head,
    /// Where it stood when we last looked.
    head: Head,
    /// How long the file was then, if it ended with a whole line.
    length: Option<u64>,
}

/// How the file ends.
struct Tail {
    head: Head,
    /// What a crash left of a line.
    torn: Option<String>,
    /// Whether a line break is missing.
    is_open: bool,
    /// How long it is.
    length: u64,
}

impl JsonLines {
    /// A log in this file, which is made if it is not there, for its owner only. With a key, only who has it can
    /// write records that [`verify`](super::verify()) takes.
    ///
    /// # Errors
    /// [`Audit`](crate::ErrorKind::Audit) if the file cannot be written or holds something else, and
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a key of less than 16 bytes.
    pub fn open(path: impl AsRef<Path>, key: Option<&[u8]>) -> Result<Self> {
        let log = Self {
            path: absolute(path.as_ref())?,
            seal: Seal::new(key)?,
            open: PerProcess::new(),
        };
        log.with(|_, _| Ok(()))?;
        Ok(log)
    }

    /// Does something with the file, locked, at the end of the chain.
    fn with(&self, work: impl Fn(&mut Open, &Tail) -> Result<()>) -> Result<()> {
        let mut slot = self.open.get().lock();
        let open = match &mut *slot {
            Some(open) => open,
            None => slot.insert(Open::new(&self.path, Head::default())?),
        };
        loop {
            let file = Arc::clone(&open.file);
            let _turn = Turn::take(&file).map_err(|why| failed(&self.path, why))?;
            let own = file.metadata().map_err(|why| failed(&self.path, why))?;
            let tail = open.tail(self, own.len());
            if Identity::at(&self.path) == Some(Identity::of(&own)) {
                return work(open, &tail?);
            }
            // moved away: nobody writes there any more, as everybody looks before writing; if it was changed
            // as well, the chain goes on from what was known, and shows that
            let head = tail.map_or_else(|_| open.head.clone(), |tail| tail.head);
            *open = Open::new(&self.path, head)?;
        }
    }
}

impl AuditSink for JsonLines {
    fn record(&self, record: &AuditRecord) -> Result<()> {
        self.with(|open, tail| {
            let (line, head) = self.seal.line(&tail.head, record, tail.torn.as_deref())?;
            let text = format!("{}{line}\n", if tail.is_open { "\n" } else { "" });
            if let Err(why) = (&*open.file).write_all(text.as_bytes()) {
                // a part of a line, on a disk that is full, is as good as none; if it stays, it counts as torn
                drop(open.file.set_len(tail.length));
                open.length = None;
                return Err(failed(&self.path, why));
            }
            open.head = head;
            open.length = Some(tail.length + text.len() as u64);
            Ok(())
        })
    }
}

impl Open {
    fn new(path: &Path, head: Head) -> Result<Self> {
        Ok(Self {
            file: Arc::new(open(path)?),
            begun: head.clone(),
            head,
            length: None,
        })
    }

    /// How the file of this length ends, read anew if others have written.
    ///
    /// # Errors
    /// [`Audit`](crate::ErrorKind::Audit), also if records are gone that were there. Who empties the file keeps the
    /// chain: that is a way to put a log away.
    fn tail(&mut self, log: &JsonLines, length: u64) -> Result<Tail> {
        let mut tail = Tail {
            head: self.head.clone(),
            torn: None,
            is_open: false,
            length,
        };
        if length == 0 {
            self.begun = self.head.clone();
        }
        if self.length == Some(length) || length == 0 {
            return Ok(tail);
        }
        let end = self.end(length).map_err(|why| failed(&log.path, why))?;
        let mut lines = end.rsplit(|byte| *byte == b'\n');
        let rest = lines.next().unwrap_or_default();
        tail.is_open = !rest.is_empty();
        let foreign = |why| foreign(&log.path, why);
        let found = if let (true, Ok(whole)) = (tail.is_open, log.seal.open(rest)) {
            whole.head // all of it is there, but the line break
        } else {
            tail.torn = tail.is_open.then(|| sha256(rest));
            match lines.next() {
                Some(last) => log.seal.open(last).map_err(foreign)?.head,
                None => self.begun.clone(),
            }
        };
        tail.head = self.head.followed_by(found).map_err(foreign)?;
        self.head = tail.head.clone();
        self.length = (!tail.is_open).then_some(length);
        Ok(tail)
    }

    /// The end of the file, with its last whole line.
    fn end(&self, length: u64) -> io::Result<Vec<u8>> {
        let mut size = BLOCK;
        loop {
            let start = length.saturating_sub(size);
            (&*self.file).seek(SeekFrom::Start(start))?;
            let mut end = Vec::new();
            (&*self.file).take(length - start).read_to_end(&mut end)?;
            let breaks = end.iter().filter(|byte| **byte == b'\n').count();
            if start == 0 {
                return Ok(end);
            }
            if breaks > 1 {
                let first = end.iter().position(|byte| *byte == b'\n').unwrap_or(0);
                return Ok(end.split_off(first + 1));
            }
            if size > LONGEST {
                return Err(io::Error::other("a line is too long for an audit log"));
            }
            size *= 4;
        }
    }
}

/// The right to write, until it is dropped.
struct Turn<'a>(&'a File);

impl<'a> Turn<'a> {
    fn take(file: &'a File) -> io::Result<Self> {
        file.lock()?;
        Ok(Self(file))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // closing the file would give it back as well
        drop(self.0.unlock());
    }
}
