//! Whatever points at whatever: resolving ends, with a value or an error, and never puts in what only the
//! caller's own reference may bring.
//!
//! The input makes a graph of stored values; each byte says what one of them holds.
#![no_main]

use futures_executor::block_on;
use libfuzzer_sys::fuzz_target;
use mcp_refcache::value::{Document, Value as Stored};
use mcp_refcache::{
    AccessPolicy, DefaultActor, ErrorKind, RefCache, ResolveOptions, SetOptions, is_ref_id,
};
use serde_json::{Value, json};
use std::sync::Arc;

const MOST: usize = 12;

fuzz_target!(|bytes: &[u8]| {
    let bytes = &bytes[..bytes.len().min(MOST)];
    let cache = RefCache::new("c").expect("a name");
    let mut ids: Vec<String> = Vec::new();
    let mut hidden: Vec<bool> = Vec::new();
    for (number, byte) in bytes.iter().enumerate() {
        let target = ids.get(usize::from(byte >> 4) % ids.len().max(1)).cloned().unwrap_or_default();
        let secret = format!("value {number}");
        let value = match byte & 7 {
            0 => json!([secret, target]),
            1 => json!({"to": target, "s": secret}),
            2 => json!({target: secret}),
            3 => json!([[target], [secret, "c:0123456789abcdef0123456789abcdef"]]),
            4 => json!({"word": "commit:deadbeef99", "s": secret}),
            _ => json!(secret),
        };
        let is_hidden = byte & 8 != 0;
        let policy = if is_hidden { AccessPolicy::execute_only() } else { AccessPolicy::default() };
        let options = SetOptions { policy: Some(Arc::new(policy)), ..SetOptions::default() };
        let document = Document::from_serialize(&value).expect("JSON");
        let stored = cache.set_with(&secret, Stored::Document(Arc::new(document)), options);
        ids.push(block_on(stored).expect("stored").ref_id.as_str().to_owned());
        hidden.push(is_hidden);
    }
    let agent = DefaultActor::agent(None, None);
    for (number, id) in ids.iter().enumerate() {
        assert!(is_ref_id(id));
        for fail_on_missing in [true, false] {
            let options = ResolveOptions { fail_on_missing, ..ResolveOptions::server(&agent) };
            let resolved = match block_on(cache.resolve_refs(json!({ "data": id }), &options)) {
                Ok(resolved) => resolved,
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::CircularReference));
                    assert!(!error.to_string().contains("value "));
                    continue;
                }
            };
            let text = resolved.value.to_string();
            for (other, _) in hidden.iter().enumerate().filter(|(other, hidden)| **hidden && *other != number) {
                assert!(!holds(&resolved.value, &format!("value {other}")), "{other} in {text}");
            }
        }
    }
});

fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(own) => own == text,
        Value::Array(items) => items.iter().any(|item| holds(item, text)),
        Value::Object(fields) => fields.iter().any(|(key, field)| key == text || holds(field, text)),
        _ => false,
    }
}
