//! [`Encoding`]: exact o200k_base and cl100k_base tokens, without a network.
//!
//! A text is cut into pieces (`split`), a piece is a token of the `vocabulary` or is merged from its
//! bytes (`merge`, `long`), and counts of short pieces are remembered (`memo`).

mod classes;
mod long;
mod memo;
mod merge;
mod models;
mod split;
mod vocabulary;

use std::fmt;
use std::sync::LazyLock;

use parking_lot::Mutex;

use self::memo::Memo;
use self::merge::Merger;
use self::split::Pattern;
use self::vocabulary::Vocabulary;
use super::Tokenizer;
use crate::error::Result;

pub use self::models::encoding_for_model;

/// Idle work areas that are kept, each of about a megabyte; more threads at a time make their own.
const IDLE: usize = 4;

/// A vocabulary and the pattern that cuts text for it. Built in, unpacked at its first use.
///
/// Token ids are those of tiktoken's `encode(text, disallowed_special=())`: text that looks like a
/// special token is ordinary text.
///
/// ```
/// use mcp_refcache::measure::{Encoding, Tokenizer};
/// let encoding = Encoding::o200k_base();
/// assert_eq!(encoding.encode("hello world")?, [24912, 2375]);
/// assert_eq!(encoding.count_tokens("<|endoftext|>")?, 7);
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
pub struct Encoding {
    name: &'static str,
    pattern: Pattern,
    vocabulary: Vocabulary,
    idle: Mutex<Vec<WorkArea>>,
}

/// What one count needs besides the vocabulary; no two threads share one.
struct WorkArea {
    memo: Memo,
    merger: Merger,
}

impl Encoding {
    /// The encoding of GPT-4o and later models.
    pub fn o200k_base() -> &'static Self {
        static ENCODING: LazyLock<Encoding> = LazyLock::new(|| {
            let asset = include_bytes!("../../../assets/o200k_base.deflate");
            Encoding::unpack("o200k_base", Pattern::O200k, asset)
        });
        &ENCODING
    }

    /// The encoding of GPT-4, GPT-3.5 and the embedding models.
    pub fn cl100k_base() -> &'static Self {
        static ENCODING: LazyLock<Encoding> = LazyLock::new(|| {
            let asset = include_bytes!("../../../assets/cl100k_base.deflate");
            Encoding::unpack("cl100k_base", Pattern::Cl100k, asset)
        });
        &ENCODING
    }

    fn unpack(name: &'static str, pattern: Pattern, asset: &[u8]) -> Self {
        Self {
            name,
            pattern,
            vocabulary: Vocabulary::unpack(asset).expect("the built-in vocabularies are tested"),
            idle: Mutex::default(),
        }
    }

    /// Number of tokens, or `None` when there are more than `limit`.
    fn count_within(&self, text: &str, limit: usize) -> Option<usize> {
        self.with_work_area(|area| match self.pattern {
            Pattern::O200k => self.count_pieces(text, limit, area, split::o200k),
            Pattern::Cl100k => self.count_pieces(text, limit, area, split::cl100k),
        })
    }

    #[inline]
    fn count_pieces(
        &self,
        text: &str,
        limit: usize,
        area: &mut WorkArea,
        piece_end: impl Fn(&str, usize) -> usize,
    ) -> Option<usize> {
        let bytes = text.as_bytes();
        let (mut start, mut count) = (0, 0);
        while start < bytes.len() && count <= limit {
            let end = piece_end(text, start);
            count += if let Some(key) = Memo::key(bytes, start, end) {
                match area.memo.get(key) {
                    Some(known) => known,
                    None => {
                        let counted = self.count_piece(&bytes[start..end], usize::MAX, area);
                        area.memo.put(key, counted);
                        counted
                    }
                }
            } else {
                self.count_piece(&bytes[start..end], limit - count, area)
            };
            start = end;
        }
        (count <= limit).then_some(count)
    }

    #[cold]
    #[inline(never)]
    fn count_piece(&self, piece: &[u8], limit: usize, area: &mut WorkArea) -> usize {
        match self.vocabulary.rank(piece) {
            Some(_) => 1,
            None => area.merger.token_ends(&self.vocabulary, piece, limit).len(),
        }
    }

    fn push_ids(&self, piece: &[u8], area: &mut WorkArea, ids: &mut Vec<u32>) {
        if let Some(rank) = self.vocabulary.rank(piece) {
            return ids.push(rank);
        }
        let mut start = 0;
        for end in area.merger.token_ends(&self.vocabulary, piece, usize::MAX) {
            let rank = self.vocabulary.rank(&piece[start..*end]);
            ids.push(rank.expect("merges make tokens, and each byte is one"));
            start = *end;
        }
    }

    fn with_work_area<T>(&self, work: impl FnOnce(&mut WorkArea) -> T) -> T {
        let idle = self.idle.lock().pop();
        let mut area = idle.unwrap_or_else(|| WorkArea {
            memo: Memo::new(),
            merger: Merger::default(),
        });
        let done = work(&mut area);
        area.merger.shrink();
        let mut idle = self.idle.lock();
        if idle.len() < IDLE {
            idle.push(area);
        }
        done
    }
}

impl Tokenizer for Encoding {
    fn model_name(&self) -> &str {
        self.name
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let piece_end = match self.pattern {
            Pattern::O200k => split::o200k,
            Pattern::Cl100k => split::cl100k,
        };
        let mut ids = Vec::with_capacity(text.len() / 4);
        self.with_work_area(|area| {
            let mut start = 0;
            while start < text.len() {
                let end = piece_end(text, start);
                self.push_ids(&text.as_bytes()[start..end], area, &mut ids);
                start = end;
            }
        });
        Ok(ids)
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        Ok(self.count_within(text, usize::MAX).unwrap_or(usize::MAX))
    }

    fn count_up_to(&self, text: &str, limit: usize) -> Result<Option<usize>> {
        Ok(self.count_within(text, limit))
    }

    fn additive(&self) -> Option<&'static str> {
        Some(self.name)
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoding")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
