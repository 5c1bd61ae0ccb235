//! When connections are opened, replaced and closed: at first need, when the file is another one, in a forked child.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use rusqlite::Connection;

use super::connection::{connect_reader, connect_writer};
use super::fault::{self, explain};
use super::file::Place;
use super::index::Index;
use super::options::SqliteOptions;
use super::pool::Pool;
use super::schema;
use super::writer::Writer;
use crate::backend::{Near, Removal, Removals};
use crate::error::Result;
use crate::file::Identity;
use crate::process::PerProcess;

/// How long readers trust that the file is still the same one; writers look each time.
const TRUST: Duration = Duration::from_millis(20);

/// How often a paused store is looked at.
const PAUSE: Duration = Duration::from_millis(1);

/// A place, and the connections of each process that uses it.
pub(super) struct Files {
    pub(super) place: Place,
    pub(super) options: SqliteOptions,
    pub(super) removals: Removals,
    slot: PerProcess<RwLock<Slot>>,
}

/// The connections of one process. What a forked child inherits counts on locks and threads that it does not have.
#[derive(Default)]
struct Slot {
    open: Option<Open>,
    /// Whether nothing may be opened, as a fork is about to happen.
    paused: bool,
}

/// Open connections.
pub(super) struct Open {
    pub(super) writer: Writer,
    readers: Pool,
    identity: Option<Identity>,
    since: Instant,
    /// Milliseconds after `since` when the identity was last compared.
    compared: AtomicU64,
    spoiled: AtomicBool,
    /// Dropped last, when the connections are closed.
    index: Option<Index>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl Files {
    pub(super) fn new(place: Place, options: SqliteOptions) -> Self {
        Self {
            place,
            options,
            removals: Removals::default(),
            slot: PerProcess::new(),
        }
    }

    /// Reads on a connection of its own.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.with(Access::Read, |open| open.read(self, work))
    }

    /// Writes in a transaction, perhaps together with others; see [`Writer::write`].
    pub(super) fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let deadline = self.deadline();
        self.with(Access::Write, |open| {
            open.writer.write(bytes, deadline, work)
        })
    }

    /// Writes in a transaction, and tells what went by itself; how much that was.
    pub(super) fn lose(
        &self,
        bytes: usize,
        work: impl FnMut(&Connection) -> rusqlite::Result<Vec<Removal>> + Send + 'static,
    ) -> Result<usize> {
        let deadline = self.deadline();
        self.with(Access::Write, |open| open.lose(self, bytes, deadline, work))
    }

    /// What is to be done only where connections are open anyway.
    pub(super) fn if_open<T>(
        &self,
        work: impl FnOnce(&Open) -> rusqlite::Result<T>,
    ) -> Option<rusqlite::Result<T>> {
        let slot = self.slot.get().read();
        let open = slot.open.as_ref()?;
        (open.is_current(Access::Write, &self.place)).then(|| work(open))
    }

    /// Whether everything was taken away from `near` that is not as it is in the file now. Waits for nobody.
    pub(super) fn is_up_to_date(&self, near: &Near) -> bool {
        let Some(slot) = self.slot.get().try_read() else {
            return false;
        };
        slot.open.as_ref().is_some_and(|open| {
            let is_current = open.is_current(Access::Read, &self.place);
            is_current && open.look(|| near.all_changed())
        })
    }

    /// Opens the connections if they are not.
    pub(super) fn open(&self) -> Result<()> {
        self.with(Access::Write, |_| Ok(()))
    }

    /// Closes the connections once nobody uses them; the next use opens them again.
    pub(super) fn close(&self) {
        self.slot.get().write().open = None;
    }

    /// Closes the connections and holds off everybody until [`resume`](Self::resume).
    pub(super) fn pause(&self) {
        *self.slot.get().write() = Slot {
            open: None,
            paused: true,
        };
    }

    /// Ends a pause.
    pub(super) fn resume(&self) {
        self.slot.get().write().paused = false;
    }

    fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.options.timeout)
            .unwrap_or(now + Duration::from_secs(u32::MAX.into()))
    }

    fn with<T>(
        &self,
        access: Access,
        work: impl FnOnce(&Open) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let here = self.slot.get();
        loop {
            let slot = here.read();
            if let Some(open) = &slot.open
                && open.is_current(access, &self.place)
            {
                return work(open).map_err(|failure| {
                    if fault::spoils(&failure) && self.place != Place::Memory {
                        open.spoiled.store(true, Ordering::Relaxed);
                    }
                    explain(failure, self.place.path())
                });
            }
            drop(slot);
            self.reopen(here, access)?;
        }
    }

    /// Closes what is open before it opens: two generations of connections would share files beside the
    /// database that belong to one of them.
    fn reopen(&self, here: &RwLock<Slot>, access: Access) -> Result<()> {
        let mut slot = here.write();
        if slot.paused {
            drop(slot);
            thread::sleep(PAUSE);
            return Ok(());
        }
        if let Some(open) = &slot.open
            && open.is_current(access, &self.place)
        {
            return Ok(());
        }
        slot.open = None;
        slot.open = Some(self.opened()?);
        Ok(())
    }

    fn opened(&self) -> Result<Open> {
        self.place.prepare()?;
        let identity = self.place.identity();
        let mut index = Index::of(self.place.path()).ok();
        let writer = connect_writer(&self.place, self.options.timeout)
            .and_then(|mut db| schema::bring_up(&mut db, self.deadline()).map(|()| db))
            .map_err(|failure| explain(failure, self.place.path()))?;
        if schema::is_logged(&writer) {
            index.iter_mut().for_each(Index::open);
        }
        Ok(Open {
            writer: Writer::new(writer),
            readers: Pool::default(),
            identity,
            since: Instant::now(),
            compared: AtomicU64::new(0),
            spoiled: AtomicBool::new(false),
            index,
        })
    }
}

impl Open {
    /// Reads beside others; in memory there is only the connection of the writer.
    pub(super) fn read<T>(
        &self,
        files: &Files,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        match files.place {
            Place::Memory => work(&self.writer.connection()),
            Place::File(_) => self.readers.with(
                || files.deadline(),
                || connect_reader(&files.place, files.options.timeout),
                work,
            ),
        }
    }

    /// As [`Files::lose`]. Told once it is committed, and within the use of the connection, which a fork waits for.
    pub(super) fn lose(
        &self,
        files: &Files,
        bytes: usize,
        deadline: Instant,
        work: impl FnMut(&Connection) -> rusqlite::Result<Vec<Removal>> + Send + 'static,
    ) -> rusqlite::Result<usize> {
        let gone = self.writer.write(bytes, deadline, work)?;
        gone.iter().for_each(|removal| files.removals.tell(removal));
        Ok(gone.len())
    }

    /// Looks whether something was written since the last look, and has it forgotten then; where the index of the
    /// log cannot be read, SQLite is asked. `false` if it could not be found out at once.
    fn look(&self, forget: impl Fn()) -> bool {
        let seen = self.index.as_ref().is_some_and(|index| index.look(&forget));
        seen || self.readers.look(&forget).unwrap_or(false)
    }

    /// Whether this is still the file that was opened.
    fn is_current(&self, access: Access, place: &Place) -> bool {
        if self.spoiled.load(Ordering::Relaxed) {
            return false;
        }
        if *place == Place::Memory {
            return true;
        }
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let age = now.saturating_sub(self.compared.load(Ordering::Relaxed));
        if access == Access::Read && Duration::from_millis(age) < TRUST {
            return true;
        }
        self.compared.store(now, Ordering::Relaxed);
        let current = place.identity() == self.identity;
        if !current {
            self.spoiled.store(true, Ordering::Relaxed);
        }
        current
    }
}
