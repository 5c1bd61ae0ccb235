//! Names of things: caches, references, and the keys that authors choose.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};

/// Hex digits of a new reference: 128 bits.
const HEX_DIGITS: usize = 32;
/// Fewest hex digits that are accepted, as older references have 16.
const LEAST_HEX_DIGITS: usize = 8;

/// The name of a cache, the part of its references before the colon.
///
/// A letter, then letters, digits, `_` and `-`: other names could not be told from plain text.
///
/// ```
/// use mcp_refcache::CacheName;
/// assert!(CacheName::new("calculator").is_ok());
/// assert!(CacheName::new("my cache").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheName(Arc<str>);

impl CacheName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if no reference could carry it.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self> {
        let name = name.into();
        if is_cache_name(&name) {
            return Ok(Self(name));
        }
        Err(Error::invalid("a cache name must begin with a letter and hold only letters, digits, '_' and '-' (all ASCII)")
            .with("name", format_args!("{name:?}")))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as shared text.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for CacheName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an agent holds instead of a value: `name:` and 32 hex digits, 128 bits from the operating
/// system, so that nobody can guess one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RefId(Arc<str>);

impl RefId {
    /// A new reference of this cache.
    ///
    /// # Errors
    /// [`ErrorKind::Unexpected`](crate::ErrorKind::Unexpected) if the operating system has no random bits to give.
    pub fn generate(cache: &CacheName) -> Result<Self> {
        let mut bits = [0u8; HEX_DIGITS / 2];
        getrandom::fill(&mut bits).map_err(|error| {
            Error::new(
                crate::ErrorKind::Unexpected,
                "the operating system gave no random bits",
            )
            .caused_by(error.to_string())
        })?;
        let mut id = String::with_capacity(cache.0.len() + 1 + HEX_DIGITS);
        id.push_str(&cache.0);
        id.push(':');
        for byte in bits {
            for digit in [byte >> 4, byte & 15] {
                id.push(char::from(b"0123456789abcdef"[digit as usize]));
            }
        }
        Ok(Self(id.into()))
    }

    /// The reference, if this text has the form of one: a cache name, a colon, and 8 or more
    /// lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        is_ref_id(text).then(|| Self(text.into()))
    }

    /// The whole reference.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The reference as shared text.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for RefId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether this text has the form of a reference; see [`RefId::parse`].
pub fn is_ref_id(text: &str) -> bool {
    cache_of(text).is_some()
}

/// The cache name of a text that has the form of a reference.
pub fn cache_of(text: &str) -> Option<&str> {
    let (name, hex) = text.split_once(':')?;
    let digits = hex.len() >= LEAST_HEX_DIGITS
        && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (digits && is_cache_name(name)).then_some(name)
}

fn is_cache_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// A key that an author chose: unique within one cache name and one namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyName {
    /// The cache that the key belongs to.
    pub cache: Arc<str>,
    /// The namespace of the entry.
    pub namespace: Arc<str>,
    /// The key itself.
    pub key: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_and_eight_hex_digits_make_a_reference() {
        for (text, expected) in [
            ("c:0123456789abcdef", true),
            ("my-app_2:01234567", true),
            ("myapp:abc123", false),
            ("c:0123456789abcdef\n", false),
            ("c:0123456A", false),
            ("2nd:0123456789abcdef", false),
            (":0123456789abcdef", false),
            ("c:01234567:89abcdef", false),
            ("", false),
            ("ü:0123456789abcdef", false),
        ] {
            assert_eq!(is_ref_id(text), expected, "{text:?}");
        }
    }

    #[test]
    fn new_references_are_references_and_differ() {
        let name = CacheName::new("c").unwrap();
        let (a, b) = (
            RefId::generate(&name).unwrap(),
            RefId::generate(&name).unwrap(),
        );
        assert!(is_ref_id(a.as_str()) && a != b && a.as_str().len() == 2 + HEX_DIGITS);
    }
}
