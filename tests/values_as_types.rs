//! Which text Rust types have in a document, how they are read from it, and what is said when they do
//! not fit.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_refcache::value::{Document, Excerpt, Node};
use mcp_refcache::{Error, ErrorKind};
use rstest::rstest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize)]
enum Shape {
    Nothing,
    One(bool),
    Two(i8, u8),
    Named { number: u8 },
}

fn written<T: Serialize + ?Sized>(value: &T) -> Document {
    Document::from_serialize(value).expect("the value can be written")
}

fn parsed(text: &str) -> Document {
    Document::parse(text).expect("the text is JSON")
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
#[case(&Shape::Nothing, r#""Nothing""#)]
#[case(&Shape::One(true), r#"{"One": true}"#)]
#[case(&Shape::Two(1, 2), r#"{"Two": [1, 2]}"#)]
#[case(&Shape::Named { number: 1 }, r#"{"Named": {"number": 1}}"#)]
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
#[case(&Keyed(Shape::Nothing), "Nothing")]
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
        Document::from_serialize(&Keyed(Shape::One(true))).unwrap_err(),
        Document::from_serialize(&Keyed(BTreeMap::from([(1, 2)]))).unwrap_err(),
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
    assert_eq!(parsed(&text).deserialize::<Value>().unwrap(), expected);
}

/// The one single that would become its neighbour if it were read as a double first.
#[test]
fn singles_are_not_rounded_twice() {
    let single = 7.038531e-26f32;
    let document = written(&single);
    assert_eq!(document.deserialize::<f32>().unwrap(), single);
    assert_ne!(document.deserialize::<f64>().unwrap() as f32, single);
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
