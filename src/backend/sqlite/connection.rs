//! One connection, set up.

use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::file::Place;

/// Bytes of a page of a new file: small ones make small writes quick (1 KB: 160 us; 390 us with 16 KB). The end
/// of a large value is quick to reach with any, thanks to `auto_vacuum`, which knows where each page is without
/// walking them all, and to `MAPPED` (the last 4 KB of 100 MB: 0.8 ms; 78 ms without). `tests/sqlite_speed.rs`.
const PAGE: u32 = 4096;

/// As much of the file as can be is read without copying it first.
const MAPPED: i64 = 1 << 40;

/// What a write-ahead log shrinks to after a large write.
const LOG_LIMIT: i64 = 16 << 20;

/// Pages in the log at which a writer brings them into the file, which waits for the disk. Four times SQLite's
/// own: the keeper is there before, unless very much is written.
const LOG_PAGES: u32 = 4_000;

/// Statements that stay prepared: more than there are.
const STATEMENTS: usize = 64;

/// Opens a connection for reading and writing.
pub(super) fn connect_writer(place: &Place, timeout: Duration) -> rusqlite::Result<Connection> {
    let db = connect(place, timeout)?;
    let pages: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if pages == 0 {
        db.execute_batch(&format!(
            "PRAGMA page_size={PAGE}; PRAGMA auto_vacuum=INCREMENTAL;"
        ))?;
    }
    Ok(db)
}

/// Opens a connection that only reads.
pub(super) fn connect_reader(place: &Place, timeout: Duration) -> rusqlite::Result<Connection> {
    let db = connect(place, timeout)?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db)
}

fn connect(place: &Place, timeout: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = match place {
        Place::Memory => Connection::open_in_memory_with_flags(flags)?,
        Place::File(path) => Connection::open_with_flags(path, flags)?,
    };
    db.busy_timeout(timeout)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // a file may come from anywhere: its triggers shall not reach beyond it
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // else a statement is planned again whenever another value is bound: 50 us
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.execute_batch(&format!(
        "PRAGMA foreign_keys=ON;
         PRAGMA synchronous=NORMAL;
         PRAGMA mmap_size={MAPPED};
         PRAGMA wal_autocheckpoint={LOG_PAGES};
         PRAGMA journal_size_limit={LOG_LIMIT};"
    ))?;
    Ok(db)
}
