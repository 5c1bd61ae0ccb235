//! Connections for readers, so that reads run beside each other.

use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::fault;

/// Reads that run at the same time; more wait for one of them.
const MOST: usize = 16;

/// A connection, and what it last saw of the file.
pub(super) struct Reader {
    db: Connection,
    /// The `data_version` of the last look at it: another one means that somebody has written.
    version: Option<i64>,
}

impl Reader {
    /// Whether somebody has written since this connection was last asked; also if it was not asked before.
    fn has_news(&mut self) -> rusqlite::Result<bool> {
        let mut statement = self.db.prepare_cached("PRAGMA data_version")?;
        let version = Some(statement.query_row((), |row| row.get(0))?);
        Ok(std::mem::replace(&mut self.version, version) != version)
    }
}

/// Idle connections, the one used last on top: its pages are the warmest.
#[derive(Default)]
pub(super) struct Pool {
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Reader>,
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
            none => none.insert(Reader {
                db: connect()?,
                version: None,
            }),
        };
        read(&connection.db)
    }

    /// Looks whether something was written since the last look, with an idle connection, and has it forgotten then
    /// before anybody else looks with that one. `false` if none is idle.
    pub(super) fn look(&self, forget: impl FnOnce()) -> rusqlite::Result<bool> {
        let Some(connection) = self.state.lock().idle.pop() else {
            return Ok(false);
        };
        let mut borrowed = Borrowed {
            pool: self,
            connection: Some(connection),
        };
        if let Some(reader) = &mut borrowed.connection
            && reader.has_news()?
        {
            forget();
        }
        Ok(true)
    }

    /// An idle connection, or `None` with the right to open one.
    fn take(&self, deadline: impl FnOnce() -> Instant) -> rusqlite::Result<Option<Reader>> {
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
    connection: Option<Reader>,
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
