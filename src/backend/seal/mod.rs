//! [`Seal`]: what happens to the bytes of a value on their way into a store and back.

mod chain;
#[cfg(feature = "compression")]
mod compress;
#[cfg(feature = "encryption")]
mod encrypt;
#[cfg(feature = "encryption")]
mod key;
#[cfg(feature = "encryption")]
mod keyring;

use crate::error::Result;

pub use chain::Then;
#[cfg(feature = "compression")]
pub use compress::{Compressed, Uncompressed};
#[cfg(feature = "encryption")]
pub use encrypt::Encrypted;
#[cfg(feature = "encryption")]
pub use key::{Key, KeyId};
#[cfg(feature = "encryption")]
pub use keyring::{KeySource, Keyring};

/// Turns bytes into others and back: compression, encryption, or one after the other.
///
/// A value is sealed in parts, so that a page of a large one opens only the parts that it needs.
pub trait Seal: Send + Sync + 'static {
    /// The bytes as they are stored. `label` says which part of which entry this is; a seal that
    /// protects binds the bytes to it, so that parts and rows cannot be exchanged for each other.
    ///
    /// # Errors
    /// [`Backend`](crate::ErrorKind::Backend) if there is no key to seal with.
    fn seal(&self, plain: &[u8], label: &[u8]) -> Result<Vec<u8>>;

    /// The bytes as they were, at most `most` of them: stored bytes may be anybody's.
    ///
    /// # Errors
    /// [`Backend`](crate::ErrorKind::Backend) if they were not sealed like this and under this label, or
    /// are more than `most`; the message says what to do and shows none of them.
    fn open(&self, sealed: &[u8], label: &[u8], most: usize) -> Result<Vec<u8>>;

    /// The most bytes by which sealed bytes are longer than plain ones.
    fn overhead(&self) -> usize;

    /// Whether what is sealed must not be readable in the store: then names of keys, types and previews
    /// are sealed as well, and an entry that is not sealed is refused.
    fn protects(&self) -> bool;
}
