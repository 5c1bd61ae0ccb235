//! What a store holds, whoever wrote it, is refused with an error or becomes an entry that can be looked at.
//!
//! The input is a text, a NUL, and what is said of its types; the same two are read as an export as well.
#![no_main]

use futures_executor::block_on;
use libfuzzer_sys::fuzz_target;
use mcp_refcache::portable::{ImportOptions, import};
use mcp_refcache::value::Document;
use mcp_refcache::{GetOptions, PreviewStrategy};
use serde_json::Value;

fuzz_target!(|input: &str| {
    let (text, types) = input.split_once('\0').unwrap_or((input, "{}"));
    read_typed(text, types);
    read_export(text);
});

/// Types that are taken are given back as they were, and the value can be read and shown.
fn read_typed(text: &str, types: &str) {
    let Ok(document) = Document::with_types(text.to_owned(), types) else {
        return;
    };
    let told = document.types();
    if let Some(told) = &told {
        let again = Document::with_types(document.text().to_owned(), told).expect("types of our own");
        assert_eq!(again.types().as_ref(), Some(told));
    }
    let _: Value = document.deserialize().expect("a document can be read");
}

/// A file of others is taken or refused; what was taken can be shown.
fn read_export(lines: &str) {
    let cache = mcp_refcache::RefCache::new("c").expect("a name");
    let options = ImportOptions::default();
    let _ = import(&cache, &mut lines.as_bytes(), &options, &mut |_| Ok(()));
    for id in block_on(cache.keys(None)).expect("keys") {
        for (page, strategy) in [
            (None, PreviewStrategy::Sample),
            (None, PreviewStrategy::Summary),
            (Some(2), PreviewStrategy::Paginate),
        ] {
            let options = GetOptions {
                page,
                strategy: Some(strategy),
                max_size: Some(40),
                ..GetOptions::default()
            };
            let _ = block_on(cache.get_with(&id, &options));
        }
    }
}
