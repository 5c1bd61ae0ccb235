//! A connection that is told what others change, so that entries may be kept near (see `near`).
//!
//! Redis broadcasts the names of changed keys, and (without `io-threads`, by its source and by `tests/near.rs`) does so
//! before it answers who changed them; only `FLUSHALL` is told right after its answer. That we were told of everything is
//! therefore seen at the socket: nothing is there to be read, and all that was read has been acted upon. So on one machine
//! no change is overlooked once its writer has its answer; between machines for no longer than news are on their way,
//! and not at all once the server was silent for [`SILENCE`].

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, PushInfo, PushKind, RedisError,
    RedisResult, Value, cmd,
};
use socket2::Socket;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::super::near::Near;
use super::keys;

/// After so long without a sign of life the server may have lost us without our noticing.
const SILENCE: Duration = Duration::from_secs(2);
/// How often it is asked for one.
const PULSE: Duration = Duration::from_millis(500);
/// After so long a connection that ended or could not be made is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// A watch over one server; it ends when it is dropped.
pub(super) struct Watch {
    hearing: Arc<Hearing>,
    task: JoinHandle<()>,
}

/// What the watch knows of its connection.
struct Hearing {
    begin: Instant,
    /// Milliseconds from `begin` until the last sign of life was asked for that came; 0 if nothing is heard.
    alive: AtomicU64,
    socket: parking_lot::RwLock<Option<(Socket, Arc<AtomicBool>)>>,
}

impl Watch {
    /// Begins to watch, on the runtime that this is called on.
    pub(super) fn begin(client: Client, near: Arc<Near>, limit: Duration) -> Self {
        let hearing = Arc::new(Hearing {
            begin: Instant::now(),
            alive: AtomicU64::new(0),
            socket: parking_lot::RwLock::new(None),
        });
        let task = tokio::spawn(watch(client, near, limit, Arc::clone(&hearing)));
        Self { hearing, task }
    }

    /// Whether everything was heard of that the server has told until now.
    pub(super) fn hears_all(&self) -> bool {
        self.hearing.is_complete()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hearing {
    fn is_complete(&self) -> bool {
        let alive = self.alive.load(Ordering::Acquire);
        let silence = Duration::from_millis(self.since_begin().saturating_sub(alive));
        if alive == 0 || silence > SILENCE {
            return false;
        }
        match &*self.socket.read() {
            // in this order: what is read between the two looks is seen by the second
            Some((socket, quiet)) => is_empty(socket) && quiet.load(Ordering::SeqCst),
            None => false,
        }
    }

    fn since_begin(&self) -> u64 {
        self.begin.elapsed().as_millis() as u64 + 1
    }
}

/// Whether there is nothing to be read, and the other side is still there.
fn is_empty(socket: &Socket) -> bool {
    let peeked = socket.peek(&mut [MaybeUninit::uninit()]);
    peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

async fn watch(client: Client, near: Arc<Near>, limit: Duration, hearing: Arc<Hearing>) {
    loop {
        let _ = listen(&client, &near, limit, &hearing).await;
        hearing.alive.store(0, Ordering::Release);
        *hearing.socket.write() = None;
        near.all_changed();
        tokio::time::sleep(PAUSE).await;
    }
}

/// Listens until the connection ends or the server falls silent.
async fn listen(
    client: &Client,
    near: &Arc<Near>,
    limit: Duration,
    hearing: &Hearing,
) -> RedisResult<()> {
    let late = |_| RedisError::from(io::Error::from(io::ErrorKind::TimedOut));
    let (told, quiet) = (Arc::clone(near), Arc::new(AtomicBool::new(false)));
    let notice = move |push: PushInfo| {
        if push.kind == PushKind::Invalidate {
            tell(&told, &push.data);
        }
        Ok::<(), ::redis::aio::SendError>(())
    };
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_push_sender(notice);
    let opened = open(client, Arc::clone(&quiet), config);
    let (mut connection, socket, driver) =
        tokio::time::timeout(limit, opened).await.map_err(late)??;
    let driver = Driven(tokio::spawn(driver));
    let mut tracking = cmd("CLIENT");
    tracking.arg("TRACKING").arg("ON").arg("BCAST");
    for prefix in [keys::ENTRY.to_owned(), keys::index("name:")] {
        tracking.arg("PREFIX").arg(prefix);
    }
    let begun = tracking.query_async::<()>(&mut connection);
    tokio::time::timeout(limit, begun).await.map_err(late)??;
    near.all_changed();
    *hearing.socket.write() = Some((socket, quiet));
    while !driver.0.is_finished() {
        let asked = hearing.since_begin();
        let pulse = cmd("PING");
        let answered = pulse.query_async::<Value>(&mut connection);
        tokio::time::timeout(SILENCE, answered)
            .await
            .map_err(late)??;
        hearing.alive.store(asked, Ordering::Release);
        tokio::time::sleep(PULSE).await;
    }
    Ok(())
}

/// Who drives a connection; it ends with it.
struct Driven(JoinHandle<()>);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Takes away what the server says has changed.
fn tell(near: &Near, data: &[Value]) {
    let Some(Value::Array(names)) = data.first() else {
        return near.all_changed(); // everything was removed
    };
    for name in names {
        let name = match name {
            Value::BulkString(name) => std::str::from_utf8(name).ok(),
            Value::SimpleString(name) => Some(&**name),
            _ => None,
        };
        match name {
            None => near.all_changed(),
            Some(name) => match (name.strip_prefix(keys::ENTRY), keys::named(name)) {
                (Some(id), _) => near.changed(id),
                (None, Some((cache, key))) => near.renamed(&cache, key),
                (None, None) => {}
            },
        }
    }
}

/// A connection whose socket we can look at.
async fn open(
    client: &Client,
    quiet: Arc<AtomicBool>,
    config: AsyncConnectionConfig,
) -> RedisResult<(
    MultiplexedConnection,
    Socket,
    Pin<Box<dyn Future<Output = ()> + Send>>,
)> {
    let info = client.get_connection_info();
    let settings = info.redis_settings();
    match info.addr() {
        ConnectionAddr::Tcp(host, port) => {
            let stream = TcpStream::connect((&**host, *port)).await?.into_std()?;
            let socket = Socket::from(stream.try_clone()?);
            let stream = TcpStream::from_std(stream)?;
            let stream = Listened { stream, quiet };
            let made = MultiplexedConnection::new_with_config(settings, stream, config).await?;
            Ok((made.0, socket, Box::pin(made.1)))
        }
        #[cfg(unix)]
        ConnectionAddr::Unix(path) => {
            let stream = tokio::net::UnixStream::connect(path).await?.into_std()?;
            let socket = Socket::from(stream.try_clone()?);
            let stream = tokio::net::UnixStream::from_std(stream)?;
            let stream = Listened { stream, quiet };
            let made = MultiplexedConnection::new_with_config(settings, stream, config).await?;
            Ok((made.0, socket, Box::pin(made.1)))
        }
        _ => Err(RedisError::from((
            ErrorKind::InvalidClientConfig,
            "entries are kept near without TLS only",
        ))),
    }
}

/// A stream that notes whether all that it gave was acted upon: who wants more has done so.
struct Listened<S> {
    stream: S,
    quiet: Arc<AtomicBool>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Listened<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.quiet.store(false, Ordering::SeqCst);
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() {
            self.quiet.store(true, Ordering::SeqCst);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Listened<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
