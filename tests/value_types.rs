//! What JSON text does not tell, kept beside it: read back as it was, and anything else refused.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use mcp_refcache::ErrorKind;
use mcp_refcache::value::{Document, Kind};
use proptest::collection::vec;
use proptest::prelude::*;
use rstest::rstest;

const TEXT: &str =
    r#"{"1": [1, "a"], "x": ["2026-01-02", {"null": [], "1.5": 2, "true": 0}], "1": "b"}"#;

fn with(types: &str) -> mcp_refcache::Result<Document> {
    Document::with_types(TEXT.to_owned(), types)
}

fn at(needle: &str) -> usize {
    TEXT.find(needle).expect("the text has it")
}

#[test]
fn a_text_that_tells_everything_has_no_types() {
    for text in ["[1, {\"a\": null}]", "\"x\"", "1"] {
        assert_eq!(Document::parse(text).unwrap().types(), None);
    }
    assert_eq!(Document::from_serialize(&(1, "a")).unwrap().types(), None);
}

#[test]
fn types_are_read_and_written_alike() {
    let last = TEXT.rfind("\"1\"").unwrap();
    let types = format!(
        "{{\"v\": 1, \"notes\": [[1, 1, {}], [0, {}], [6, {}], [5, {}], [4, {}], [2, {}], [3, {}]], \"objects\": [\"date\", {{\"set\": [1]}}]}}",
        last - 1,
        at("[1,"),
        at("\"2026"),
        at("{\"null"),
        at("\"null"),
        at("\"1.5"),
        at("\"true"),
    );
    let document = with(&types).unwrap();
    assert_eq!(document.text(), TEXT);
    let again = with(&document.types().unwrap()).unwrap();
    assert_eq!(again.types(), document.types());
    assert_eq!(document.kind_at(at("\"2026")), Kind::Opaque);
    assert_eq!(document.kind_at(at("\"a\"")), Kind::String);
}

#[test]
fn a_rust_program_reads_the_plain_json() {
    let types = format!(
        r#"{{"v": 1, "notes": [[6, {}]], "objects": ["date"]}}"#,
        at("\"2026")
    );
    let value: serde_json::Value = with(&types).unwrap().deserialize().unwrap();
    assert_eq!(value["x"][0], "2026-01-02");
}

#[rstest]
#[case::not_json("{")]
#[case::no_object("[]")]
#[case::empty("{}")]
#[case::another_key(r#"{"v": 1, "notes": [], "more": 1}"#)]
#[case::later_version(r#"{"v": 2, "notes": []}"#)]
#[case::version_as_text(r#"{"v": "1", "notes": []}"#)]
#[case::notes_no_list(r#"{"v": 1, "notes": {"0": 1}}"#)]
#[case::group_no_list(r#"{"v": 1, "notes": [1]}"#)]
#[case::group_empty(r#"{"v": 1, "notes": [[]]}"#)]
#[case::objects_no_list(r#"{"v": 1, "objects": "x"}"#)]
#[case::text_for_an_offset(r#"{"v": 1, "notes": [[0, "6"]]}"#)]
#[case::float_for_an_offset(r#"{"v": 1, "notes": [[0, 6.0]]}"#)]
#[case::nan_for_an_offset(r#"{"v": 1, "notes": [[0, NaN]]}"#)]
#[case::huge_offset(r#"{"v": 1, "notes": [[0, 99999999999999999999999999]]}"#)]
#[case::large_offset(r#"{"v": 1, "notes": [[0, 9223372036854775807, 9223372036854775807]]}"#)]
#[case::behind_the_text(r#"{"v": 1, "notes": [[0, 90]]}"#)]
#[case::many_times(r#"{"v": 1, "notes": [[0, 1, -9223372036854775807]]}"#)]
#[case::least_number(r#"{"v": 1, "notes": [[0, -9223372036854775808]]}"#)]
#[case::no_step(r#"{"v": 1, "notes": [[0, 6, 0]]}"#)]
#[case::no_step_many_times(r#"{"v": 1, "notes": [[0, 0, -1000000000]]}"#)]
#[case::unknown_code(r#"{"v": 1, "notes": [[-1, 6]]}"#)]
#[case::least_code(r#"{"v": 1, "notes": [[-9223372036854775808, 6]]}"#)]
#[case::huge_code(r#"{"v": 1, "notes": [[9223372036854775807, 6]]}"#)]
#[case::object_that_is_not_there(r#"{"v": 1, "notes": [[7, 6]], "objects": ["date"]}"#)]
#[case::two_notes_on_one(r#"{"v": 1, "notes": [[0, 6], [5, 6]], "objects": ["date"]}"#)]
#[case::tuple_on_a_dict(r#"{"v": 1, "notes": [[0, 0]]}"#)]
#[case::tuple_on_a_key(r#"{"v": 1, "notes": [[0, 1]]}"#)]
#[case::tuple_between(r#"{"v": 1, "notes": [[0, 2]]}"#)]
#[case::opaque_on_a_list(r#"{"v": 1, "notes": [[6, 6]], "objects": ["date"]}"#)]
#[case::key_on_a_value(r#"{"v": 1, "notes": [[1, 6]]}"#)]
#[case::bool_key_that_is_none(r#"{"v": 1, "notes": [[3, 1]]}"#)]
#[case::null_key_that_is_none(r#"{"v": 1, "notes": [[4, 1]]}"#)]
#[case::int_key_that_is_none(r#"{"v": 1, "notes": [[1, 16]]}"#)]
fn damaged_types_are_refused(#[case] types: &str) {
    let error = with(types).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec, "{error}");
    assert!(!error.to_string().contains("2026"), "{error}");
}

#[test]
fn text_that_was_written_by_somebody_else_has_no_types() {
    let types = r#"{"v": 1, "notes": [[0, 1]]}"#;
    assert!(Document::with_types("[[1], 2]".to_owned(), types).is_ok());
    for text in [
        "[[1],2]",
        " [[1], 2]",
        "[[1], 2",
        "[\"[1]\", 2]",
        "[\"é\"]",
        "",
    ] {
        let error = Document::with_types(text.to_owned(), types).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Codec, "{text}: {error}");
    }
}

#[test]
fn a_hundred_thousand_notes_cost_little() {
    let text = format!("[{}]", ["\"2026-01-02 03:04:05\""; 100_000].join(", "));
    let types = r#"{"v": 1, "notes": [[6, 1, 23, -99998]], "objects": ["datetime"]}"#;
    let begun = Instant::now();
    let document = Document::with_types(text, types).unwrap();
    assert_eq!(document.types().as_deref(), Some(types));
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
fn many_groups_of_many_notes_are_refused_quickly() {
    let text = format!("[{}]", ["[]"; 100_000].join(", "));
    let mut types = r#"{"v": 1, "notes": ["#.to_owned();
    for i in 0..20_000 {
        let _ = write!(types, "{}[0, 1, 4, -99998]", if i > 0 { ", " } else { "" });
    }
    types.push_str("]}");
    let begun = Instant::now();
    let error = Document::with_types(text, &types).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
    assert!(begun.elapsed() < Duration::from_secs(1));
}

proptest! {
    #[test]
    fn any_numbers_are_read_or_refused(
        groups in vec(vec(prop_oneof![-3i64..90, any::<i64>()], 0..6), 0..6),
        text in prop_oneof![Just(TEXT), Just("[[[]], [1, \"x\"]]"), Just("1")],
    ) {
        let groups: Vec<String> = groups.iter().map(|group| format!("{group:?}")).collect();
        let types = format!("{{\"v\": 1, \"notes\": [{}], \"objects\": [1, \"x\"]}}", groups.join(", "));
        if let Ok(document) = Document::with_types(text.to_owned(), &types) {
            prop_assert_eq!(document.text(), text);
            if let Some(written) = document.types() {
                let again = Document::with_types(text.to_owned(), &written).unwrap();
                prop_assert_eq!(again.types(), Some(written));
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(types in "[\\[\\]{}:,\"vnotesbjc 0-9.-]{0,60}") {
        let _ = with(&types);
    }
}
