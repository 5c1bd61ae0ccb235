//! [`Looped`]: one connection for the tasks of one event loop, which watches it: no thread stands between them.
//!
//! What the tasks ask in one turn of the loop is sent together, and whoever's answers have come is woken together.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::ConnectionLike;
use ::redis::{Cmd, Parser, Pipeline, RedisFuture, RedisResult, Value};
use parking_lot::Mutex;
use socket2::Socket;

use super::connect::Connection;
use super::plain::{Plain, after};
use super::seats::Asked;
use crate::runtime::{EventLoop, Nudge, Source, event_loop, runtime};

/// So much is received before the loop has a turn.
const MOST: usize = 1024 * 1024;

/// The connections to the server that the shared connection leads to, one of each event loop; they end with it.
pub(super) struct Loops {
    server: Plain,
    limit: Duration,
    known: Mutex<Vec<(u64, Looped)>>,
    connecting: tokio::sync::Mutex<()>,
}

/// Such a connection.
#[derive(Clone)]
pub(super) struct Looped(Arc<Wire>);

struct Wire {
    socket: Socket,
    asked: Mutex<Asked>,
    parser: Mutex<Parser>,
    nudge: Mutex<Option<Nudge>>,
}

impl Loops {
    pub(super) fn to(server: Plain, limit: Duration) -> Self {
        Self {
            server,
            limit,
            known: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    /// The connection of the event loop on whose thread this is polled; `None` if there is none, or it cannot watch.
    pub(super) async fn here(&self) -> RedisResult<Option<Connection>> {
        let Some(event_loop) = event_loop() else {
            return Ok(None);
        };
        if let Some(known) = self.of(event_loop.number()) {
            return Ok(Some(Connection::Looped(known)));
        }
        let _turn = self.connecting.lock().await;
        let known = match self.of(event_loop.number()) {
            Some(known) => Some(known),
            None => self.open(&event_loop).await?,
        };
        Ok(known.map(Connection::Looped))
    }

    fn of(&self, number: u64) -> Option<Looped> {
        let known = self.known.lock();
        let (_, looped) = known.iter().find(|(known, _)| *known == number)?;
        (!looped.0.asked.lock().is_broken).then(|| looped.clone())
    }

    async fn open(&self, event_loop: &Arc<dyn EventLoop>) -> RedisResult<Option<Looped>> {
        let (server, limit) = (self.server.clone(), self.limit);
        let made = runtime()
            .spawn_blocking(move || server.connect(limit))
            .await;
        let socket = made.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()))?;
        socket.set_nonblocking(true)?;
        let wire = Arc::new(Wire {
            socket,
            asked: Mutex::default(),
            parser: Mutex::new(Parser::new()),
            nudge: Mutex::default(),
        });
        let source = Arc::clone(&wire) as Arc<dyn Source>;
        let Some(nudge) = event_loop.watch(wire.socket.as_raw_fd(), source) else {
            return Ok(None);
        };
        *wire.nudge.lock() = Some(nudge);
        let looped = Looped(wire);
        let greeting = self.server.greeting();
        let packed = greeting.get_packed_pipeline();
        let answers = looped.ask(&packed, greeting.len()).await?;
        after(answers, greeting.len())?;
        let mut known = self.known.lock();
        known.retain(|(_, looped)| !looped.0.asked.lock().is_broken);
        known.push((event_loop.number(), looped.clone()));
        Ok(Some(looped))
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        for (_, looped) in self.known.get_mut() {
            // its loop finds it ended, and lets go of it
            let _ = looped.0.socket.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Looped {
    async fn ask(&self, commands: &[u8], count: usize) -> RedisResult<Vec<Value>> {
        let (seat, is_first) = {
            let mut asked = self.0.asked.lock();
            let seat = asked.add(commands, count)?;
            (seat, !std::mem::replace(&mut asked.is_sending, true))
        };
        if is_first {
            let nudge = self.0.nudge.lock().clone();
            // without the lock, as it runs code of the loop
            if let Some(nudge) = nudge {
                nudge();
            }
        }
        std::future::poll_fn(|context| seat.poll(context)).await
    }
}

impl Source for Wire {
    fn send(&self) -> bool {
        let mut asked = self.asked.lock();
        while !asked.unsent.is_empty() {
            match (&self.socket).write(&asked.unsent) {
                Ok(sent) => drop(asked.unsent.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    asked.end();
                    return false;
                }
            }
        }
        asked.is_sending = false;
        false
    }

    fn receive(&self) -> bool {
        let mut ear = Ear {
            socket: &self.socket,
            left: MOST,
            waits: false,
        };
        let mut parser = self.parser.lock();
        loop {
            match parser.parse_value(&mut ear) {
                Ok(answer) => self.asked.lock().hand_out(answer),
                Err(_) if ear.waits => return !self.asked.lock().is_broken,
                Err(_) => {
                    self.asked.lock().end();
                    return false;
                }
            }
        }
    }

    fn end(&self) {
        self.asked.lock().end();
        let nudge = self.nudge.lock().take();
        drop(nudge);
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }
}

/// The socket as the parser reads it; what was read of an answer stays with the parser.
struct Ear<'a> {
    socket: &'a Socket,
    left: usize,
    waits: bool,
}

impl Read for Ear<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let most = room.len().min(self.left);
        let read = match most {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            most => self.socket.read(&mut room[..most]),
        };
        match &read {
            Ok(count) => self.left -= count,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                self.waits = true;
                return Err(io::Error::other("there is no more for now"));
            }
            Err(_) => {}
        }
        read
    }
}

impl ConnectionLike for Looped {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let mut answers = self.ask(&command.get_packed_command(), 1).await?;
            answers.pop().unwrap_or_default().extract_error()
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let packed = commands.get_packed_pipeline();
            after(self.ask(&packed, offset + count).await?, offset)
        })
    }

    fn get_db(&self) -> i64 {
        0
    }
}
