//! Byte pair encoding of one piece: merging neighbours until no pair of them is a token.

use super::long;
use super::vocabulary::Vocabulary;

/// Up to this many bytes looking at all pairs for each merge is faster than a heap.
const SHORT: usize = 96;

/// "No token": ranks are far smaller.
pub(super) const NO_RANK: u32 = u32::MAX;

/// Buffers that are used again for each piece, and the ends of the last one's tokens.
#[derive(Default)]
pub(super) struct Merger {
    parts: Vec<Part>,
    heap: long::Heap,
    ends: Vec<usize>,
}

#[derive(Clone, Copy)]
struct Part {
    start: u32,
    /// Rank of this part and the next one together.
    pair: u32,
}

impl Merger {
    /// Where the tokens of the piece end, by merges alone. May stop when there are more than `limit`.
    pub(super) fn token_ends(
        &mut self,
        vocabulary: &Vocabulary,
        piece: &[u8],
        limit: usize,
    ) -> &[usize] {
        self.ends.clear();
        if piece.len() <= SHORT {
            self.merge_short(vocabulary, piece);
        } else {
            long::merge(vocabulary, piece, limit, &mut self.heap, &mut self.ends);
        }
        &self.ends
    }

    /// Gives back what an unusually long piece took.
    pub(super) fn shrink(&mut self) {
        const USUAL: usize = 1 << 14;
        self.ends.shrink_to(USUAL);
        self.heap.shrink();
    }

    fn merge_short(&mut self, vocabulary: &Vocabulary, piece: &[u8]) {
        let end = piece.len();
        let pair_rank = |parts: &[Part], i: usize| match parts.get(i + 1) {
            None => NO_RANK,
            Some(_) => {
                let until = parts.get(i + 2).map_or(end, |part| part.start as usize);
                let pair = &piece[parts[i].start as usize..until];
                vocabulary.rank(pair).unwrap_or(NO_RANK)
            }
        };
        let parts = &mut self.parts;
        parts.clear();
        parts.extend((0..end as u32).map(|start| Part {
            start,
            pair: NO_RANK,
        }));
        for (part, pair) in parts.iter_mut().zip(piece.windows(2)) {
            part.pair = vocabulary.pair_rank(pair[0], pair[1]).unwrap_or(NO_RANK);
        }
        while let Some(i) = leftmost_lowest(parts) {
            parts.remove(i + 1);
            parts[i].pair = pair_rank(parts, i);
            if i > 0 {
                parts[i - 1].pair = pair_rank(parts, i - 1);
            }
        }
        self.ends
            .extend(parts.iter().skip(1).map(|part| part.start as usize));
        self.ends.push(end);
    }
}

#[inline]
fn leftmost_lowest(parts: &[Part]) -> Option<usize> {
    let (mut lowest, mut at) = (NO_RANK, None);
    for (i, part) in parts.iter().enumerate() {
        if part.pair < lowest {
            (lowest, at) = (part.pair, Some(i));
        }
    }
    at
}
