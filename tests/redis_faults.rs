//! What the Redis store does when the server, the network or other programs do not do their part.
//!
//! Each fault: a clear error of the right kind in time, recovery without a new store, never another entry's data.
#![cfg(feature = "redis")]

mod support;

use std::future::Future;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use mcp_refcache::backend::redis::{RedisOptions, RedisStore};
use mcp_refcache::backend::{Head, PutOptions, Record, RecordStore, SMALL, Scope, Want};
use mcp_refcache::{Error, ErrorKind, KeyName, Result};
use support::proxy::Proxy;
use support::redis::{Server, wait_for};
use support::redis_topologies::{Cluster, Sentinels};

const NOW: f64 = 1_000.0;

fn record(body: &str) -> Record {
    Record {
        head: Head {
            namespace: "n".into(),
            policy: "{}".to_owned(),
            created_at: NOW,
            expires_at: Some(NOW + 600.0),
            metadata: "{}".to_owned(),
            side: Default::default(),
            body_len: body.len() as u64,
            plain: true,
        },
        body: Some(body.to_owned().into()),
    }
}

async fn put(store: &RedisStore, id: &str, body: &str) -> Result<()> {
    store.write(id, record(body), PutOptions::default()).await
}

async fn body(store: &RedisStore, id: &str) -> Result<Option<String>> {
    let read = store.read(id, NOW, Want::Value).await?;
    let text = |record: Record| String::from_utf8(record.body.unwrap().to_vec()).unwrap();
    Ok(read.map(text))
}

/// Tries until it works again.
async fn recovers<T>(mut attempt: impl AsyncFnMut() -> Result<T>) -> T {
    let begin = Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => assert!(begin.elapsed() < Duration::from_secs(20), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The error of an operation that must not take longer than this.
async fn fails_within<T: std::fmt::Debug>(
    limit: Duration,
    operation: impl Future<Output = Result<T>>,
) -> Error {
    let begin = Instant::now();
    let error = operation.await.unwrap_err();
    assert!(begin.elapsed() < limit, "{:?}: {error}", begin.elapsed());
    error
}

const AT_ONCE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_is_unreachable_until_it_is_back() {
    let Some(mut server) = Server::start(&[]) else {
        return;
    };
    let store = server.store();
    put(&store, "c:1", "1").await.unwrap();
    server.kill();
    for _ in 0..3 {
        let error = fails_within(AT_ONCE, put(&store, "c:1", "2")).await;
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        let error = fails_within(AT_ONCE, store.keys(Scope::default(), NOW)).await;
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    }
    server.run();
    recovers(async || put(&store, "c:1", "3").await).await;
    assert_eq!(body(&store, "c:1").await.unwrap().as_deref(), Some("3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_between_two_calls_is_not_noticed() {
    let Some(mut server) = Server::start(&[]) else {
        return;
    };
    let store = server.store();
    put(&store, "c:1", "1").await.unwrap();
    server.kill();
    server.run();
    assert_eq!(body(&store, "c:1").await.unwrap(), None);
    server.kill();
    server.run();
    assert!(!store.delete("c:1").await.unwrap());
    assert!(store.acquire("job", 1.0, NOW).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_costs_the_entries_and_nothing_else() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let store = server.store();
    let name = KeyName {
        cache: "c".into(),
        namespace: "n".into(),
        key: "k".into(),
    };
    let options = PutOptions {
        name: Some(&name),
        ..PutOptions::default()
    };
    for _ in 0..2 {
        store.write("c:1", record("1"), options).await.unwrap();
        assert!(store.find(&name, NOW, Want::Head).await.unwrap().is_some());
        let token = store.acquire("job", 30.0, NOW).await.unwrap().unwrap();
        server.ask::<String>(&["FLUSHALL"]);
        server.ask::<String>(&["SCRIPT", "FLUSH"]);
        assert!(store.find(&name, NOW, Want::Head).await.unwrap().is_none());
        assert!(!store.exists("c:1", NOW).await.unwrap());
        assert!(store.keys(Scope::default(), NOW).await.unwrap().is_empty());
        assert!(!store.renew("job", token, 30.0, NOW).await.unwrap());
        assert!(store.acquire("job", 30.0, NOW).await.unwrap().unwrap() > token);
        server.ask::<String>(&["FLUSHALL"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_server_is_a_timeout() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let mut options = server.options();
    options.socket_timeout = Duration::from_millis(300);
    let store = RedisStore::new(options);
    put(&store, "c:1", "1").await.unwrap();
    server.ask::<String>(&["CLIENT", "PAUSE", "1500", "ALL"]);
    let reads = (0..50).map(|_| fails_within(AT_ONCE, body(&store, "c:1")));
    for error in all(reads).await {
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    }
    let found = recovers(async || body(&store, "c:1").await).await;
    assert_eq!(found.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_is_a_timeout() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("redis://127.0.0.1:{port}?socket_timeout=0.2");
    let store = RedisStore::new(RedisOptions::parse(&url).unwrap());
    let error = fails_within(AT_ONCE, store.ping()).await;
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_memory_is_said_and_leaves_the_old_entry_whole() {
    let Some(server) = Server::start(&["--maxmemory-policy", "noeviction"]) else {
        return;
    };
    let store = server.store();
    put(&store, "c:1", "1").await.unwrap();
    server.ask::<String>(&["CONFIG", "SET", "maxmemory", "1"]);
    for text in ["2".to_owned(), format!("\"{}\"", "x".repeat(SMALL))] {
        let error = fails_within(AT_ONCE, put(&store, "c:1", &text)).await;
        assert_eq!(error.kind(), ErrorKind::Backend);
        assert!(error.message().contains("out of memory"), "{error}");
    }
    assert_eq!(body(&store, "c:1").await.unwrap().as_deref(), Some("1"));
    assert!(store.delete("c:1").await.unwrap());
    server.ask::<String>(&["CONFIG", "SET", "maxmemory", "0"]);
    put(&store, "c:1", "3").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_under_sentinel_is_followed() {
    let Some(mut sentinels) = Sentinels::start() else {
        return;
    };
    let store = sentinels.store();
    put(&store, "c:1", "1").await.unwrap();
    let replica = sentinels.servers[1].port;
    wait_for("the replica has the entry", || {
        support::redis::ask(replica, &["EXISTS", "mcp-refcache:entry:c:1"])
    });
    sentinels.servers[0].kill();
    let error = fails_within(Duration::from_secs(6), put(&store, "c:2", "2")).await;
    assert!(
        matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Timeout),
        "{error}"
    );
    recovers(async || put(&store, "c:2", "2").await).await;
    assert_eq!(body(&store, "c:1").await.unwrap().as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_may_move_while_it_is_used() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let store = Arc::new(cluster.store());
    let ids: Vec<String> = (0..40).map(|i| format!("c:{{moving}}{i}")).collect();
    for id in &ids {
        put(&store, id, &format!("\"{id}\"")).await.unwrap();
    }
    let slot: u16 = cluster.0[0].ask(&["CLUSTER", "KEYSLOT", "mcp-refcache:entry:c:{moving}"]);
    let owner = usize::from(slot) * 3 / 16384;
    let target = (owner + 1) % 3;
    let (reader, wanted) = (Arc::clone(&store), ids.clone());
    let done = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&done);
    let reading = tokio::spawn(async move {
        let mut rounds = 0;
        while !until.load(Ordering::Relaxed) || rounds < 3 {
            for id in &wanted {
                let found = body(&reader, id).await.unwrap();
                assert_eq!(found, Some(format!("\"{id}\"")), "round {rounds}");
            }
            rounds += 1;
        }
    });
    let moved = tokio::task::spawn_blocking(move || {
        cluster.move_slot(slot, owner, target);
        cluster
    });
    let cluster = moved.await.unwrap();
    done.store(true, Ordering::Relaxed);
    reading.await.unwrap();
    let key = format!("mcp-refcache:entry:{}", ids[0]);
    assert!(cluster.0[target].ask::<bool>(&["EXISTS", &key]));
    put(&store, &ids[0], "2").await.unwrap();
    assert_eq!(
        store.keys(Scope::default(), NOW).await.unwrap().len(),
        ids.len()
    );
}

/// Two keys of an entry, one of which does not exist, are refused in such a slot.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_is_half_moved_serves_all_its_entries() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let store = cluster.store();
    let text = format!("\"{}\"", "x".repeat(SMALL));
    let name = KeyName {
        cache: "c".into(),
        namespace: "n".into(),
        key: "k".into(),
    };
    let options = PutOptions {
        name: Some(&name),
        retire_at: Some(NOW + 60.0),
        ..PutOptions::default()
    };
    store
        .write("c:{moving}0", record("0"), options)
        .await
        .unwrap();
    put(&store, "c:{moving}1", &text).await.unwrap();
    let slot: u16 = cluster.0[0].ask(&["CLUSTER", "KEYSLOT", "mcp-refcache:entry:c:{moving}"]);
    let owner = usize::from(slot) * 3 / 16384;
    cluster.begin_move(slot, owner, (owner + 1) % 3);
    for id in ["c:{moving}0", "c:{moving}1"] {
        for want in [Want::Head, Want::Value] {
            let head = store.read(id, NOW, want).await.unwrap().unwrap().head;
            let part = store
                .read_body(id, &head, std::slice::from_ref(&(0..1)))
                .await
                .unwrap();
            assert_eq!(part.unwrap()[0].len(), 1);
            store
                .write_side(id, &head, Default::default())
                .await
                .unwrap();
        }
        assert!(store.exists(id, NOW).await.unwrap());
    }
    assert_eq!(
        &*store.find(&name, NOW, Want::Head).await.unwrap().unwrap().0,
        "c:{moving}0"
    );
    assert_eq!(store.keys(Scope::default(), NOW).await.unwrap().len(), 2);
    store
        .write("c:{moving}2", record("2"), options)
        .await
        .unwrap();
    put(&store, "c:{moving}1", "3").await.unwrap();
    put(&store, "c:{moving}1", "4").await.unwrap();
    assert_eq!(
        body(&store, "c:{moving}1").await.unwrap().as_deref(),
        Some("4")
    );
    assert_eq!(
        body(&store, "c:{moving}2").await.unwrap().as_deref(),
        Some("2")
    );
    assert!(!store.exists("c:{moving}0", NOW + 60.0).await.unwrap());
    assert!(store.delete("c:{moving}2").await.unwrap());
    assert_eq!(store.clear(Scope::default()).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_reply_is_never_another_entrys_value() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let proxy = Proxy::to(server.port);
    let mut options = RedisOptions::parse(&format!("redis://127.0.0.1:{}", proxy.port)).unwrap();
    options.socket_timeout = Duration::from_secs(2);
    let store = Arc::new(RedisStore::new(options));
    let own = |i: usize| {
        format!(
            "\"{}\"",
            char::from(b'a' + i as u8)
                .to_string()
                .repeat(3_000 * (i + 1))
        )
    };
    for i in 0..20 {
        put(&store, &format!("c:{i}"), &own(i)).await.unwrap();
    }
    let mut failed = 0;
    for cut in (0..40).map(|round| 1 + round * 2_311) {
        proxy.cut_after(cut);
        let reads = (0..20).map(|i| {
            let store = Arc::clone(&store);
            async move { (i, body(&store, &format!("c:{i}")).await) }
        });
        for (i, read) in all(reads).await {
            match read {
                Ok(found) => assert_eq!(found, Some(own(i))),
                Err(error) => {
                    failed += 1;
                    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
                }
            }
        }
        proxy.cut_after(-1);
    }
    eprintln!("{failed} of 800 reads failed, the others were tried again");
    // what must not be done twice is not tried again
    proxy.cut_after(0);
    let error = store.delete("c:1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_callers_each_get_their_own() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let store = Arc::new(server.store());
    let calls = (0..500).map(|i| {
        let store = Arc::clone(&store);
        async move {
            let (id, text) = (format!("c:{i}"), format!("\"{i}\""));
            for _ in 0..10 {
                put(&store, &id, &text).await.unwrap();
                assert_eq!(body(&store, &id).await.unwrap().as_ref(), Some(&text));
                assert!(store.exists(&id, NOW).await.unwrap());
            }
        }
    });
    all(calls).await;
    assert_eq!(store.keys(Scope::default(), NOW).await.unwrap().len(), 500);
    let clients: String = server.ask(&["CLIENT", "LIST"]);
    assert_eq!(
        clients.lines().count(),
        2,
        "one connection, and the one that asks"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_user_is_told_so_without_the_password() {
    let Some(server) = Server::start(&["--requirepass", "right-secret"]) else {
        return;
    };
    let at = |user: &str| {
        let url = format!("redis://{user}127.0.0.1:{}", server.port);
        RedisStore::new(RedisOptions::parse(&url).unwrap())
    };
    put(&at(":right-secret@"), "c:1", "1").await.unwrap();
    for user in ["", ":wrong-secret@", "nobody:wrong-secret@"] {
        let error = fails_within(AT_ONCE, at(user).ping()).await;
        assert_eq!(error.kind(), ErrorKind::Backend);
        assert!(error.message().contains("password"), "{error:?}");
        assert!(
            !format!("{error:?} {:?}", at(user)).contains("secret"),
            "{error:?}"
        );
    }
    let client =
        redis::Client::open(format!("redis://:right-secret@127.0.0.1:{}", server.port)).unwrap();
    let mut admin = client.get_connection().unwrap();
    for (user, rules) in [
        ("app", "~mcp-refcache:* +@all -@dangerous"),
        ("reader", "~mcp-refcache:* +@read +@connection"),
    ] {
        let mut command = redis::cmd("ACL");
        command
            .arg("SETUSER")
            .arg(user)
            .arg("on")
            .arg(">app-secret");
        let _: String = command
            .arg(rules.split(' ').collect::<Vec<_>>())
            .query(&mut admin)
            .unwrap();
    }
    let app = at("app:app-secret@");
    put(&app, "c:1", "2").await.unwrap();
    assert_eq!(app.keys(Scope::default(), NOW).await.unwrap().len(), 1);
    assert_eq!(app.clear(Scope::default()).await.unwrap(), 1);
    let error = put(&at("reader:app-secret@"), "c:1", "3")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Backend);
    assert!(error.message().contains("permission"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_trusts_only_whom_it_was_told_to() {
    if !support::has("openssl") {
        return;
    }
    let folder = std::env::temp_dir().join(format!("refcache-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let openssl = |arguments: &str| {
        let made = Command::new("openssl")
            .current_dir(&folder)
            .args(arguments.split(' '))
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
    };
    let file = |name: &str| folder.join(name).display().to_string();
    std::fs::write(folder.join("san"), "subjectAltName=DNS:localhost").unwrap();
    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem");
    for name in ["server", "client"] {
        openssl(&format!(
            "req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
        ));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out {name}.pem"
        ));
    }
    let tls = support::free_port();
    let Some(_server) = Server::start(&[
        "--tls-port",
        &tls.to_string(),
        "--tls-cert-file",
        &file("server.pem"),
        "--tls-key-file",
        &file("server.key"),
        "--tls-ca-cert-file",
        &file("ca.pem"),
    ]) else {
        return;
    };
    let at = |rest: String| {
        RedisStore::new(RedisOptions::parse(&format!("rediss://localhost:{tls}{rest}")).unwrap())
    };
    let (ca, certificate, key) = (file("ca.pem"), file("client.pem"), file("client.key"));
    let own = format!("ssl_certfile={certificate}&ssl_keyfile={key}");
    let trusted = at(format!("?ssl_ca_certs={ca}&{own}"));
    put(&trusted, "c:1", "1").await.unwrap();
    assert_eq!(body(&trusted, "c:1").await.unwrap().as_deref(), Some("1"));
    at(format!("?ssl_cert_reqs=none&{own}"))
        .ping()
        .await
        .unwrap();
    for refused in [format!("?{own}"), format!("?ssl_ca_certs={ca}")] {
        let error = fails_within(AT_ONCE, at(refused).ping()).await;
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    }
    let error = at("?ssl_ca_certs=/nowhere.pem".to_owned())
        .ping()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error:?}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_values_under_our_keys_are_errors_not_data() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let store = server.store();
    put(&store, "c:good", "1").await.unwrap();
    let text = server.ask::<String>(&["GET", "mcp-refcache:entry:c:good"]);
    server.ask::<u64>(&["LPUSH", "mcp-refcache:entry:c:list", "x"]);
    server.ask::<String>(&["SET", "mcp-refcache:entry:c:text", "{\"value\": \"secret"]);
    server.ask::<String>(&["SET", "mcp-refcache:entry:c:cut", &text[..text.len() - 1]]);
    server.ask::<String>(&[
        "SET",
        "mcp-refcache:side:{mcp-refcache:entry:c:beside}",
        "x",
    ]);
    for id in ["c:list", "c:text", "c:cut"] {
        for want in [Want::Head, Want::Value] {
            let error = store.read(id, NOW, want).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Backend, "{error:?}");
            assert!(!format!("{error:?}").contains("secret"));
        }
    }
    assert_eq!(
        store.keys(Scope::default(), NOW).await.unwrap(),
        [Arc::<str>::from("c:good")]
    );
    let namespace = Scope {
        cache: None,
        namespace: Some("n"),
    };
    assert_eq!(store.clear(namespace).await.unwrap(), 1);
    assert_eq!(store.clear(Scope::default()).await.unwrap(), 3);
    // a large body needs the key beside it
    let error = put(&store, "c:beside", &format!("\"{}\"", "x".repeat(SMALL))).await;
    assert!(error.is_ok(), "{error:?}");
}

/// An executor that knows nothing of tokio.
fn on_this_thread<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn a_store_works_under_any_executor_and_outlives_each() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let store = server.store();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    runtime().block_on(put(&store, "c:1", "1")).unwrap();
    assert_eq!(
        on_this_thread(body(&store, "c:1")).unwrap().as_deref(),
        Some("1")
    );
    assert_eq!(
        runtime().block_on(body(&store, "c:1")).unwrap().as_deref(),
        Some("1")
    );
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| on_this_thread(body(&store, "c:1")).unwrap());
        }
    });
    store.close();
    assert!(on_this_thread(store.exists("c:1", NOW)).unwrap());
}

/// Four processes of eight threads that write, replace and read; the test runs itself again as each of them.
#[test]
fn many_processes_lose_nothing() {
    const PORT: &str = "REFCACHE_STRESS_PORT";
    if let Ok(port) = std::env::var(PORT) {
        stress(
            port.parse().unwrap(),
            &std::env::var("REFCACHE_STRESS_NAME").unwrap(),
        );
        return;
    }
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let processes: Vec<_> = (0..4)
        .map(|name| {
            Command::new(std::env::current_exe().unwrap())
                .args(["many_processes_lose_nothing", "--exact", "--nocapture"])
                .env(PORT, server.port.to_string())
                .env("REFCACHE_STRESS_NAME", name.to_string())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    let store = server.store();
    let counted: u64 = server.ask(&["GET", "stress:kept"]);
    let keys = on_this_thread(store.keys(Scope::default(), NOW)).unwrap();
    assert_eq!(keys.len() as u64, counted);
    let indexed: u64 = server.ask(&["HLEN", "mcp-refcache:{index}:known"]);
    assert_eq!(indexed, counted);
    eprintln!("{counted} entries kept");
}

fn stress(port: u16, process: &str) {
    let seconds = if std::env::var_os("REFCACHE_LONG").is_some() {
        60
    } else {
        10
    };
    let store = RedisStore::new(RedisOptions::parse(&format!("redis://127.0.0.1:{port}")).unwrap());
    let end = Instant::now() + Duration::from_secs(seconds);
    let kept: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let store = &store;
                scope
                    .spawn(move || on_this_thread(work(store, &format!("{process}-{thread}"), end)))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    support::redis::ask::<u64>(port, &["INCRBY", "stress:kept", &kept.to_string()]);
}

/// Writes until the end, deletes every second entry, and counts what it leaves.
async fn work(store: &RedisStore, who: &str, end: Instant) -> u64 {
    let mut kept = 0;
    for round in 0.. {
        if Instant::now() > end {
            break;
        }
        let id = format!("c:{who}-{round}");
        let text = format!(
            "\"{}\"",
            format!("{who}/{round} ").repeat(1 + round % 7 * 2_000)
        );
        let name = KeyName {
            cache: "c".into(),
            namespace: "n".into(),
            key: format!("{who}/{}", round % 5).into(),
        };
        let options = PutOptions {
            name: Some(&name),
            ..PutOptions::default()
        };
        store.write(&id, record(&text), options).await.unwrap();
        let (found, read) = store.find(&name, NOW, Want::Value).await.unwrap().unwrap();
        assert_eq!(*found, *id);
        assert_eq!(read.body.unwrap(), text);
        let token = store.acquire("shared", 5.0, NOW).await.unwrap();
        if let Some(token) = token {
            assert!(store.renew("shared", token, 5.0, NOW).await.unwrap());
            assert!(store.release("shared", token, NOW).await.unwrap());
        }
        if round % 10 == 0 {
            kept += 1;
        } else {
            assert!(store.delete(&id).await.unwrap());
        }
    }
    kept
}

/// The outputs of several futures, run at once.
async fn all<F>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future,
{
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<_> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut ready = true;
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(done) => *output = Some(done),
                    Poll::Pending => ready = false,
                }
            }
        }
        if ready {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}
