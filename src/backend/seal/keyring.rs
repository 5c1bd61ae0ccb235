//! [`Keyring`]: the key that seals, and the older ones that still open.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use zeroize::Zeroizing;

use super::key::{Key, KeyId};
use crate::error::{Error, ErrorKind, Result};

/// Where keys come from when they are needed: a key service, a secret manager, a function.
pub trait KeySource: Send + Sync + 'static {
    /// The keys as they are now, the one to seal with first. Asked at first need, and again when a value
    /// was sealed with a key that was not among them; what it fails with is the source of the error
    /// that the caller sees.
    ///
    /// # Errors
    /// Whatever keeps it from giving them.
    fn keys(&self) -> Result<Vec<Key>>;
}

impl<F: Fn() -> Result<Vec<Key>> + Send + Sync + 'static> KeySource for F {
    fn keys(&self) -> Result<Vec<Key>> {
        self()
    }
}

/// Keys by id. Clones are the same keyring: what is rotated or destroyed through one is so for all.
///
/// ```
/// use mcp_refcache::backend::seal::{Encrypted, Key, Keyring, Seal};
/// let keyring = Keyring::new(Key::generate()?);
/// let seal = Encrypted::new(keyring.clone());
/// let sealed = seal.seal(b"42", b"ref")?;
///
/// let first = keyring.current()?.id();
/// keyring.rotate(Key::generate()?)?;
/// assert_eq!(seal.open(&sealed, b"ref", 2)?, b"42");
/// keyring.destroy(first);
/// assert!(seal.open(&sealed, b"ref", 2).is_err());
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    keys: RwLock<Keys>,
    source: Option<Box<dyn KeySource>>,
}

#[derive(Default)]
struct Keys {
    current: Option<Key>,
    older: Vec<Key>,
    destroyed: Vec<KeyId>,
}

impl Keys {
    fn all(&self) -> impl Iterator<Item = &Key> {
        self.current.iter().chain(&self.older)
    }

    /// Whether the key may join: not if it was destroyed, or if values sealed with another could not
    /// be told from its own.
    fn admit(&self, key: &Key) -> Result<()> {
        if self.destroyed.contains(&key.id()) {
            return Err(Error::invalid("this key was destroyed: use another").with("key", key.id()));
        }
        if self
            .all()
            .any(|known| known.id() == key.id() && known != key)
        {
            let message = "two keys have the same id by chance: make another";
            return Err(Error::invalid(message).with("key", key.id()));
        }
        Ok(())
    }
}

impl Keyring {
    /// A keyring with one key.
    pub fn new(current: Key) -> Self {
        Self::assemble(Some(current), None)
    }

    /// A keyring whose keys are asked for when they are needed.
    pub fn from_source(source: impl KeySource) -> Self {
        Self::assemble(None, Some(Box::new(source)))
    }

    /// The keys in an environment variable, written as for [`Keyring::from_text`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the variable is not set or holds anything else.
    pub fn from_env(variable: &str) -> Result<Self> {
        let text = std::env::var(variable).map(Zeroizing::new).map_err(|_| {
            let message = "the environment variable of the encryption key is not set";
            Error::invalid(message).with("variable", variable)
        })?;
        Self::from_text(&text).map_err(|error| error.with("variable", variable))
    }

    /// Keys as [`Key::parse`] reads them, separated by commas or white space, the one to seal with first.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for anything else, also if there is none.
    pub fn from_text(text: &str) -> Result<Self> {
        let parts = text.split(|c: char| c == ',' || c.is_whitespace());
        let mut keys = parts.filter(|part| !part.is_empty()).map(Key::parse);
        let current = keys.next().unwrap_or_else(|| Key::parse(""))?;
        let keyring = Self::new(current);
        for older in keys {
            keyring.add_older(older?)?;
        }
        Ok(keyring)
    }

    fn assemble(current: Option<Key>, source: Option<Box<dyn KeySource>>) -> Self {
        let keys = Keys {
            current,
            ..Keys::default()
        };
        let keys = RwLock::new(keys);
        Self(Arc::new(Inner { keys, source }))
    }

    /// Adds a key that opens what was sealed with it, and seals nothing.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it was destroyed here, and if the keys come from a source.
    pub fn add_older(&self, key: Key) -> Result<()> {
        self.check_own()?;
        let mut keys = self.0.keys.write();
        keys.admit(&key)?;
        if !keys.all().any(|known| *known == key) {
            keys.older.push(key);
        }
        Ok(())
    }

    /// Seals with this key from now on; the former one still opens.
    ///
    /// # Errors
    /// As [`Keyring::add_older`].
    pub fn rotate(&self, key: Key) -> Result<()> {
        self.check_own()?;
        let mut keys = self.0.keys.write();
        keys.admit(&key)?;
        keys.older.retain(|older| *older != key);
        let former = keys.current.replace(key);
        let former = former.filter(|former| Some(former) != keys.current.as_ref());
        keys.older.extend(former);
        Ok(())
    }

    /// Forgets a key for as long as this keyring lives, whatever its source says: what was sealed with
    /// it cannot be read any more. Whether it was there. Destroy it where it is kept, too. After the
    /// current one, nothing is sealed until there is a new one.
    pub fn destroy(&self, id: KeyId) -> bool {
        let mut keys = self.0.keys.write();
        let known = keys.all().any(|key| key.id() == id);
        keys.current = keys.current.take().filter(|key| key.id() != id);
        keys.older.retain(|key| key.id() != id);
        if !keys.destroyed.contains(&id) {
            keys.destroyed.push(id);
        }
        known
    }

    /// Ids of the keys that are here, the current one first. A source that was not asked yet has given none.
    pub fn ids(&self) -> Vec<KeyId> {
        self.0.keys.read().all().map(Key::id).collect()
    }

    /// Asks the source again, for instance after a rotation there; without one, does nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Backend`] if the source fails; the keys stay as they were.
    pub fn refresh(&self) -> Result<()> {
        let Some(source) = &self.0.source else {
            return Ok(());
        };
        // asked without a lock: it may be anybody's code
        let given = source.keys().map_err(|error| {
            let message = "the encryption keys could not be had from their source";
            Error::new(ErrorKind::Backend, message).caused_by(error)
        })?;
        let mut keys = self.0.keys.write();
        let destroyed = std::mem::take(&mut keys.destroyed);
        let mut given = given.into_iter();
        let current = given.next().filter(|key| !destroyed.contains(&key.id()));
        let older = given.filter(|key| !destroyed.contains(&key.id())).collect();
        *keys = Keys {
            current,
            older,
            destroyed,
        };
        Ok(())
    }

    /// The key to seal with.
    ///
    /// # Errors
    /// [`ErrorKind::Backend`] if there is none.
    pub fn current(&self) -> Result<Key> {
        if let Some(key) = self.known_current() {
            return Ok(key);
        }
        self.refresh()?;
        self.known_current().ok_or_else(|| {
            let message = "the keyring has no key to seal with: rotate to a new one";
            Error::new(ErrorKind::Backend, message)
        })
    }

    /// The key with this id.
    ///
    /// # Errors
    /// [`ErrorKind::Backend`] if it is not here; the message names it.
    pub fn key(&self, id: KeyId) -> Result<Key> {
        if let Some(key) = self.known(id) {
            return Ok(key);
        }
        if self.0.keys.read().destroyed.contains(&id) {
            let message =
                format!("sealed with key {id}, which was destroyed: nobody can read it any more");
            return Err(Error::new(ErrorKind::Backend, message));
        }
        self.refresh()?;
        self.known(id).ok_or_else(|| {
            let message = format!(
                "sealed with key {id}, which is not in the keyring: add it to read the value"
            );
            Error::new(ErrorKind::Backend, message)
        })
    }

    fn known_current(&self) -> Option<Key> {
        self.0.keys.read().current.clone()
    }

    fn known(&self, id: KeyId) -> Option<Key> {
        let keys = self.0.keys.read();
        keys.all().find(|key| key.id() == id).cloned()
    }

    fn check_own(&self) -> Result<()> {
        if self.0.source.is_none() {
            return Ok(());
        }
        let message =
            "the keys of this keyring come from a source: change them there, then refresh";
        Err(Error::invalid(message))
    }
}

impl From<Key> for Keyring {
    fn from(key: Key) -> Self {
        Self::new(key)
    }
}

impl fmt::Debug for Keyring {
    /// Ids only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.ids().iter().map(KeyId::to_string).collect();
        write!(f, "Keyring({})", ids.join(", "))
    }
}
