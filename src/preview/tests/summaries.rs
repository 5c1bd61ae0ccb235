//! What summaries tell, and in which order they stop telling it.

use super::measurers::Characters;
use super::{document, preview, users};
use crate::preview::PreviewStrategy::Summary;

fn summary(json: &str, max_size: usize) -> String {
    preview(&document(json), Summary, &Characters, max_size)
        .excerpt
        .text()
}

#[test]
fn a_dict_is_told_by_its_keys_and_its_largest_collection() {
    assert_eq!(
        summary(&users(1000), 2000),
        concat!(
            r#"{"type": "dict", "keys": 1, "total_size": 47691, "value_types": {"list": 1}, "#,
            r#""largest": {"path": "users", "type": "list", "items": 1000, "item_types": {"dict": 1000}, "#,
            r#""columns": {"id": {"type": "int", "min": 0, "max": 999}, "name": {"type": "str"}, "#,
            r#""score": {"type": "float", "min": 0.5, "max": 99.5}}}, "#,
            r#""entries": {"users": {"type": "list", "items": 1000, "percent": 99}}, "#,
            r#""samples": [{"id": 0, "name": "user 0", "score": 0.5}, "#,
            r#"{"id": 500, "name": "user 500", "score": 0.5}, {"id": 999, "name": "user 999", "score": 93.5}]}"#,
        )
    );
}

#[test]
fn details_go_before_names() {
    let json = users(1000);
    for (max_size, told, untold) in [
        (600, "\"min\": 0.5", "nothing"),
        (300, "\"score\": \"float\"", "\"min\""),
        (235, "\"columns\": [\"id\", \"name\", \"score\"]", "float"),
        (130, "\"names\": [\"users\"]", "columns"),
        (60, "{\"type\": \"dict\", \"keys\": 1", "names"),
    ] {
        let text = summary(&json, max_size);
        assert!(
            text.contains(told) && !text.contains(untold),
            "{max_size}: {text}"
        );
    }
    assert_eq!(summary(&json, 20), r#"{"type": "dict"}"#);
    assert_eq!(summary(&json, 2), "{}");
    assert_eq!(summary(&json, 1), "null");
}

#[test]
fn columns_know_their_types_and_gaps() {
    let json = r#"[{"a": 1, "b": null}, {"a": 2.5, "b": "x"}, {"b": -1, "c": true}, {"a": NaN}]"#;
    let text = summary(json, 1000);
    for column in [
        r#""a": {"type": "int|float", "min": 1, "max": 2.5, "missing": 1}"#,
        r#""b": {"type": "str|int", "min": -1, "max": -1, "nulls": 1, "missing": 1}"#,
        r#""c": {"type": "bool", "missing": 3}"#,
    ] {
        assert!(text.contains(column), "{text}");
    }
}

#[test]
fn a_dict_of_rows_has_columns_too() {
    let rows: Vec<_> = (0..500)
        .map(|i| format!(r#""user-{i}": {{"age": {i}, "city": "Paris"}}"#))
        .collect();
    let text = summary(&format!("{{{}}}", rows.join(", ")), 500);
    assert!(
        text.contains(r#""columns": {"age": {"type": "int", "min": 0, "max": 499}"#),
        "{text}"
    );
    assert!(
        text.contains(r#""samples": {"user-0": {"age": 0"#),
        "{text}"
    );
}

#[test]
fn numbers_of_a_list_have_a_range() {
    assert_eq!(
        summary("[3, 1.5, null, -2, \"x\"]", 500),
        concat!(
            r#"{"type": "list", "items": 5, "total_size": 23, "#,
            r#""item_types": {"str": 1, "int": 2, "float": 1, "null": 1}, "min": -2, "max": 3, "#,
            r#""samples": [3, null, "x"]}"#,
        )
    );
}

#[test]
fn a_text_is_told_by_its_length_and_beginning() {
    let json = format!("\"{}\"", "one line\\n".repeat(300));
    let text = summary(&json, 1000);
    assert!(
        text.starts_with(r#"{"type": "str", "characters": 2700, "lines": 300, "total_size": 3002, "beginning": "one "#),
        "{text}"
    );
    assert!(
        text.ends_with(" more characters\"}") && text.len() < 600,
        "{text}"
    );
    assert_eq!(
        summary("\"hello\"", 200),
        r#"{"type": "str", "characters": 5, "lines": 1, "total_size": 7, "beginning": "hello"}"#
    );
    assert_eq!(summary("17", 200), r#"{"type": "int", "value": 17}"#);
}
