//! Text from outside is refused, or becomes a document that keeps its text and can be read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_refcache::value::Document;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let independent = serde_json::from_str::<Value>(text);
    let Ok(document) = Document::parse(text) else {
        assert!(independent.is_err(), "refused, but JSON");
        return;
    };
    let again = Document::parse(document.text()).expect("a document's text is JSON");
    assert_eq!(again.text(), document.text());
    let value: Value = document.deserialize().expect("a document can be read");
    // serde_json reads the integer -0 as a float
    if let (Ok(expected), false) = (independent, text.contains("-0")) {
        assert_eq!(value, expected);
    }
});
