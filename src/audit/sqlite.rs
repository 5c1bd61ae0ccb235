//! A log in a table of SQLite: the same lines and the same chain, to be asked by SQL.

use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior};

use super::chain::{Head, Seal};
use super::file::{absolute, foreign};
use super::lines::Line;
use super::{AuditRecord, AuditSink};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{Identity, provide};
use crate::process::PerProcess;

/// How long a writer waits for others.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many rows are read at a time.
const ROWS: i64 = 512;

/// The columns beside `line` are read from it, for those who ask by SQL.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS audit (
    n INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    at REAL AS (json_extract(line, '$.at')),
    cache TEXT AS (json_extract(line, '$.cache')),
    action TEXT AS (json_extract(line, '$.action')),
    ref_id TEXT AS (json_extract(line, '$.ref_id')),
    namespace TEXT AS (json_extract(line, '$.namespace')),
    actor TEXT AS (json_extract(line, '$.actor')),
    user TEXT AS (json_extract(line, '$.user')),
    session TEXT AS (json_extract(line, '$.session')),
    tool TEXT AS (json_extract(line, '$.tool')),
    reason TEXT AS (json_extract(line, '$.reason')),
    count INTEGER AS (json_extract(line, '$.count'))
);
CREATE TRIGGER IF NOT EXISTS audit_is_not_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'an audit log is not changed'); END;
CREATE TRIGGER IF NOT EXISTS audit_is_not_removed BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'an audit log is not changed'); END;
";

/// Records as rows of the table `audit` in a SQLite file of its own.
///
/// The chain is that of [`JsonLines`](super::JsonLines): column `line` holds its line. Other programs may read the file
/// at any time; it is moved only while nobody has it open, as SQLite keeps a part of it in files beside it.
pub struct SqliteLog {
    path: PathBuf,
    seal: Seal,
    open: PerProcess<Mutex<Option<Open>>>,
}

struct Open {
    db: Connection,
    /// Tells whether the path still leads to this file.
    file: Identity,
    head: Head,
}

impl SqliteLog {
    /// A log in this file, which is made if it is not there, for its owner only; `key` as for
    /// [`JsonLines::open`](super::JsonLines::open).
    ///
    /// # Errors
    /// As `JsonLines::open`.
    pub fn open(path: impl AsRef<Path>, key: Option<&[u8]>) -> Result<Self> {
        let log = Self {
            path: absolute(path.as_ref())?,
            seal: Seal::new(key)?,
            open: PerProcess::new(),
        };
        let opened = log.opened(Head::default())?;
        *log.open.get().lock() = Some(opened);
        Ok(log)
    }

    fn opened(&self, head: Head) -> Result<Open> {
        provide(&self.path).map_err(|why| super::file::failed(&self.path, why))?;
        let explain = |why| failed(&self.path, why);
        let db = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(explain)?;
        db.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")
            .map_err(explain)?;
        db.execute_batch(SCHEMA).map_err(explain)?;
        let file = Identity::at(&self.path)
            .ok_or_else(|| super::file::failed(&self.path, std::io::ErrorKind::NotFound.into()))?;
        Ok(Open { db, file, head })
    }

    fn write(&self, open: &mut Open, record: &AuditRecord) -> Result<()> {
        let explain = |why| failed(&self.path, why);
        let turn = open
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(explain)?;
        let last: Option<String> = turn
            .prepare_cached("SELECT line FROM audit ORDER BY n DESC LIMIT 1")
            .and_then(|mut last| last.query_row((), |row| row.get(0)).optional())
            .map_err(explain)?;
        let head = match &last {
            Some(last) => {
                let opened = self.seal.open(last.as_bytes());
                let followed = opened.and_then(|last| open.head.followed_by(last.head));
                followed.map_err(|why| foreign(&self.path, why))?
            }
            None => open.head.clone(),
        };
        let (line, head) = self.seal.line(&head, record, None)?;
        turn.prepare_cached("INSERT INTO audit (n, line) VALUES (?1, ?2)")
            .and_then(|mut insert| insert.execute((head.n, &line)))
            .map_err(explain)?;
        turn.commit().map_err(explain)?;
        open.head = head;
        Ok(())
    }
}

impl AuditSink for SqliteLog {
    fn record(&self, record: &AuditRecord) -> Result<()> {
        let mut slot = self.open.get().lock();
        let open = match &mut *slot {
            Some(open) => open,
            None => slot.insert(self.opened(Head::default())?),
        };
        if Identity::at(&self.path) != Some(open.file) {
            // moved away: a new file continues the chain
            *open = self.opened(open.head.clone())?;
        }
        self.write(open, record)
    }
}

/// The lines of the table, in stretches, so that writers are not held up.
pub(super) struct Rows {
    path: PathBuf,
    db: Mutex<Connection>,
    batch: std::vec::IntoIter<Line>,
    last: i64,
}

impl Rows {
    pub(super) fn open(path: &Path) -> Result<Self> {
        // a log in a place where nothing may be written can be read as well
        let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .or_else(|_| connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY))
            .map_err(|why| failed(path, why))?;
        Ok(Self {
            path: path.to_owned(),
            db: Mutex::new(db),
            batch: Vec::new().into_iter(),
            last: i64::MIN,
        })
    }

    fn read(&self) -> rusqlite::Result<Vec<Line>> {
        let db = self.db.lock();
        let mut rows = db.prepare_cached(
            "SELECT n, CAST(line AS BLOB) FROM audit WHERE n > ?1 ORDER BY n LIMIT ?2",
        )?;
        let lines = rows.query_map((self.last, ROWS), |row| {
            Ok(Line {
                number: row.get::<_, i64>(0)?.unsigned_abs(),
                text: row.get(1)?,
            })
        })?;
        lines.collect()
    }
}

impl Iterator for Rows {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(line) = self.batch.next() {
            return Some(Ok(line));
        }
        match self.read() {
            Ok(lines) => {
                self.last = i64::try_from(lines.last()?.number).unwrap_or(i64::MAX);
                self.batch = lines.into_iter();
                self.batch.next().map(Ok)
            }
            Err(why) => {
                self.last = i64::MAX;
                Some(Err(failed(&self.path, why)))
            }
        }
    }
}

fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(PATIENCE)?;
    // a file may come from anywhere: its triggers and columns shall not reach beyond it
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(db)
}

fn failed(path: &Path, why: rusqlite::Error) -> Error {
    let message = "the audit log cannot be read or written; check that it is a SQLite file of its own, writable, not locked by others, and that the disk has room";
    Error::new(ErrorKind::Audit, message)
        .with("path", path.display())
        .caused_by(why)
}
