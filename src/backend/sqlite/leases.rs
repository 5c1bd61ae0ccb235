//! Leases: who may do a thing, in whichever process, and until when.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::clock::Timestamp;

/// Seconds that an ended lease is remembered, so that the fence of a late holder is recognised.
const REMEMBERED: f64 = 3600.0;

const HELD: &str = "SELECT EXISTS (SELECT 1 FROM refcache_leases WHERE name = ?1 AND ends > ?2)";

/// One sequence for all leases, so that a token never comes again even where a lease was forgotten.
const TOKEN: &str = "UPDATE refcache_state SET last_token = last_token + 1 RETURNING last_token";

const TAKE: &str = "INSERT OR REPLACE INTO refcache_leases (name, token, ends) VALUES (?1, ?2, ?3)";

const MOVE: &str =
    "UPDATE refcache_leases SET ends = ?4 WHERE name = ?1 AND token = ?2 AND ends > ?3";

const LATER: &str = "SELECT EXISTS (SELECT 1 FROM refcache_leases WHERE name = ?1 AND token > ?2)";

const OLD: &str = "SELECT 1 FROM refcache_leases WHERE ends < ?1 LIMIT 1";

const FORGET: &str = "DELETE FROM refcache_leases WHERE ends < ?1";

/// Whether somebody holds it.
pub(super) fn is_held(db: &Connection, lease: &str, now: Timestamp) -> rusqlite::Result<bool> {
    db.prepare_cached(HELD)?
        .query_row(params![lease, now], |row| row.get(0))
}

/// Takes it, unless somebody holds it.
pub(super) fn acquire(
    db: &Connection,
    lease: &str,
    seconds: f64,
    now: Timestamp,
) -> rusqlite::Result<Option<u64>> {
    if is_held(db, lease, now)? {
        return Ok(None);
    }
    let token = db
        .prepare_cached(TOKEN)?
        .query_row((), |row| row.get::<_, u64>(0))
        .optional()?;
    if let Some(token) = token {
        db.prepare_cached(TAKE)?
            .execute(params![lease, token, now + seconds])?;
    }
    Ok(token)
}

/// Lets it end at another moment, if the holder of the token still has it.
pub(super) fn end_at(
    db: &Connection,
    lease: &str,
    token: u64,
    now: Timestamp,
    ends: Timestamp,
) -> rusqlite::Result<bool> {
    let moved = db
        .prepare_cached(MOVE)?
        .execute(params![lease, token, now, ends])?;
    Ok(moved > 0)
}

/// Whether nobody has taken the lease over since the token was given.
pub(super) fn admits(db: &Connection, fence: Option<&(String, u64)>) -> rusqlite::Result<bool> {
    let Some((lease, token)) = fence else {
        return Ok(true);
    };
    let later: bool = db
        .prepare_cached(LATER)?
        .query_row(params![lease, token], |row| row.get(0))?;
    Ok(!later)
}

/// Whether there is something to forget.
pub(super) fn is_any_old(db: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
    db.prepare_cached(OLD)?.exists([now - REMEMBERED])
}

/// Forgets those that ended long ago; how many.
pub(super) fn forget(db: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    db.prepare_cached(FORGET)?.execute([now - REMEMBERED])
}
