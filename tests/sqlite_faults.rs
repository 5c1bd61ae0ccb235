//! What goes wrong with files, disks and processes, and what the SQLite store makes of it.
#![cfg(all(feature = "sqlite", unix))]

mod sqlite_support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use mcp_refcache::backend::{PutOptions, RecordStore as _, SqliteOptions, SqliteStore, Want};
use mcp_refcache::{Error, ErrorKind};
use rusqlite::Connection;
use sqlite_support::{Folder, NOW, block_on, large, name, open, record};

fn impatient(path: &Path) -> Result<SqliteStore, Error> {
    SqliteStore::open(
        path,
        SqliteOptions::default().timeout(Duration::from_millis(300)),
    )
}

fn put(store: &SqliteStore, id: &str, body: &str) -> Result<(), Error> {
    block_on(store.write(id, record("public", body, None), PutOptions::default()))
}

fn body(store: &SqliteStore, id: &str) -> Result<Option<String>, Error> {
    let read = block_on(store.read(id, NOW, Want::Value))?;
    Ok(read.map(|record| String::from_utf8(record.body.unwrap().to_vec()).unwrap()))
}

/// The error is of this kind, names the file and says what to do.
#[track_caller]
fn assert_says(error: &Error, kind: ErrorKind, path: &Path, what: &str) {
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(text.contains(what), "{text}");
    assert!(text.contains(&path.display().to_string()), "{text}");
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A small disk of its own; `None`, loudly, where it cannot be had.
struct Disk(Folder);

impl Disk {
    fn new(size: &str) -> Option<Self> {
        let folder = Folder::new();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(folder.path())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        eprintln!("SKIPPED: no small disk can be mounted here (needs root)");
        None
    }

    fn remount(&self, option: &str) {
        let status = Command::new("mount")
            .args(["-o", &format!("remount,{option}")])
            .arg(self.0.path())
            .status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).status());
    }
}

#[test]
fn files_are_private_and_an_existing_file_keeps_its_mode() {
    let folder = Folder::new();
    let path = folder.path().join("a/b/cache.db");
    let store = open(&path);
    put(&store, "c:00000001", "1").unwrap();
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(mode(format!("{}{suffix}", path.display())), 0o600);
    }
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(folder.path().join("a")), 0o700);
    store.close();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    put(&store, "c:00000001", "2").unwrap();
    assert_eq!(mode(&path), 0o640);
}

#[test]
fn a_locked_file_is_busy_after_the_timeout_and_works_again_afterwards() {
    let folder = Folder::new();
    let store = impatient(&folder.file()).unwrap();
    put(&store, "c:00000001", "1").unwrap();
    let other = Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    let errors: Vec<_> = thread::scope(|scope| {
        let writers: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| put(&store, "c:00000002", "1").unwrap_err()))
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .collect()
    });
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    for error in errors {
        assert_says(&error, ErrorKind::Busy, &folder.file(), "locked");
    }
    assert_eq!(body(&store, "c:00000001").unwrap().unwrap(), "1");
    other.execute_batch("ROLLBACK").unwrap();
    put(&store, "c:00000002", "1").unwrap();
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = Folder::new();
    fs::write(folder.file(), "private notes, ".repeat(1_000)).unwrap();
    let error = impatient(&folder.file()).unwrap_err();
    assert_says(
        &error,
        ErrorKind::Backend,
        &folder.file(),
        "not a SQLite database",
    );
    assert!(
        fs::read_to_string(folder.file())
            .unwrap()
            .starts_with("private")
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_database_for_something_else_is_refused() {
    let folder = Folder::new();
    let other = Connection::open(folder.file()).unwrap();
    other
        .execute_batch("CREATE TABLE cache_entries (key TEXT, data BLOB)")
        .unwrap();
    drop(other);
    let error = impatient(&folder.file()).unwrap_err();
    assert_says(
        &error,
        ErrorKind::Backend,
        &folder.file(),
        "does not hold what a cache expects",
    );
    let other = Connection::open(folder.file()).unwrap();
    let tables: i64 = other
        .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1, "nothing was added");
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    let folder = Folder::new();
    open(&folder.file()).close();
    let other = Connection::open(folder.file()).unwrap();
    other
        .execute("UPDATE refcache_state SET version = 99", ())
        .unwrap();
    drop(other);
    let error = impatient(&folder.file()).unwrap_err();
    assert_says(&error, ErrorKind::Backend, &folder.file(), "expects");
    assert!(format!("{error:?}").contains("newer version"), "{error:?}");
}

#[test]
fn a_damaged_file_is_an_error_until_it_is_removed() {
    let folder = Folder::new();
    let store = impatient(&folder.file()).unwrap();
    for number in 0..200 {
        put(&store, &format!("c:{number:08x}"), &"1".repeat(3_000)).unwrap();
    }
    store.close();
    let mut bytes = fs::read(folder.file()).unwrap();
    let middle = 4096 * 3;
    bytes[middle..].fill(0xa5);
    fs::write(folder.file(), &bytes).unwrap();
    let failures = (0..200)
        .filter_map(|number| body(&store, &format!("c:{number:08x}")).err())
        .inspect(|error| assert_says(error, ErrorKind::Backend, &folder.file(), "damaged"))
        .count();
    assert!(failures > 0);
    assert!(put(&store, "c:ffffffff", "1").is_err());
    fs::remove_file(folder.file()).unwrap();
    put(&store, "c:ffffffff", "1").unwrap();
    assert_eq!(body(&store, "c:ffffffff").unwrap().unwrap(), "1");
}

#[test]
fn a_folder_that_cannot_be_made_and_a_path_that_is_a_folder_are_clear() {
    let folder = Folder::new();
    fs::write(folder.path().join("file"), "").unwrap();
    let below = folder.path().join("file/below/cache.db");
    let error = impatient(&below).unwrap_err();
    assert_says(
        &error,
        ErrorKind::Io,
        below.parent().unwrap(),
        "cannot be made",
    );
    let error = impatient(folder.path()).unwrap_err();
    assert_says(&error, ErrorKind::Io, folder.path(), "cannot be opened");
}

#[test]
fn a_full_disk_loses_nothing_and_is_usable_once_there_is_room() {
    let Some(disk) = Disk::new("3m") else { return };
    let path = disk.0.file();
    let store = impatient(&path).unwrap();
    put(&store, "c:00000000", "\"first\"").unwrap();
    let ballast = disk.0.path().join("ballast");
    fs::write(&ballast, vec![0; 1_200_000]).unwrap();
    let big = "1".repeat(200_000);
    let mut written = Vec::new();
    let error = (1..100)
        .find_map(|number| {
            let id = format!("c:{number:08x}");
            put(&store, &id, &big).map(|()| written.push(id)).err()
        })
        .expect("the disk is full at some time");
    assert_says(&error, ErrorKind::Io, &path, "full");
    assert_eq!(body(&store, "c:00000000").unwrap().unwrap(), "\"first\"");
    fs::remove_file(ballast).unwrap();
    put(&store, "c:ffffffff", &big).unwrap();
    for id in written {
        assert_eq!(body(&store, &id).unwrap().unwrap(), big);
    }
}

#[test]
fn one_write_that_is_too_large_for_the_disk_does_not_fail_others() {
    let Some(disk) = Disk::new("6m") else { return };
    let store = open(&disk.0.file());
    let huge = "1".repeat(8_000_000);
    thread::scope(|scope| {
        for worker in 0..8 {
            let (store, huge) = (&store, &huge);
            scope.spawn(move || {
                for number in 0..10 {
                    let id = format!("c:{worker:04x}{number:04x}");
                    if worker == 0 {
                        let error = put(store, &id, huge).unwrap_err();
                        assert_eq!(error.kind(), ErrorKind::Io);
                    } else {
                        put(store, &id, "1").unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(block_on(store.totals()).unwrap().entries, 70);
}

#[test]
fn a_read_only_disk_is_an_error_until_it_is_writable_again() {
    let Some(disk) = Disk::new("8m") else { return };
    let path = disk.0.file();
    let store = impatient(&path).unwrap();
    put(&store, "c:00000001", "1").unwrap();
    store.close();
    disk.remount("ro");
    let error = put(&store, "c:00000002", "1").unwrap_err();
    assert_says(&error, ErrorKind::Io, &path, "writable");
    let missing = disk.0.path().join("other/cache.db");
    let error = impatient(&missing).unwrap_err();
    assert_says(&error, ErrorKind::Io, missing.parent().unwrap(), "writable");
    disk.remount("rw");
    put(&store, "c:00000002", "1").unwrap();
    assert_eq!(body(&store, "c:00000001").unwrap().unwrap(), "1");
}

#[test]
fn a_file_that_is_removed_while_open_is_made_anew() {
    let folder = Folder::new();
    let store = open(&folder.file());
    put(&store, "c:00000001", "1").unwrap();
    fs::remove_file(folder.file()).unwrap();
    put(&store, "c:00000002", "2").unwrap();
    assert_eq!(body(&store, "c:00000001").unwrap(), None);
    assert_eq!(body(&store, "c:00000002").unwrap().unwrap(), "2");
    assert_eq!(mode(folder.file()), 0o600);

    fs::remove_dir_all(folder.path()).unwrap();
    thread::sleep(Duration::from_millis(30));
    assert_eq!(body(&store, "c:00000002").unwrap(), None);
    put(&store, "c:00000003", "3").unwrap();
    store.close();
    assert_eq!(body(&store, "c:00000003").unwrap().unwrap(), "3");
}

#[test]
fn a_file_that_is_exchanged_while_open_is_opened_anew() {
    let folder = Folder::new();
    let copy = folder.path().join("copy.db");
    let other = open(&copy);
    put(&other, "c:00000001", "\"copy\"").unwrap();
    drop(other);
    thread::sleep(Duration::from_millis(1_500)); // the keeper's last look
    let store = open(&folder.file());
    put(&store, "c:00000001", "1").unwrap();
    fs::rename(&copy, folder.file()).unwrap();
    for left in ["-wal", "-shm"] {
        drop(fs::remove_file(format!(
            "{}{left}",
            folder.file().display()
        )));
    }
    thread::sleep(Duration::from_millis(30));
    assert_eq!(body(&store, "c:00000001").unwrap().unwrap(), "\"copy\"");
}

#[test]
fn removing_the_file_amid_many_uses_crashes_nobody() {
    let folder = Folder::new();
    let store = open(&folder.file());
    thread::scope(|scope| {
        let users: Vec<_> = (0..6)
            .map(|worker| {
                let store = &store;
                scope.spawn(move || {
                    for number in 0..60 {
                        let id = format!("c:{worker:04x}{number:04x}");
                        // between a removal and the next look a write may meet either file
                        drop(put(store, &id, &large()));
                        drop(body(store, &id));
                    }
                })
            })
            .collect();
        while !users.iter().all(|user| user.is_finished()) {
            drop(fs::remove_file(folder.file()));
            thread::sleep(Duration::from_millis(15));
        }
    });
    put(&store, "c:ffffffff", "1").unwrap();
    assert_eq!(body(&store, "c:ffffffff").unwrap().unwrap(), "1");
}

#[test]
fn a_forgotten_name_is_not_found_after_the_original_removed_its_entry() {
    let folder = Folder::new();
    let store = open(&folder.file());
    let key = name("public", "k");
    let options = PutOptions {
        name: Some(&key),
        ..PutOptions::default()
    };
    block_on(store.write("c:00000001", record("public", &large(), None), options)).unwrap();
    let other = Connection::open(folder.file()).unwrap();
    other.execute("DELETE FROM cache_entries", ()).unwrap();
    assert!(
        block_on(store.find(&key, NOW, Want::Head))
            .unwrap()
            .is_none()
    );
    assert_eq!(block_on(store.name_of("c:00000001")).unwrap(), None);
    let totals = block_on(store.totals()).unwrap();
    assert_eq!((totals.entries, totals.bytes), (0, 0));
}
