//! Writing and removing records, inside a transaction of the [writer](super::writer).

use bytes::Bytes;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, params};

use super::leases;
use super::limits;
use super::options::Limits;
use crate::backend::{Head, Record, Removal, SMALL};
use crate::clock::Timestamp;
use crate::reference::{KeyName, cache_of};

const ENTRY: &str = "
    INSERT OR REPLACE INTO cache_entries
        (key, value_json, namespace, policy_json, created_at, expires_at, metadata_json)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const HEAD: &str = "
    INSERT INTO refcache_heads
        (key, body_len, namespace, policy_json, created_at, expires_at, metadata_json, side)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

const CACHE: &str = "INSERT OR IGNORE INTO refcache_caches VALUES (?1)";

const FORMER: &str = "
    UPDATE cache_entries SET expires_at = ?5
    WHERE key = (SELECT entry FROM refcache_names WHERE cache = ?1 AND key = ?2 AND namespace = ?3)
    AND key <> ?4 AND (expires_at IS NULL OR expires_at > ?5)";

const NAME: &str = "
    INSERT OR REPLACE INTO refcache_names (cache, key, namespace, entry) VALUES (?1, ?2, ?3, ?4)";

const SIDE: &str = "
    UPDATE refcache_heads SET side = ?4 WHERE key = ?1 AND created_at = ?2 AND body_len = ?3";

/// A row without a head gets one: that of the original, or a small one.
const SIDE_OF_ROW: &str = "
    INSERT INTO refcache_heads
        (key, body_len, namespace, policy_json, created_at, expires_at, metadata_json, side)
    SELECT key, ?3, namespace, policy_json, created_at, expires_at, metadata_json, ?4 FROM cache_entries
    WHERE key = ?1 AND octet_length(value_json) = ?3 AND created_at = ?2
    AND NOT EXISTS (SELECT 1 FROM refcache_heads WHERE key = ?1)";

const DELETE: &str = "DELETE FROM cache_entries WHERE key = ?1";

/// A record and all that belongs to writing it, owned, so that another thread may do it.
pub(super) struct Write {
    pub(super) id: String,
    pub(super) record: Record,
    pub(super) name: Option<KeyName>,
    pub(super) retire_at: Option<Timestamp>,
    pub(super) fence: Option<(String, u64)>,
    pub(super) limits: Limits,
}

impl Write {
    /// Does it; what had to go for it.
    pub(super) fn run(&self, db: &Connection) -> rusqlite::Result<Vec<Removal>> {
        let row = self.enter(db)?;
        if let Some(cache) = cache_of(&self.id) {
            db.prepare_cached(CACHE)?.execute([cache])?;
        }
        if let Some(name) = &self.name
            && leases::admits(db, self.fence.as_ref())?
        {
            self.take_name(db, name)?;
        }
        limits::keep(db, self.limits, self.record.head.created_at, row)
    }

    fn enter(&self, db: &Connection) -> rusqlite::Result<i64> {
        let Head {
            namespace,
            policy,
            created_at,
            expires_at,
            metadata,
            side,
            plain,
            ..
        } = &self.record.head;
        let body = self.record.body.as_deref().unwrap_or_default();
        // as a blob the original fails to decode it
        let value = ToSqlOutput::Borrowed(if *plain {
            ValueRef::Text(body)
        } else {
            ValueRef::Blob(body)
        });
        db.prepare_cached(ENTRY)?.execute(params![
            self.id, value, namespace, policy, created_at, expires_at, metadata
        ])?;
        let row = db.last_insert_rowid();
        if body.len() > SMALL || !side.is_empty() {
            db.prepare_cached(HEAD)?.execute(params![
                self.id,
                body.len(),
                namespace,
                policy,
                created_at,
                expires_at,
                metadata,
                &**side
            ])?;
        }
        Ok(row)
    }

    fn take_name(&self, db: &Connection, name: &KeyName) -> rusqlite::Result<()> {
        let KeyName {
            cache,
            namespace,
            key,
        } = name;
        if let Some(moment) = self.retire_at {
            db.prepare_cached(FORMER)?
                .execute(params![cache, key, namespace, self.id, moment])?;
        }
        db.prepare_cached(NAME)?
            .execute(params![cache, key, namespace, self.id])?;
        Ok(())
    }
}

/// Replaces what helps to show a record.
pub(super) fn side(
    db: &Connection,
    id: &str,
    made: Timestamp,
    length: u64,
    side: &Bytes,
) -> rusqlite::Result<()> {
    let parameters = params![id, made, length, &**side];
    if db.prepare_cached(SIDE)?.execute(parameters)? == 0 {
        db.prepare_cached(SIDE_OF_ROW)?.execute(parameters)?;
    }
    Ok(())
}

/// Removes a record; whether it was there.
pub(super) fn delete(db: &Connection, id: &str) -> rusqlite::Result<bool> {
    Ok(db.prepare_cached(DELETE)?.execute([id])? > 0)
}
