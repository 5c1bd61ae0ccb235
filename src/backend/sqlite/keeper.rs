//! The thread that keeps a file tidy: expired records and forgotten leases go, free space goes back to the disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::home::{Files, Open};
use super::many::{self, BATCH};
use super::{leases, limits};
use crate::backend::sweeper::{Sweep, Sweeper};
use crate::clock::Timestamp;

/// How long the keeper waits for a locked file: it comes again.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long it works at a time.
const SHIFT: Duration = Duration::from_millis(500);

/// Keeps one file tidy while its store lives.
pub(super) struct Keeper {
    sweeper: Sweeper,
    files: Arc<Files>,
}

impl Keeper {
    pub(super) fn new(files: &Arc<Files>) -> Self {
        Self {
            sweeper: Sweeper::default(),
            files: Arc::clone(files),
        }
    }

    /// Makes sure that the thread runs in this process.
    pub(super) fn watch(&self) {
        self.sweeper.watch(&self.files);
    }
}

impl Sweep for Files {
    fn sweep(&self) {
        // the clock is only read: its owner must not wait for a disk
        let mut moment = None;
        self.options.clock.at_now(&mut |now| moment = Some(now));
        if let Some(now) = moment {
            // what fails here fails for those who use the store too, and is told to them
            drop(self.if_open(|open| tidy(self, open, now)));
        }
    }
}

fn tidy(files: &Files, open: &Open, now: Timestamp) -> rusqlite::Result<()> {
    let end = Instant::now() + SHIFT;
    // weighs so much that no user's write waits for it in the same transaction
    let weight = usize::MAX / 2;
    let patience = || Instant::now() + PATIENCE;
    let writing = |work: fn(&Connection, Timestamp) -> rusqlite::Result<usize>| {
        open.writer
            .write(weight, patience(), move |db| work(db, now))
    };
    let purging = || {
        open.lose(files, weight, patience(), move |db| {
            many::purge_some(db, now)
        })
    };
    if open.read(files, move |db| many::has_ended(db, now))? {
        while purging()? == BATCH && Instant::now() < end {}
    }
    if open.read(files, move |db| leases::is_any_old(db, now))? {
        writing(leases::forget)?;
    }
    while open.read(files, limits::is_slack)? && Instant::now() < end {
        writing(|db, _| limits::shrink(db))?;
    }
    // readers are quicker in the file than in the log, and a writer should not have to do it
    open.read(files, limits::check_point)
}
