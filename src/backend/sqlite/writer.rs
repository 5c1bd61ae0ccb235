//! The one writer: what many threads want to write at the same time goes into one transaction.
//!
//! A lone writer commits at once. Who comes while another commits waits, and the next leader takes all
//! that wait along, and those who come while it works: so many share the price of one commit. Each has its own
//! outcome: if one fails all are rolled back, and each is done in a transaction of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};
use rusqlite::{Connection, ErrorCode};

use super::fault;
use crate::runtime::{INTERRUPT_PERIOD, is_interrupted};

/// Most writes in one transaction.
const TOGETHER: usize = 128;

/// Most bytes in one transaction, the first write not counted: a commit is a small part of a large write,
/// so to share it gains nothing and others wait for it.
const BYTES_TOGETHER: usize = 256 * 1024;

pub(super) struct Writer {
    connection: Mutex<Connection>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// Whether somebody leads.
    led: bool,
    waiting: VecDeque<Arc<dyn Errand>>,
}

/// Something to be written, and how it went.
struct Ticket<T, W> {
    bytes: usize,
    work: Mutex<W>,
    progress: Mutex<Progress<T>>,
    changed: Condvar,
}

enum Progress<T> {
    Waiting,
    /// Its owner is to lead the next transaction.
    Leading,
    /// It is done but not yet committed.
    Done(T),
    Over(rusqlite::Result<T>),
    Taken,
}

/// A ticket as its leader sees it.
trait Errand: Send + Sync {
    fn bytes(&self) -> usize;
    fn lead(&self);
    /// Does the work; may be called again after a rollback.
    fn run(&self, db: &Connection) -> rusqlite::Result<()>;
    /// Tells the owner that it is committed.
    fn succeed(&self);
    /// Tells the owner that nothing of it is there, unless it was told another end before.
    fn fail(&self, failure: rusqlite::Error);
}

impl<T: Send, W: FnMut(&Connection) -> rusqlite::Result<T> + Send> Errand for Ticket<T, W> {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn lead(&self) {
        *self.progress.lock() = Progress::Leading;
        self.changed.notify_one();
    }

    fn run(&self, db: &Connection) -> rusqlite::Result<()> {
        let outcome = (self.work.lock())(db)?;
        *self.progress.lock() = Progress::Done(outcome);
        Ok(())
    }

    fn succeed(&self) {
        let mut progress = self.progress.lock();
        if let Progress::Done(outcome) = std::mem::replace(&mut *progress, Progress::Taken) {
            *progress = Progress::Over(Ok(outcome));
        }
        self.changed.notify_one();
    }

    fn fail(&self, failure: rusqlite::Error) {
        let mut progress = self.progress.lock();
        if !matches!(*progress, Progress::Over(_) | Progress::Taken) {
            *progress = Progress::Over(Err(failure));
            self.changed.notify_one();
        }
    }
}

impl<T, W> Ticket<T, W> {
    /// How it went, if it is over.
    fn take(&self) -> Option<rusqlite::Result<T>> {
        let mut progress = self.progress.lock();
        match std::mem::replace(&mut *progress, Progress::Taken) {
            Progress::Over(outcome) => Some(outcome),
            other => {
                *progress = other;
                None
            }
        }
    }

    /// Waits until it is over or its owner is to lead.
    fn wait(&self, deadline: Option<Instant>) -> Wait {
        let pending =
            |progress: &mut Progress<T>| matches!(*progress, Progress::Waiting | Progress::Done(_));
        let mut progress = self.progress.lock();
        match deadline {
            Some(deadline) => {
                let waited = self
                    .changed
                    .wait_while_until(&mut progress, pending, deadline);
                if waited.timed_out() && pending(&mut progress) {
                    return Wait::InVain;
                }
            }
            None => self.changed.wait_while(&mut progress, pending),
        }
        match *progress {
            Progress::Leading => Wait::ToLead,
            _ => Wait::Over,
        }
    }
}

enum Wait {
    ToLead,
    Over,
    InVain,
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection: Mutex::new(connection),
            queue: Mutex::default(),
        }
    }

    /// The connection for itself, while nobody writes.
    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock()
    }

    /// Does the work in a transaction and commits it. `bytes` is about how much it writes. The work may be
    /// run more than once; what an earlier run did is rolled back then.
    pub(super) fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        deadline: Instant,
        work: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> rusqlite::Result<T> {
        let ticket = Arc::new(Ticket {
            bytes,
            work: Mutex::new(work),
            progress: Mutex::new(Progress::Waiting),
            changed: Condvar::new(),
        });
        let errand = Arc::clone(&ticket) as Arc<dyn Errand>;
        if self.enter(&errand) || self.await_turn(&ticket, &errand, deadline)? {
            self.lead(errand, deadline);
        }
        ticket.take().unwrap_or_else(|| Err(fault::busy()))
    }

    /// Whether the newcomer leads at once; else it is in the queue now.
    fn enter(&self, errand: &Arc<dyn Errand>) -> bool {
        let mut queue = self.queue.lock();
        if queue.led {
            queue.waiting.push_back(Arc::clone(errand));
            return false;
        }
        queue.led = true;
        true
    }

    /// Whether the waiting one is to lead; else it is over.
    fn await_turn<T, W>(
        &self,
        ticket: &Ticket<T, W>,
        errand: &Arc<dyn Errand>,
        deadline: Instant,
    ) -> rusqlite::Result<bool> {
        let mut wait = Wait::InVain;
        while matches!(wait, Wait::InVain) && Instant::now() < deadline && !is_interrupted() {
            wait = ticket.wait(Some(deadline.min(Instant::now() + INTERRUPT_PERIOD)));
        }
        if matches!(wait, Wait::InVain) {
            let mut queue = self.queue.lock();
            let place = queue
                .waiting
                .iter()
                .position(|other| Arc::ptr_eq(other, errand));
            if let Some(place) = place {
                queue.waiting.remove(place);
                return Err(fault::busy());
            }
            // somebody has taken it along in the last moment
            drop(queue);
            wait = ticket.wait(None);
        }
        Ok(matches!(wait, Wait::ToLead))
    }

    fn lead(&self, first: Arc<dyn Errand>, deadline: Instant) {
        let mut batch = Batch {
            writer: self,
            errands: vec![first],
            bytes: 0,
        };
        // given back before the lead, so that the next one finds it free
        let connection = self.connection.lock();
        batch.transact(&connection, deadline);
    }
}

/// What goes into one transaction. Whatever happens to the leader, nobody waits for ever and the lead goes on.
struct Batch<'a> {
    writer: &'a Writer,
    errands: Vec<Arc<dyn Errand>>,
    /// About how much they write, the first one not counted.
    bytes: usize,
}

impl Batch<'_> {
    fn transact(&mut self, db: &Connection, deadline: Instant) {
        if !db.is_autocommit() {
            roll_back(db);
        }
        // until it has begun, nobody else has a part in it
        let outcome = begin(db, deadline)
            .and_then(|()| self.run(db))
            .and_then(|()| execute(db, "COMMIT"));
        if outcome.is_err() {
            roll_back(db);
        }
        match (outcome, &*self.errands) {
            (Ok(()), errands) => errands.iter().for_each(|errand| errand.succeed()),
            (Err(failure), [errand]) => errand.fail(failure),
            // whose fault it was shows when each has its own
            (Err(_), errands) => errands
                .iter()
                .for_each(|errand| alone(db, deadline, errand.as_ref())),
        }
    }

    /// Does the work of all, and of those who come meanwhile.
    fn run(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut done = 0;
        while done < self.errands.len() || self.gather() {
            self.errands[done].run(db)?;
            done += 1;
        }
        Ok(())
    }

    /// Takes along who waits, as far as there is room; whether anybody does.
    fn gather(&mut self) -> bool {
        let before = self.errands.len();
        let mut queue = self.writer.queue.lock();
        while self.errands.len() < TOGETHER
            && let Some(next) = queue.waiting.front()
            && self.bytes + next.bytes() <= BYTES_TOGETHER
        {
            self.bytes += next.bytes();
            self.errands.extend(queue.waiting.pop_front());
        }
        self.errands.len() > before
    }
}

impl Drop for Batch<'_> {
    /// After the others were told: a next one that leads earlier finds fewer who wait, which takes twice the time.
    fn drop(&mut self) {
        for errand in &self.errands {
            errand.fail(fault::busy());
        }
        let mut queue = self.writer.queue.lock();
        match queue.waiting.pop_front() {
            Some(next) => next.lead(),
            None => queue.led = false,
        }
    }
}

fn alone(db: &Connection, deadline: Instant, errand: &dyn Errand) {
    let outcome = begin(db, deadline)
        .and_then(|()| errand.run(db))
        .and_then(|()| execute(db, "COMMIT"));
    match outcome {
        Ok(()) => errand.succeed(),
        Err(failure) => {
            roll_back(db);
            errand.fail(failure);
        }
    }
}

/// Waits for other processes in short turns, so that an interrupt is noticed.
fn begin(db: &Connection, deadline: Instant) -> rusqlite::Result<()> {
    loop {
        let patience = deadline.saturating_duration_since(Instant::now());
        db.busy_timeout(patience.min(INTERRUPT_PERIOD))?;
        match execute(db, "BEGIN IMMEDIATE") {
            Err(failure)
                if failure.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && patience > INTERRUPT_PERIOD
                    && !is_interrupted() => {}
            Err(failure) => return Err(failure),
            Ok(()) => return db.busy_timeout(patience),
        }
    }
}

fn execute(db: &Connection, sql: &str) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute(()).map(drop)
}

/// Where SQLite has rolled back by itself there is nothing to do.
fn roll_back(db: &Connection) {
    if !db.is_autocommit() {
        drop(execute(db, "ROLLBACK"));
    }
}
