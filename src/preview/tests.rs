//! Laws that hold for every value, strategy and measurer, and the answers of the original.

mod laws;
mod measurers;
mod original;
mod pages;
mod shapes;
mod summaries;

use std::sync::Arc;

use super::{PreviewRequest, PreviewResult, PreviewStrategy, default_generator};
use crate::error::Result;
use crate::measure::SizeMeasurer;
use crate::value::{Document, Notes};

fn document(json: &str) -> Arc<Document> {
    Arc::new(Document::from_written(json.to_owned(), Notes::default()).unwrap())
}

fn preview(
    document: &Arc<Document>,
    strategy: PreviewStrategy,
    measurer: &dyn SizeMeasurer,
    max_size: usize,
) -> PreviewResult {
    paged(document, strategy, measurer, max_size, None, None).unwrap()
}

fn page(
    document: &Arc<Document>,
    measurer: &dyn SizeMeasurer,
    max_size: usize,
    page: usize,
    page_size: Option<usize>,
) -> Result<PreviewResult> {
    paged(
        document,
        PreviewStrategy::Paginate,
        measurer,
        max_size,
        Some(page),
        page_size,
    )
}

fn paged(
    document: &Arc<Document>,
    strategy: PreviewStrategy,
    measurer: &dyn SizeMeasurer,
    max_size: usize,
    page: Option<usize>,
    page_size: Option<usize>,
) -> Result<PreviewResult> {
    let request = PreviewRequest {
        document,
        max_size,
        measurer,
        page,
        page_size,
    };
    default_generator(strategy).generate(&request)
}

/// `{"users": [...]}` with so many rows.
fn users(count: usize) -> String {
    let rows: Vec<_> = (0..count)
        .map(|i| {
            format!(
                r#"{{"id": {i}, "name": "user {i}", "score": {}.5}}"#,
                i * 7 % 100
            )
        })
        .collect();
    format!(r#"{{"users": [{}]}}"#, rows.join(", "))
}
