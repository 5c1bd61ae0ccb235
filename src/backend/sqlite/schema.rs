//! The tables: the one of the original, which it may read and write at the same time, and ours beside it.

use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, TransactionBehavior};

/// The version of our tables; the one of the original has none.
const VERSION: i64 = 1;

/// Bytes that an entry is taken to need besides its value.
pub(super) const OVERHEAD: u64 = 512;

/// The table of the original, to the letter.
const ORIGINAL: &str = "
CREATE TABLE IF NOT EXISTS cache_entries (
    key TEXT PRIMARY KEY,
    value_json TEXT NOT NULL,
    namespace TEXT NOT NULL,
    policy_json TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL,
    metadata_json TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_namespace ON cache_entries(namespace);
CREATE INDEX IF NOT EXISTS idx_expires_at ON cache_entries(expires_at);
";

/// Our tables, all `refcache_*`:
///
/// - `state`: one row of counts, so that limits need no scan.
/// - `heads`: what stands behind a large value in its row, where reading it would walk the whole value.
///   Rows without a head are read from the row itself.
/// - `names`: which entry a key leads to.
/// - `caches`: names of caches that ever stored something.
/// - `leases`: who may do a thing, until when. Ended ones stay for a while so that a late holder is recognised.
///
/// The triggers keep them right when the original writes, with whatever SQLite it brings: functions that are
/// newer than it (`octet_length`) are not for them. Its REPLACE fires no trigger for what it removes, hence
/// `replaced`.
const OURS: &str = "
CREATE TABLE refcache_state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    last_token INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL
);
CREATE TABLE refcache_heads (
    key TEXT PRIMARY KEY,
    body_len INTEGER NOT NULL,
    namespace TEXT NOT NULL,
    policy_json TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL,
    metadata_json TEXT NOT NULL,
    side BLOB NOT NULL
);
CREATE TABLE refcache_names (
    cache TEXT NOT NULL,
    key TEXT NOT NULL,
    namespace TEXT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (cache, key, namespace)
) WITHOUT ROWID;
CREATE INDEX refcache_names_by_entry ON refcache_names(entry);
CREATE TABLE refcache_caches (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE refcache_leases (
    name TEXT PRIMARY KEY,
    token INTEGER NOT NULL,
    ends REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX refcache_leases_by_end ON refcache_leases(ends);
CREATE INDEX refcache_by_namespace ON cache_entries(namespace, key);

CREATE TRIGGER refcache_replaced BEFORE INSERT ON cache_entries
WHEN EXISTS (SELECT 1 FROM cache_entries WHERE key = NEW.key) BEGIN
    UPDATE refcache_state SET entries = entries - 1, bytes = bytes - OVERHEAD - coalesce(
        (SELECT body_len FROM refcache_heads WHERE key = NEW.key),
        (SELECT length(CAST(value_json AS BLOB)) FROM cache_entries WHERE key = NEW.key));
    DELETE FROM refcache_heads WHERE key = NEW.key;
END;
CREATE TRIGGER refcache_inserted AFTER INSERT ON cache_entries BEGIN
    UPDATE refcache_state SET entries = entries + 1,
        bytes = bytes + OVERHEAD + length(CAST(NEW.value_json AS BLOB));
END;
CREATE TRIGGER refcache_deleted BEFORE DELETE ON cache_entries BEGIN
    UPDATE refcache_state SET entries = entries - 1, bytes = bytes - OVERHEAD - coalesce(
        (SELECT body_len FROM refcache_heads WHERE key = OLD.key),
        (SELECT length(CAST(value_json AS BLOB)) FROM cache_entries WHERE key = OLD.key));
    DELETE FROM refcache_heads WHERE key = OLD.key;
    DELETE FROM refcache_names WHERE entry = OLD.key;
END;
CREATE TRIGGER refcache_revalued AFTER UPDATE OF key, value_json ON cache_entries BEGIN
    UPDATE refcache_state SET bytes = bytes
        + length(CAST(NEW.value_json AS BLOB)) - length(CAST(OLD.value_json AS BLOB));
    DELETE FROM refcache_heads WHERE key = OLD.key;
    DELETE FROM refcache_names WHERE entry = OLD.key AND OLD.key <> NEW.key;
END;
CREATE TRIGGER refcache_changed
AFTER UPDATE OF namespace, policy_json, created_at, expires_at, metadata_json ON cache_entries BEGIN
    UPDATE refcache_heads SET namespace = NEW.namespace, policy_json = NEW.policy_json,
        created_at = NEW.created_at, expires_at = NEW.expires_at, metadata_json = NEW.metadata_json
        WHERE key = NEW.key;
END;
CREATE TRIGGER refcache_side_inserted AFTER INSERT ON refcache_heads BEGIN
    UPDATE refcache_state SET bytes = bytes + length(NEW.side);
END;
CREATE TRIGGER refcache_side_deleted AFTER DELETE ON refcache_heads BEGIN
    UPDATE refcache_state SET bytes = bytes - length(OLD.side);
END;
CREATE TRIGGER refcache_side_changed AFTER UPDATE OF side ON refcache_heads BEGIN
    UPDATE refcache_state SET bytes = bytes + length(NEW.side) - length(OLD.side);
END;
";

/// Counts what is there already: the file may be one of the original.
const COUNT: &str = "
INSERT INTO refcache_state
    SELECT 1, ?1, 0, count(*), coalesce(sum(octet_length(value_json) + ?2), 0) FROM cache_entries";

const CACHES: &str = "
INSERT INTO refcache_caches
    SELECT DISTINCT substr(key, 1, instr(key, ':') - 1) FROM cache_entries WHERE instr(key, ':') > 1";

/// Brings the file to our version. Several processes may do so at the same time: one does, the others see it done.
pub(super) fn bring_up(db: &mut Connection, deadline: Instant) -> rusqlite::Result<()> {
    log_ahead(db, deadline)?;
    if version(db)? == Some(VERSION) {
        return Ok(());
    }
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match version(&transaction)? {
        Some(VERSION) => return Ok(()),
        Some(_) => {
            return Err(unexpected(
                "the file was made by a newer version of this package",
            ));
        }
        None => {}
    }
    transaction.execute_batch(ORIGINAL)?;
    transaction.execute_batch(&OURS.replace("OVERHEAD", &OVERHEAD.to_string()))?;
    transaction.execute(COUNT, (VERSION, OVERHEAD))?;
    transaction.execute(CACHES, ())?;
    transaction.commit()
}

/// Switches to the write-ahead log, so that readers and the writer do not wait for each other.
/// SQLite does not wait by itself for others who switch in the same moment.
fn log_ahead(db: &Connection, deadline: Instant) -> rusqlite::Result<()> {
    loop {
        let switched = db.query_row("PRAGMA journal_mode=WAL", (), |_| Ok(()));
        match switched {
            Err(failure)
                if failure.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            answer => return answer,
        }
    }
}

/// Whether there is a write-ahead log: some file systems cannot have one.
pub(super) fn is_logged(db: &Connection) -> bool {
    let mode = db.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
    mode.is_ok_and(|mode| mode == "wal")
}

fn version(db: &Connection) -> rusqlite::Result<Option<i64>> {
    let known = db
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'refcache_state'",
            (),
            |_| Ok(()),
        )
        .optional()?;
    match known {
        Some(()) => db
            .query_row("SELECT version FROM refcache_state", (), |row| row.get(0))
            .optional(),
        None => Ok(None),
    }
}

fn unexpected(text: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ERROR),
        Some(text.into()),
    )
}
