//! Requests of threads that may block, sent and answered on these threads themselves, over a [`Line`] that they share:
//! that spares the two switches between threads which the shared connection costs each request.

use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, ConnectionLike, RedisResult, Value};
use parking_lot::Mutex;

use super::errors;
use super::line::Line;
use super::plain::{Plain, after};
use super::request::Request;

/// The way of threads that may block to the server that the shared connection leads to; it ends with it.
pub(super) struct Direct {
    server: Plain,
    limit: Duration,
    line: Mutex<Option<Arc<Line>>>,
}

/// The line as the commands of the client know connections.
struct Caller(Arc<Line>);

impl Direct {
    pub(super) fn to(server: Plain, limit: Duration) -> Self {
        Self {
            server,
            limit,
            line: Mutex::default(),
        }
    }

    /// The answer.
    pub(super) fn answer(&self, request: &Request<'_>) -> RedisResult<Value> {
        ask(&mut Caller(self.line()?), request)
    }

    /// The line; a new one if there is none, or it broke.
    fn line(&self) -> RedisResult<Arc<Line>> {
        let mut line = self.line.lock();
        match &*line {
            Some(line) if !line.is_broken() => Ok(Arc::clone(line)),
            _ => {
                let socket = self.server.connect(self.limit)?;
                let new = Arc::new(Line::over(socket, self.limit)?);
                let greeting = self.server.greeting();
                let answers = new.ask(&greeting.get_packed_pipeline(), greeting.len())?;
                after(answers, greeting.len())?;
                *line = Some(Arc::clone(&new));
                Ok(new)
            }
        }
    }
}

impl ConnectionLike for Caller {
    fn req_packed_command(&mut self, command: &[u8]) -> RedisResult<Value> {
        let mut answers = self.0.ask(command, 1)?;
        answers.pop().unwrap_or_default().extract_error()
    }

    fn req_packed_commands(
        &mut self,
        commands: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        after(self.0.ask(commands, offset + count)?, offset)
    }

    fn get_db(&self) -> i64 {
        0
    }

    fn check_connection(&mut self) -> bool {
        self.is_open()
    }

    fn is_open(&self) -> bool {
        !self.0.is_broken()
    }
}

fn ask(connection: &mut Caller, request: &Request<'_>) -> RedisResult<Value> {
    let command = |connection: &mut Caller, command: &Cmd| command.query(connection);
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

    use ::redis::Client;

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
