//! [`Encrypted`]: values that only the holder of a key can read, and nobody can change unnoticed.

use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};

use super::Seal;
use super::key::{KeyId, fill_randomly};
use super::keyring::Keyring;
use crate::error::{Error, ErrorKind, Result};

/// The first byte of what is sealed: how the rest is made.
const FORM: u8 = 1;
/// Form and key id.
const HEADER: usize = 1 + 4;
const NONCE: usize = 24;
const TAG: usize = 16;

/// Encrypts with XChaCha20-Poly1305 under the keyring's current key.
///
/// What is sealed: a byte for the form, the key's id, a nonce of 192 random bits (which never has to be
/// counted, however many processes share the key), the ciphertext, the tag. The tag covers the label too.
#[derive(Debug, Clone)]
pub struct Encrypted {
    keyring: Keyring,
}

impl Encrypted {
    /// Encrypts with a [`Key`](super::Key) or a [`Keyring`].
    pub fn new(keyring: impl Into<Keyring>) -> Self {
        let keyring = keyring.into();
        Self { keyring }
    }

    /// The keys.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }
}

impl Seal for Encrypted {
    fn seal(&self, plain: &[u8], label: &[u8]) -> Result<Vec<u8>> {
        let key = self.keyring.current()?;
        let mut sealed = Vec::with_capacity(plain.len() + self.overhead());
        sealed.push(FORM);
        sealed.extend_from_slice(&key.id().0);
        let bound = bound_to(&sealed, label);
        let mut nonce = [0; NONCE];
        fill_randomly(&mut nonce)?;
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let text = &mut sealed[HEADER + NONCE..];
        let tag = XChaCha20Poly1305::new(key.bytes().into())
            .encrypt_inout_detached(&XNonce::from(nonce), &bound, text.into())
            .map_err(|_| {
                Error::new(
                    ErrorKind::Unsupported,
                    "a part of a value is too long to be encrypted",
                )
            })?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    fn open(&self, sealed: &[u8], label: &[u8], most: usize) -> Result<Vec<u8>> {
        let (header, rest) = sealed.split_at_checked(HEADER).ok_or_else(changed)?;
        let [FORM, id @ ..] = header else {
            return Err(changed());
        };
        let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or_else(changed)?;
        let (text, tag) = rest.split_last_chunk::<TAG>().ok_or_else(changed)?;
        if text.len() > most {
            let message = "an encrypted value is longer than its entry says: delete the entry";
            return Err(Error::new(ErrorKind::Backend, message));
        }
        let id = KeyId(id.try_into().map_err(|_| changed())?);
        let key = self.keyring.key(id)?;
        let mut plain = text.to_vec();
        XChaCha20Poly1305::new(key.bytes().into())
            .decrypt_inout_detached(
                &XNonce::from(*nonce),
                &bound_to(header, label),
                plain.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .map_err(|_| changed())?;
        Ok(plain)
    }

    fn overhead(&self) -> usize {
        HEADER + NONCE + TAG
    }

    fn protects(&self) -> bool {
        true
    }
}

/// What the tag covers besides the ciphertext. The header has a fixed length, so that no two pairs of
/// header and label are the same bytes.
fn bound_to(header: &[u8], label: &[u8]) -> Vec<u8> {
    [header, label].concat()
}

fn changed() -> Error {
    Error::new(
        ErrorKind::Backend,
        "an encrypted value was changed or belongs to another entry: delete the entry and store it again",
    )
}
