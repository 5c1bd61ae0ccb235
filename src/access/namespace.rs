//! Names of namespaces that cannot be misspelt.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The name of a namespace, made from ids that are neither empty nor hold a colon.
///
/// An id may hold wildcards: such a name declares a whole family of namespaces ([`Glob`](super::Glob)).
///
/// ```
/// use mcp_refcache::access::Namespace;
/// assert_eq!(Namespace::session("conv-123")?.as_str(), "session:conv-123");
/// assert!(Namespace::user("alice:session:s1").is_err());
/// assert_eq!(Namespace::session("*")?.as_str(), "session:*");
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Namespace(String);

/// First parts of a name that have to be followed by an id.
const WITH_ID: [&str; 6] = ["session", "user", "agent", "org", "custom", "shared"];

impl Namespace {
    /// The name of the namespace that is open to everybody.
    pub const PUBLIC: &'static str = "public";

    /// The namespace that is open to everybody.
    #[must_use]
    pub fn public() -> Self {
        Self(Self::PUBLIC.to_owned())
    }

    /// One session's namespace.
    ///
    /// # Errors
    /// The id is empty or holds a colon; so for all of these constructors.
    pub fn session(id: &str) -> Result<Self> {
        Self::of_parts(&[("session", id)])
    }

    /// One user's namespace.
    ///
    /// # Errors
    /// As [`Namespace::session`].
    pub fn user(id: &str) -> Result<Self> {
        Self::of_parts(&[("user", id)])
    }

    /// The namespace of one user in one session.
    ///
    /// # Errors
    /// As [`Namespace::session`].
    pub fn user_session(user_id: &str, session_id: &str) -> Result<Self> {
        Self::of_parts(&[("user", user_id), ("session", session_id)])
    }

    /// One organisation's namespace.
    ///
    /// # Errors
    /// As [`Namespace::session`].
    pub fn org(id: &str) -> Result<Self> {
        Self::of_parts(&[("org", id)])
    }

    /// A namespace that only groups; it is open to everybody.
    ///
    /// # Errors
    /// As [`Namespace::session`].
    pub fn custom(name: &str) -> Result<Self> {
        Self::of_parts(&[("custom", name)])
    }

    /// One agent's namespace.
    ///
    /// # Errors
    /// As [`Namespace::session`].
    pub fn agent(id: &str) -> Result<Self> {
        Self::of_parts(&[("agent", id)])
    }

    /// A namespace that a group shares; it is open to everybody.
    ///
    /// # Errors
    /// As [`Namespace::session`].
    pub fn shared(group: &str) -> Result<Self> {
        Self::of_parts(&[("shared", group)])
    }

    /// A name of `scope:id` pairs.
    pub(crate) fn of_parts(parts: &[(&str, &str)]) -> Result<Self> {
        let mut name = String::new();
        for (scope, id) in parts {
            if id.is_empty() {
                return Err(Error::invalid(format!(
                    "{scope} id of a namespace must not be empty"
                )));
            }
            if id.contains(':') {
                let message = format!("{scope} id of a namespace must not hold a colon");
                return Err(Error::invalid(message).with("id", id));
            }
            if !name.is_empty() {
                name.push(':');
            }
            name.push_str(scope);
            name.push(':');
            name.push_str(id);
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Namespace {
    type Err = Error;

    /// Takes any name but an empty one and one that lacks the id its first part asks for (`user:`).
    fn from_str(name: &str) -> Result<Self> {
        let (first, rest) = name.split_once(':').unwrap_or((name, ""));
        if name.is_empty() {
            Err(Error::invalid("a namespace must not be empty"))
        } else if WITH_ID.contains(&first) && (rest.is_empty() || rest.starts_with(':')) {
            Err(
                Error::invalid(format!("a namespace must name the {first} it is for"))
                    .with("namespace", name),
            )
        } else {
            Ok(Self(name.to_owned()))
        }
    }
}

impl TryFrom<String> for Namespace {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        name.parse()
    }
}

impl From<Namespace> for String {
    fn from(namespace: Namespace) -> Self {
        namespace.0
    }
}

impl AsRef<str> for Namespace {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
