//! What goes when there is too much: expired entries, then the oldest; and the file shrinks.

use rusqlite::{Connection, params};

use super::many::lose;
use super::options::Limits;
use crate::backend::{Removal, Why};
use crate::clock::Timestamp;

/// Pages that are given back in one transaction: a few milliseconds.
const PAGES: u32 = 256;

/// Free pages that a file keeps for what is written next.
const SPARE: u64 = 256;

const TOTALS: &str = "SELECT entries, bytes FROM refcache_state";

const EXPIRED: &str = "
    DELETE FROM cache_entries WHERE rowid IN (
        SELECT rowid FROM cache_entries WHERE expires_at <= ?1 AND rowid <> ?2 ORDER BY expires_at LIMIT ?3)
    RETURNING key, namespace";

/// Each write takes the next rowid, so their order is that of the writes.
const OLDEST: &str = "
    DELETE FROM cache_entries WHERE rowid IN (
        SELECT rowid FROM cache_entries WHERE rowid <> ?1 ORDER BY rowid LIMIT ?2)
    RETURNING key, namespace";

/// How many entries there are and how many bytes they need, expired ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Entries.
    pub entries: u64,
    /// Bytes of values, of what helps to show them, and a fixed amount for each entry.
    pub bytes: u64,
}

pub(super) fn totals(db: &Connection) -> rusqlite::Result<Totals> {
    db.prepare_cached(TOTALS)?.query_row((), |row| {
        Ok(Totals {
            entries: row.get(0)?,
            bytes: row.get(1)?,
        })
    })
}

/// Removes what is too much, but not this row, which was just written.
pub(super) fn keep(
    db: &Connection,
    limits: Limits,
    now: Timestamp,
    newest: i64,
) -> rusqlite::Result<Vec<Removal>> {
    let mut gone = Vec::new();
    if limits.entries.is_none() && limits.bytes.is_none() {
        return Ok(gone);
    }
    loop {
        let excess = excess(totals(db)?, limits);
        if excess == 0 {
            return Ok(gone);
        }
        let mut some = lose(db, EXPIRED, params![now, newest, excess], Why::Expired)?;
        if some.is_empty() {
            some = lose(db, OLDEST, params![newest, excess], Why::Evicted)?;
        }
        if some.is_empty() {
            return Ok(gone);
        }
        gone.append(&mut some);
    }
}

/// How many entries have to go at least.
fn excess(totals: Totals, limits: Limits) -> u64 {
    let entries = limits
        .entries
        .map_or(0, |most| totals.entries.saturating_sub(most));
    let bytes = u64::from(limits.bytes.is_some_and(|most| totals.bytes > most));
    entries.max(bytes)
}

/// Whether much of the file is free: more than a spare, and more than an eighth.
pub(super) fn is_slack(db: &Connection) -> rusqlite::Result<bool> {
    let pages = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    // a file that was not made by us may be of the kind that does not shrink, except by VACUUM
    let shrinks = db.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, u64>(0))? == 2;
    Ok(shrinks && {
        let free = pages("freelist_count")?;
        free > SPARE.max(pages("page_count")? / 8)
    })
}

/// Gives some free pages back to the disk; how many at most.
pub(super) fn shrink(db: &Connection) -> rusqlite::Result<usize> {
    let mut statement = db.prepare_cached(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut steps = statement.query(())?;
    while steps.next()?.is_some() {}
    Ok(PAGES as usize)
}

/// Brings what stands in the write-ahead log into the file, as far as no reader is in the way.
pub(super) fn check_point(db: &Connection) -> rusqlite::Result<()> {
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))
}
