//! Built-in encodings: the same ids as tiktoken, on any text, in a time that no text can spoil.
#![cfg(feature = "tokens")]

use std::time::{Duration, Instant};

use mcp_refcache::measure::{Encoding, Tokenizer};
use proptest::prelude::*;
use rstest::rstest;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A line of `tests/data/tokens.jsonl`, which `scripts/make_token_fixtures.py` makes with tiktoken.
#[derive(Deserialize)]
struct Fixture {
    text: Vec<(String, usize)>,
    o200k_base: (usize, String),
    cl100k_base: (usize, String),
}

fn fixtures() -> Vec<(String, [(usize, String); 2])> {
    let lines = include_str!("data/tokens.jsonl").lines();
    let fixtures = lines.map(|line| serde_json::from_str::<Fixture>(line).unwrap());
    fixtures
        .map(|fixture| {
            let parts = fixture.text.iter();
            let text = parts.map(|(part, repeats)| part.repeat(*repeats)).collect();
            (text, [fixture.o200k_base, fixture.cl100k_base])
        })
        .collect()
}

fn encodings() -> [&'static Encoding; 2] {
    [Encoding::o200k_base(), Encoding::cl100k_base()]
}

fn digest(ids: &[u32]) -> String {
    let ids: Vec<_> = ids.iter().map(u32::to_string).collect();
    let hash = Sha256::digest(ids.join(","));
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn count(encoding: &Encoding, text: &str) -> usize {
    encoding.count_tokens(text).unwrap()
}

#[test]
fn ids_are_those_of_tiktoken() {
    for (text, expected) in fixtures() {
        for (encoding, expected) in encodings().iter().zip(expected) {
            let ids = encoding.encode(&text).unwrap();
            let start: String = text.chars().take(60).collect();
            assert_eq!(
                (ids.len(), digest(&ids)),
                expected,
                "{encoding:?} {start:?}"
            );
        }
    }
}

#[test]
fn counts_are_the_numbers_of_ids() {
    for (text, expected) in fixtures() {
        for (encoding, (expected, _)) in encodings().iter().zip(expected) {
            assert_eq!(count(encoding, &text), expected);
            assert_eq!(count(encoding, &text), expected, "remembered counts");
        }
    }
}

#[test]
fn a_limit_is_kept_to_the_token() {
    for (text, expected) in fixtures() {
        for (encoding, (expected, _)) in encodings().iter().zip(expected) {
            let up_to = |limit| encoding.count_up_to(&text, limit).unwrap();
            assert_eq!(up_to(expected), Some(expected));
            assert_eq!(up_to(expected + 1), Some(expected));
            if expected > 0 {
                assert_eq!(up_to(expected - 1), None);
                assert_eq!(up_to(0), None);
            }
        }
    }
}

#[test]
fn threads_count_alike() {
    let fixtures = fixtures();
    std::thread::scope(|scope| {
        for first in 0..8 {
            let fixtures = &fixtures;
            scope.spawn(move || {
                for (text, expected) in fixtures
                    .iter()
                    .cycle()
                    .skip(first * 80)
                    .take(fixtures.len())
                {
                    for (encoding, (expected, _)) in encodings().iter().zip(expected) {
                        assert_eq!(count(encoding, text), *expected);
                    }
                }
            });
        }
    });
}

#[test]
fn special_tokens_are_ordinary_text() {
    assert_eq!(
        Encoding::o200k_base().encode("<|endoftext|>").unwrap(),
        [27, 91, 419, 1440, 919, 91, 29]
    );
    assert_eq!(
        Encoding::cl100k_base().encode("<|endoftext|>").unwrap(),
        [27, 91, 8862, 728, 428, 91, 29]
    );
}

/// Text without a pattern in it, from a fixed seed.
fn scattered(letters: &str, bytes: usize) -> String {
    let letters: Vec<char> = letters.chars().collect();
    let mut state = 1u64;
    let mut text = String::with_capacity(bytes + 4);
    while text.len() < bytes {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        text.push(letters[(state >> 33) as usize % letters.len()]);
    }
    text
}

const MEGABYTE: usize = 1_000_000;

/// The bound is generous: such texts take 1 to 100 ms in a release build, and minutes in quadratic time.
#[rstest]
#[case::one_letter("a".repeat(MEGABYTE))]
#[case::spaces(" ".repeat(MEGABYTE))]
#[case::newlines("\n".repeat(MEGABYTE))]
#[case::two_signs("=-".repeat(MEGABYTE / 2))]
#[case::digits("7".repeat(MEGABYTE))]
#[case::one_ideograph("中".repeat(MEGABYTE / 3))]
#[case::marks("\u{301}".repeat(MEGABYTE / 2))]
#[case::capitals_behind_an_ideograph(format!("中{}", "A".repeat(MEGABYTE)))]
#[case::scattered_letters(scattered("abcdefghijklmnopqrstuvwxyz", MEGABYTE))]
#[case::scattered_signs(scattered("+-*/=<>!?.,;:#_", MEGABYTE))]
#[case::scattered_blanks(scattered(" \t\u{a0}", MEGABYTE))]
#[case::scattered_blanks_and_lines(scattered(" \n", MEGABYTE))]
#[case::base64(scattered(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    MEGABYTE
))]
#[case::cyrillic(scattered("абвгдежзийклмнопрстуфхцчшщъыьэюя", MEGABYTE))]
fn no_megabyte_takes_long(#[case] text: String) {
    for encoding in encodings() {
        let start = Instant::now();
        let tokens = count(encoding, &text);
        let bound = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });
        assert!(
            start.elapsed() < bound,
            "{encoding:?} took {:?}",
            start.elapsed()
        );
        assert!((text.len() / 128..=text.len()).contains(&tokens));
    }
}

#[test]
fn a_limit_ends_the_count_early() {
    let text = scattered("abcdefghijklmnopqrstuvwxyz ", 20 * MEGABYTE);
    for text in [text.as_str(), &text.replace(' ', "x")] {
        let start = Instant::now();
        for _ in 0..20 {
            assert_eq!(
                Encoding::o200k_base().count_up_to(text, 1_000).unwrap(),
                None
            );
        }
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "{:?}",
            start.elapsed()
        );
    }
}

/// JSON text with Python's separators.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:?}")),
        // escapes, blanks and what may stand beside a comma
        r#"("[ -!#-\[\]-~]{0,12}"|" *,? *"|"(\\\\u[0-9a-f]{4}|\\\\n|, | ){0,6}")"#,
    ];
    leaf.prop_recursive(3, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((r#""[a-z ',]{0,8}""#, inner), 0..6).prop_map(|items| {
                let items: Vec<_> = items
                    .into_iter()
                    .map(|(key, value)| format!("{key}: {value}"))
                    .collect();
                format!("{{{}}}", items.join(", "))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn counts_add_up_where_items_are_separated(items in prop::collection::vec(json(), 1..12)) {
        let whole = format!("[{}]", items.join(", "));
        for encoding in encodings() {
            let last = items.len() - 1;
            let pieces = items.iter().enumerate().map(|(i, item)| {
                let before = if i == 0 { '[' } else { ' ' };
                let behind = if i == last { ']' } else { ',' };
                count(encoding, &format!("{before}{item}{behind}"))
            });
            prop_assert_eq!(pieces.sum::<usize>(), count(encoding, &whole));
        }
    }

    #[test]
    fn any_text_can_be_counted(text in any::<String>(), repeats in 1..300usize) {
        let text = text.repeat(repeats);
        for encoding in encodings() {
            let ids = encoding.encode(&text).unwrap();
            prop_assert_eq!(count(encoding, &text), ids.len());
            prop_assert!(ids.len() <= text.len());
        }
    }
}
