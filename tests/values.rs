//! Laws of documents: what is written is read back, text from outside gets the one format, and no
//! text does harm.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_refcache::ErrorKind;
use mcp_refcache::value::{Document, Excerpt, Kind, MAX_DEPTH, Node};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use rstest::rstest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A float that equals another one of the same bits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
struct Bits(f64);

impl PartialEq for Bits {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Colour {
    Red,
    Green,
}

/// Everything that serde's data model has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Tree {
    Nothing,
    Truth(bool),
    Small(i8, u16),
    Wide(i128),
    Unsigned { number: u128 },
    Float(Bits),
    Single(f32),
    Letter(char),
    Text(String),
    Maybe(Option<Box<Tree>>),
    List(Vec<Tree>),
    Dict(BTreeMap<String, Tree>),
    Numbered(BTreeMap<i128, Tree>),
    Letters(BTreeMap<char, bool>),
    Truths(BTreeMap<bool, ()>),
    Colours(BTreeMap<Colour, Colour>),
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        any::<f64>(),
        any::<i32>().prop_map(|n| f64::from(n) / 100.0),
        prop::sample::select(vec![
            0.0,
            -0.0,
            1e16,
            1e-5,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324
        ]),
        prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    ]
    .prop_map(|n| if n.is_nan() { f64::NAN } else { n }) // JSON keeps no payload
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,40}",
        "[\\x00-\\x20\"\\\\\\x7e-\\x80]{0,12}",
        vec(any::<char>(), 0..12).prop_map(String::from_iter),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Nothing),
        any::<bool>().prop_map(Tree::Truth),
        any::<(i8, u16)>().prop_map(|(a, b)| Tree::Small(a, b)),
        prop_oneof![any::<i128>(), any::<i64>().prop_map(i128::from)].prop_map(Tree::Wide),
        any::<u128>().prop_map(|number| Tree::Unsigned { number }),
        float().prop_map(|n| Tree::Float(Bits(n))),
        any::<f32>().prop_map(Tree::Single),
        any::<char>().prop_map(Tree::Letter),
        text().prop_map(Tree::Text),
        btree_map(any::<char>(), any::<bool>(), 0..3).prop_map(Tree::Letters),
        btree_map(any::<bool>(), Just(()), 0..3).prop_map(Tree::Truths),
        Just(Tree::Colours(BTreeMap::from([(
            Colour::Red,
            Colour::Green
        )]))),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::option::of(inner.clone()).prop_map(|tree| Tree::Maybe(tree.map(Box::new))),
            vec(inner.clone(), 0..6).prop_map(Tree::List),
            btree_map(text(), inner.clone(), 0..6).prop_map(Tree::Dict),
            btree_map(any::<i128>(), inner, 0..4).prop_map(Tree::Numbered),
        ]
    })
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 120, 12, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..12).prop_map(Value::from),
            vec((text(), inner), 0..12)
                .prop_map(|items| Value::Object(items.into_iter().collect())),
        ]
    })
}

fn written<T: Serialize + ?Sized>(value: &T) -> Document {
    Document::from_serialize(value).expect("the value can be written")
}

fn parsed(text: &str) -> Document {
    Document::parse(text).expect("the text is JSON")
}

fn to_value(document: Document) -> Value {
    Excerpt::whole(Arc::new(document)).to_value()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_written_is_read_back(tree in tree()) {
        let document = written(&tree);
        prop_assert!(document.text().is_ascii());
        prop_assert_eq!(document.deserialize::<Tree>().unwrap(), tree);
    }

    #[test]
    fn written_text_is_already_in_the_format(tree in tree()) {
        let document = written(&tree);
        let again = parsed(document.text());
        prop_assert_eq!(again.text(), document.text());
    }

    #[test]
    fn other_styles_of_the_same_value_get_the_same_text(value in json()) {
        let document = written(&value);
        for text in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
            let again = parsed(&text);
            prop_assert_eq!(again.text(), document.text());
        }
        // as text, since equality of serde_json's maps overlooks the order
        prop_assert_eq!(to_value(document).to_string(), value.to_string());
    }

    #[test]
    fn items_are_those_of_the_value(value in json(), first in 0usize..12) {
        let document = written(&value);
        let items: Vec<(Option<&String>, &Value)> = match &value {
            Value::Array(items) => items.iter().map(|item| (None, item)).collect(),
            Value::Object(items) => items.iter().map(|(key, item)| (Some(key), item)).collect(),
            _ => return Ok(()),
        };
        let root = document.container(document.span()).unwrap();
        prop_assert_eq!(document.len(), Some(items.len()));
        let found = document.items(&root, first).map(|item| (
            item.key.map(|key| document.deserialize_at::<String>(key).unwrap()),
            document.deserialize_at::<Value>(item.value).unwrap(),
        ));
        let found: Vec<_> = found.collect();
        let expected = items.iter().skip(first).map(|(key, item)| (key.cloned(), (*item).clone()));
        prop_assert_eq!(found, expected.collect::<Vec<_>>());
        for (number, (_, item)) in items.iter().enumerate() {
            let found = document.item(&root, number).unwrap();
            prop_assert_eq!(&document.deserialize_at::<Value>(found.value).unwrap(), *item);
        }
    }

    #[test]
    fn characters_of_a_text_are_its_code_points(text in text()) {
        let document = written(&text);
        prop_assert_eq!(document.kind(), Kind::String);
        prop_assert_eq!(document.len(), Some(text.chars().count()));
        prop_assert_eq!(document.string_chars(document.span()), text.chars().count());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..60)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn damaged_text_is_read_or_refused(
        value in json(),
        compact in any::<bool>(),
        damage in vec((any::<prop::sample::Index>(), "[\\[\\]{},:\"\\\\ueE+.0-9a-fNI\n é-]{0,2}", 0usize..3), 1..5),
    ) {
        let text = if compact { value.to_string() } else { written(&value).text().to_owned() };
        let mut text: Vec<char> = text.chars().collect();
        for (place, put, removed) in damage {
            let at = place.index(text.len() + 1);
            let end = text.len().min(at + removed);
            text.splice(at..end, put.chars());
        }
        survives(&String::from_iter(text));
    }
}

/// Text is refused, or becomes a document whose text stays as it is and which can be read.
fn survives(text: &str) {
    let Ok(document) = Document::parse(text) else {
        assert!(
            serde_json::from_str::<Value>(text).is_err(),
            "refused, but JSON: {text:?}"
        );
        return;
    };
    assert!(document.text().is_ascii());
    assert_eq!(parsed(document.text()).text(), document.text());
    let value: Value = document.deserialize().unwrap();
    // serde_json reads the integer -0 as a float
    let independent = serde_json::from_str::<Value>(text);
    if let (Ok(expected), false) = (independent, text.contains("-0")) {
        assert_eq!(value, expected);
    }
}

#[test]
fn text_from_outside_is_written_as_python_writes_it() {
    let lines = include_str!("fixtures/json_dumps.jsonl").lines();
    for line in lines {
        let (input, expected): (String, String) = serde_json::from_str(line).unwrap();
        assert_eq!(parsed(&input).text(), expected, "{input}");
    }
}

#[rstest]
#[case("", 0, "a value")]
#[case("  ", 2, "a value")]
#[case("[1,]", 3, "a value")]
#[case("[1 2]", 3, "a comma")]
#[case("[1}", 2, "a comma")]
#[case("[", 1, "a value")]
#[case("{1:2}", 1, "a key")]
#[case("{\"a\":1,}", 7, "a key")]
#[case("{\"a\" 1}", 5, "a colon")]
#[case("{\"a\":}", 5, "a value")]
#[case("1 1", 2, "nothing behind")]
#[case("01", 1, "nothing behind")]
#[case("1.", 2, "a digit")]
#[case("-", 1, "a digit")]
#[case("1e+", 3, "a digit")]
#[case("+1", 0, "a value")]
#[case("-NaN", 1, "a digit")]
#[case("nul", 0, "a value")]
#[case("'a'", 0, "a value")]
#[case("\u{feff}1", 0, "a value")]
#[case("\"a\nb\"", 2, "no bare control character")]
#[case("\"a", 2, "the end of the string")]
#[case("\"\\", 1, "the end of the string")]
#[case("\"\\x\"", 1, "an escape")]
#[case("\"\\u12g4\"", 1, "an escape")]
#[case("\"\\u+123\"", 1, "an escape")]
#[case("\"\\u12", 1, "an escape")]
fn text_that_is_no_json_is_refused_with_its_offset(
    #[case] text: &str,
    #[case] offset: usize,
    #[case] expected: &str,
) {
    let error = Document::parse(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
    assert_eq!(
        error.fact("offset"),
        Some(offset.to_string().as_str()),
        "{error}"
    );
    assert!(error.message().contains(expected), "{error}");
}

#[test]
fn brackets_without_end_are_refused_quickly() {
    let begun = Instant::now();
    for text in [
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        "[{\"a\": ".repeat(50_000),
    ] {
        let error = Document::parse(&text).unwrap_err();
        assert_eq!(
            (error.kind(), error.fact("max_depth")),
            (ErrorKind::Codec, Some("1000"))
        );
    }
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Nested {
    inner: Vec<Nested>,
}

/// The stack that Rust gives to threads is enough for the deepest value.
#[test]
fn the_deepest_value_fits_a_small_stack() {
    let work = || {
        let text = format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        let document = parsed(&text);
        let value: Value = document.deserialize().unwrap();
        assert_eq!(written(&value).text(), text);
        assert_eq!(to_value(document), value);

        let dicts = format!("{}1{}", "{\"a\": ".repeat(MAX_DEPTH), "}".repeat(MAX_DEPTH));
        assert_eq!(
            written(&parsed(&dicts).deserialize::<Value>().unwrap()).text(),
            dicts
        );

        let mut nested = Nested { inner: vec![] };
        for _ in 1..MAX_DEPTH / 2 {
            nested = Nested {
                inner: vec![nested],
            };
        }
        let document = written(&nested);
        assert_eq!(document.deserialize::<Nested>().unwrap(), nested);
        let too_deep = Document::from_serialize(&[nested]).unwrap_err();
        assert_eq!(too_deep.kind(), ErrorKind::InvalidArgument);
        assert_eq!(too_deep.fact("max_depth"), Some("1000"));
        assert!(Document::parse(&format!("[{text}]")).is_err());
    };
    std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(work)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn an_excerpt_deeper_than_any_document_comes_as_its_text() {
    let document = Arc::new(written(&1));
    let mut node = Node::Span(document.span());
    for _ in 0..=MAX_DEPTH {
        node = Node::List(vec![node]);
    }
    let excerpt = Excerpt::new(document, node);
    assert_eq!(excerpt.to_value(), Value::String(excerpt.text()));
}
