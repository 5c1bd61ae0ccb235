//! Laws of documents: what is written is read back, text from outside gets the one format, and no
//! text does harm.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_refcache::value::{Document, Excerpt, Kind, MAX_DEPTH, Node};
use mcp_refcache::{Error, ErrorKind};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use rstest::rstest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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
        vec(any::<char>(), 0..12).prop_map(String::from_iter)
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
        damage in vec((any::<prop::sample::Index>(), "[\\[\\]{},:\"\\\\ueE+.0-9a-fNI\n é-]{0,2}", 0usize..3), 1..5),
    ) {
        let mut text: Vec<char> = serde_json::to_string(&value).unwrap().chars().collect();
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
    if let Ok(expected) = serde_json::from_str::<Value>(text) {
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

#[rstest]
#[case(&0.1f32, "0.1")]
#[case(&f32::MAX, "3.4028235e+38")]
#[case(&1e-5f32, "1e-05")]
#[case(&f32::NEG_INFINITY, "-Infinity")]
#[case(&u128::MAX, "340282366920938463463374607431768211455")]
#[case(&'é', r#""\u00e9""#)]
#[case(&(), "null")]
#[case(&Some(None::<i32>), "null")]
#[case(&Tree::Nothing, r#""Nothing""#)]
#[case(&Tree::Truth(true), r#"{"Truth": true}"#)]
#[case(&Tree::Small(1, 2), r#"{"Small": [1, 2]}"#)]
#[case(&Tree::Unsigned { number: 1 }, r#"{"Unsigned": {"number": 1}}"#)]
#[case(&std::net::Ipv4Addr::LOCALHOST, r#""127.0.0.1""#)]
#[case(&Bytes, "[0, 255]")]
fn rust_values_have_this_text(#[case] value: &dyn erased::Serialize, #[case] expected: &str) {
    assert_eq!(value.document().text(), expected);
}

struct Bytes;

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&[0, 255])
    }
}

mod erased {
    /// Lets values of several types stand in one table.
    pub(super) trait Serialize {
        fn document(&self) -> super::Document;
    }

    impl<T: serde::Serialize> Serialize for T {
        fn document(&self) -> super::Document {
            super::written(self)
        }
    }
}

/// A map of one item, whose key may have any type.
struct Keyed<K>(K);

impl<K: Serialize> Serialize for Keyed<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(&self.0, 1)])
    }
}

#[rstest]
#[case(&Keyed(-7i64), "-7")]
#[case(&Keyed(1.5), "1.5")]
#[case(&Keyed(1e16), "1e+16")]
#[case(&Keyed(0.1f32), "0.1")]
#[case(&Keyed(f64::NAN), "NaN")]
#[case(&Keyed(true), "true")]
#[case(&Keyed('"'), "\\\"")]
#[case(&Keyed(None::<i32>), "null")]
#[case(&Keyed(Some(3)), "3")]
#[case(&Keyed(Colour::Red), "Red")]
fn keys_become_text(#[case] map: &dyn erased::Serialize, #[case] key: &str) {
    assert_eq!(map.document().text(), format!("{{\"{key}\": 1}}"));
}

#[test]
fn keys_are_read_as_the_type_asks() {
    fn read<T: DeserializeOwned>(text: &str) -> T {
        parsed(text).deserialize().unwrap()
    }
    let floats: Vec<(f64, i32)> = read::<Floats>(r#"{"1.5": 1, "Infinity": 2}"#).0;
    assert_eq!(floats, [(1.5, 1), (f64::INFINITY, 2)]);
    let options: BTreeMap<Option<u8>, i32> = read(r#"{"null": 1, "2": 2}"#);
    assert_eq!(options, BTreeMap::from([(None, 1), (Some(2), 2)]));
    assert!(
        parsed(r#"{"x": 1}"#)
            .deserialize::<BTreeMap<u8, i32>>()
            .is_err()
    );
}

struct Floats(Vec<(f64, i32)>);

impl<'de> Deserialize<'de> for Floats {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> serde::de::Visitor<'de> for Pairs {
            type Value = Floats;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a dict")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Floats, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Floats(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

#[test]
fn compound_keys_are_refused() {
    for error in [
        Document::from_serialize(&Keyed((1, 2))).unwrap_err(),
        Document::from_serialize(&Keyed(vec![1])).unwrap_err(),
        Document::from_serialize(&Keyed(Tree::Truth(true))).unwrap_err(),
        Document::from_serialize(&Keyed(Nested { inner: vec![] })).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidType);
        assert!(error.message().starts_with("dict keys must be "), "{error}");
    }
}

#[test]
fn numbers_that_json_values_cannot_hold_are_null() {
    let text = format!(
        "[NaN, -Infinity, 18446744073709551616, {}, -0, \"\\ud800\"]",
        "9".repeat(400)
    );
    let expected = json!([null, null, 18446744073709551616.0, null, 0, "\u{fffd}"]);
    assert_eq!(to_value(parsed(&text)), expected);
}

#[test]
fn parts_are_read_alone() {
    let document = Arc::new(parsed(r#"{"a": [1, 2, 3], "b": "x"}"#));
    let root = document.root().unwrap();
    let list = document.item(root, 0).unwrap().value;
    assert_eq!(
        document.deserialize_at::<Vec<u8>>(list.clone()).unwrap(),
        [1, 2, 3]
    );
    let picks = Node::Picks(document.container(list.clone()).unwrap(), vec![0, 2]);
    let made = Node::Dict(vec![(Node::string("é"), picks)]);
    let excerpt = Excerpt::new(Arc::clone(&document), made);
    assert_eq!(excerpt.to_value(), json!({"é": [1, 3]}));
    let error = document.deserialize_at::<Vec<bool>>(list).unwrap_err();
    assert_eq!(error.fact("offset"), Some("7"));
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "never made")]
struct Account {
    name: String,
    limits: Vec<u8>,
    state: State,
    #[serde(default)]
    rest: BTreeMap<String, u8>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "never made")]
enum State {
    Open,
    Closed(Picky),
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Picky;

impl TryFrom<String> for Picky {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Err(format!("I do not like {text}"))
    }
}

const SECRET: &str = "4711-secret";

#[rstest]
#[case(
    r#"{"name": 4711}"#,
    "expected a string, found an integer",
    "$.name",
    9
)]
#[case(
    r#"{"name": "a", "limits": "4711-secret"}"#,
    "expected a sequence, found a string",
    "$.limits",
    24
)]
#[case(
    r#"{"limits": [1, 4711]}"#,
    "expected u8, found an integer that does not fit",
    "$.limits[1]",
    15
)]
#[case(
    r#"{"state": "4711-secret"}"#,
    "expected one of the variants [\"Open\", \"Closed\"]",
    "$.state",
    10
)]
#[case(
    r#"{"state": {"4711-secret": 1}}"#,
    "expected one of the variants",
    "$.state",
    10
)]
#[case(
    r#"{"state": {"Closed": "4711-secret"}}"#,
    "refused by the type",
    "$.state",
    10
)]
#[case(r#"{"rest": {"4711-secret": 4711}}"#, "expected u8", "$.rest.*", 25)]
#[case(r#"{"4711-secret": 1}"#, "expected only the fields [\"name\"", "", 1)]
#[case(r#"{"name": "4711-secret"}"#, "the field limits is missing", "", 0)]
#[case(r#""4711-secret""#, "expected struct Account, found a string", "", 0)]
fn a_mismatch_names_type_and_place_but_no_value(
    #[case] text: &str,
    #[case] message: &str,
    #[case] path: &str,
    #[case] offset: usize,
) {
    let error: Error = parsed(text).deserialize::<Account>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
    assert!(error.message().contains(message), "{error}");
    assert_eq!(error.fact("path").unwrap_or_default(), path);
    assert_eq!(error.fact("offset"), Some(offset.to_string().as_str()));
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(
            !shown.contains(SECRET) && !shown.contains("4711"),
            "{shown}"
        );
    }
}

#[test]
fn a_failing_serialize_implementation_is_named_without_its_message() {
    struct Failing;
    impl Serialize for Failing {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom(SECRET))
        }
    }
    let error = Document::from_serialize(&Failing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
    assert!(error.message().contains("Failing") && !format!("{error:?}").contains(SECRET));
}
