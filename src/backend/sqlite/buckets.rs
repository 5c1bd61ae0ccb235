//! Buckets of rate limits, in a table of their own that is made when the first is needed: a file that knows no
//! limits stays as it is, and older versions of this package can go on using one that does.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::clock::Timestamp;
use crate::limits::{Bucket, Demand, Take, take_of};

/// `ends` is when a bucket is full again, and its row needless.
const TABLE: &str = "
CREATE TABLE IF NOT EXISTS refcache_buckets (
    key TEXT PRIMARY KEY,
    tokens REAL NOT NULL,
    at REAL NOT NULL,
    ends REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refcache_buckets_by_end ON refcache_buckets(ends);
";

const IS_THERE: &str =
    "SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = 'refcache_buckets_by_end'";

const KNOWN: &str = "SELECT tokens, at FROM refcache_buckets WHERE key = ?1";

const KEEP: &str =
    "INSERT OR REPLACE INTO refcache_buckets (key, tokens, at, ends) VALUES (?1, ?2, ?3, ?4)";

/// Two for each that is written, so that the table shrinks to what is in use.
const FORGET: &str = "DELETE FROM refcache_buckets WHERE key IN
    (SELECT key FROM refcache_buckets WHERE ends < ?1 ORDER BY ends LIMIT ?2)";

/// Takes one token of each bucket, or none of any.
pub(super) fn take(db: &Connection, demands: &[Demand], now: Timestamp) -> rusqlite::Result<Take> {
    if !db.prepare_cached(IS_THERE)?.exists(())? {
        db.execute_batch(TABLE)?;
    }
    let mut known = Vec::with_capacity(demands.len());
    for demand in demands {
        let bucket = db
            .prepare_cached(KNOWN)?
            .query_row([&demand.key], |row| {
                Ok(Bucket {
                    tokens: row.get(0)?,
                    at: row.get(1)?,
                })
            })
            .optional()?;
        known.push(bucket);
    }
    let (outcome, left) = take_of(demands, &known, now);
    if outcome != Take::Granted {
        return Ok(outcome);
    }
    for (demand, bucket) in demands.iter().zip(left) {
        db.prepare_cached(KEEP)?.execute(params![
            demand.key,
            bucket.tokens,
            bucket.at,
            bucket.full_at(demand.rate)
        ])?;
    }
    db.prepare_cached(FORGET)?
        .execute(params![now, 2 * demands.len()])?;
    Ok(outcome)
}
