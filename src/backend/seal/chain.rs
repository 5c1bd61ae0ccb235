//! [`Then`]: one seal after the other.

use super::Seal;
use crate::error::Result;

/// Seals with the first, then what came out with the second.
///
/// Compress first: encrypted bytes do not get smaller. What is compressed and then encrypted has a length
/// that tells how repetitive it was, so do not compress a secret beside text that an attacker chooses.
#[derive(Debug, Clone)]
pub struct Then<First, Second>(
    /// Sees the plain bytes.
    pub First,
    /// Sees what the first made of them, and the store.
    pub Second,
);

impl<First: Seal, Second: Seal> Seal for Then<First, Second> {
    fn seal(&self, plain: &[u8], label: &[u8]) -> Result<Vec<u8>> {
        self.1.seal(&self.0.seal(plain, label)?, label)
    }

    fn open(&self, sealed: &[u8], label: &[u8], most: usize) -> Result<Vec<u8>> {
        let between = most.saturating_add(self.0.overhead());
        self.0
            .open(&self.1.open(sealed, label, between)?, label, most)
    }

    fn overhead(&self) -> usize {
        self.0.overhead() + self.1.overhead()
    }

    fn protects(&self) -> bool {
        self.0.protects() || self.1.protects()
    }
}
