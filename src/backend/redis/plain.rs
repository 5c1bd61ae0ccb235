//! [`Plain`]: a server to which sockets of our own lead, without TLS; who reads and writes there knows who waits.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ::redis::{Client, ConnectionAddr, Pipeline, RedisResult, Value, cmd, pipe};
use socket2::Socket;

/// A server.
#[derive(Clone)]
pub(super) struct Plain(Client);

impl Plain {
    /// `None` where the client alone knows how to connect, as with TLS.
    pub(super) fn of(client: &Client) -> Option<Self> {
        let addr = client.get_connection_info().addr();
        let is_plain = matches!(addr, ConnectionAddr::Tcp(..) | ConnectionAddr::Unix(_));
        is_plain.then(|| Self(client.clone()))
    }

    /// A new connection, on which nothing was said yet; waits for each address of the host for so long.
    pub(super) fn connect(&self, limit: Duration) -> io::Result<Socket> {
        match self.0.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, port) => {
                let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
                for address in (&**host, *port).to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, limit) {
                        Ok(stream) => {
                            stream.set_nodelay(true)?;
                            return Ok(stream.into());
                        }
                        Err(error) => failed = error,
                    }
                }
                Err(failed)
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => Ok(UnixStream::connect(path)?.into()),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Says who we are, and which database we mean.
    pub(super) fn greeting(&self) -> Pipeline {
        let settings = self.0.get_connection_info().redis_settings();
        let mut hello = cmd("HELLO");
        hello.arg(3);
        if let Some(password) = settings.password() {
            let name = settings.username().unwrap_or("default");
            hello.arg("AUTH").arg(name).arg(password);
        }
        let mut greeting = pipe();
        greeting.add_command(hello);
        if settings.db() != 0 {
            greeting.cmd("SELECT").arg(settings.db());
        }
        greeting
    }
}

/// The answers after the first ones, which only say whether all is well.
pub(super) fn after(mut answers: Vec<Value>, first: usize) -> RedisResult<Vec<Value>> {
    let wanted = answers.split_off(first);
    for before in answers {
        before.extract_error()?;
    }
    Ok(wanted)
}
