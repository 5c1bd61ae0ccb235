//! Connections for readers, so that reads run beside each other.

use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::fault;

/// Reads that run at the same time; more wait for one of them.
const MOST: usize = 16;

/// Idle connections, the one used last on top: its pages are the warmest.
#[derive(Default)]
pub(super) struct Pool {
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    open: usize,
}

impl Pool {
    /// Reads with an idle connection, or a new one while there are not too many.
    pub(super) fn with<T>(
        &self,
        deadline: impl FnOnce() -> Instant,
        connect: impl FnOnce() -> rusqlite::Result<Connection>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut borrowed = Borrowed {
            pool: self,
            connection: self.take(deadline)?,
        };
        let connection = match &mut borrowed.connection {
            Some(connection) => connection,
            none => none.insert(connect()?),
        };
        read(connection)
    }

    /// An idle connection, or `None` with the right to open one.
    fn take(&self, deadline: impl FnOnce() -> Instant) -> rusqlite::Result<Option<Connection>> {
        let mut state = self.state.lock();
        if state.idle.is_empty() && state.open >= MOST {
            let waited = self.returned.wait_while_until(
                &mut state,
                |state| state.idle.is_empty() && state.open >= MOST,
                deadline(),
            );
            if waited.timed_out() {
                return Err(fault::busy());
            }
        }
        let idle = state.idle.pop();
        if idle.is_none() {
            state.open += 1;
        }
        Ok(idle)
    }
}

/// Gives its connection back, also if the reader fails or panics.
struct Borrowed<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock();
        match self.connection.take() {
            Some(connection) => state.idle.push(connection),
            None => state.open -= 1,
        }
        drop(state);
        self.pool.returned.notify_one();
    }
}
