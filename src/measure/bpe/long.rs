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
use std::ops::Range;

use super::merge::NO_RANK;
use super::vocabulary::Vocabulary;

/// Bytes of a window: its nodes and its heap stay in the cache.
const WINDOW: usize = 4096;
/// Bytes that windows have in common: some tokens, the longest of which has 128 bytes.
const OVERLAP: usize = 256;

/// Appends where the tokens of the piece end. May stop when there are more than `limit`.
pub(super) fn merge(
    vocabulary: &Vocabulary,
    piece: &[u8],
    limit: usize,
    heap: &mut Heap,
    ends: &mut Vec<usize>,
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
    ends: &mut Vec<usize>,
) -> bool {
    // each window is a list of seams; those of `window` up to number `settled` are in `ends` already
    let (mut window, mut next, mut settled) = (Vec::new(), Vec::new(), 0);
    let (mut start, mut until) = (0, piece.len().min(size));
    heap.merge(vocabulary, piece, start..until, &mut window);
    while until < piece.len() && ends.len() <= limit {
        let edge = until - OVERLAP;
        let back = window.partition_point(|seam| *seam < edge);
        let from = window[back];
        let text = from..piece.len().min(from + size);
        next.clear();
        if piece[text.clone()] == piece[start..until] {
            // a run, or anything else that repeats itself: the same seams again
            next.extend(window.iter().map(|seam| seam + (from - start)));
        } else {
            heap.merge(vocabulary, piece, text.clone(), &mut next);
        }
        let Some((here, there)) = common_token(&window[back..], &next) else {
            return false;
        };
        ends.extend_from_slice(&window[settled + 1..=back + here + 1]);
        settled = there + 1;
        (start, until) = (text.start, text.end);
        std::mem::swap(&mut window, &mut next);
    }
    ends.extend_from_slice(&window[settled + 1..]);
    true
}

/// Where in both lists of seams the same token begins.
fn common_token(here: &[usize], there: &[usize]) -> Option<(usize, usize)> {
    let (mut i, mut j) = (0, 0);
    while i + 1 < here.len() && j + 1 < there.len() {
        if here[i..i + 2] == there[j..j + 2] {
            return Some((i, j));
        }
        if here[i] <= there[j] { i += 1 } else { j += 1 }
    }
    None
}

/// The parts of a window as a linked list, and the merges that may come next.
///
/// The next merge is the leftmost pair of the lowest rank, so a pair need not wait in the heap while
/// one beside it goes first: it is looked at again when that one is gone. In a run of one character
/// the heap holds a single merge.
#[derive(Default)]
pub(super) struct Heap {
    nodes: Vec<Node>,
    merges: BinaryHeap<Reverse<u64>>,
}

/// A part, at the index where it starts. One behind the last part stands for its end.
#[derive(Clone, Copy)]
struct Node {
    previous: u32,
    next: u32,
    /// Rank of this part and the next one together; a merge in the heap with another rank is outdated.
    pair: u32,
}

impl Heap {
    /// Appends all seams of `piece[window]`, both ends included.
    fn merge(
        &mut self,
        vocabulary: &Vocabulary,
        piece: &[u8],
        window: Range<usize>,
        seams: &mut Vec<usize>,
    ) {
        let bytes = &piece[window.clone()];
        let end = bytes.len();
        let rank =
            |start: usize, end: usize| vocabulary.rank(&bytes[start..end]).unwrap_or(NO_RANK);
        self.nodes.clear();
        self.nodes.extend((0..=end).map(|i| Node {
            previous: i.saturating_sub(1) as u32,
            next: i as u32 + 1,
            pair: NO_RANK,
        }));
        for (node, pair) in self.nodes.iter_mut().zip(bytes.windows(2)) {
            node.pair = vocabulary.pair_rank(pair[0], pair[1]).unwrap_or(NO_RANK);
        }
        self.merges.clear();
        for at in 0..end {
            self.offer(at);
        }
        while let Some(Reverse(merge)) = self.merges.pop() {
            let (pair, at) = ((merge >> 32) as u32, merge as u32 as usize);
            if self.nodes[at].pair != pair {
                continue;
            }
            let nodes = &mut self.nodes;
            let (before, taken) = (nodes[at].previous as usize, nodes[at].next as usize);
            let behind = nodes[taken].next as usize;
            nodes[at].next = behind as u32;
            nodes[behind].previous = at as u32;
            let taken_pair = nodes[taken].pair;
            nodes[taken].pair = NO_RANK;
            nodes[at].pair = match behind {
                _ if behind == end => NO_RANK,
                _ => rank(at, nodes[behind].next as usize),
            };
            if before < at {
                let before_pair = nodes[before].pair;
                nodes[before].pair = rank(before, behind);
                let far_before = nodes[before].previous as usize;
                if far_before < before && before_pair < self.nodes[far_before].pair {
                    self.offer(far_before);
                }
                self.offer(before);
            }
            self.offer(at);
            if taken_pair <= self.nodes[behind].pair {
                self.offer(behind);
            }
        }
        let mut at = 0;
        while at < end {
            seams.push(window.start + at);
            at = self.nodes[at].next as usize;
        }
        seams.push(window.end);
    }

    /// Puts the pair that starts here into the heap if it goes before those beside it.
    #[inline]
    fn offer(&mut self, at: usize) {
        let node = self.nodes[at];
        if node.pair == NO_RANK {
            return;
        }
        let previous = self.nodes[node.previous as usize].pair;
        let next = self.nodes[node.next as usize].pair;
        if (previous > node.pair || at == 0) && next >= node.pair {
            self.merges
                .push(Reverse(u64::from(node.pair) << 32 | at as u64));
        }
    }

    /// Gives back what an unusually large window took.
    pub(super) fn shrink(&mut self) {
        self.nodes.shrink_to(2 * WINDOW);
        self.merges.shrink_to(WINDOW);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vocabulary() -> &'static Vocabulary {
        &crate::measure::Encoding::cl100k_base().vocabulary
    }

    /// Merges in one window: no seams to get wrong.
    fn in_one(piece: &[u8]) -> Vec<usize> {
        let mut seams = Vec::new();
        Heap::default().merge(vocabulary(), piece, 0..piece.len(), &mut seams);
        seams[1..].to_vec()
    }

    /// Merges by the definition: again and again the leftmost pair of the lowest rank.
    fn by_definition(piece: &[u8]) -> Vec<usize> {
        let mut seams: Vec<usize> = (0..=piece.len()).collect();
        loop {
            let pairs = seams.windows(3).enumerate();
            let ranked = pairs.filter_map(|(i, pair)| {
                let rank = vocabulary().rank(&piece[pair[0]..pair[2]])?;
                Some((rank, i))
            });
            match ranked.min() {
                Some((_, i)) => seams.remove(i + 1),
                None => break,
            };
        }
        seams.split_off(1)
    }

    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let part = (
            prop_oneof!["[a-e]{1,9}", "[a-z]{1,40}", "[ =.-]{1,6}", "\\PC{1,9}"],
            1..90usize,
        );
        prop::collection::vec(part, 1..12).prop_map(|parts| {
            parts
                .iter()
                .map(|(part, times)| part.repeat(*times))
                .collect::<String>()
                .into()
        })
    }

    proptest! {
        #[test]
        fn the_heap_merges_by_the_definition(mut piece in pieces()) {
            piece.truncate(300);
            prop_assert_eq!(in_one(&piece), by_definition(&piece));
        }

        #[test]
        fn windows_change_nothing(piece in pieces(), size in OVERLAP + 1..1000) {
            let (mut heap, mut ends) = (Heap::default(), Vec::new());
            if merge_windows(vocabulary(), &piece, usize::MAX, size, &mut heap, &mut ends) {
                prop_assert_eq!(ends, in_one(&piece));
            }
        }
    }

    #[test]
    fn merging_stops_behind_the_limit() {
        let piece = b"abcdefgh".repeat(100_000);
        let (mut heap, mut ends) = (Heap::default(), Vec::new());
        merge(vocabulary(), &piece, 10, &mut heap, &mut ends);
        assert!((11..3 * WINDOW).contains(&ends.len()));
    }

    #[test]
    fn a_token_in_common_has_both_its_seams_in_common() {
        assert_eq!(common_token(&[5, 7, 9], &[5, 8, 9, 11]), None);
        assert_eq!(common_token(&[5, 7, 9, 11], &[5, 8, 9, 11]), Some((2, 2)));
        assert_eq!(common_token(&[5, 6], &[5, 6]), Some((0, 0)));
        assert_eq!(common_token(&[5], &[5, 6]), None);
    }
}
