//! What of a value is found on its way out, however it is written, and how fast.

use std::fmt::Write as _;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use mcp_refcache::egress::{Limits, SecretIndex, Seen};
use mcp_refcache::value::Document;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

fn index(value: &Value) -> SecretIndex {
    let document = Document::from_serialize(value).unwrap();
    SecretIndex::of(&document, &Limits::default()).unwrap()
}

fn is_found(value: &Value, text: impl AsRef<[u8]>) -> bool {
    index(value).occurs_in([text], &Seen::default())
}

fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(byte.into()),
            _ => write!(out, "%{byte:02x}").unwrap(),
        }
    }
    out
}

fn escaped(text: &str) -> String {
    let quoted = Document::from_serialize(text).unwrap().text().to_owned();
    quoted[1..quoted.len() - 1].to_owned()
}

fn wrapped(text: &str) -> String {
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(13)
        .map(String::from_utf8_lossy)
        .collect();
    lines.join("\r\n")
}

#[rstest]
#[case::as_it_is("it is Zoë \"Z\" Müller!")]
#[case::in_json(r#"{"name": "Zo\u00eb \"Z\" M\u00fcller"}"#)]
#[case::in_json_in_json(r#"{"result": "{\"name\": \"Zo\\u00eb \\\"Z\\\" M\\u00fcller\"}"}"#)]
#[case::in_a_url("?q=Zo%C3%AB%20%22Z%22%20M%c3%bcller&x=1")]
#[case::in_a_form("q=Zo%C3%AB+%22Z%22+M%C3%BCller")]
#[case::in_a_python_literal(r#"'Zo\xeb "Z" M\xfcller'"#)]
fn a_text_is_found_however_it_is_written(#[case] text: &str) {
    assert!(is_found(&json!({"name": "Zoë \"Z\" Müller"}), text));
    assert!(!is_found(&json!({"name": "Zoë \"Z\" Möller"}), text));
}

#[rstest]
#[case("id=1234567;")]
#[case("-1234567.00 CHF")]
#[case("0001234567")]
#[case("1,234,567.0")]
#[case("[1_234_567]")]
#[case("about 1 234 567 people")]
#[case("1.234.567,00")]
#[case("1'234'567")]
#[case("1\u{202f}234\u{202f}567")]
#[case("12345.67")]
#[case("12 1,234,567")]
fn a_number_is_found_however_it_is_written(#[case] text: &str) {
    for value in [
        json!([1_234_567]),
        json!({"n": -1_234_567.0}),
        json!(1_234_567),
    ] {
        assert!(is_found(&value, text), "{text}");
    }
    assert!(!is_found(&json!([1_234_568, 234_567]), text));
}

#[rstest]
#[case(json!("short"), "this is short")]
#[case(json!(["short", 123_456]), "short 123456")]
#[case(json!([1_234_567]), "91234567 12345678")]
#[case(json!({"customer_id": 7}), r#"{"customer_id": 8}"#)]
#[case(json!("Secret-1234"), "SECRET-1234")]
#[case(json!(true), "true")]
#[case(json!(null), "null")]
#[case(json!([]), "[]")]
fn what_says_little_passes(#[case] value: Value, #[case] text: &str) {
    assert!(!is_found(&value, text));
}

#[test]
fn a_short_value_counts_where_nothing_else_is_said() {
    assert!(is_found(&json!("short"), "short"));
    assert!(is_found(&json!(42), "42"));
    assert!(!is_found(&json!(42), "42 rows"));
}

#[test]
fn a_whole_of_short_parts_is_found_with_any_spaces_and_quotes() {
    let value = json!({"pins": [1234, 5678], "name": "Al"});
    for text in [
        r#"{"pins": [1234, 5678], "name": "Al"}"#,
        r#"{"result":{"pins":[1234,5678],"name":"Al"}}"#,
        "{\n  \"pins\": [\n    1234,\n    5678\n  ],\n  \"name\": \"Al\"\n}",
        "got {'pins': [1234, 5678], 'name': 'Al'}",
        r#"{"result": "{\"pins\": [1234, 5678], \"name\": \"Al\"}"}"#,
    ] {
        assert!(is_found(&value, text), "{text}");
    }
    assert!(!is_found(&value, r#"{"pins": [1234], "name": "Al"}"#));
}

#[test]
fn keys_count_where_they_are_data() {
    assert!(is_found(
        &json!({"alice@example.com": 1}),
        "to alice@example.com"
    ));
    assert!(is_found(&json!({"7561234567": 1}), "no 7561234567"));
    let table: serde_json::Map<_, _> = (0..65)
        .map(|i| (format!("customer {i}"), json!(i)))
        .collect();
    assert!(is_found(&table.into(), "customer 12 is here"));
    assert!(!is_found(&json!({"customer 12": 1}), "customer 12 is here"));
    assert!(is_found(
        &json!({"k": {"a": "in a dict"}, "z": "behind it"}),
        "behind it"
    ));
}

#[test]
fn what_was_seen_before_does_not_count_but_what_contains_it_does() {
    let index =
        index(&json!({"city": "New York", "street": "New York, 5th Avenue 12", "n": 1_234_567}));
    let seen = index.seen_in(["weather in New York on 1234567"]);
    assert!(!index.occurs_in(["New York: 12 degrees, 1,234,567"], &seen));
    assert!(index.occurs_in(["New York, 5th Avenue 12"], &seen));
    let seen = index.seen_in([STANDARD.encode("New York, 5th Avenue 12")]);
    assert!(!index.occurs_in(["New York", "New York, 5th Avenue 12"], &seen));
    assert!(index.occurs_in(["1234567"], &seen));
}

#[test]
fn lone_surrogates_are_compared_like_characters() {
    let document = Document::parse(r#"["\ud800 lonely half"]"#).unwrap();
    let index = SecretIndex::of(&document, &Limits::default()).unwrap();
    assert!(index.occurs_in([&b"x\xed\xa0\x80 lonely half"[..]], &Seen::default()));
    assert!(index.occurs_in([r"\ud800 lonely half"], &Seen::default()));
}

#[test]
fn an_index_beyond_its_memory_is_none() {
    let rows: Vec<_> = (0..10_000)
        .map(|i| format!("a row of text, number {i}"))
        .collect();
    let document = Document::from_serialize(&rows).unwrap();
    let limits = |max_memory| Limits {
        max_memory,
        ..Limits::default()
    };
    assert!(SecretIndex::of(&document, &limits(100_000)).is_none());
    let index = SecretIndex::of(&document, &limits(8 << 20)).unwrap();
    assert!(index.memory() < 8 << 20);
}

#[test]
fn limits_can_be_set() {
    let document = Document::from_serialize(&json!(["four", 1234])).unwrap();
    let limits = Limits {
        min_characters: 4,
        min_digits: 4,
        ..Limits::default()
    };
    let index = SecretIndex::of(&document, &limits).unwrap();
    assert!(index.occurs_in(["it's four"], &Seen::default()));
    assert!(index.occurs_in([STANDARD.encode("four")], &Seen::default()));
    assert!(index.occurs_in(["n=1234"], &Seen::default()));
    assert!(
        Limits {
            min_digits: 2,
            ..limits
        }
        .check()
        .is_err()
    );
}

proptest! {
    #[test]
    fn a_text_is_found_in_any_carrier(
        secret in "[ -~]{8,30}|\\PC{8,30}",
        others in prop::collection::vec("\\PC{0,20}", 0..5),
        // what stands beside an escape may become a part of it
        before in "([ -~]{0,12}[ :=])?",
        after in "([ \"&;][ -~]{0,12})?",
        inside in "[a-z ]{0,5}",
        encoding in 0..11usize,
    ) {
        let inner = format!("{inside}{secret}{inside}");
        let text = match encoding {
            0 => secret.clone(),
            1 => escaped(&secret),
            2 => percent(&secret),
            3 => percent(&secret).replace("%20", "+"),
            4 => STANDARD.encode(&inner),
            5 => URL_SAFE_NO_PAD.encode(&inner),
            6 => wrapped(&STANDARD.encode(&inner)),
            7 => format!("ab{}", STANDARD_NO_PAD.encode(&inner)),
            8 => percent(&STANDARD.encode(&inner)),
            9 => STANDARD.encode(percent(&inner)),
            _ => STANDARD.encode(escaped(&inner)),
        };
        let value = json!({"others": others, "secret": secret});
        prop_assert!(is_found(&value, format!("{before}{text}{after}")), "{encoding}: {text:?}");
    }

    /// Against the obvious way to search, on few letters, so that texts and needles share their prefixes.
    #[test]
    fn plain_texts_are_found_as_by_a_naive_search(
        needles in prop::collection::vec("[ab]{8,14}", 1..12),
        text in "[ab]{0,60}",
        known in "[ab]{0,30}",
    ) {
        let index = index(&json!(needles));
        let seen = index.seen_in([&known]);
        let is_there = |needle: &String| text.contains(needle.as_str()) && !known.contains(needle.as_str());
        prop_assert_eq!(index.occurs_in([&text], &seen), needles.iter().any(is_there));
    }

    #[test]
    fn any_bytes_can_be_looked_at(
        value in prop::collection::vec("\\PC{0,12}", 0..4),
        text in prop::collection::vec(any::<u8>(), 0..200),
        spliced in "[%+\\\\a-zA-Z0-9/=\\-_\n,. ]{0,80}",
    ) {
        let index = index(&json!(value));
        index.occurs_in([&text[..], spliced.as_bytes()], &index.seen_in([&text]));
    }
}

/// A megabyte of rows, as a tool would return them: the same fields, other values.
fn rows(seed: usize) -> Value {
    let row = |i: usize| {
        let n = (i + seed) * 7919;
        json!({"id": n, "name": format!("customer {seed} {n:x}"), "mail": format!("c{seed}.{n}@example.com"), "note": "paid on time", "balance": (n as f64).sqrt()})
    };
    (0..9_000).map(row).collect()
}

/// Seconds that this thread has had a processor for, where the system tells it; else the time.
fn seconds() -> f64 {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stat
        .split(' ')
        .next()
        .and_then(|first| first.parse::<f64>().ok());
    nanoseconds.map_or_else(|| START.elapsed().as_secs_f64(), |spent| spent / 1e9)
}

/// Looks at texts of each kind, with the index of a megabyte; megabytes in a second of the slowest.
fn speed(report: &mut String) -> f64 {
    let secret = Document::from_serialize(&rows(0)).unwrap();
    let started = Instant::now();
    let index = SecretIndex::of(&secret, &Limits::default()).unwrap();
    writeln!(
        report,
        "index of {} bytes: {:?}, {} bytes",
        secret.text_len(),
        started.elapsed(),
        index.memory()
    )
    .unwrap();
    let other = Document::from_serialize(&rows(1_000_003))
        .unwrap()
        .text()
        .to_owned();
    let known = index.seen_in(["paid on time"]);
    let noise: Vec<u8> = (0..3_000_000u64)
        .map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect();
    let prose = "The quick brown fox jumps over the lazy dog; nobody knows why. ".repeat(40_000);
    let repeated = "customer 0".repeat(200_000);
    let kinds = [
        ("rows", other.clone()),
        (
            "rows in a JSON string",
            Document::from_serialize(&other).unwrap().text().to_owned(),
        ),
        ("prose", prose),
        ("base64 of rows", STANDARD.encode(&other)),
        ("base64 of noise", STANDARD.encode(&noise)),
        ("percent-encoded rows", percent(&other)),
        ("repeated prefix", repeated),
    ];
    let mut slowest = f64::MAX;
    for (name, text) in kinds {
        let started = seconds();
        assert!(!index.occurs_in([&text], &known), "{name}");
        let speed = text.len() as f64 / 1e6 / (seconds() - started);
        writeln!(report, "{name}: {speed:.0} MB/s").unwrap();
        slowest = slowest.min(speed);
    }
    slowest
}

#[test]
fn no_texts_and_no_value_make_it_slow() {
    // needles and text of one letter: a search that begins anew at each place takes hours
    let needles: Vec<_> = (0..600)
        .map(|i| format!("{}b", "a".repeat(8 + i * 6)))
        .collect();
    let index = index(&json!(needles));
    let text = "a".repeat(1 << 20);
    let started = Instant::now();
    assert!(!index.occurs_in([&text], &Seen::default()));
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn texts_are_looked_at_fast() {
    if std::env::var_os("REFCACHE_LONG").is_none() {
        return;
    }
    let mut report = String::new();
    let slowest = speed(&mut report);
    let least = if cfg!(debug_assertions) { 2.0 } else { 25.0 };
    assert!(slowest > least, "{report}");
    if std::env::var_os("REFCACHE_REPORT").is_some() {
        panic!("{report}");
    }
}
