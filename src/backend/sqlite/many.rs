//! Operations over many records: listing, clearing, purging. They touch indexes and what they are about, no
//! other row, and remove in batches so that other writers get their turn.

use std::fmt::Write as _;
use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Params, params, params_from_iter};

use crate::backend::{Removal, Scope, Why};
use crate::clock::Timestamp;

/// Rows that are removed in one transaction: some fifty milliseconds. References are random, so each batch
/// touches most pages of the indexes anew; what that writes is most of the cost. A fourth of this takes
/// twice the time for a row, twice this two thirds.
pub(super) const BATCH: usize = 2_000;

const PURGE: &str = "
    DELETE FROM cache_entries WHERE rowid IN (
        SELECT rowid FROM cache_entries WHERE expires_at <= ?1 LIMIT ?2)
    RETURNING key, namespace";

const ENDED: &str = "SELECT 1 FROM cache_entries WHERE expires_at <= ?1 LIMIT 1";

/// A scope as a condition: both an index on `(namespace, key)` and that on `key` know the rowid.
#[derive(Clone)]
pub(super) struct Condition {
    sql: String,
    values: Vec<Value>,
}

impl From<Scope<'_>> for Condition {
    fn from(scope: Scope<'_>) -> Self {
        let mut condition = Self {
            sql: String::from("1"),
            values: Vec::new(),
        };
        if let Some(namespace) = scope.namespace {
            condition.and("namespace =", namespace.into());
        }
        if let Some(cache) = scope.cache {
            condition.and("key >=", format!("{cache}:"));
            condition.and("key <", format!("{cache};"));
        }
        condition
    }
}

impl Condition {
    fn and(&mut self, comparison: &str, value: String) {
        self.number(comparison, Value::Text(value));
    }

    fn number(&mut self, comparison: &str, value: Value) {
        self.values.push(value);
        let place = self.values.len();
        write!(self.sql, " AND {comparison} ?{place}").expect("a String takes all text");
    }

    /// Ids of live records. The expired are few, as they are purged, and found by an index; whether one row
    /// is expired stands behind its value.
    pub(super) fn ids(&self, db: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Arc<str>>> {
        let mut statement = db.prepare_cached(&self.listing())?;
        let values = self.values.iter().cloned().chain([Value::Real(now)]);
        let rows = statement.query_map(params_from_iter(values), |row| row.get(0))?;
        rows.collect()
    }

    fn listing(&self) -> String {
        let (sql, place) = (&self.sql, self.values.len() + 1);
        format!(
            "SELECT key FROM cache_entries WHERE {sql}
            AND rowid NOT IN (SELECT rowid FROM cache_entries WHERE expires_at <= ?{place})"
        )
    }

    /// Limits it to what is there now, so that clearing ends while others write.
    pub(super) fn until_now(mut self, db: &Connection) -> rusqlite::Result<Self> {
        let newest = db
            .prepare_cached("SELECT rowid FROM cache_entries ORDER BY rowid DESC LIMIT 1")?
            .query_row((), |row| row.get(0))
            .optional()?;
        self.number("rowid <=", Value::Integer(newest.unwrap_or(0)));
        Ok(self)
    }

    /// Removes some; how many.
    pub(super) fn clear_some(&self, db: &Connection) -> rusqlite::Result<usize> {
        let mut statement = db.prepare_cached(&self.clearing())?;
        statement.execute(params_from_iter(&self.values))
    }

    fn clearing(&self) -> String {
        format!(
            "DELETE FROM cache_entries WHERE rowid IN (
                SELECT rowid FROM cache_entries WHERE {} LIMIT {BATCH})",
            self.sql
        )
    }
}

/// Whether there is something to purge.
pub(super) fn has_ended(db: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
    db.prepare_cached(ENDED)?.exists([now])
}

/// Removes some records that are expired.
pub(super) fn purge_some(db: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Removal>> {
    lose(db, PURGE, params![now, BATCH], Why::Expired)
}

/// Removes records by a statement that returns their key and namespace.
pub(super) fn lose(
    db: &Connection,
    sql: &str,
    values: impl Params,
    why: Why,
) -> rusqlite::Result<Vec<Removal>> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(values, |row| {
        Ok(Removal::new(row.get(0)?, row.get(1)?, why))
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::sqlite::{read, schema};
    use std::time::Instant;

    /// The plan of a statement whose parameters stay NULL.
    fn plan(db: &Connection, sql: &str) -> String {
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows = statement.raw_query().mapped(|row| row.get::<_, String>(3));
        let lines: rusqlite::Result<Vec<_>> = rows.collect();
        lines.unwrap().join("; ")
    }

    #[test]
    fn nothing_is_scanned_that_is_not_asked_for() {
        let mut db = Connection::open_in_memory().unwrap();
        schema::bring_up(&mut db, Instant::now()).unwrap();
        for (cache, namespace) in [(Some("c"), None), (Some("c"), Some("n")), (None, Some("n"))] {
            let scope = Scope { cache, namespace };
            let condition = Condition::from(scope);
            assert!(!plan(&db, &condition.clearing()).contains("SCAN"));
            let plan = plan(&db, &condition.listing());
            assert!(!plan.contains("SCAN"), "{plan}");
            assert!(
                plan.starts_with("SEARCH cache_entries USING COVERING INDEX"),
                "{plan}"
            );
        }
        for sql in [PURGE, ENDED].into_iter().chain(read::statements()) {
            let plan = plan(&db, sql);
            assert!(
                !plan.contains("SCAN") || plan.contains("SCAN CONSTANT ROW"),
                "{sql}: {plan}"
            );
        }
    }
}
