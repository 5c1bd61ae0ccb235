//! How fast a synchronous read is, against `redis-benchmark` in the same run. To be read, not asserted:
//! `REDIS_URL=redis://127.0.0.1:6379 cargo test --release --lib redis::speed -- --ignored --nocapture`

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{RedisOptions, RedisStore};
use crate::backend::{Head, PutOptions, Record, RecordStore, Want};
use crate::runtime::block_on;

const NOW: f64 = 1_000.0;
const TIME: Duration = Duration::from_secs(2);

fn record(size: usize) -> Record {
    Record {
        head: Head {
            namespace: "public".into(),
            policy: "{\"user_permissions\": 31, \"agent_permissions\": 17, \"owner\": null}"
                .to_owned(),
            created_at: NOW,
            expires_at: None,
            metadata: "{}".to_owned(),
            side: Bytes::new(),
            body_len: size as u64,
            plain: true,
        },
        body: Some(format!("\"{}\"", "x".repeat(size - 2)).into()),
    }
}

/// Operations per second of so many threads.
fn rate(threads: usize, work: impl Fn() + Sync) -> f64 {
    let done = AtomicU64::new(0);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while begin.elapsed() < TIME {
                    work();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    done.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64()
}

fn benchmark(port: u16, clients: usize, size: usize) -> f64 {
    let (clients, size) = (clients.to_string(), size.to_string());
    let requests = if size.len() > 4 { "5000" } else { "60000" };
    let output = Command::new("redis-benchmark")
        .args(["-p", &port.to_string(), "-c", &clients, "-d", &size])
        .args(["-n", requests, "-t", "set,get", "--csv"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("\"GET\""))
        .unwrap();
    line.split('"').nth(3).unwrap().parse().unwrap()
}

#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout, reason = "it is there to be read")]
fn reads_against_the_benchmark() {
    let options = RedisOptions::parse(&std::env::var("REDIS_URL").unwrap()).unwrap();
    let port = options.connection_info().port;
    let store = RedisStore::new(options);
    let page = Head {
        body_len: 500_000,
        ..record(1_000).head
    };
    for (id, size) in [("c:1k", 1_000), ("c:500k", 500_000)] {
        block_on(store.write(id, record(size), PutOptions::default())).unwrap();
    }
    let read = |id, want| {
        let found = block_on(store.read(id, NOW, want)).unwrap();
        assert!(found.is_some());
    };
    for round in 0..3 {
        for threads in [1, 8, 50] {
            let floor = benchmark(port, threads, 1_000);
            let value = rate(threads, || read("c:1k", Want::Value));
            let head = rate(threads, || read("c:1k", Want::Head));
            let exists = rate(threads, || {
                assert!(block_on(store.exists("c:1k", NOW)).unwrap())
            });
            println!(
                "{round}: {threads} threads, 1 KB: benchmark {floor:.0}/s, value {value:.0} ({:.2}), head {head:.0} ({:.2}), exists {exists:.0}",
                value / floor,
                head / floor
            );
        }
        let floor = benchmark(port, 1, 500_000);
        let value = rate(1, || read("c:500k", Want::Value));
        let head = rate(1, || read("c:500k", Want::Head));
        let parts = rate(1, || {
            let range = 250_000..254_000;
            let parts = block_on(store.read_body("c:500k", &page, std::slice::from_ref(&range)));
            assert!(parts.unwrap().is_some());
        });
        println!(
            "{round}: 500 KB: benchmark {floor:.0}/s, value {value:.0} ({:.2}), head {head:.0}, 4 KB of it {parts:.0}",
            value / floor
        );
        let write = rate(1, || {
            block_on(store.write("c:w", record(1_000), PutOptions::default())).unwrap()
        });
        let large = rate(1, || {
            block_on(store.write("c:w", record(500_000), PutOptions::default())).unwrap()
        });
        println!("{round}: writes: 1 KB {write:.0}/s, 500 KB {large:.0}/s");
    }
}
