//! [`Memo`]: token counts of short pieces seen lately. Text of one kind repeats its pieces.

/// Longest piece that is remembered: with its length and its count it fills 16 bytes.
const LONGEST: usize = 15;
const PLACES: usize = 1 << 15;
const COUNT_SHIFT: u32 = 124;
/// All of a place but the count.
const PIECE: u128 = (1 << COUNT_SHIFT) - 1;

/// By length: the bytes that belong to the piece, and the length itself above them.
const MASKS: [(u128, u128); LONGEST + 1] = {
    let mut masks = [(0, 0); LONGEST + 1];
    let mut len = 0;
    while len <= LONGEST {
        masks[len] = ((1 << (8 * len)) - 1, (len as u128) << (8 * LONGEST));
        len += 1;
    }
    masks
};

/// One megabyte of counts, each in the one place its piece may have: the newer one wins.
pub(super) struct Memo {
    /// From the low end: 15 bytes of the piece, its length (4 bits), its count (4 bits).
    places: Box<[[u128; 2]; PLACES]>,
}

/// A piece as a number, and where its count would be.
#[derive(Clone, Copy)]
pub(super) struct Key {
    piece: u128,
    place: usize,
}

impl Memo {
    pub(super) fn new() -> Self {
        Self {
            places: vec![[0; 2]; PLACES]
                .try_into()
                .expect("a vector of so many"),
        }
    }

    /// The key of `text[start..end]`; `None` if that is too long.
    #[inline]
    pub(super) fn key(text: &[u8], start: usize, end: usize) -> Option<Key> {
        let len = end - start;
        if len > LONGEST {
            return None;
        }
        // reading 16 bytes and dropping some is faster than copying `len`; near the end it cannot be done
        let word = match text[start..].first_chunk::<16>() {
            Some(bytes) => *bytes,
            None => {
                let mut bytes = [0; 16];
                bytes[..len].copy_from_slice(&text[start..end]);
                bytes
            }
        };
        let (mask, length) = MASKS[len];
        let piece = u128::from_le_bytes(word) & mask | length;
        let (low, high) = (piece as u64, (piece >> 64) as u64);
        let hash = low
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .wrapping_add(high.rotate_left(32).wrapping_mul(0xD6E8_FEB8_6659_FD93));
        Some(Key {
            piece,
            place: (hash >> 49) as usize % PLACES,
        })
    }

    #[inline]
    pub(super) fn get(&self, key: Key) -> Option<usize> {
        let [newer, older] = self.places[key.place];
        if newer & PIECE == key.piece {
            Some((newer >> COUNT_SHIFT) as usize)
        } else if older & PIECE == key.piece {
            Some((older >> COUNT_SHIFT) as usize)
        } else {
            None
        }
    }

    /// Remembers a count, which is at least 1 and at most the number of bytes.
    #[inline]
    pub(super) fn put(&mut self, key: Key, count: usize) {
        let place = &mut self.places[key.place];
        *place = [key.piece | (count as u128) << COUNT_SHIFT, place[0]];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_remembered_for_exactly_their_piece() {
        let mut memo = Memo::new();
        let text = b"hello\0\0world, this is more than sixteen bytes";
        let key = |start, end| Memo::key(text, start, end).unwrap();
        memo.put(key(0, 5), 3);
        memo.put(key(0, 15), 15);
        assert_eq!(memo.get(key(0, 5)), Some(3));
        assert_eq!(memo.get(key(0, 15)), Some(15));
        assert_eq!(memo.get(key(0, 6)), None);
        assert_eq!(memo.get(key(0, 4)), None);
        assert!(Memo::key(text, 0, 16).is_none());
    }

    #[test]
    fn a_piece_at_the_end_has_the_key_it_has_elsewhere() {
        let mut memo = Memo::new();
        memo.put(Memo::key(b"some more text behind", 0, 4).unwrap(), 1);
        assert_eq!(memo.get(Memo::key(b"and some", 4, 8).unwrap()), Some(1));
    }
}
