//! The canonical bytes of a fingerprint on their way into SHA-256.

use sha2::{Digest as _, Sha256};

/// From here on small writes are handed to the hash.
const FLUSH_AT: usize = 16 * 1024;

/// Collects small writes and hashes them together.
#[derive(Default)]
pub(super) struct Sink {
    pending: Vec<u8>,
    hash: Option<Sha256>,
}

impl Sink {
    /// What kind of thing comes next.
    pub(super) fn tag(&mut self, tag: u8) {
        self.pending.push(tag);
    }

    /// A number or a length, always eight bytes.
    pub(super) fn number(&mut self, number: u64) {
        self.raw(&number.to_le_bytes());
    }

    /// Tag, length and content, so that neighbours never run into each other.
    pub(super) fn blob(&mut self, tag: u8, content: &[u8]) {
        self.tag(tag);
        self.number(content.len() as u64);
        self.raw(content);
    }

    /// Bytes whose length the reader knows already.
    pub(super) fn raw(&mut self, content: &[u8]) {
        if content.len() < FLUSH_AT {
            self.pending.extend_from_slice(content);
        } else {
            self.flush();
            self.hash.get_or_insert_default().update(content);
        }
        if self.pending.len() >= FLUSH_AT {
            self.flush();
        }
    }

    /// The digest of everything written.
    pub(super) fn digest(mut self) -> Digest {
        let hash = match self.hash.take() {
            None => Sha256::digest(&self.pending),
            Some(mut hash) => {
                hash.update(&self.pending);
                hash.finalize()
            }
        };
        Digest(hash.into())
    }

    fn flush(&mut self) {
        self.hash.get_or_insert_default().update(&self.pending);
        self.pending.clear();
    }
}

/// A SHA-256 digest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    /// All 32 bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first 16 bytes as hexadecimal text.
    pub(super) fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
        self.0[..16]
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect()
    }
}
