//! Sizes in characters, and tokens estimated from characters.

use std::ops::ControlFlow;

use super::{SizeMeasurer, Tokenizer};
use crate::error::{Error, Result};
use crate::value::{Excerpt, Node};

/// Measures the characters of the JSON text.
///
/// ```
/// use std::sync::Arc;
/// use mcp_refcache::measure::{CharacterMeasurer, SizeMeasurer};
/// use mcp_refcache::value::{Document, Excerpt};
/// let document = Arc::new(Document::from_serialize("é")?);
/// assert_eq!(CharacterMeasurer.measure(&Excerpt::whole(document))?, r#""\u00e9""#.len());
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CharacterMeasurer;

impl SizeMeasurer for CharacterMeasurer {
    fn measure(&self, excerpt: &Excerpt) -> Result<usize> {
        Ok(excerpt.chars())
    }

    /// Stops behind the item with which the limit is passed.
    fn fits(&self, excerpt: &Excerpt, limit: usize) -> Result<bool> {
        if let Node::Span(span) = excerpt.root() {
            return Ok(span.len() <= limit);
        }
        let mut left = limit;
        let outcome = excerpt.pieces(&mut |piece| match left.checked_sub(piece.len()) {
            Some(rest) => {
                left = rest;
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        });
        Ok(outcome.is_continue())
    }

    fn unit(&self) -> Option<&'static str> {
        Some("characters")
    }
}

/// A tokenizer that only estimates: one token for so many characters, rounded up.
///
/// ```
/// use mcp_refcache::measure::{CharacterFallback, Tokenizer};
/// let tokenizer = CharacterFallback::default();
/// assert_eq!(tokenizer.encode("hello")?, [0, 1]);
/// # Ok::<(), mcp_refcache::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CharacterFallback {
    chars_per_token: usize,
}

impl CharacterFallback {
    /// One token for each `chars_per_token` characters (code points).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if that is 0.
    pub fn new(chars_per_token: usize) -> Result<Self> {
        if chars_per_token == 0 {
            return Err(
                Error::invalid("chars_per_token must be 1 or greater").with("chars_per_token", 0)
            );
        }
        Ok(Self { chars_per_token })
    }

    /// Characters that count as one token.
    pub fn chars_per_token(&self) -> usize {
        self.chars_per_token
    }
}

impl Default for CharacterFallback {
    /// Four characters for a token, about what English has.
    fn default() -> Self {
        Self { chars_per_token: 4 }
    }
}

impl Tokenizer for CharacterFallback {
    fn model_name(&self) -> &str {
        "character-fallback"
    }

    /// The numbers from 0 on: there is no vocabulary.
    fn encode(&self, text: &str) -> Result<Vec<u32>> {
        Ok((0..).take(self.count_tokens(text)?).collect())
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        Ok(text.chars().count().div_ceil(self.chars_per_token))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::value::{Document, Node};
    use rstest::rstest;

    #[rstest]
    #[case("", 0)]
    #[case("a", 1)]
    #[case("abcd", 1)]
    #[case("abcde", 2)]
    #[case("éééé", 1)]
    #[case("😀😀😀😀😀", 2)]
    fn four_characters_are_a_token(#[case] text: &str, #[case] count: usize) {
        let tokenizer = CharacterFallback::default();
        assert_eq!(tokenizer.count_tokens(text).unwrap(), count);
        assert_eq!(
            tokenizer.encode(text).unwrap(),
            (0..count as u32).collect::<Vec<_>>()
        );
    }

    #[test]
    fn zero_characters_for_a_token_are_refused() {
        let error = CharacterFallback::new(0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "chars_per_token must be 1 or greater (chars_per_token: 0)"
        );
        assert_eq!(
            CharacterFallback::new(1)
                .unwrap()
                .count_tokens("abc")
                .unwrap(),
            3
        );
    }

    #[test]
    fn what_fits_is_what_measures_at_most_the_limit() {
        let document = Arc::new(Document::from_serialize(&vec!["é"; 50]).unwrap());
        let root = Arc::clone(document.root().unwrap());
        for picks in [vec![], vec![0], (0..50).collect()] {
            let excerpt =
                Excerpt::new(Arc::clone(&document), Node::Picks(Arc::clone(&root), picks));
            let size = CharacterMeasurer.measure(&excerpt).unwrap();
            for limit in [0, size.saturating_sub(1), size, size + 1] {
                assert_eq!(
                    CharacterMeasurer.fits(&excerpt, limit).unwrap(),
                    size <= limit
                );
            }
        }
    }
}
