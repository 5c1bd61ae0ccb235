//! One database, used by the original package and by us at the same time.
//!
//! Needs a Python that has `mcp-refcache==0.2.1` and `redis`, named by `REFCACHE_ORIGINAL_PYTHON`.
#![cfg(feature = "redis")]

mod support;

use std::process::Command;

use mcp_refcache::backend::redis::RedisStore;
use mcp_refcache::backend::{PutOptions, Record, RecordStore, SMALL, Scope, Want};
use support::redis::Server;

const NAMESPACE: Scope<'_> = Scope {
    cache: None,
    namespace: Some("user:ä"),
};

/// Runs a program in the original, where `b` is its backend and `E` makes an entry.
fn original(python: &str, server: &Server, program: &str) -> String {
    let setup = format!(
        "import time, json\nfrom mcp_refcache.backends import RedisBackend, CacheEntry\nfrom mcp_refcache import AccessPolicy\n\
         b = RedisBackend(port={})\nnow = time.time()\n\
         E = lambda v, **k: CacheEntry(v, 'user:ä', AccessPolicy(owner='é'), now, k.pop('expires_at', now + 600), **k)\n",
        server.port
    );
    let output = Command::new(python)
        .args(["-c", &(setup + program)])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs_f64()
}

async fn read(store: &RedisStore, id: &str) -> Record {
    store.read(id, now(), Want::Value).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_read_list_and_clear_what_the_other_wrote() {
    let Ok(python) = std::env::var("REFCACHE_ORIGINAL_PYTHON") else {
        eprintln!("SKIPPED: REFCACHE_ORIGINAL_PYTHON names no Python with the original");
        return;
    };
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let store = server.store();
    original(
        &python,
        &server,
        "b.set('c:1', E({'a': [1, None, 'ü\"}', float('nan'), 10**30]}, metadata={'tool_name': 't'}))\n\
        b.set('c:2', E('x' * 100000, expires_at=None))",
    );
    let record = read(&store, "c:1").await;
    assert_eq!(
        record.body.clone().unwrap(),
        format!(
            "{{\"a\": [1, null, \"\\u00fc\\\"}}\", NaN, 1{}]}}",
            "0".repeat(30)
        )
    );
    assert_eq!(
        (&*record.head.namespace, &*record.head.metadata),
        ("user:ä", "{\"tool_name\": \"t\"}")
    );
    assert_eq!(read(&store, "c:2").await.head.body_len, 100_002);
    assert_eq!(store.keys(NAMESPACE, now()).await.unwrap().len(), 2);

    // what it wrote and what we write of it are the same bytes
    let text: String = server.ask(&["GET", "mcp-refcache:entry:c:1"]);
    store
        .write("c:3", record.clone(), PutOptions::default())
        .await
        .unwrap();
    assert_eq!(
        server.ask::<String>(&["GET", "mcp-refcache:entry:c:3"]),
        text
    );
    let compared = original(
        &python,
        &server,
        "x, y = b.get('c:1'), b.get('c:3')\n\
        print(repr(x) == repr(y), x.policy.owner, sorted(b.keys('user:ä')))",
    );
    assert_eq!(compared, "True é ['c:1', 'c:2', 'c:3']");

    // a sealed entry, and one whose name went to another
    let mut sealed = record.clone();
    sealed.body = Some(b"!rcseal1\0\xff".as_slice().into());
    sealed.head.plain = false;
    store
        .write("c:4", sealed, PutOptions::default())
        .await
        .unwrap();
    let failed = original(
        &python,
        &server,
        "try: print(b.get('c:4'))\nexcept ValueError: print('no value')",
    );
    assert_eq!(failed, "no value");
    store.delete("c:4").await.unwrap();
    let name = mcp_refcache::KeyName {
        cache: "c".into(),
        namespace: "user:ä".into(),
        key: "k".into(),
    };
    let options = PutOptions {
        name: Some(&name),
        retire_at: Some(record.head.created_at + 60.0),
        ..PutOptions::default()
    };
    let mut large = record.clone();
    large.body = Some(format!("\"{}\"", "y".repeat(SMALL)).into());
    for (id, record) in [("c:5", &record), ("c:6", &large), ("c:7", &record)] {
        store.write(id, record.clone(), options).await.unwrap();
    }
    let ends = original(
        &python,
        &server,
        "print([round(b.get(k).expires_at - b.get(k).created_at) for k in ('c:5', 'c:6', 'c:7')], len(b.get('c:6').value))",
    );
    assert_eq!(ends, format!("[60, 60, 600] {SMALL}"));

    // it replaces and deletes what is ours
    original(&python, &server, "b.set('c:6', E([2])); b.delete('c:7')");
    assert_eq!(read(&store, "c:6").await.body.unwrap(), "[2]");
    assert!(
        store
            .find(&name, now(), Want::Head)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(store.clear(NAMESPACE).await.unwrap(), 5);
    assert_eq!(original(&python, &server, "print(b.keys())"), "[]");
    store
        .write("c:8", record, PutOptions::default())
        .await
        .unwrap();
    assert_eq!(original(&python, &server, "print(b.clear('user:ä'))"), "1");
    assert!(
        store
            .keys(Scope::default(), now())
            .await
            .unwrap()
            .is_empty()
    );
}
