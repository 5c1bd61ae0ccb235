//! [`Index`]: whether somebody has written, seen at the head of the index of the write-ahead log.
//!
//! The index is the file beside the database that all its users map. Its head, which stands there twice, is what
//! SQLite writes last in a commit and what a reader begins with: while it is the same nobody has written. To read it
//! is one call of the system without a lock; to ask SQLite (`PRAGMA data_version`) takes a statement and two locks.
//!
//! Who closes a file takes away all locks that SQLite holds on it in this process. So all stores of a process that
//! have the same file open share one, and it is closed after the last of their connections.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::file::beside;
use crate::file::Identity;
use crate::process::PerProcess;

/// Bytes of the head: version, number of the commit, length and checksums of the log, salts; and all of it again.
const HEAD: usize = 96;

type Head = [u8; HEAD];

/// The indexes of the databases that are open in this process, by path.
static SHARED: PerProcess<Mutex<HashMap<PathBuf, Shared>>> = PerProcess::new();

#[derive(Default)]
struct Shared {
    users: usize,
    file: Option<Arc<File>>,
}

/// The index of one database, and what its head was at the last look.
pub(super) struct Index {
    path: PathBuf,
    file: Option<Arc<File>>,
    seen: Mutex<Option<Head>>,
}

impl Index {
    /// To be had before a connection is opened, and kept until the last one is closed.
    ///
    /// # Errors
    /// Where the file is not there, or what stands beside it cannot be known.
    pub(super) fn of(database: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(database)?; // as SQLite names what stands beside it
        SHARED.get().lock().entry(path.clone()).or_default().users += 1;
        Ok(Self {
            path,
            file: None,
            seen: Mutex::default(),
        })
    }

    /// Opens it, once SQLite has made it. Where it cannot be read nothing is ever seen here.
    pub(super) fn open(&mut self) {
        let beside = beside(&self.path, "-shm");
        let mut shared = SHARED.get().lock();
        let shared = shared.entry(self.path.clone()).or_default();
        if shared.file.is_none() {
            shared.file = File::open(&beside).ok().map(Arc::new);
        }
        // another one may have taken the path since somebody here opened it
        let same = |file: &Arc<File>| {
            let opened = file.metadata().ok().map(|found| Identity::of(&found));
            opened.is_some() && opened == Identity::at(&beside)
        };
        self.file = shared.file.clone().filter(same);
    }

    /// Looks whether something was written since the last look, and has it forgotten then before anybody else has
    /// looked. `false` if it cannot be looked at.
    pub(super) fn look(&self, forget: impl FnOnce()) -> bool {
        let Some(Ok(head)) = self.file.as_deref().map(head) else {
            return false;
        };
        let mut seen = self.seen.lock();
        if *seen != Some(head) {
            forget();
            *seen = Some(head);
        }
        true
    }
}

#[cfg(unix)]
fn head(file: &File) -> io::Result<Head> {
    use std::os::unix::fs::FileExt as _;
    let mut head = [0; HEAD];
    file.read_exact_at(&mut head, 0)?;
    Ok(head)
}

/// Elsewhere what is read of a file need not be what others see who map it.
#[cfg(not(unix))]
fn head(_: &File) -> io::Result<Head> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Drop for Index {
    fn drop(&mut self) {
        self.file = None;
        let mut shared = SHARED.get().lock();
        if let Some(own) = shared.get_mut(&self.path) {
            own.users = own.users.saturating_sub(1);
            if own.users == 0 {
                shared.remove(&self.path); // closed before others can open it
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// A path in a folder of its own.
    fn path(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("refcache-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).unwrap();
        folder.join("a.db")
    }

    /// Whether a look has something forgotten.
    fn has_news(index: &Index) -> bool {
        let mut news = false;
        assert!(index.look(|| news = true));
        news
    }

    #[test]
    #[cfg(unix)]
    fn each_commit_is_seen_once() {
        let path = path("index-seen");
        let db = Connection::open(&path).unwrap();
        db.query_row("PRAGMA journal_mode=WAL", (), |_| Ok(()))
            .unwrap();
        db.execute_batch("CREATE TABLE t (a)").unwrap();
        let mut index = Index::of(&path).unwrap();
        index.open();
        assert!(has_news(&index));
        assert!(!has_news(&index));
        let other = Connection::open(&path).unwrap();
        for _ in 0..3 {
            other.execute("INSERT INTO t VALUES (1)", ()).unwrap();
            assert!(has_news(&index));
            assert!(!has_news(&index));
        }
        other
            .execute_batch("PRAGMA wal_checkpoint(RESTART)")
            .unwrap();
        has_news(&index);
        other.execute("INSERT INTO t VALUES (1)", ()).unwrap();
        assert!(has_news(&index));
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn it_is_closed_with_its_last_user() {
        let path = path("index-closed");
        File::create(&path).unwrap();
        File::create(beside(&path, "-shm")).unwrap();
        let known = || SHARED.get().lock().get(&path).map(|own| own.file.clone());
        let (mut one, mut two) = (Index::of(&path).unwrap(), Index::of(&path).unwrap());
        one.open();
        two.open();
        drop(one);
        assert_eq!(Arc::strong_count(&known().unwrap().unwrap()), 3);
        drop(two);
        assert!(known().is_none());
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
