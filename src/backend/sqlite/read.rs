//! Reading records.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use rusqlite::blob::Blob;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, MAIN_DB, OptionalExtension as _, Params, Row, params};

use crate::backend::{Head, Record, SMALL, Want};
use crate::clock::Timestamp;
use crate::reference::KeyName;

/// What is read of a record. What stands behind a large value in its row comes from its head, if it has
/// one; `octet_length` and `typeof` look at a value without reading it.
static RECORD: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT CASE WHEN h.key IS NULL THEN e.expires_at ELSE h.expires_at END,
            e.key, e.rowid, octet_length(e.value_json), typeof(e.value_json) = 'text',
            CASE WHEN octet_length(e.value_json) <= {SMALL} THEN e.value_json END,
            coalesce(h.namespace, e.namespace), coalesce(h.policy_json, e.policy_json),
            coalesce(h.created_at, e.created_at), coalesce(h.metadata_json, e.metadata_json), h.side
        FROM cache_entries e LEFT JOIN refcache_heads h ON h.key = e.key WHERE e.key = "
    )
});
static BY_ID: LazyLock<String> = LazyLock::new(|| format!("{}?1", *RECORD));
static BY_NAME: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{}(SELECT entry FROM refcache_names WHERE cache = ?1 AND key = ?2 AND namespace = ?3)",
        *RECORD
    )
});

const LIVE: &str = "
    SELECT CASE WHEN h.key IS NULL THEN e.expires_at ELSE h.expires_at END
    FROM cache_entries e LEFT JOIN refcache_heads h ON h.key = e.key WHERE e.key = ?1";

const BODY: &str = "
    SELECT e.rowid FROM cache_entries e LEFT JOIN refcache_heads h ON h.key = e.key
    WHERE e.key = ?1 AND octet_length(e.value_json) = ?2 AND coalesce(h.created_at, e.created_at) = ?3";

const EVERYWHERE: &str = "
    SELECT CASE WHEN h.key IS NULL THEN e.expires_at ELSE h.expires_at END, n.namespace, n.entry
    FROM refcache_names n CROSS JOIN cache_entries e ON e.key = n.entry
    LEFT JOIN refcache_heads h ON h.key = n.entry
    WHERE n.cache = ?1 AND n.key = ?2 ORDER BY n.namespace";

const NAME: &str = "
    SELECT n.cache, n.namespace, n.key FROM refcache_names n WHERE n.entry = ?1
    AND EXISTS (SELECT 1 FROM cache_entries WHERE key = n.entry) LIMIT 1";

/// Rows of the original are not noted in our table, but seen while they are there.
const CACHE: &str = "
    SELECT EXISTS (SELECT 1 FROM refcache_caches WHERE name = ?1)
    OR EXISTS (SELECT 1 FROM cache_entries WHERE key >= ?1 || ':' AND key < ?1 || ';')";

pub(super) fn by_id(
    db: &Connection,
    id: &str,
    now: Timestamp,
    want: Want,
) -> rusqlite::Result<Option<Record>> {
    Ok(first(db, &BY_ID, [id], now, want)?.map(|(_, record)| record))
}

pub(super) fn by_name(
    db: &Connection,
    name: &KeyName,
    now: Timestamp,
    want: Want,
) -> rusqlite::Result<Option<(Arc<str>, Record)>> {
    let parameters = [&*name.cache, &*name.key, &*name.namespace];
    first(db, &BY_NAME, parameters, now, want)
}

fn first(
    db: &Connection,
    sql: &str,
    parameters: impl Params,
    now: Timestamp,
    want: Want,
) -> rusqlite::Result<Option<(Arc<str>, Record)>> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    match rows.next()? {
        Some(row) if is_live(row, now)? => Ok(Some((row.get(1)?, record(db, row, want)?))),
        _ => Ok(None),
    }
}

/// Whether the row, whose first column says when it ends, has not ended.
fn is_live(row: &Row<'_>, now: Timestamp) -> rusqlite::Result<bool> {
    let ends: Option<Timestamp> = row.get(0)?;
    Ok(ends.is_none_or(|moment| moment > now))
}

fn record(db: &Connection, row: &Row<'_>, want: Want) -> rusqlite::Result<Record> {
    let body_len = row.get::<_, i64>(3)?.cast_unsigned();
    let body = match row.get_ref(5)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(Bytes::copy_from_slice(bytes)),
        // the statement still stands on its row, so this is the same moment
        _ if want == Want::Value => Some(part(&body(db, row.get(2)?)?, 0..body_len)?),
        _ => None,
    };
    let side = match row.get_ref(10)? {
        ValueRef::Blob(side) => Bytes::copy_from_slice(side),
        _ => Bytes::new(),
    };
    let head = Head {
        namespace: row.get(6)?,
        policy: row.get(7)?,
        created_at: row.get(8)?,
        expires_at: row.get(0)?,
        metadata: row.get(9)?,
        side,
        body_len,
        plain: row.get(4)?,
    };
    Ok(Record { head, body })
}

fn body(db: &Connection, row: i64) -> rusqlite::Result<Blob<'_>> {
    db.blob_open(MAIN_DB, c"cache_entries", c"value_json", row, true)
}

fn part(body: &Blob<'_>, range: Range<u64>) -> rusqlite::Result<Bytes> {
    let outside = |_| rusqlite::Error::IntegralValueOutOfRange(5, range.start.cast_signed());
    let start = usize::try_from(range.start).map_err(outside)?;
    let length = usize::try_from(range.end.saturating_sub(range.start)).map_err(outside)?;
    let mut bytes = vec![0; length];
    body.read_at_exact(&mut bytes, start)?;
    Ok(bytes.into())
}

/// Parts of the body of the record with this moment of making and length.
pub(super) fn parts(
    db: &Connection,
    id: &str,
    made: Timestamp,
    length: u64,
    ranges: &[Range<u64>],
) -> rusqlite::Result<Option<Vec<Bytes>>> {
    let mut statement = db.prepare_cached(BODY)?;
    let mut rows = statement.query(params![id, length, made])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let body = body(db, row.get(0)?)?;
    let parts = ranges.iter().map(|range| part(&body, range.clone()));
    parts.collect::<rusqlite::Result<_>>().map(Some)
}

pub(super) fn exists(db: &Connection, id: &str, now: Timestamp) -> rusqlite::Result<bool> {
    let mut statement = db.prepare_cached(LIVE)?;
    let live = statement
        .query_row([id], |row| is_live(row, now))
        .optional()?;
    Ok(live == Some(true))
}

pub(super) fn everywhere(
    db: &Connection,
    cache: &str,
    key: &str,
    now: Timestamp,
) -> rusqlite::Result<Vec<(Arc<str>, Arc<str>)>> {
    let mut statement = db.prepare_cached(EVERYWHERE)?;
    let mut rows = statement.query([cache, key])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if is_live(row, now)? {
            found.push((row.get(1)?, row.get(2)?));
        }
    }
    Ok(found)
}

pub(super) fn name_of(db: &Connection, id: &str) -> rusqlite::Result<Option<KeyName>> {
    db.prepare_cached(NAME)?
        .query_row([id], |row| {
            Ok(KeyName {
                cache: row.get(0)?,
                namespace: row.get(1)?,
                key: row.get(2)?,
            })
        })
        .optional()
}

pub(super) fn knows_cache(db: &Connection, cache: &str) -> rusqlite::Result<bool> {
    db.prepare_cached(CACHE)?
        .query_row([cache], |row| row.get(0))
}

/// All statements of this file, so that their plans can be looked at.
#[cfg(test)]
pub(super) fn statements() -> [&'static str; 7] {
    [&BY_ID, &BY_NAME, LIVE, BODY, EVERYWHERE, NAME, CACHE]
}
