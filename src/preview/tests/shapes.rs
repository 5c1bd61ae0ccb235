//! Samples and cuts of telling shapes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rstest::rstest;

use super::measurers::{Characters, Counted, Quarters};
use super::{document, preview, users};
use crate::ErrorKind;
use crate::preview::PreviewStrategy::{self, Sample, Summary, Truncate};
use crate::value::{Document, Note, Notes};

fn shown(json: &str, strategy: PreviewStrategy, max_size: usize) -> String {
    preview(&document(json), strategy, &Characters, max_size)
        .excerpt
        .text()
}

#[test]
fn one_large_entry_is_sampled_inside() {
    let document = document(&users(10_000));
    for max_size in [250, 1000, 4000] {
        let result = preview(&document, Sample, &Quarters, max_size);
        assert!(
            result.preview_size * 10 >= max_size * 8,
            "{}",
            result.preview_size
        );
        let value: serde_json::Value = serde_json::from_str(&result.excerpt.text()).unwrap();
        let rows = value["users"].as_array().unwrap();
        let (marker, rows) = rows.split_last().unwrap();
        assert_eq!(*marker, format!("... and {} more", 10_000 - rows.len()));
        for row in rows {
            assert_eq!(row["name"], format!("user {}", row["id"]), "rows are whole");
        }
        assert_eq!(
            (result.total_items, result.sampled_items),
            (Some(1), Some(1))
        );
    }
}

#[rstest]
#[case(
    100,
    r#"{"users": [{"id": 0, "name": "user 0", "score": 0.5}, "... and 9999 more"]}"#
)]
#[case(
    70,
    r#"{"users": [{"id": 0, "...": "and 2 more keys"}, "... and 9999 more"]}"#
)]
#[case(40, r#"{"users": ["...", "... and 9999 more"]}"#)]
#[case(33, r#"{"users": ["... and 10000 more"]}"#)]
#[case(18, r#"{"users": ["..."]}"#)]
#[case(14, r#"{"...": "..."}"#)]
#[case(2, "{}")]
#[case(1, "null")]
fn little_room_is_used_step_by_step(#[case] max_size: usize, #[case] expected: &str) {
    assert_eq!(shown(&users(10_000), Sample, max_size), expected);
}

#[test]
fn the_items_of_a_list_are_shortened_where_one_is_too_large() {
    let row = format!(
        r#"{{"id": 1, "body": "{}", "tags": [{}]}}"#,
        "x".repeat(400),
        "1, ".repeat(99) + "1"
    );
    let list = format!("[{row}, {row}, {row}]");
    assert_eq!(
        shown(&list, Sample, 130),
        r#"[{"id": 1, "body": "xxxxxxxxxxxxx... and 387 more characters", "tags": [1, 1, 1, 1, 1, 1, "... and 94 more"]}, "... and 2 more"]"#
    );
    let result = preview(&document(&list), Sample, &Characters, 130);
    assert_eq!(
        (result.total_items, result.sampled_items),
        (Some(3), Some(1))
    );
}

#[test]
fn a_cut_text_inside_says_how_much_is_missing() {
    assert_eq!(
        shown(&format!("[\"{}\"]", "x".repeat(100_000)), Sample, 60),
        format!("[\"{}... and 99975 more characters\"]", "x".repeat(25))
    );
}

#[test]
fn all_keys_are_named_if_there_is_room() {
    let small: Vec<_> = (0..40).map(|i| format!("\"k{i}\": {i}")).collect();
    let json = format!("{{{}, {}", small.join(", "), &users(1000)[1..]);
    let text = shown(&json, Sample, 700);
    for i in 0..40 {
        assert!(text.contains(&format!("\"k{i}\": {i}")), "{text}");
    }
    assert!(
        text.contains(r#""users": [{"id": 0, "name": "user 0", "#),
        "{text}"
    );
    let text = shown(&json, Sample, 200);
    assert!(text.contains(r#""users": [{"id": 0, "#), "{text}");
    assert!(text.ends_with(r#" more keys"}"#), "{text}");
}

#[test]
fn the_largest_keys_are_named_first() {
    let json = format!(
        r#"{{"a": 1, "b": "{}", "c": "{}", "d": "{}", "e": 2}}"#,
        "x".repeat(300),
        "y".repeat(900),
        "z".repeat(600)
    );
    let text = shown(&json, Sample, 52);
    assert!(
        text.contains("\"c\": \"y") && !text.contains("\"a\""),
        "{text}"
    );
}

#[test]
fn a_sample_that_hides_no_large_entry_stays_as_it_is() {
    assert_eq!(shown(r#"{"a": 1, "b": 2}"#, Sample, 10), r#"{"a": 1}"#);
    assert_eq!(
        shown(r#"["a", "bbbbbbbbbbbbbbbbbbb"]"#, Sample, 10),
        r#"["a"]"#
    );
}

#[test]
fn made_keys_never_replace_real_ones() {
    let long = "k".repeat(300);
    let json = format!(
        r#"{{"...": {}, "{long}1": 1, "{long}2": 2, "{long}3": 3, "z": "{}"}}"#,
        "1".repeat(40),
        "z".repeat(2000)
    );
    let text = shown(&json, Sample, 330);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 5, "{text}");
}

#[rstest]
#[case("[1, 2, 3]", "[]")]
#[case(r#"{"key": "value"}"#, "{}")]
#[case(r#""some text""#, r#""""#)]
fn below_the_least_content_comes_the_empty_value(#[case] json: &str, #[case] empty: &str) {
    assert_eq!(shown(json, Sample, 2), empty);
    assert_eq!(shown(json, Sample, 1), "null");
    let result = preview(&document(json), Sample, &Characters, 0);
    assert_eq!((result.preview_size, result.sampled_items), (4, Some(0)));
}

#[test]
fn opaque_values_are_cut_as_their_json_text() {
    let mut notes = Notes::default();
    notes.push(0, Note::Opaque(0));
    let text = format!("\"<object {}>\"", "x".repeat(50));
    let document = Arc::new(Document::from_written(text, notes).unwrap());
    let result = preview(&document, Sample, &Characters, 16);
    assert_eq!(result.excerpt.text(), r#""\"<object x...""#);
    assert_eq!((result.strategy, result.total_items), (Truncate, Some(61)));
    assert_eq!(result.sampled_items, Some(10));
    let whole = preview(&document, Sample, &Characters, 61);
    assert_eq!((whole.strategy, whole.total_items), (Sample, None));
    let described = preview(&document, Summary, &Characters, 60).excerpt.text();
    assert!(
        described.starts_with(r#"{"type": "object", "value": "<object "#),
        "{described}"
    );
}

#[test]
fn depth_costs_neither_stack_nor_much_time() {
    let depth = 100_000;
    let json = format!(
        "{}{}{}",
        "[".repeat(depth),
        "1, ".repeat(1000) + "1",
        "]".repeat(depth)
    );
    for strategy in [Sample, Truncate, Summary, PreviewStrategy::Paginate] {
        let text = shown(&json, strategy, 300);
        assert!(text.len() <= 300 && text.len() > 30, "{text}");
    }
}

#[test]
fn the_work_depends_on_what_is_shown() {
    let document = document(&users(20_000));
    let counted = Counted::default();
    let result = preview(&document, Sample, &counted, 1000);
    let beyond_the_whole = counted.0.load(Ordering::Relaxed) - result.original_size;
    assert!(beyond_the_whole < 20_000, "{beyond_the_whole}");
}

#[test]
fn strategies_have_names() {
    for strategy in [Sample, Summary, Truncate, PreviewStrategy::Paginate] {
        assert_eq!(
            strategy.as_str().parse::<PreviewStrategy>().unwrap(),
            strategy
        );
        assert_eq!(
            serde_json::to_string(&strategy).unwrap(),
            format!("\"{strategy}\"")
        );
    }
    let error = "Sample".parse::<PreviewStrategy>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(
        error.to_string(),
        "preview strategy must be one of truncate, paginate, sample, summary (strategy: \"Sample\")"
    );
}
