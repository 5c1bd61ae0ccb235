//! How large something is: characters or tokens of its JSON text.

#[cfg(feature = "tokens")]
mod bpe;
mod characters;
mod tokens;

use std::sync::Arc;

use crate::error::Result;
use crate::value::Excerpt;

#[cfg(feature = "tokens")]
pub use bpe::{Encoding, encoding_for_model};
pub use characters::{CharacterFallback, CharacterMeasurer};
pub use tokens::TokenMeasurer;

/// Splits text into tokens of a model's vocabulary.
pub trait Tokenizer: Send + Sync {
    /// The model or encoding this tokenizer stands for.
    fn model_name(&self) -> &str;

    /// Token ids of the text. Text that looks like a special token is ordinary text.
    ///
    /// # Errors
    /// Whatever a user-written tokenizer fails with.
    fn encode(&self, text: &str) -> Result<Vec<u32>>;

    /// Number of tokens of the text.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    fn count_tokens(&self, text: &str) -> Result<usize> {
        self.encode(text).map(|ids| ids.len())
    }

    /// Number of tokens, or `None` as soon as it is known to be more than `limit`.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    fn count_up_to(&self, text: &str, limit: usize) -> Result<Option<usize>> {
        self.count_tokens(text)
            .map(|count| (count <= limit).then_some(count))
    }

    /// A name under which a document may remember its count, if counts of separate items add up:
    /// no token crosses the seam between the `,` and the blank of `", "`.
    fn additive(&self) -> Option<&'static str> {
        None
    }
}

/// Measures what an agent would be shown.
pub trait SizeMeasurer: Send + Sync {
    /// Size of the excerpt's JSON text, in the unit of this measurer.
    ///
    /// # Errors
    /// Whatever a user-written measurer fails with.
    fn measure(&self, excerpt: &Excerpt) -> Result<usize>;

    /// Whether the excerpt's size is at most `limit`; may stop counting beyond it.
    ///
    /// # Errors
    /// As [`SizeMeasurer::measure`].
    fn fits(&self, excerpt: &Excerpt, limit: usize) -> Result<bool> {
        self.measure(excerpt).map(|size| size <= limit)
    }

    /// A name of the unit under which sizes may be remembered: equal names, equal sizes of equal
    /// texts, always. `None` where that is not known.
    fn unit(&self) -> Option<&'static str> {
        None
    }
}

/// What measures where nothing else is said.
#[cfg(feature = "tokens")]
pub fn default_measurer() -> Arc<dyn SizeMeasurer> {
    Arc::new(TokenMeasurer::new(Encoding::o200k_base()))
}

/// What measures where nothing else is said.
#[cfg(not(feature = "tokens"))]
pub fn default_measurer() -> Arc<dyn SizeMeasurer> {
    Arc::new(CharacterMeasurer)
}

/// Hands every method of [`Tokenizer`] on, so that none falls back to its slower default.
macro_rules! hand_on_tokenizer {
    ($pointer:ty) => {
        impl<T: Tokenizer + ?Sized> Tokenizer for $pointer {
            fn model_name(&self) -> &str {
                (**self).model_name()
            }

            fn encode(&self, text: &str) -> Result<Vec<u32>> {
                (**self).encode(text)
            }

            fn count_tokens(&self, text: &str) -> Result<usize> {
                (**self).count_tokens(text)
            }

            fn count_up_to(&self, text: &str, limit: usize) -> Result<Option<usize>> {
                (**self).count_up_to(text, limit)
            }

            fn additive(&self) -> Option<&'static str> {
                (**self).additive()
            }
        }
    };
}

hand_on_tokenizer!(&T);
hand_on_tokenizer!(Arc<T>);

/// The unit of one of this crate's measurers by its name, as stores keep it.
pub(crate) fn known_unit(name: &str) -> Option<&'static str> {
    const UNITS: [&str; 3] = ["characters", "o200k_base", "cl100k_base"];
    UNITS.into_iter().find(|unit| *unit == name)
}
