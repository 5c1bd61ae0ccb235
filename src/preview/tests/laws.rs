//! Property tests over random values, limits and measurers.

use std::sync::Arc;

use proptest::prelude::*;

use super::measurers::{self, Characters, Digits, Quarters};
use super::{PreviewStrategy, document, page, paged, preview};
use crate::value::{Document, write};

const STRATEGIES: [PreviewStrategy; 4] = [
    PreviewStrategy::Truncate,
    PreviewStrategy::Paginate,
    PreviewStrategy::Sample,
    PreviewStrategy::Summary,
];

fn quoted(text: &str) -> String {
    let mut json = String::new();
    write::string(text, &mut json);
    json
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-f .]{0,12}",
        "[ -~]{0,300}",
        "\\PC{0,40}",
        "[\"\\\\\n\té漢😀]{0,60}",
        Just("...".to_owned()),
    ]
    .prop_map(|text| quoted(&text))
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        any::<i32>().prop_map(|number| number.to_string()),
        "[1-9][0-9]{0,60}",
        Just("1.5e-07".to_owned()),
        prop_oneof![Just("NaN"), Just("-Infinity"), Just("true"), Just("null")]
            .prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(5, 120, 25, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..25)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((text(), inner), 0..25).prop_map(|entries| {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(key, value)| format!("{key}: {value}"))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }),
        ]
    })
}

fn limit() -> impl Strategy<Value = usize> {
    prop_oneof![0..30_usize, 0..300_usize, 0..5000_usize, Just(usize::MAX)]
}

/// Numbers that Rust's JSON does not know are written as it does know.
fn parses(json: &str) -> bool {
    let plain = json.replace("-Infinity", "0").replace("NaN", "0");
    serde_json::from_str::<serde_json::Value>(&plain).is_ok()
}

fn items(document: &Arc<Document>, json: &str) -> Vec<String> {
    let shown = super::document(json);
    let root = shown
        .root()
        .expect("pages of lists and dicts are lists and dicts");
    assert_eq!(root.is_dict(), document.root().unwrap().is_dict());
    shown
        .items(root, 0)
        .map(|item| shown.slice(item.span()).to_owned())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn previews_are_never_larger_than_the_limit(
        json in value(), max_size in limit(), number in 1..4_usize, page_size in prop::option::of(1..30_usize),
    ) {
        let document = document(&json);
        for measurer in measurers::all() {
            for strategy in STRATEGIES {
                let result = paged(&document, strategy, measurer, max_size, Some(number), page_size).unwrap();
                let text = result.excerpt.text();
                prop_assert_eq!(result.preview_size, measurer.measure(&result.excerpt).unwrap());
                prop_assert!(result.preview_size <= max_size || text == "null", "{} {}", strategy, text);
                prop_assert!(parses(&text), "{} {}", strategy, text);
                prop_assert_eq!(text.len(), result.excerpt.chars());
                if strategy != PreviewStrategy::Truncate {
                    prop_assert!(result.sampled_items <= result.total_items);
                }
                let again = paged(&document, strategy, measurer, max_size, Some(number), page_size).unwrap();
                prop_assert_eq!(text, again.excerpt.text());
            }
        }
    }

    #[test]
    fn pages_hold_every_item_once_in_order(
        entries in prop::collection::vec(value(), 0..30), max_size in limit(), page_size in 1..9_usize,
    ) {
        let document = document(&format!("[{}]", entries.join(", ")));
        let first = page(&document, &Digits, max_size, 1, Some(page_size)).unwrap();
        prop_assert_eq!(first.total_pages, Some(entries.len().div_ceil(page_size)));
        let mut next = entries.iter();
        for number in 1..=first.total_pages.unwrap() {
            let result = page(&document, &Digits, max_size, number, Some(page_size)).unwrap();
            if result.excerpt.text() == "null" { return Ok(()); }
            let shown = items(&document, &result.excerpt.text());
            let expected: Vec<_> = next.by_ref().take(page_size).collect();
            if result.sampled_items == Some(expected.len()) {
                prop_assert_eq!(shown.len(), expected.len());
                let whole = expected.iter().map(|item| item.len() + 2).sum::<usize>();
                if result.excerpt.chars() == whole {
                    prop_assert_eq!(shown.iter().collect::<Vec<_>>(), expected);
                }
            } else {
                prop_assert!(max_size < 40 * page_size + 100, "{} {}", max_size, shown.join(", "));
            }
        }
    }

    #[test]
    fn pages_of_a_text_join_to_the_text(text in "[ -~\n漢😀]{0,900}", max_size in 20..400_usize) {
        let json = quoted(&text);
        let document = document(&json);
        for measurer in [&Characters as &dyn crate::measure::SizeMeasurer, &Quarters, &Digits] {
            let pages = page(&document, measurer, max_size, 1, None).unwrap().total_pages.unwrap();
            let mut joined = String::from("\"");
            for number in 1..=pages {
                let result = page(&document, measurer, max_size, number, None).unwrap();
                prop_assert!(result.preview_size <= max_size);
                prop_assert_eq!(result.total_pages, Some(pages));
                let shown = result.excerpt.text();
                joined.push_str(&shown[1..shown.len() - 1]);
            }
            joined.push('"');
            prop_assert_eq!(&joined, &json);
            let past = page(&document, measurer, max_size, pages + 1, None).unwrap();
            prop_assert_eq!((past.excerpt.text(), past.total_pages), ("\"\"".into(), Some(pages)));
        }
    }

    #[test]
    fn a_large_entry_is_never_hidden(
        entries in prop::collection::vec(value(), 0..12), size in 1000..9000_usize, max_size in 100..1000_usize,
    ) {
        let mut entries: Vec<_> =
            entries.iter().filter(|value| value.len() < 1000).enumerate()
                .map(|(i, value)| format!("\"key {i}\": {value}")).collect();
        entries.push(format!("\"large\": [\"{}\"]", "x".repeat(size)));
        let document = document(&format!("{{{}}}", entries.join(", ")));
        let result = preview(&document, PreviewStrategy::Sample, &Characters, max_size);
        let text = result.excerpt.text();
        prop_assert!(text.contains("\"large\": "), "{}", text);
        prop_assert!(max_size < 600 || text.contains("\"large\": [\"x"), "{}", text);
        prop_assert!(result.preview_size * 2 >= max_size, "{}", text);
    }
}
