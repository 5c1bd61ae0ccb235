//! Folders, records and waiting for the tests of the SQLite store.
#![allow(dead_code, reason = "each test program uses a part")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mcp_refcache::KeyName;
use mcp_refcache::backend::{Head, Record, SMALL, SqliteOptions, SqliteStore};

pub(crate) const NOW: f64 = 1_000.5;

pub(crate) const POLICY: &str = "{\"user_permissions\": 31}";

/// A folder of its own, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("refcache-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("cache.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, SqliteOptions::default()).unwrap()
}

pub(crate) fn record(namespace: &str, body: &str, expires_at: Option<f64>) -> Record {
    Record {
        head: Head {
            namespace: namespace.into(),
            policy: POLICY.into(),
            created_at: NOW,
            expires_at,
            metadata: "{}".into(),
            side: "".into(),
            body_len: body.len() as u64,
            plain: true,
        },
        body: Some(body.to_owned().into()),
    }
}

/// A body that is not read together with its head.
pub(crate) fn large() -> String {
    let mut text = String::from("[0");
    let mut number = 0;
    while text.len() < SMALL + 40_000 {
        number += 1;
        text.push_str(&format!(", {number}"));
    }
    text.push(']');
    text
}

pub(crate) fn name(namespace: &str, key: &str) -> KeyName {
    KeyName {
        cache: "c".into(),
        namespace: namespace.into(),
        key: key.into(),
    }
}

pub(crate) fn wait_until(patience: Duration, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + patience;
    while !done() {
        assert!(Instant::now() < until, "it did not happen");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a future of the store on this thread; its work goes to a pool.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}
