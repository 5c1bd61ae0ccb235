//! [`Vocabulary`]: the tokens of an encoding in flat arrays, found by their bytes.

use std::hash::Hasher;

use miniz_oxide::inflate::decompress_to_vec;
use rustc_hash::FxHasher;

/// Bits of a slot that hold a rank + 1; the rest are bits of the hash, which spare most comparisons.
const RANK_BITS: u32 = 18;
const RANK_MASK: u32 = (1 << RANK_BITS) - 1;

/// The tokens of an encoding and their ranks. A token's rank is its id, and its priority in merges.
pub(super) struct Vocabulary {
    /// The unpacked asset: number of tokens, their lengths, their bytes.
    data: Vec<u8>,
    /// Where in `data` the token of a rank begins; one more at the end.
    starts: Vec<u32>,
    /// Open addressing: 0, or rank + 1 and some bits of the token's hash.
    slots: Vec<u32>,
    /// Rank + 1 of each token of two bytes: the first lookups of every merge.
    pairs: Box<[u32; 1 << 16]>,
    longest: usize,
}

impl Vocabulary {
    /// Unpacks an asset of `scripts/make_vocabulary.py`; `None` if it is not one.
    pub(super) fn unpack(asset: &[u8]) -> Option<Self> {
        let mut data = decompress_to_vec(asset).ok()?;
        data.shrink_to_fit();
        let (head, rest) = data.split_first_chunk::<4>()?;
        let tokens = u32::from_le_bytes(*head) as usize;
        let lengths = rest.get(..tokens)?;
        let longest = usize::from(*lengths.iter().max()?);
        let mut starts = Vec::with_capacity(tokens + 1);
        let mut at = 4 + tokens as u32;
        starts.push(at);
        for length in lengths {
            at += u32::from(*length);
            starts.push(at);
        }
        if at as usize != data.len() || tokens >= RANK_MASK as usize {
            return None;
        }
        let slots = vec![0; (2 * tokens).next_power_of_two()];
        let mut vocabulary = Self {
            data,
            starts,
            slots,
            pairs: vec![0; 1 << 16].try_into().ok()?,
            longest,
        };
        for rank in 0..tokens as u32 {
            vocabulary.insert(rank);
        }
        Some(vocabulary)
    }

    fn insert(&mut self, rank: u32) {
        if let [first, second] = *self.token(rank) {
            self.pairs[usize::from(first) << 8 | usize::from(second)] = rank + 1;
        }
        let (mut slot, tag) = self.place(self.token(rank));
        while self.slots[slot] != 0 {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = tag | (rank + 1);
    }

    /// The first slot to look at for these bytes, and the hash bits that the right one holds.
    #[inline]
    fn place(&self, bytes: &[u8]) -> (usize, u32) {
        let mut hasher = FxHasher::default();
        hasher.write(bytes);
        let hash = hasher.finish();
        let slot = hash as usize & (self.slots.len() - 1);
        (slot, (hash >> 32) as u32 & !RANK_MASK)
    }

    #[inline]
    fn token(&self, rank: u32) -> &[u8] {
        let rank = rank as usize;
        &self.data[self.starts[rank] as usize..self.starts[rank + 1] as usize]
    }

    /// [`Vocabulary::rank`] of two bytes.
    #[inline]
    pub(super) fn pair_rank(&self, first: u8, second: u8) -> Option<u32> {
        self.pairs[usize::from(first) << 8 | usize::from(second)].checked_sub(1)
    }

    /// The rank of the token with exactly these bytes.
    #[inline]
    pub(super) fn rank(&self, bytes: &[u8]) -> Option<u32> {
        if bytes.len() > self.longest {
            return None;
        }
        let (mut slot, tag) = self.place(bytes);
        loop {
            let found = self.slots[slot];
            if found == 0 {
                return None;
            }
            if found & !RANK_MASK == tag {
                let rank = (found & RANK_MASK) - 1;
                if self.token(rank) == bytes {
                    return Some(rank);
                }
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_found_under_its_rank() {
        let asset = include_bytes!("../../../assets/cl100k_base.deflate");
        let vocabulary = Vocabulary::unpack(asset).unwrap();
        assert_eq!(vocabulary.starts.len(), 100_256 + 1);
        for rank in 0..100_256 {
            assert_eq!(vocabulary.rank(vocabulary.token(rank)), Some(rank));
        }
        assert_eq!(vocabulary.rank(b""), None);
        assert_eq!(vocabulary.rank("\u{10FFFF}".as_bytes()), None);
        assert_eq!(vocabulary.rank(&[b' '; 200]), None);
    }

    #[test]
    fn what_is_no_vocabulary_is_refused() {
        assert!(Vocabulary::unpack(b"").is_none());
        assert!(Vocabulary::unpack(b"no deflate stream").is_none());
        let asset = include_bytes!("../../../assets/cl100k_base.deflate");
        assert!(Vocabulary::unpack(&asset[..asset.len() / 2]).is_none());
    }
}
