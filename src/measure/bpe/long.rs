//! Byte pair encoding of a long piece in near-linear time: windows, each merged with a heap.
//!
//! Merging a megabyte at once jumps all over memory. The tokens of a window are those of the whole
//! piece except near its edges, and that can be checked: a row of tokens is the encoding of its text if
//! and only if each two neighbours are the encoding of theirs (a merge that would cross their seam in
//! the row would cross it in the pair as well, and the other way round). So when a window and the next,
//! which begins a little before the end of the first, have one token in common, the tokens of the first
//! up to there and those of the next from there on are the encoding of both together.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::merge::NO_RANK;
use super::vocabulary::Vocabulary;

/// Bytes of a window: its nodes and its heap stay in the first-level cache.
const WINDOW: usize = 2048;
/// Bytes that windows have in common: some tokens, the longest of which has 128 bytes.
const OVERLAP: usize = 256;

/// Appends where the tokens of the piece end. May stop when there are more than `limit`.
pub(super) fn merge(
    vocabulary: &Vocabulary,
    piece: &[u8],
    limit: usize,
    heap: &mut Heap,
    ends: &mut Vec<u32>,
) {
    let mut window = WINDOW;
    while !merge_windows(vocabulary, piece, limit, window, heap, ends) {
        ends.clear();
        window *= 2;
    }
}

/// [`merge`] with windows of this size; false if two of them have no token in common.
fn merge_windows(
    vocabulary: &Vocabulary,
    piece: &[u8],
    limit: usize,
    size: usize,
    heap: &mut Heap,
    ends: &mut Vec<u32>,
) -> bool {
    let mut until = piece.len().min(size);
    // each window is a list of seams; the first one of `window` is settled already
    let (mut window, mut next) = (Vec::new(), Vec::new());
    heap.merge(vocabulary, piece, 0, until, &mut window);
    while until < piece.len() && ends.len() <= limit {
        let edge = (until - OVERLAP) as u32;
        let back = window.partition_point(|seam| *seam < edge);
        let from = window[back] as usize;
        until = piece.len().min(from + size);
        next.clear();
        heap.merge(vocabulary, piece, from, until, &mut next);
        let Some((here, there)) = common_token(&window[back..], &next) else {
            return false;
        };
        ends.extend_from_slice(&window[1..=back + here + 1]);
        next.drain(..=there);
        std::mem::swap(&mut window, &mut next);
    }
    ends.extend_from_slice(&window[1..]);
    true
}

/// Where in both lists of seams the same token begins.
fn common_token(here: &[u32], there: &[u32]) -> Option<(usize, usize)> {
    let (mut i, mut j) = (0, 0);
    while i + 1 < here.len() && j + 1 < there.len() {
        if here[i..i + 2] == there[j..j + 2] {
            return Some((i, j));
        }
        if here[i] <= there[j] { i += 1 } else { j += 1 }
    }
    None
}

/// The parts of a window as a linked list, and its possible merges, lowest rank and leftmost first.
#[derive(Default)]
pub(super) struct Heap {
    nodes: Vec<Node>,
    merges: BinaryHeap<Reverse<u64>>,
}

/// A part, at the index where it starts.
#[derive(Clone, Copy)]
struct Node {
    previous: u32,
    next: u32,
    /// Rank of this part and the next one together; a merge in the heap with another rank is outdated.
    pair: u32,
}

impl Heap {
    /// Appends all seams of `piece[from..until]`, both ends included.
    fn merge(
        &mut self,
        vocabulary: &Vocabulary,
        piece: &[u8],
        from: usize,
        until: usize,
        seams: &mut Vec<u32>,
    ) {
        let bytes = &piece[from..until];
        let len = bytes.len();
        let rank =
            |start: usize, end: usize| vocabulary.rank(&bytes[start..end]).unwrap_or(NO_RANK);
        let nodes = &mut self.nodes;
        nodes.clear();
        nodes.extend((0..len).map(|i| Node {
            previous: (i as u32).wrapping_sub(1),
            next: i as u32 + 1,
            pair: if i + 2 <= len {
                rank(i, i + 2)
            } else {
                NO_RANK
            },
        }));
        let mut merges = std::mem::take(&mut self.merges).into_vec();
        merges.clear();
        let possible = nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.pair != NO_RANK);
        merges.extend(possible.map(|(i, node)| entry(node.pair, i)));
        self.merges = BinaryHeap::from(merges);

        while let Some(Reverse(merge)) = self.merges.pop() {
            let (pair, at) = ((merge >> 32) as u32, merge as u32 as usize);
            let node = nodes[at];
            if node.pair != pair {
                continue;
            }
            let taken = node.next as usize;
            let behind = nodes[taken].next as usize;
            nodes[taken].pair = NO_RANK;
            nodes[at].next = behind as u32;
            nodes[at].pair = NO_RANK;
            if behind < len {
                nodes[behind].previous = at as u32;
                nodes[at].pair = rank(at, nodes[behind].next as usize);
                if nodes[at].pair != NO_RANK {
                    self.merges.push(entry(nodes[at].pair, at));
                }
            }
            if at > 0 {
                let before = node.previous as usize;
                nodes[before].pair = rank(before, behind);
                if nodes[before].pair != NO_RANK {
                    self.merges.push(entry(nodes[before].pair, before));
                }
            }
        }
        let mut at = 0;
        while at < len {
            seams.push((from + at) as u32);
            at = nodes[at].next as usize;
        }
        seams.push(until as u32);
    }

    /// Gives back what an unusually large window took.
    pub(super) fn shrink(&mut self) {
        self.nodes.shrink_to(2 * WINDOW);
        self.merges.shrink_to(4 * WINDOW);
    }
}

fn entry(pair: u32, at: usize) -> Reverse<u64> {
    Reverse(u64::from(pair) << 32 | at as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_common_has_both_its_seams_in_common() {
        assert_eq!(common_token(&[5, 7, 9], &[5, 8, 9, 11]), None);
        assert_eq!(common_token(&[5, 7, 9, 11], &[5, 8, 9, 11]), Some((2, 2)));
        assert_eq!(common_token(&[5, 6], &[5, 6]), Some((0, 0)));
        assert_eq!(common_token(&[5], &[5, 6]), None);
    }
}
