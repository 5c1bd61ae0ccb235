//! [`Key`]: 32 secret bytes that leave memory when they are dropped, and [`KeyId`], which tells keys apart.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};

/// Bytes of a key.
const LEN: usize = 32;

/// A key to encrypt with: 32 random bytes. Clones share the bytes; with the last of them they are
/// overwritten.
///
/// ```
/// use mcp_refcache::backend::seal::Key;
/// let key = Key::parse("MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=")?;
/// assert_eq!(format!("{key:?}"), format!("Key({})", key.id()));
/// assert!(Key::parse("correct horse battery staple").is_err());
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
#[derive(Clone)]
pub struct Key {
    bytes: Arc<Zeroizing<[u8; LEN]>>,
    id: KeyId,
}

impl Key {
    /// A new key from the operating system's random bits.
    ///
    /// # Errors
    /// [`ErrorKind::Unexpected`] if it has none to give.
    pub fn generate() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; LEN]);
        fill_randomly(&mut *bytes)?;
        Ok(Self::of(bytes))
    }

    /// The key with these bytes: 32 of them, or the text of 32 as [`Key::parse`] reads it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for anything else, and for 32 bytes that are printable text: those
    /// are a passphrase, which can be guessed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes);
        if let Ok(exact) = <[u8; LEN]>::try_from(bytes) {
            let key = Zeroizing::new(exact);
            return match text {
                Ok(text) if text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') => {
                    Err(no_key().with("got", "32 characters of text"))
                }
                _ => Ok(Self::of(key)),
            };
        }
        match text {
            Ok(text) => Self::parse(text),
            Err(_) => Err(no_key().with("got", format_args!("{} bytes", bytes.len()))),
        }
    }

    /// The key that is written here as base64 (of either alphabet, padded or not) or hex.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is neither of 32 bytes.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let bytes = match text.len() {
            64 => unhex(text),
            _ => unbase64(text.trim_end_matches('=')),
        };
        let exact = bytes.and_then(|bytes| <[u8; LEN]>::try_from(bytes.as_slice()).ok());
        match exact.map(Zeroizing::new) {
            Some(bytes) => Ok(Self::of(bytes)),
            None => {
                let found = format!("{} characters of text", text.chars().count());
                Err(no_key().with("got", found))
            }
        }
    }

    /// Which key this is; does not help to find the key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn bytes(&self) -> &[u8; LEN] {
        &self.bytes
    }

    fn of(bytes: Zeroizing<[u8; LEN]>) -> Self {
        let digest = Sha256::new()
            .chain_update(b"mcp-refcache key id\0")
            .chain_update(bytes.as_slice())
            .finalize();
        let id = KeyId([digest[0], digest[1], digest[2], digest[3]]);
        let bytes = Arc::new(bytes);
        Self { bytes, id }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl PartialEq for Key {
    /// By the bytes. Both are ours, so how long it takes tells nobody anything.
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Key {}

/// The short name of a key, made from it: shown as 8 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub(super) [u8; 4]);

impl KeyId {
    /// The id that is shown like this.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = unhex(text)?;
        <[u8; 4]>::try_from(bytes.as_slice()).ok().map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// Fills with random bits of the operating system.
pub(super) fn fill_randomly(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| {
        let message = "the operating system gave no random bits";
        Error::new(ErrorKind::Unexpected, message).caused_by(error.to_string())
    })
}

fn unhex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect::<Option<Vec<u8>>>()
        .map(Zeroizing::new)
}

fn unbase64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let decoded = STANDARD_NO_PAD
        .decode(text)
        .or_else(|_| URL_SAFE_NO_PAD.decode(text));
    decoded.ok().map(Zeroizing::new)
}

fn no_key() -> Error {
    Error::invalid(
        "an encryption key is 32 random bytes, as base64 (44 characters) or hex (64 characters), and no \
         passphrase; make one with `openssl rand -base64 32`",
    )
}
