//! Pages of telling shapes, and page numbers that cannot be.

use rstest::rstest;

use super::measurers::Characters;
use super::{document, page, paged};
use crate::ErrorKind;
use crate::preview::PreviewStrategy::Paginate;

fn shown(json: &str, max_size: usize, number: usize, page_size: Option<usize>) -> String {
    page(&document(json), &Characters, max_size, number, page_size)
        .unwrap()
        .excerpt
        .text()
}

#[rstest]
#[case(Some(0), None, "page must be from 1 to 4294967295 (page: 0)")]
#[case(
    Some(1),
    Some(0),
    "page_size must be from 1 to 4294967295 (page_size: 0)"
)]
#[case(
    Some(usize::MAX),
    None,
    "page must be from 1 to 4294967295 (page: 18446744073709551615)"
)]
fn pages_that_cannot_be_are_refused(
    #[case] number: Option<usize>,
    #[case] page_size: Option<usize>,
    #[case] expected: &str,
) {
    for json in ["[1]", "\"a\"", "1"] {
        let error = paged(
            &document(json),
            Paginate,
            &Characters,
            100,
            number,
            page_size,
        )
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(error.to_string(), expected);
    }
}

#[rstest]
#[case("[1, 2, 3]", 9, "[]", 1)]
#[case("[]", 1, "[]", 0)]
#[case(r#"{"a": 1}"#, 2, "{}", 1)]
#[case("\"abc\"", 2, "\"\"", 1)]
#[case("17", 1, "17", 1)]
#[case("17", 2, "null", 1)]
fn past_the_end_there_is_an_empty_page(
    #[case] json: &str,
    #[case] number: usize,
    #[case] text: &str,
    #[case] pages: usize,
) {
    let result = page(&document(json), &Characters, 100, number, None).unwrap();
    assert_eq!(result.excerpt.text(), text);
    assert_eq!(
        (result.page, result.total_pages),
        (Some(number), Some(pages))
    );
}

#[test]
fn items_are_shortened_in_their_places() {
    let json = format!(
        r#"[1, "{}", [{}], {{"a": "short"}}]"#,
        "x".repeat(500),
        "7, ".repeat(299) + "7"
    );
    assert_eq!(
        shown(&json, 140, 1, None),
        format!(
            r#"[1, "{}... and 472 more characters", [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, "... and 288 more"], {{"a": "short"}}]"#,
            "x".repeat(28)
        )
    );
}

#[test]
fn a_page_without_room_for_all_says_how_many_are_missing() {
    let json = format!(
        "[{}]",
        vec![format!("\"{}\"", "y".repeat(50)); 100].join(", ")
    );
    let text = shown(&json, 260, 1, Some(100));
    assert!(text.starts_with("[\"yyy"), "{text}");
    let marker = text.rsplit_once(", ").unwrap().1;
    let items = text.matches("\"y").count();
    let expected = format!(
        "\"... and {} more items on this page: use a smaller page_size\"]",
        100 - items
    );
    assert_eq!(marker, expected);
    let result = page(&document(&json), &Characters, 260, 1, Some(100)).unwrap();
    assert_eq!(
        (result.sampled_items, result.total_pages),
        (Some(items), Some(1))
    );
}

#[test]
fn a_text_is_paged_by_characters() {
    let json = r#""ab\u00e9\ud83d\ude00cdefg""#;
    assert_eq!(shown(json, 100, 1, Some(4)), r#""ab\u00e9\ud83d\ude00""#);
    assert_eq!(shown(json, 100, 2, Some(4)), r#""cdef""#);
    assert_eq!(shown(json, 100, 3, Some(4)), r#""g""#);
    let result = page(&document(json), &Characters, 100, 3, Some(4)).unwrap();
    assert_eq!(
        (result.total_items, result.sampled_items),
        (Some(9), Some(1))
    );
    assert_eq!(result.total_pages, Some(3));
}

#[test]
fn a_text_page_that_is_too_long_says_what_is_missing() {
    let json = format!("\"{}\"", "x".repeat(500));
    assert_eq!(
        shown(&json, 60, 1, Some(100)),
        format!(
            "\"{}... and 83 more characters on this page\"",
            "x".repeat(17)
        )
    );
    assert_eq!(shown(&json, 6, 1, Some(100)), "\"x...\"");
    assert_eq!(shown(&json, 3, 1, Some(100)), "\"\"");
}

#[test]
fn numbers_that_are_too_long_are_cut() {
    let result = page(&document("123456789"), &Characters, 8, 1, None).unwrap();
    assert_eq!(result.excerpt.text(), "\"123...\"");
    assert_eq!(
        (result.total_items, result.sampled_items),
        (Some(1), Some(1))
    );
}
