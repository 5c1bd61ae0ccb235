//! Requests of threads that may block, sent and answered on the thread itself: a few connections of their own
//! spare the two switches between threads that the shared one costs each request.
//!
//! Measured with one caller: as fast as `redis-benchmark`, where the shared connection reaches a third to two
//! thirds of it. With many callers the shared one is the faster: it sends what many ask in one go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::redis::{Client, Cmd, Connection, RedisResult, Value};
use parking_lot::Mutex;

use super::errors;
use super::request::Request;

/// So many threads have a connection of their own at the same time; all others share one.
const MOST: usize = 2;

/// Connections to the server that the shared connection leads to; they end with it.
#[derive(Clone)]
pub(super) struct Direct(Arc<Pool>);

struct Pool {
    client: Client,
    limit: Duration,
    idle: Mutex<Vec<Connection>>,
    busy: AtomicUsize,
}

impl Direct {
    pub(super) fn to(client: Client, limit: Duration) -> Self {
        Self(Arc::new(Pool {
            client,
            limit,
            idle: Mutex::default(),
            busy: AtomicUsize::new(0),
        }))
    }

    /// The answer, or `None` if so many are busy that the shared connection is the better way.
    pub(super) fn answer(&self, request: &Request<'_>) -> Option<RedisResult<Value>> {
        let pool = &*self.0;
        if pool.busy.fetch_add(1, Ordering::Relaxed) >= MOST {
            pool.busy.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let answer = pool.ask(request);
        pool.busy.fetch_sub(1, Ordering::Relaxed);
        Some(answer)
    }
}

impl Pool {
    fn ask(&self, request: &Request<'_>) -> RedisResult<Value> {
        let idle = self.idle.lock().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let answer = ask(&mut connection, request);
        // after an answer that did not come, the next one read would be that one
        if !answer.as_ref().is_err_and(errors::is_broken) {
            self.idle.lock().push(connection);
        }
        answer
    }

    fn connect(&self) -> RedisResult<Connection> {
        let connection = self.client.get_connection_with_timeout(self.limit)?;
        connection.set_read_timeout(Some(self.limit))?;
        connection.set_write_timeout(Some(self.limit))?;
        Ok(connection)
    }
}

fn ask(connection: &mut Connection, request: &Request<'_>) -> RedisResult<Value> {
    let command = |connection: &mut Connection, command: &Cmd| command.query(connection);
    match request {
        Request::Command(asked) | Request::At(asked, _) => command(connection, asked),
        Request::Script(call) => match command(connection, call.short()) {
            Err(error) if errors::is_unknown_script(&error) => command(connection, &call.whole()),
            answer => answer,
        },
        Request::Several(commands) => commands.query(connection),
        Request::Together(commands, call) => match commands.query(connection) {
            Err(error) if errors::is_unknown_script(&error) => command(connection, &call.whole()),
            answer => answer,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};
    use std::time::Instant;

    use super::super::{Again, RedisOptions, RedisStore};
    use super::*;
    use crate::error::{ErrorKind, Result};
    use crate::runtime::block_on;

    struct Server(u16, Child);

    impl Server {
        fn start(port: u16) -> Option<Self> {
            let mut command = Command::new("redis-server");
            command
                .args(["--port", &port.to_string(), "--save", ""])
                .stdout(Stdio::null());
            let Ok(child) = command.spawn() else {
                assert!(
                    std::env::var_os("CI").is_none(),
                    "redis-server is needed for this test"
                );
                eprintln!("SKIPPED: redis-server is not installed");
                return None;
            };
            while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
                std::thread::sleep(Duration::from_millis(10));
            }
            Some(Self(port, child))
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            let _ = self.1.kill();
            let _ = self.1.wait();
        }
    }

    fn echo(store: &RedisStore, word: &str) -> Result<Value> {
        block_on(store.link.ask(::redis::cmd("ECHO").arg(word), Again::Yes))
    }

    #[test]
    fn a_thread_that_may_block_meets_the_same_faults() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let Some(server) = Server::start(port) else {
            return;
        };
        let url = format!("redis://127.0.0.1:{port}?socket_timeout=0.3");
        let store = RedisStore::new(RedisOptions::parse(&url).unwrap());
        let answer = |word: &str| Value::BulkString(word.as_bytes().to_vec());
        assert_eq!(echo(&store, "one").unwrap(), answer("one"));

        let mut admin = Client::open(("127.0.0.1", server.0))
            .unwrap()
            .get_connection()
            .unwrap();
        let mut pause = ::redis::cmd("CLIENT");
        let _: () = pause
            .arg("PAUSE")
            .arg(800)
            .arg("ALL")
            .query(&mut admin)
            .unwrap();
        let begin = Instant::now();
        assert_eq!(echo(&store, "late").unwrap_err().kind(), ErrorKind::Timeout);
        assert!(begin.elapsed() < Duration::from_secs(1));
        std::thread::sleep(Duration::from_millis(1_000));
        assert_eq!(
            echo(&store, "two").unwrap(),
            answer("two"),
            "not the late answer"
        );

        drop(server);
        assert_eq!(
            echo(&store, "gone").unwrap_err().kind(),
            ErrorKind::Unreachable
        );
        let Some(_server) = Server::start(port) else {
            return;
        };
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(echo(&store, "three").unwrap(), answer("three"));
    }
}
