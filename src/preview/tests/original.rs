//! The original's own answers, made by `scripts/make_preview_fixtures.py`.

use serde::Deserialize;

use super::measurers::{Characters, Quarters};
use super::{PreviewStrategy, document, paged};
use crate::measure::SizeMeasurer;

#[derive(Deserialize)]
struct Case {
    value: String,
    strategy: PreviewStrategy,
    unit: String,
    max_size: usize,
    page: Option<usize>,
    page_size: Option<usize>,
    expected: Expected,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Expected {
    preview: String,
    strategy: PreviewStrategy,
    original_size: usize,
    preview_size: usize,
    total_items: Option<usize>,
    sampled_items: Option<usize>,
    page: Option<usize>,
    total_pages: Option<usize>,
}

#[test]
fn what_fits_is_what_the_original_shows() {
    let cases = include_str!("../../../tests/fixtures/previews.jsonl");
    for (line, case) in cases.lines().enumerate() {
        let case: Case = serde_json::from_str(case).unwrap();
        let measurer: &dyn SizeMeasurer = if case.unit == "characters" {
            &Characters
        } else {
            &Quarters
        };
        let document = document(&case.value);
        let strategy = case.strategy;
        let result = paged(
            &document,
            strategy,
            measurer,
            case.max_size,
            case.page,
            case.page_size,
        )
        .unwrap();
        let found = Expected {
            preview: result.excerpt.text(),
            strategy: result.strategy,
            original_size: result.original_size,
            preview_size: result.preview_size,
            total_items: result.total_items,
            sampled_items: result.sampled_items,
            page: result.page,
            total_pages: result.total_pages,
        };
        assert_eq!(found, case.expected, "line {} of the fixtures", line + 1);
    }
}
