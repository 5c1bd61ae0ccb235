//! Several processes on one SQLite file: killed in mid-write, side by side, and together with the original.
//!
//! `REFCACHE_LONG=1` kills 1000 times and lets processes work for a minute. `REFCACHE_ORIGINAL` is the Python of
//! an environment that has the original package.
#![cfg(all(feature = "sqlite", unix))]

mod sqlite_support;

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mcp_refcache::backend::{PutOptions, RecordStore as _, Scope, SqliteStore, Want};
use mcp_refcache::{Clock as _, SystemClock};
use rusqlite::Connection;
use sqlite_support::{Folder, NOW, block_on, large, name, open, record};

fn is_long() -> bool {
    std::env::var_os("REFCACHE_LONG").is_some()
}

/// Starts this program again as a process of its own that does only the test `role`.
fn start(role: &str, path: &Path, number: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([role, "--exact", "--ignored", "--nocapture"])
        .env("REFCACHE_FILE", path)
        .env("REFCACHE_NUMBER", number.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The file and number of a process that was started so; `None` for somebody who runs all ignored tests.
fn task() -> Option<(PathBuf, u32)> {
    let number = std::env::var("REFCACHE_NUMBER").ok()?;
    Some((
        std::env::var_os("REFCACHE_FILE")?.into(),
        number.parse().unwrap(),
    ))
}

/// Tells the parent something; a line of its own.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(format!("\n>{line}\n").as_bytes()));
    drop(out.flush());
}

fn told(child: &mut Child) -> Vec<String> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix('>').map(str::to_owned))
        .collect()
}

/// Every third body is a large one; each is made of its id, so that a torn or foreign one shows.
fn body_of(id: &str, number: u32) -> String {
    let times = if number.is_multiple_of(3) { 8_000 } else { 3 };
    format!("[{}0]", format!("\"{id}\", ").repeat(times))
}

fn check_integrity(path: &Path) {
    let db = Connection::open(path).unwrap();
    let answer: String = db
        .query_row("PRAGMA integrity_check", (), |row| row.get(0))
        .unwrap();
    assert_eq!(answer, "ok");
    let (entries, bytes): (i64, i64) = db
        .query_row("SELECT entries, bytes FROM refcache_state", (), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let counted: (i64, i64) = db
        .query_row(
            "SELECT count(*), coalesce(sum(length(CAST(value_json AS BLOB)) + 512), 0)
                + (SELECT coalesce(sum(length(side)), 0) FROM refcache_heads) FROM cache_entries",
            (),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!((entries, bytes), counted);
    for orphans in [
        "SELECT count(*) FROM refcache_heads WHERE key NOT IN (SELECT key FROM cache_entries)",
        "SELECT count(*) FROM refcache_names WHERE entry NOT IN (SELECT key FROM cache_entries)",
    ] {
        let count: i64 = db.query_row(orphans, (), |row| row.get(0)).unwrap();
        assert_eq!(count, 0, "{orphans}");
    }
}

#[test]
#[ignore = "a process of `killing_a_writer_tears_and_loses_nothing`"]
fn writes_until_it_is_killed() {
    let Some((path, round)) = task() else { return };
    let store = open(&path);
    thread::scope(|scope| {
        for worker in 0..3 {
            let store = &store;
            scope.spawn(move || {
                for number in 0.. {
                    let id = format!("c:{round:04x}{worker:02x}{number:08x}");
                    let key = name("public", &format!("{worker}"));
                    let options = PutOptions {
                        name: Some(&key),
                        ..PutOptions::default()
                    };
                    let record = record("public", &body_of(&id, number), None);
                    block_on(store.write(&id, record, options)).unwrap();
                    tell(&format!("{number} {id}"));
                }
            });
        }
    });
}

#[test]
fn killing_a_writer_tears_and_loses_nothing() {
    let folder = Folder::new();
    let rounds = if is_long() { 1_000 } else { 50 };
    let mut committed = 0;
    for round in 0..rounds {
        let mut child = start("writes_until_it_is_killed", &folder.file(), round);
        thread::sleep(Duration::from_millis(20 + u64::from(round * 7_919 % 97)));
        child.kill().unwrap();
        let told = told(&mut child);
        child.wait().unwrap();
        let store = open(&folder.file());
        for line in &told {
            // the last line may be cut off
            let Some((number, id)) = line.split_once(' ').filter(|(_, id)| id.len() == 16) else {
                continue;
            };
            let read = block_on(store.read(id, NOW, Want::Value)).unwrap();
            let read = read.unwrap_or_else(|| panic!("{id} was committed and is lost"));
            assert_eq!(read.body.unwrap(), body_of(id, number.parse().unwrap()));
            committed += 1;
        }
        // what was not told may be there or not, but never in part
        for id in block_on(store.keys(Scope::default(), NOW)).unwrap() {
            let number = u32::from_str_radix(&id[8..], 16).unwrap();
            let read = block_on(store.read(&id, NOW, Want::Value))
                .unwrap()
                .unwrap();
            assert_eq!(read.body.unwrap(), body_of(&id, number));
        }
        if round % 10 != 0 {
            block_on(store.clear(Scope::default())).unwrap();
        }
        store.close();
    }
    check_integrity(&folder.file());
    assert!(
        committed > rounds,
        "{committed} writes in {rounds} rounds are too few to be killed in"
    );
    eprintln!("{committed} committed entries survived {rounds} kills");
}

#[test]
#[ignore = "a process of `processes_and_threads_share_a_file`"]
fn works_for_a_while() {
    let Some((path, process)) = task() else {
        return;
    };
    let store = open(&path);
    let seconds = if is_long() { 60 } else { 10 };
    let end = Instant::now() + Duration::from_secs(seconds);
    thread::scope(|scope| {
        for worker in 0..8 {
            let (store, path) = (&store, &path);
            scope.spawn(move || work(store, path, process, worker, end));
        }
    });
}

fn work(store: &SqliteStore, path: &Path, process: u32, worker: u32, end: Instant) {
    let own = format!("user:{process}-{worker}");
    let mut alive = HashSet::new();
    let mut number = 0;
    while Instant::now() < end {
        number += 1;
        let id = format!("c:{process:02x}{worker:02x}{number:08x}");
        let (private, common) = (name(&own, "k"), name("public", &(number % 5).to_string()));
        let named = PutOptions {
            name: Some(if number % 2 == 0 { &private } else { &common }),
            ..PutOptions::default()
        };
        let body = body_of(&id, number);
        let mut written = record(&own, &body, None);
        written.head.side = "side".into();
        block_on(store.write(&id, written.clone(), named)).unwrap();
        alive.insert(id.clone());
        let read = block_on(store.read(&id, NOW, Want::Value)).unwrap();
        assert_eq!(read.expect("what was written is there"), written);
        if number % 2 == 0 {
            let (found, _) = block_on(store.find(&private, NOW, Want::Head))
                .unwrap()
                .unwrap();
            assert_eq!(*found, *id);
        } else if let Some((found, read)) = block_on(store.find(&common, NOW, Want::Value)).unwrap()
        {
            let number = u32::from_str_radix(&found[6..], 16).unwrap();
            assert_eq!(
                read.body.unwrap(),
                body_of(&found, number),
                "no data of another key"
            );
        }
        if number % 4 == 0 {
            let victim = alive.iter().next().unwrap().clone();
            assert!(block_on(store.delete(&victim)).unwrap());
            alive.remove(&victim);
        }
        if number % 20 == 0 {
            let scope = Scope {
                cache: Some("c"),
                namespace: Some(&own),
            };
            let keys = block_on(store.keys(scope, NOW)).unwrap();
            assert_eq!(keys.len(), alive.len());
            assert!(keys.iter().all(|id| alive.contains(&**id)));
        }
        if number % 5 == 0 {
            hold_alone(store, path);
        }
    }
    tell(&alive.len().to_string());
}

/// Whoever has the lease is alone: the file that it makes is nobody else's.
fn hold_alone(store: &SqliteStore, path: &Path) {
    let Some(token) = block_on(store.acquire("l", 60.0, SystemClock.now())).unwrap() else {
        return;
    };
    let mark = path.with_extension("held");
    std::fs::File::create_new(&mark).expect("only one holds the lease");
    std::fs::remove_file(&mark).unwrap();
    assert!(block_on(store.release("l", token, SystemClock.now())).unwrap());
}

#[test]
fn processes_and_threads_share_a_file() {
    let folder = Folder::new();
    let mut children: Vec<_> = (0..4)
        .map(|number| start("works_for_a_while", &folder.file(), number))
        .collect();
    let mut alive = 0;
    for child in &mut children {
        let told = told(child);
        assert!(child.wait().unwrap().success());
        assert_eq!(told.len(), 8);
        alive += told
            .iter()
            .map(|count| count.parse::<u64>().unwrap())
            .sum::<u64>();
    }
    assert!(alive > 100);
    let store = open(&folder.file());
    assert_eq!(block_on(store.totals()).unwrap().entries, alive);
    assert_eq!(
        block_on(store.keys(Scope::default(), NOW)).unwrap().len() as u64,
        alive
    );
    store.close();
    check_integrity(&folder.file());
}

#[test]
#[ignore = "a process of `many_processes_make_the_file_at_the_same_time`"]
fn opens_at_once() {
    let Some((path, number)) = task() else { return };
    let id = format!("c:{number:08x}");
    let store = open(&path);
    block_on(store.write(&id, record("public", "1", None), PutOptions::default())).unwrap();
}

#[test]
fn many_processes_make_the_file_at_the_same_time() {
    for _ in 0..5 {
        let folder = Folder::new();
        let path = folder.path().join("new/cache.db");
        let mut children: Vec<_> = (0..8)
            .map(|number| start("opens_at_once", &path, number))
            .collect();
        for child in &mut children {
            assert!(child.wait().unwrap().success());
        }
        check_integrity(&path);
        let store = open(&path);
        assert_eq!(block_on(store.totals()).unwrap().entries, 8);
    }
}

/// What the original runs, to the letter.
mod original {
    pub(crate) const TABLE: &str = "
        CREATE TABLE IF NOT EXISTS cache_entries (
            key TEXT PRIMARY KEY, value_json TEXT NOT NULL, namespace TEXT NOT NULL, policy_json TEXT NOT NULL,
            created_at REAL NOT NULL, expires_at REAL, metadata_json TEXT NOT NULL);
        CREATE INDEX IF NOT EXISTS idx_namespace ON cache_entries(namespace);
        CREATE INDEX IF NOT EXISTS idx_expires_at ON cache_entries(expires_at)";
    pub(crate) const SET: &str = "
        INSERT OR REPLACE INTO cache_entries
        (key, value_json, namespace, policy_json, created_at, expires_at, metadata_json)
        VALUES (?, ?, ?, ?, ?, ?, ?)";
    pub(crate) const PURGE: &str =
        "DELETE FROM cache_entries WHERE expires_at IS NOT NULL AND expires_at <= ?";
}

fn set_as_original(db: &Connection, id: &str, namespace: &str, body: &str, ends: Option<f64>) {
    let policy = sqlite_support::POLICY;
    db.execute(
        original::SET,
        (id, body, namespace, policy, NOW, ends, "{}"),
    )
    .unwrap();
}

#[test]
fn a_file_of_the_original_is_read_as_it_is() {
    let folder = Folder::new();
    let db = Connection::open(folder.file()).unwrap();
    db.execute_batch("PRAGMA journal_mode=WAL").unwrap();
    db.execute_batch(original::TABLE).unwrap();
    set_as_original(
        &db,
        "old:0123456789abcdef",
        "public",
        "[NaN]",
        Some(NOW + 1.0),
    );
    set_as_original(&db, "old:0123456789abcde0", "user:x", &large(), None);
    let store = open(&folder.file());
    check_integrity(&folder.file());
    let mut small = record("public", "[NaN]", Some(NOW + 1.0));
    let read = block_on(store.read("old:0123456789abcdef", NOW, Want::Value)).unwrap();
    assert_eq!(read.unwrap(), small);
    let big = record("user:x", &large(), None);
    let read = block_on(store.read("old:0123456789abcde0", NOW, Want::Value)).unwrap();
    assert_eq!(read.unwrap(), big);
    let part = block_on(store.read_body("old:0123456789abcde0", &big.head, &[0..2, 2..3])).unwrap();
    assert_eq!(part.unwrap()[0], "[0");
    assert!(block_on(store.knows_cache("old")).unwrap());
    block_on(store.write_side("old:0123456789abcde0", &big.head, "side".into())).unwrap();

    // it replaces and removes while we have the file open
    set_as_original(&db, "old:0123456789abcde0", "public", "2", None);
    check_integrity(&folder.file());
    let read = block_on(store.read("old:0123456789abcde0", NOW, Want::Value)).unwrap();
    small = record("public", "2", None);
    assert_eq!(read.unwrap(), small);
    db.execute(original::PURGE, [NOW + 1.0]).unwrap();
    check_integrity(&folder.file());
    assert_eq!(block_on(store.totals()).unwrap().entries, 1);
}

#[test]
fn what_is_sealed_is_no_text_for_the_original() {
    let folder = Folder::new();
    let store = open(&folder.file());
    for (id, plain, kind) in [("c:00000001", true, "text"), ("c:00000002", false, "blob")] {
        let mut record = record("public", "\u{1}sealed", None);
        record.head.plain = plain;
        block_on(store.write(id, record, PutOptions::default())).unwrap();
        let db = Connection::open(folder.file()).unwrap();
        let stored: String = db
            .query_row(
                "SELECT typeof(value_json) FROM cache_entries WHERE key = ?",
                [id],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(stored, kind);
    }
}

/// Runs the original itself in a process of its own.
#[test]
fn the_original_uses_the_same_file_at_the_same_time() {
    let Some(python) = std::env::var_os("REFCACHE_ORIGINAL") else {
        eprintln!("SKIPPED: REFCACHE_ORIGINAL names no Python with the original package");
        return;
    };
    let script = "
import sys, time
from mcp_refcache import RefCache
from mcp_refcache.backends import SQLiteBackend
backend = SQLiteBackend(sys.argv[1]); cache = RefCache(name='orig', backend=backend)
for n in range(300):
    ref = cache.set(f'k{n % 7}', ['x' * (200000 if n % 50 == 0 else 20), n], ttl=None).ref_id
    assert cache.resolve(ref)[1] == n
    if n % 3 == 0: assert backend.delete(ref)
    for key in [k for k in backend.keys() if k.startswith('c:')][:5]:
        entry = backend.get(key)
        assert entry is None or entry.value[0] == key, key
    if n % 100 == 99: backend.clear('mine')
print('done')
";
    let folder = Folder::new();
    let store = open(&folder.file());
    let mut child = Command::new(python)
        .args(["-c", script])
        .arg(folder.file())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut number = 0;
    while child.try_wait().unwrap().is_none() {
        number += 1;
        let id = format!("c:{number:08x}");
        let namespace = if number % 2 == 0 { "mine" } else { "public" };
        let body = body_of(&id, number % 200);
        block_on(store.write(&id, record(namespace, &body, None), PutOptions::default())).unwrap();
        let read = block_on(store.read(&id, NOW, Want::Value)).unwrap();
        assert!(read.is_none_or(|read| read.body.unwrap() == body));
        let scope = Scope {
            cache: Some("orig"),
            namespace: None,
        };
        for theirs in block_on(store.keys(scope, NOW)).unwrap().iter().take(3) {
            let read = block_on(store.read(theirs, NOW, Want::Value)).unwrap();
            assert!(read.is_none_or(|read| read.body.unwrap().starts_with(b"[\"x")));
        }
        thread::sleep(Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    store.close();
    check_integrity(&folder.file());
}
