//! [`RedisOptions`]: which server, who we are there, and how much may be kept.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A host name or address, and a port.
pub type Node = (String, u16);

/// The port of a server that names none.
pub(super) const PORT: u16 = 6379;
/// The port of a Sentinel that names none.
pub(super) const SENTINEL_PORT: u16 = 26379;

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Servers {
    /// One server.
    One(Node),
    /// One server behind a socket file.
    Socket(PathBuf),
    /// The master that these Sentinels name for a service; a failover is followed.
    Sentinel {
        /// The Sentinels; one that answers is enough.
        sentinels: Vec<Node>,
        /// The name under which they know the master.
        service: String,
    },
    /// A Cluster, found through any of these nodes; moving slots are followed.
    Cluster(Vec<Node>),
}

/// How a connection is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tls {
    /// PEM file of the authorities to trust instead of those of the system.
    pub ca_file: Option<PathBuf>,
    /// PEM file of our own certificate, for servers that ask for one.
    pub cert_file: Option<PathBuf>,
    /// PEM file of its key.
    pub key_file: Option<PathBuf>,
    /// Take any certificate, of anybody. Anyone on the way can then read and change everything.
    pub insecure: bool,
}

/// How to reach Redis or Valkey, and how much to keep there. Nothing is connected before the first use.
///
/// ```
/// use mcp_refcache::backend::redis::RedisOptions;
/// let options = RedisOptions::parse("rediss://app:s3cret@cache.example:6380/2")?;
/// assert_eq!(options.connection_info().url, "rediss://cache.example:6380/2");
/// assert!(!format!("{options:?}").contains("s3cret"));
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct RedisOptions {
    /// Where the data is.
    pub servers: Servers,
    /// The number of the database; a Cluster has only 0.
    pub db: i64,
    /// The ACL user; `None` is the default user.
    pub username: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// The ACL user at the Sentinels.
    pub sentinel_username: Option<String>,
    /// The password at the Sentinels.
    pub sentinel_password: Option<String>,
    /// Encryption; `None` is plain TCP.
    pub tls: Option<Tls>,
    /// How long an operation may take, connecting included, before it fails.
    pub socket_timeout: Duration,
    /// How many entries are kept; beyond it ended ones go first, then the oldest.
    pub max_entries: Option<u64>,
    /// How many bytes the entries may take, likewise.
    pub max_bytes: Option<u64>,
    /// Whether the original package may write to this database too. Its entries are in no index, so that
    /// listing and clearing walk over all keys of the database to find them; `false` spares that.
    pub shared_with_original: bool,
    /// Bytes of entries that were read to be kept in this process, for as long as the server tells of each change:
    /// reading one again asks the server nothing. 0 keeps none, as does a Cluster or a connection with TLS.
    ///
    /// What this process changes is seen at once, and what others change once the server's news are here: on one
    /// machine before the other has its answer, else as soon as the network brings them. Where the server falls silent
    /// for two seconds, or the connection ends, nothing is served from here.
    pub near_cache: u64,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            servers: Servers::One(("localhost".to_owned(), PORT)),
            db: 0,
            username: None,
            password: None,
            sentinel_username: None,
            sentinel_password: None,
            tls: None,
            socket_timeout: Duration::from_secs(5),
            max_entries: None,
            max_bytes: None,
            shared_with_original: true,
            near_cache: 0,
        }
    }
}

/// What may be shown of a connection: no user name, no password.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The address in one text.
    pub url: String,
    /// The first host; the path of a socket file.
    pub host: String,
    /// The first port; 0 for a socket file.
    pub port: u16,
    /// The number of the database.
    pub db: i64,
    /// Whether the connection is encrypted.
    pub ssl: bool,
}

impl RedisOptions {
    /// What may be shown of the connection.
    pub fn connection_info(&self) -> ConnectionInfo {
        let secure = if self.tls.is_some() {
            "rediss"
        } else {
            "redis"
        };
        let db = self.db;
        let (url, (host, port)) = match &self.servers {
            Servers::One(node) => (format!("{secure}://{}/{db}", shown(node)), node.clone()),
            Servers::Socket(path) => (
                format!("unix://{}?db={db}", path.display()),
                (path.display().to_string(), 0),
            ),
            Servers::Sentinel { sentinels, service } => (
                format!("{secure}+sentinel://{}/{service}/{db}", all(sentinels)),
                first(sentinels),
            ),
            Servers::Cluster(nodes) => (format!("{secure}+cluster://{}", all(nodes)), first(nodes)),
        };
        ConnectionInfo {
            url,
            host,
            port,
            db,
            ssl: self.tls.is_some(),
        }
    }

    /// Whether the server's news of changes can be listened to.
    pub(crate) fn may_keep_near(&self) -> bool {
        self.tls.is_none() && !self.is_cluster()
    }

    /// Whether operations of several keys must look at their slots.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.servers, Servers::Cluster(_))
    }
}

fn shown((host, port): &Node) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

fn all(nodes: &[Node]) -> String {
    nodes.iter().map(shown).collect::<Vec<_>>().join(",")
}

fn first(nodes: &[Node]) -> Node {
    nodes.first().cloned().unwrap_or_default()
}

impl fmt::Debug for RedisOptions {
    /// Never shows a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("url", &self.connection_info().url)
            .field("tls", &self.tls)
            .field("socket_timeout", &self.socket_timeout)
            .field("max_entries", &self.max_entries)
            .field("max_bytes", &self.max_bytes)
            .field("shared_with_original", &self.shared_with_original)
            .field("near_cache", &self.near_cache)
            .finish_non_exhaustive()
    }
}
