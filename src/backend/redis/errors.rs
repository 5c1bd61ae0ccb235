//! What an error of the client means to the person who must act. No message holds a value or a password.

use std::time::Duration;

use ::redis::{ErrorKind as Kind, RedisError, ServerErrorKind as Server};

use crate::error::{Error, ErrorKind};

/// Whether the connection is of no further use: it is broken, or its server is not the master any more.
pub(super) fn is_broken(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_io_error()
        || matches!(
            error.kind(),
            Kind::Server(Server::ReadOnly | Server::MasterDown) | Kind::ClusterConnectionNotFound
        )
}

/// Whether another node of a Cluster is to be asked.
pub(super) fn is_redirection(error: &RedisError) -> bool {
    matches!(error.kind(), Kind::Server(Server::Moved | Server::Ask))
}

/// Whether the server does not know the script (any more).
pub(super) fn is_unknown_script(error: &RedisError) -> bool {
    first(error).as_deref() == Some("NOSCRIPT")
}

/// The code of the error, or of the first one in a transaction.
fn first(error: &RedisError) -> Option<String> {
    match error.clone().into_server_errors() {
        Some(errors) => errors.first().map(|(_, error)| error.code().to_owned()),
        None => error.code().map(str::to_owned),
    }
}

/// The error for the caller.
pub(super) fn explain(error: &RedisError, server: &str) -> Error {
    let (kind, message) = meaning(error);
    let explained = Error::new(kind, message).with("server", server);
    match error.detail().or(error.code()) {
        Some(detail) if !matches!(error.kind(), Kind::AuthenticationFailed) => {
            explained.with("answer", first_line(detail))
        }
        _ => explained,
    }
}

/// The error for an answer that did not come in time.
pub(super) fn late(after: Duration, server: &str) -> Error {
    Error::new(
        ErrorKind::Timeout,
        "Redis did not answer in time; see whether it is overloaded or paused, or raise socket_timeout",
    )
    .with("server", server)
    .with("seconds", after.as_secs_f64())
}

/// The error for an answer of a form that was not asked for.
pub(super) fn unexpected() -> Error {
    Error::new(
        ErrorKind::Backend,
        "Redis gave an answer of an unexpected form; is it Redis or Valkey, 6.2 or newer?",
    )
}

fn meaning(error: &RedisError) -> (ErrorKind, &'static str) {
    if error.is_timeout() {
        return (ErrorKind::Timeout, "Redis did not answer in time");
    }
    let code = first(error).unwrap_or_default();
    match (error.kind(), &*code) {
        (Kind::AuthenticationFailed, _) | (_, "WRONGPASS" | "NOAUTH") => (
            ErrorKind::Backend,
            "Redis refused the user name or password; check them (and that the user may log in)",
        ),
        (Kind::Server(Server::NoPerm), _) => (
            ErrorKind::Backend,
            "the Redis user lacks a permission; allow it ~mcp-refcache:* and +@all -@dangerous (with +@scripting)",
        ),
        (_, "OOM") => (
            ErrorKind::Backend,
            "Redis is out of memory (maxmemory); raise it, set an eviction policy, or limit this store by max_bytes",
        ),
        (_, "WRONGTYPE") => (
            ErrorKind::Backend,
            "Redis holds a value of another type under a key of this store; delete that key",
        ),
        (Kind::Server(Server::BusyLoading | Server::TryAgain), _) | (_, "BUSY") => {
            (ErrorKind::Busy, "Redis is busy at the moment; try again")
        }
        (Kind::Server(Server::ReadOnly | Server::MasterDown | Server::ClusterDown), _)
        | (Kind::ClusterConnectionNotFound | Kind::MasterNameNotFoundBySentinel, _) => (
            ErrorKind::Unreachable,
            "no Redis master can be reached at the moment (a failover may be going on)",
        ),
        (Kind::InvalidClientConfig, _) => (
            ErrorKind::InvalidArgument,
            "the connection to Redis is not set up right",
        ),
        (Kind::Io, _) if error.is_connection_refusal() => (
            ErrorKind::Unreachable,
            "Redis refused the connection; is it running, and are host and port right?",
        ),
        (Kind::Io | Kind::Parse, _) => (
            ErrorKind::Unreachable,
            "the connection to Redis failed or was cut",
        ),
        _ => (ErrorKind::Backend, "Redis reported an error"),
    }
}

/// Scripts append where they failed, which helps nobody who reads the message.
fn first_line(detail: &str) -> &str {
    let line = detail.lines().next().unwrap_or_default();
    line.split(" script: ").next().unwrap_or(line)
}
