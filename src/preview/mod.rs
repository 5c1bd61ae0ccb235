//! Previews: pure functions that decide what part of a document an agent is shown.
//!
//! Whatever the value, the strategy and the measurer: the size of a preview is at most the limit. Only where
//! the limit is below the size of the empty value is it `null`, which may be larger than such a limit.

mod columns;
mod cut;
mod entries;
mod fit;
mod keys;
mod outline;
mod paginate;
mod sample;
mod shrink;
mod spaced;
mod strategy;
mod summary;
mod text;
mod text_pages;
mod truncate;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use crate::error::Result;
use crate::measure::SizeMeasurer;
use crate::value::{Document, Excerpt};

pub use paginate::{DEFAULT_PAGE_SIZE, PaginateGenerator};
pub use sample::SampleGenerator;
pub use strategy::PreviewStrategy;
pub use summary::SummaryGenerator;
pub use truncate::TruncateGenerator;

/// What a generator is asked for.
#[derive(Clone, Copy)]
pub struct PreviewRequest<'a> {
    /// The value to be shown.
    pub document: &'a Arc<Document>,
    /// The most the preview may measure, in the unit of `measurer`.
    pub max_size: usize,
    /// How large things are.
    pub measurer: &'a dyn SizeMeasurer,
    /// The page that is wanted, from 1 on; the first without it. Only [`PaginateGenerator`] looks at it.
    pub page: Option<usize>,
    /// Items (of a text: characters) per page. Only [`PaginateGenerator`] looks at it.
    pub page_size: Option<usize>,
}

impl fmt::Debug for PreviewRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreviewRequest")
            .field("document", self.document)
            .field("max_size", &self.max_size)
            .field("page", &self.page)
            .field("page_size", &self.page_size)
            .finish_non_exhaustive()
    }
}

/// What an agent is shown, and how much of the value that is.
#[derive(Debug, Clone)]
pub struct PreviewResult {
    /// The parts that are shown.
    pub excerpt: Excerpt,
    /// How they were chosen.
    pub strategy: PreviewStrategy,
    /// Size of the whole value.
    pub original_size: usize,
    /// Size of the excerpt.
    pub preview_size: usize,
    /// Items of a list or dict, characters of a text.
    pub total_items: Option<usize>,
    /// How many of them are shown, whole or shortened.
    pub sampled_items: Option<usize>,
    /// The page that is shown.
    pub page: Option<usize>,
    /// How many pages there are.
    pub total_pages: Option<usize>,
}

impl PreviewResult {
    /// What is shown, as JSON.
    pub fn preview(&self) -> serde_json::Value {
        self.excerpt.to_value()
    }
}

/// Chooses what part of a value is shown.
pub trait PreviewGenerator: Send + Sync {
    /// A preview whose size is at most `request.max_size`; below the size of the empty value of its
    /// type, `null`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidArgument`] for a page that cannot be, and what the measurer fails with.
    fn generate(&self, request: &PreviewRequest<'_>) -> Result<PreviewResult>;

    /// The strategy, if this is the generator that this crate has for it.
    fn strategy(&self) -> Option<PreviewStrategy> {
        None
    }
}

/// The generator that this crate has for a strategy.
pub fn default_generator(strategy: PreviewStrategy) -> &'static dyn PreviewGenerator {
    match strategy {
        PreviewStrategy::Truncate => &TruncateGenerator,
        PreviewStrategy::Paginate => &PaginateGenerator,
        PreviewStrategy::Sample => &SampleGenerator,
        PreviewStrategy::Summary => &SummaryGenerator,
    }
}
