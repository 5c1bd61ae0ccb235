//! The file itself: made so that only its owner can read it, and recognised when it is no longer the one that was opened.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::fault::cannot;
use crate::error::Result;
use crate::file::{Identity, provide};

/// The path that stands for a database in memory.
const IN_MEMORY: &str = ":memory:";

/// Where a store lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In the memory of this store alone.
    Memory,
    /// In a file. Absolute, so that a change of the working folder does not change the store, and SQLite
    /// does not take a name that begins with `file:` for an address.
    File(PathBuf),
}

impl Place {
    pub(super) fn new(path: &Path) -> Result<Self> {
        if path.as_os_str() == IN_MEMORY {
            return Ok(Self::Memory);
        }
        std::path::absolute(path)
            .map(Self::File)
            .map_err(|failure| cannot("the path of the SQLite file cannot be used", path, failure))
    }

    /// The path as SQLite and error messages name it.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Memory => Path::new(IN_MEMORY),
            Self::File(path) => path,
        }
    }

    /// Makes the file and its folders if they are missing.
    ///
    /// The write-ahead log of a file that is gone must not be taken for that of the new one, so what is left
    /// of it is removed first; a lock on the folder keeps others of our kind from doing so a moment later.
    pub(super) fn prepare(&self) -> Result<()> {
        let Self::File(path) = self else {
            return Ok(());
        };
        if path.exists() {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(Path::new("/"));
        make_folders(folder).map_err(|failure| {
            cannot(
                "the folder of the SQLite file cannot be made",
                folder,
                failure,
            )
        })?;
        let _alone = lock(folder);
        if path.exists() {
            return Ok(());
        }
        for left in ["-wal", "-shm"] {
            drop(fs::remove_file(beside(path, left)));
        }
        // SQLite gives its other files the mode of the first
        provide(path).map_err(|failure| cannot("the SQLite file cannot be made", path, failure))
    }

    /// Which file has the path now; `None` if there is none, or nothing to tell files apart.
    pub(super) fn identity(&self) -> Option<Identity> {
        match self {
            Self::Memory => None,
            Self::File(path) => Identity::at(path),
        }
    }
}

/// A file that belongs to a database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Locks a folder for as long as the answer lives. Where that cannot be had we go on: only two that make the
/// same file again in the same moment are at risk.
fn lock(folder: &Path) -> Option<File> {
    let folder = File::open(folder).ok()?;
    folder.try_lock().ok()?;
    Some(folder)
}

#[cfg(unix)]
fn make_folders(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

#[cfg(not(unix))]
fn make_folders(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}
