//! Sizes in tokens, of any tokenizer.

use std::fmt;
use std::ops::ControlFlow;

use super::{SizeMeasurer, Tokenizer};
use crate::error::Result;
use crate::value::Excerpt;

/// Measures the tokens of the JSON text.
///
/// Where the tokenizer's counts add up ([`Tokenizer::additive`]), the text is counted item by item and
/// never put together, and the size of a whole document is counted once.
#[derive(Clone, Default)]
pub struct TokenMeasurer<T> {
    tokenizer: T,
}

impl<T: Tokenizer> TokenMeasurer<T> {
    /// Measures with this tokenizer: a value, an `Arc` of one, or a reference to a built-in encoding.
    pub fn new(tokenizer: T) -> Self {
        Self { tokenizer }
    }

    /// What counts.
    pub fn tokenizer(&self) -> &T {
        &self.tokenizer
    }

    /// Sum over the excerpt's pieces, `None` when it is more than `limit`.
    fn sum_up_to(&self, excerpt: &Excerpt, limit: usize) -> Result<Option<usize>> {
        let mut sum = Ok(Some(0));
        let _ = excerpt.pieces(&mut |piece| {
            if let Ok(Some(so_far)) = sum {
                sum = self
                    .tokenizer
                    .count_up_to(piece, limit - so_far)
                    .map(|count| count.map(|count| so_far + count));
            }
            match sum {
                Ok(Some(_)) => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        });
        sum
    }
}

impl<T: Tokenizer> SizeMeasurer for TokenMeasurer<T> {
    fn unit(&self) -> Option<&'static str> {
        self.tokenizer.additive()
    }

    fn measure(&self, excerpt: &Excerpt) -> Result<usize> {
        let Some(unit) = self.tokenizer.additive() else {
            return self.tokenizer.count_tokens(&excerpt.text());
        };
        let document = excerpt.document();
        if excerpt.is_whole() {
            return document.size_once(unit, || self.tokenizer.count_tokens(document.text()));
        }
        let sum = self.sum_up_to(excerpt, usize::MAX)?;
        Ok(sum.unwrap_or(usize::MAX))
    }

    fn fits(&self, excerpt: &Excerpt, limit: usize) -> Result<bool> {
        let Some(unit) = self.tokenizer.additive() else {
            let count = self.tokenizer.count_up_to(&excerpt.text(), limit)?;
            return Ok(count.is_some());
        };
        if !excerpt.is_whole() {
            return Ok(self.sum_up_to(excerpt, limit)?.is_some());
        }
        let document = excerpt.document();
        if let Some(size) = document.known_size(unit) {
            return Ok(size <= limit);
        }
        match self.tokenizer.count_up_to(document.text(), limit)? {
            Some(size) => document.size_once(unit, || Ok(size)).map(|_| true),
            None => Ok(false),
        }
    }
}

impl<T: Tokenizer> fmt::Debug for TokenMeasurer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenMeasurer")
            .field(&self.tokenizer.model_name())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::error::Error;
    use crate::value::{Document, Node, Notes};

    /// A token for each byte; remembers how many bytes it was asked about.
    #[derive(Default)]
    struct Bytes {
        seen: AtomicUsize,
        additive: bool,
    }

    impl Tokenizer for Bytes {
        fn model_name(&self) -> &str {
            "bytes"
        }

        fn encode(&self, text: &str) -> Result<Vec<u32>> {
            self.seen.fetch_add(text.len(), Ordering::Relaxed);
            Ok(text.bytes().map(u32::from).collect())
        }

        fn additive(&self) -> Option<&'static str> {
            self.additive.then_some("bytes")
        }
    }

    fn measurer(additive: bool) -> TokenMeasurer<Bytes> {
        TokenMeasurer::new(Bytes {
            additive,
            ..Bytes::default()
        })
    }

    fn seen(measurer: &TokenMeasurer<Bytes>) -> usize {
        measurer.tokenizer().seen.load(Ordering::Relaxed)
    }

    fn document(text: &str) -> Arc<Document> {
        Arc::new(Document::from_written(text.into(), Notes::default()).unwrap())
    }

    fn picks(document: &Arc<Document>, picks: &[usize]) -> Excerpt {
        let root = Arc::clone(document.root().unwrap());
        Excerpt::new(Arc::clone(document), Node::Picks(root, picks.into()))
    }

    #[test]
    fn a_whole_document_is_counted_once() {
        let measurer = measurer(true);
        let excerpt = Excerpt::whole(document("[1, 2, 3]"));
        assert_eq!(measurer.measure(&excerpt).unwrap(), 9);
        assert_eq!(measurer.measure(&excerpt).unwrap(), 9);
        assert!(measurer.fits(&excerpt, 9).unwrap());
        assert!(!measurer.fits(&excerpt, 8).unwrap());
        assert_eq!(seen(&measurer), 9);
    }

    #[test]
    fn a_document_that_fits_has_been_counted() {
        let measurer = measurer(true);
        let excerpt = Excerpt::whole(document("[1, 2, 3]"));
        assert!(!measurer.fits(&excerpt, 8).unwrap());
        assert!(measurer.fits(&excerpt, 9).unwrap());
        assert_eq!(seen(&measurer), 18);
        assert_eq!(measurer.measure(&excerpt).unwrap(), 9);
        assert_eq!(seen(&measurer), 18);
    }

    #[test]
    fn items_behind_the_limit_are_not_looked_at() {
        let measurer = measurer(true);
        let excerpt = picks(&document("[11, 22, 33, 44]"), &[0, 1, 3]);
        assert_eq!(measurer.measure(&excerpt).unwrap(), "[11, 22, 44]".len());
        assert_eq!(seen(&measurer), 12);
        assert!(!measurer.fits(&excerpt, 3).unwrap());
        assert_eq!(seen(&measurer), 12 + "[11,".len());
        assert!(measurer.fits(&excerpt, 12).unwrap());
        assert!(!measurer.fits(&excerpt, 11).unwrap());
    }

    #[test]
    fn other_tokenizers_get_the_text_as_a_whole() {
        let measurer = measurer(false);
        let document = document("[11, 22, 33, 44]");
        let excerpt = picks(&document, &[1, 2]);
        assert_eq!(measurer.measure(&excerpt).unwrap(), "[22, 33]".len());
        assert!(measurer.fits(&excerpt, 8).unwrap());
        assert!(!measurer.fits(&excerpt, 7).unwrap());
        assert_eq!(seen(&measurer), 24);
        measurer
            .measure(&Excerpt::whole(Arc::clone(&document)))
            .unwrap();
        assert_eq!(document.known_size("bytes"), None);
    }

    #[test]
    fn a_failing_tokenizer_is_reported() {
        struct Broken;
        impl Tokenizer for Broken {
            fn model_name(&self) -> &str {
                "broken"
            }
            fn encode(&self, _: &str) -> Result<Vec<u32>> {
                Err(Error::invalid("no vocabulary"))
            }
            fn additive(&self) -> Option<&'static str> {
                Some("broken")
            }
        }
        let measurer: TokenMeasurer<Arc<dyn Tokenizer>> = TokenMeasurer::new(Arc::new(Broken));
        let document = document("[1, 2]");
        for excerpt in [picks(&document, &[1]), Excerpt::whole(document)] {
            assert_eq!(
                measurer.measure(&excerpt).unwrap_err().message(),
                "no vocabulary"
            );
            assert_eq!(
                measurer.fits(&excerpt, 5).unwrap_err().message(),
                "no vocabulary"
            );
        }
    }
}
