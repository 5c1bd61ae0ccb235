//! What the SQLite store costs: `cargo test --release --test sqlite_speed -- --ignored --nocapture`.
#![cfg(feature = "sqlite")]

mod sqlite_support;

use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use mcp_refcache::backend::{PutOptions, RecordStore as _, Scope, SqliteStore, Want};
use sqlite_support::{Folder, NOW, block_on, open, record};

/// Prints the time of one of `times` runs, the best of three rounds.
fn measure(what: &str, times: u32, mut work: impl FnMut(u32)) {
    let best = (0..3)
        .map(|round| {
            let start = Instant::now();
            for number in 0..times {
                work(round * times + number);
            }
            start.elapsed() / times
        })
        .min();
    eprintln!("{what}: {:?}", best.unwrap());
}

/// Prints how often `work` is done in a second by so many threads.
fn measure_threads(what: &str, threads: u32, times: u32, work: impl Fn(u32) + Sync) {
    let start = Instant::now();
    thread::scope(|scope| {
        for worker in 0..threads {
            let work = &work;
            scope.spawn(move || {
                for number in 0..times {
                    work(worker * times + number);
                }
            });
        }
    });
    let rate = f64::from(threads * times) / start.elapsed().as_secs_f64();
    eprintln!("{what}, {threads} threads: {rate:.0}/s");
}

fn write(store: &SqliteStore, id: &str, body: &str) {
    block_on(store.write(
        id,
        record("public", body, Some(NOW + 1e10)),
        PutOptions::default(),
    ))
    .unwrap();
}

fn read(store: &SqliteStore, id: &str, want: Want) {
    black_box(block_on(store.read(id, NOW, want)).unwrap().unwrap());
}

/// Ids in no order, as those of real references.
fn id(number: u32) -> String {
    format!("c:{:08x}{number:08x}", number.wrapping_mul(2_654_435_769))
}

#[test]
#[ignore = "measures; nothing is asserted"]
fn how_long_things_take() {
    let folder = Folder::new();
    let store = Arc::new(open(&folder.file()));
    let small = "1".repeat(1_000);
    // what the tests pay for a thread of the pool, which a blocking caller does not
    measure("(a thread of the pool)", 20_000, |_| {
        block_on(async { tokio::task::spawn_blocking(|| ()).await }).unwrap();
    });
    measure("set 1 KB", 5_000, |n| write(&store, &id(n), &small));
    measure("get 1 KB", 20_000, |n| {
        read(&store, &id(n % 5_000), Want::Value)
    });
    measure("exists", 20_000, |n| {
        black_box(block_on(store.exists(&id(n % 5_000), NOW)).unwrap());
    });
    measure_threads("get 1 KB", 8, 20_000, |n| {
        read(&store, &id(n % 5_000), Want::Value)
    });
    measure_threads("set 1 KB", 8, 2_000, |n| {
        write(&store, &id(100_000 + n), &small)
    });

    let middle = "1".repeat(100_000);
    measure("set 100 KB", 100, |n| {
        write(&store, &id(200_000 + n), &middle)
    });
    measure("get 100 KB", 1_000, |n| {
        read(&store, &id(200_000 + n % 100), Want::Value)
    });
    measure_threads("get 100 KB", 8, 500, |n| {
        read(&store, &id(200_000 + n % 100), Want::Value)
    });
    let mega = "1".repeat(1_000_000);
    measure("set 1 MB", 10, |n| write(&store, &id(300_000 + n), &mega));
    measure("get 1 MB", 200, |n| {
        read(&store, &id(300_000 + n % 10), Want::Value)
    });
    measure_threads("get 1 MB", 8, 100, |n| {
        read(&store, &id(300_000 + n % 10), Want::Value)
    });

    let huge = "1".repeat(100_000_000);
    measure("set 100 MB", 1, |n| write(&store, &id(400_000 + n), &huge));
    measure("replace 100 MB", 1, |_| write(&store, &id(400_000), &huge));
    measure("get 100 MB", 1, |_| read(&store, &id(400_000), Want::Value));
    measure("head of 100 MB", 100, |_| {
        read(&store, &id(400_000), Want::Head)
    });
    let head = record("public", &huge, None).head;
    let parts = |ranges: Vec<std::ops::Range<u64>>| {
        black_box(
            block_on(store.read_body(&id(400_000), &head, &ranges))
                .unwrap()
                .unwrap(),
        );
    };
    measure("last 4 KB of 100 MB", 20, |_| {
        parts(vec![99_996_000..99_998_000, 99_998_000..100_000_000])
    });
    measure("20 ranges over 100 MB", 20, |_| {
        let ranges: Vec<_> = (0..20)
            .map(|n| n * 5_000_000..n * 5_000_000 + 1_000)
            .collect();
        parts(ranges);
    });
    store.close();
    let start = Instant::now();
    parts(vec![99_996_000..99_998_000, 99_998_000..100_000_000]);
    eprintln!("last 4 KB of 100 MB, opened anew: {:?}", start.elapsed());
    measure("delete 100 MB", 1, |n| {
        block_on(store.delete(&id(400_000 + n))).unwrap();
    });
}

fn of(namespace: &str) -> Scope<'_> {
    Scope {
        cache: Some("c"),
        namespace: Some(namespace),
    }
}

#[test]
#[ignore = "measures; nothing is asserted"]
fn how_long_many_entries_take() {
    let folder = Folder::new();
    let store = open(&folder.file());
    // in a process where SQLite is this very library a second connection is harmless
    let db = rusqlite::Connection::open(folder.file()).unwrap();
    let start = Instant::now();
    db.execute(
        "INSERT INTO cache_entries WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT 100000)
            SELECT 'c:' || printf('%08x', i * 2654435769 % 4294967296) || printf('%08x', i), printf('%.1000c', '1'),
            'n' || (i % 100), '{}', 1.5, CASE WHEN i % 10 = 0 THEN ?1 + 0.5 ELSE ?1 + 1e10 END, '{}' FROM n",
        [NOW],
    )
    .unwrap();
    db.execute(
        "INSERT INTO refcache_names SELECT 'c', 'key ' || key, namespace, key FROM cache_entries",
        (),
    )
    .unwrap();
    drop(db);
    eprintln!("100,000 entries written in {:?}", start.elapsed());
    measure("keys of a namespace, 1,000", 3, |_| {
        black_box(block_on(store.keys(of("n7"), NOW)).unwrap().len());
    });
    measure("get", 1_000, |n| {
        black_box(block_on(store.read(&id(n), NOW, Want::Value)).unwrap());
    });
    measure("clear a namespace, 1,000", 1, |n| {
        let namespace = format!("n{}", n + 1);
        assert_eq!(block_on(store.clear(of(&namespace))).unwrap(), 1_000);
    });
    // nobody has expired by this clock; the keeper of this test goes by the real one
    let start = Instant::now();
    let gone = block_on(store.clear(Scope::default())).unwrap();
    eprintln!("clear the other {gone}: {:?}", start.elapsed());
    let start = Instant::now();
    let size = || std::fs::metadata(folder.file()).unwrap().len() >> 20;
    let before = size();
    while size() > 8 {
        thread::sleep(std::time::Duration::from_millis(100));
        assert!(start.elapsed().as_secs() < 300, "{} MB are left", size());
    }
    eprintln!("shrunk from {before} MB in {:?}", start.elapsed());
}
