//! The one error type of the crate: a kind for the program, a message for the person who must act.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// Result of every fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong; match on this, show the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No live entry has this reference or key.
    NotFound,
    /// The policy, the namespace or a session does not allow it.
    PermissionDenied,
    /// Too many requests: [`RateLimited`](crate::limits::RateLimited) says when to come back.
    RateLimited,
    /// A reference leads back to itself.
    CircularReference,
    /// An argument is outside what the message says is allowed.
    InvalidArgument,
    /// An argument has a type that cannot be used here.
    InvalidType,
    /// This backend or value cannot do that.
    Unsupported,
    /// A value cannot be written as, or read from, its stored form.
    Codec,
    /// The storage failed, or what it holds is damaged.
    Backend,
    /// The storage cannot be reached: no such server, a connection that was refused or cut.
    Unreachable,
    /// The storage did not answer in time.
    Timeout,
    /// The disk does not do its part: full, read-only, not to be opened.
    Io,
    /// Somebody else holds it at the moment (a lock, a file); trying again may work.
    Busy,
    /// What happens cannot be written to the audit log, or the log does not hold what was written.
    Audit,
    /// A hook written by the user failed; [`Error::source`] is its own error.
    Hook,
    /// A bug in this crate.
    Unexpected,
}

impl ErrorKind {
    /// Whether the storage failed, in whichever way.
    pub fn is_backend(self) -> bool {
        match self {
            Self::Backend | Self::Unreachable | Self::Timeout | Self::Io | Self::Busy => true,
            Self::NotFound
            | Self::PermissionDenied
            | Self::RateLimited
            | Self::CircularReference
            | Self::InvalidArgument
            | Self::InvalidType
            | Self::Unsupported
            | Self::Codec
            | Self::Audit
            | Self::Hook
            | Self::Unexpected => false,
        }
    }
}

/// Characters of a message, and of each fact behind it: names in them may be of any length.
const MESSAGE: usize = 360;
const FACT: usize = 160;

/// A text without its middle if it has more characters than this: what stands before and behind a name says what is wrong
/// with it.
fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= most {
        return Cow::Borrowed(text);
    }
    let half = most / 2;
    let start: String = text.chars().take(half).collect();
    let end: String = text.chars().skip(length - half).collect();
    Cow::Owned(format!("{start}...{end}"))
}

/// An error: kind, message, context and source. It never contains a stored value.
///
/// ```
/// use mcp_refcache::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::InvalidArgument, "page must be 1 or greater").with("page", 0);
/// assert_eq!(error.to_string(), "page must be 1 or greater (page: 0)");
/// ```
pub struct Error {
    kind: ErrorKind,
    message: String,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind with a message that says what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: shortened(&message.into(), MESSAGE).into_owned(),
            context: Vec::new(),
            source: None,
        }
    }

    /// Shorthand for [`ErrorKind::InvalidArgument`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// Adds one fact for the reader, shown in brackets behind the message.
    #[must_use]
    pub fn with(mut self, name: &'static str, fact: impl fmt::Display) -> Self {
        let fact = shortened(&fact.to_string(), FACT).into_owned();
        self.context.push((name, fact));
        self
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message without its context.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// A fact that was added with [`Error::with`].
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.context
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, fact)| fact.as_str())
    }

    /// The error that caused this one, by value.
    pub fn into_source(self) -> Option<Box<dyn StdError + Send + Sync>> {
        self.source
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (i, (name, fact)) in self.context.iter().enumerate() {
            f.write_str(if i == 0 { " (" } else { ", " })?;
            write!(f, "{name}: {fact}")?;
        }
        if self.context.is_empty() {
            Ok(())
        } else {
            f.write_str(")")
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)?;
        match &self.source {
            Some(source) => write!(f, "\ncaused by: {source}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
