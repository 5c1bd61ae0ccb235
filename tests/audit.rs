//! The chain of an audit log, and what it shows: changes, losses, crashes, several writers.
#![cfg(feature = "sqlite")]

use std::fs;
use std::path::{Path, PathBuf};

use mcp_refcache::audit::{
    Audit, AuditRecord, AuditSink, JsonLines, SqliteLog, Verified, lines, verify,
};
use mcp_refcache::blocking::RefCache;
use mcp_refcache::{Error, ErrorKind, Result};

const KEY: &[u8] = b"a key of more than sixteen bytes";

/// A folder of its own for each test.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("refcache-audit-{}-{name}", std::process::id()));
    drop(fs::remove_dir_all(&path));
    fs::create_dir_all(&path).unwrap();
    path
}

fn cache(sink: impl AuditSink + 'static) -> RefCache {
    let cache = mcp_refcache::RefCache::builder("shop").audit(Audit::new(sink));
    RefCache::from(cache.build().unwrap())
}

fn log(path: &Path, times: usize) {
    let cache = cache(JsonLines::open(path, None).unwrap());
    for number in 0..times {
        cache.set(&number.to_string(), &number).unwrap();
    }
}

fn checked(path: &Path) -> Result<Verified> {
    verify(&[path], None, None)
}

#[test]
fn a_chain_is_verified_and_its_head_can_be_expected() {
    let path = folder("head").join("log");
    log(&path, 3);
    let head = checked(&path).unwrap().head;
    log(&path, 2);
    let verified = verify(&[&path], None, Some(&head)).unwrap();
    assert_eq!((verified.records, verified.first, verified.torn), (5, 1, 0));
    let text = fs::read_to_string(&path).unwrap();
    let two: String = text.split_inclusive('\n').take(2).collect();
    fs::write(&path, two).unwrap();
    assert!(
        checked(&path).is_ok(),
        "a chain does not show that its end is missing"
    );
    assert!(verify(&[&path], None, Some(&head)).is_err());
}

#[test]
fn changed_missing_and_exchanged_lines_are_noticed() {
    let path = folder("changed").join("log");
    log(&path, 4);
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let changed = [
        text.replacen("stored", "read", 1),
        [lines[0], lines[2], lines[3]].concat(),
        [lines[0], lines[2], lines[1], lines[3]].concat(),
        [lines[0], lines[1], lines[1], lines[2]].concat(),
        [lines[0], "{}\n", lines[1]].concat(),
        [lines[0], "torn\n", lines[1]].concat(),
    ];
    for text in changed {
        fs::write(&path, text).unwrap();
        assert_eq!(checked(&path).unwrap_err().kind(), ErrorKind::Audit);
    }
}

#[test]
fn a_line_that_a_crash_left_unfinished_is_kept_and_the_chain_goes_on() {
    let path = folder("torn").join("log");
    log(&path, 2);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}{{\"n\":3,\"at\"")).unwrap();
    assert!(
        checked(&path).is_err(),
        "nobody says yet that it was a crash"
    );
    log(&path, 2);
    let verified = checked(&path).unwrap();
    assert_eq!((verified.records, verified.torn), (4, 1));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("{\"n\":3,\"at\"\n", "")).unwrap();
    assert!(
        checked(&path).is_err(),
        "the torn line belongs to the chain"
    );
}

#[test]
fn a_last_line_that_was_cut_or_changed_does_not_pass() {
    let path = folder("cut").join("log");
    log(&path, 2);
    let text = fs::read_to_string(&path).unwrap();
    let whole = text.trim_end();
    for changed in [
        whole.trim_end_matches('}').to_owned(),
        format!("{}\n", whole.trim_end_matches('}')),
        format!("{whole} \n"),
        format!("{whole}\nx"),
        whole.replace("2,", "3,"),
    ] {
        fs::write(&path, &changed).unwrap();
        assert!(checked(&path).is_err(), "{changed}");
    }
}

#[test]
fn a_running_writer_misses_records_that_it_wrote() {
    let folder = folder("missing");
    let path = folder.join("log");
    let cache = cache(JsonLines::open(&path, None).unwrap());
    for key in ["a", "b", "c"] {
        cache.set(key, &1).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    let cut = text.split_inclusive('\n').take(2).collect::<String>();
    for changed in [cut, text.trim_end().trim_end_matches('}').to_owned()] {
        fs::write(&path, changed).unwrap();
        for _ in 0..2 {
            assert_eq!(cache.set("d", &1).unwrap_err().kind(), ErrorKind::Audit);
        }
    }
    fs::rename(&path, folder.join("log.1")).unwrap();
    cache.set("d", &1).unwrap();
    assert_eq!(checked(&path).unwrap().first, 4, "the chain goes on");
}

#[test]
fn a_running_writer_misses_rows_that_it_wrote() {
    let path = folder("rows").join("log.db");
    let cache = cache(SqliteLog::open(&path, None).unwrap());
    cache.set("a", &1).unwrap();
    cache.set("b", &2).unwrap();
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("DROP TRIGGER audit_is_not_removed; DELETE FROM audit WHERE n = 2")
        .unwrap();
    assert_eq!(cache.set("c", &3).unwrap_err().kind(), ErrorKind::Audit);
}

#[test]
fn a_file_that_lost_only_its_line_break_goes_on() {
    let path = folder("break").join("log");
    log(&path, 2);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.trim_end()).unwrap();
    log(&path, 1);
    assert_eq!(checked(&path).unwrap().records, 3);
}

#[test]
fn a_file_that_was_moved_away_is_followed_by_one_that_continues_the_chain() {
    let folder = folder("moved");
    let (path, old) = (folder.join("log"), folder.join("log.1"));
    let cache = cache(JsonLines::open(&path, None).unwrap());
    cache.set("a", &1).unwrap();
    fs::rename(&path, &old).unwrap();
    cache.set("b", &2).unwrap();
    assert_eq!(verify(&[&old, &path], None, None).unwrap().records, 2);
    assert_eq!(checked(&path).unwrap().first, 2);
    assert!(verify(&[&path, &old], None, None).is_err());
}

#[test]
fn with_a_key_only_its_holder_can_write() {
    let path = folder("key").join("log");
    let keyed = cache(JsonLines::open(&path, Some(KEY)).unwrap());
    keyed.set("a", &1).unwrap();
    assert!(verify(&[&path], Some(KEY), None).is_ok());
    assert!(checked(&path).is_err());
    assert!(verify(&[&path], Some(b"another key of this length"), None).is_err());
    assert!(
        JsonLines::open(&path, None).is_err(),
        "it cannot be continued without the key"
    );
    assert!(JsonLines::open(&path, Some(b"short")).is_err());
}

#[test]
fn a_file_of_something_else_is_not_continued() {
    let path = folder("else").join("log");
    fs::write(&path, "one line\nanother\n").unwrap();
    assert_eq!(
        JsonLines::open(&path, None).err().unwrap().kind(),
        ErrorKind::Audit
    );
}

#[test]
fn sqlite_keeps_the_same_chain_and_refuses_changes() {
    let path = folder("sqlite").join("log.db");
    let audited = cache(SqliteLog::open(&path, Some(KEY)).unwrap());
    audited.set("a", &1).unwrap();
    audited.get("a").unwrap();
    let found = lines(&path).unwrap().collect::<Result<Vec<_>>>().unwrap();
    assert_eq!(found.len(), 2);
    let db = rusqlite::Connection::open(&path).unwrap();
    let action: String = db
        .query_row("SELECT action FROM audit WHERE n = 2", (), |row| row.get(0))
        .unwrap();
    assert_eq!(action, "read");
    assert!(db.execute("DELETE FROM audit", ()).is_err());
    db.execute_batch("DROP TRIGGER audit_is_not_changed")
        .unwrap();
    db.execute("UPDATE audit SET line = replace(line, 'read', 'used')", ())
        .unwrap();
    assert!(verify(&[&path], Some(KEY), None).is_err());
}

struct Full;

impl AuditSink for Full {
    fn record(&self, _: &AuditRecord) -> Result<()> {
        Err(Error::new(ErrorKind::Audit, "the disk is full"))
    }
}

#[test]
fn what_cannot_be_recorded_is_not_done_unless_that_is_tolerated() {
    let strict = cache(Full);
    assert_eq!(strict.set("a", &1).unwrap_err().kind(), ErrorKind::Audit);
    assert!(!strict.exists("a").unwrap());
    let lax = Audit::new(Full).tolerate(|error| assert_eq!(error.message(), "the disk is full"));
    let lax = mcp_refcache::RefCache::builder("shop").audit(lax).build();
    assert!(RefCache::from(lax.unwrap()).set("a", &1).is_ok());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_fails_the_operation() {
    // a device that is always full
    let error = JsonLines::open("/dev/full", None)
        .and_then(|log| {
            let cache = mcp_refcache::RefCache::builder("shop").audit(Audit::new(log));
            RefCache::from(cache.build()?).set("a", &1)
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Audit);
}
