//! What is stored as a record is shown as what is held in memory, and read only as far as it is shown.

mod support {
    pub mod records;
}

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mcp_refcache::backend::seal::Seal;
use mcp_refcache::backend::{Backend, RecordStore, Stored};
use mcp_refcache::measure::{CharacterMeasurer, SizeMeasurer};
use mcp_refcache::{
    Error, ErrorKind, GetOptions, PreviewConfig, PreviewStrategy, RefCache, Result,
};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use support::records::Records;

/// Turns bytes around and says what they belong to: enough to see whether parts find each other.
struct Reversed;

impl Seal for Reversed {
    fn seal(&self, plain: &[u8], label: &[u8]) -> Result<Vec<u8>> {
        let mut sealed: Vec<u8> = plain.iter().rev().copied().collect();
        sealed.extend_from_slice(label);
        sealed.extend_from_slice(&(label.len() as u64).to_le_bytes());
        Ok(sealed)
    }

    fn open(&self, sealed: &[u8], label: &[u8], most: usize) -> Result<Vec<u8>> {
        let foreign = || Error::new(ErrorKind::Backend, "belongs to another entry");
        let (rest, len) = sealed.split_last_chunk().ok_or_else(foreign)?;
        let at = rest
            .len()
            .checked_sub(u64::from_le_bytes(*len) as usize)
            .ok_or_else(foreign)?;
        if rest[at..] != *label || at > most {
            return Err(foreign());
        }
        Ok(rest[..at].iter().rev().copied().collect())
    }

    fn protects(&self) -> bool {
        true
    }
}

fn cache(backend: Option<Arc<dyn Backend>>, characters: bool, max_size: usize) -> RefCache {
    let mut builder = RefCache::builder("c")
        .preview(PreviewConfig::new(max_size, PreviewStrategy::Sample).unwrap());
    if characters {
        builder = builder.measurer(Arc::new(CharacterMeasurer) as Arc<dyn SizeMeasurer>);
    }
    match backend {
        Some(backend) => builder.shared_backend(backend).build().unwrap(),
        None => builder.build().unwrap(),
    }
}

fn stored(records: &Arc<Records>, sealed: bool) -> Arc<dyn Backend> {
    let stored = Stored::shared(Arc::clone(records) as Arc<dyn RecordStore>);
    Arc::new(match sealed {
        true => stored.sealed(Arc::new(Reversed), 0),
        false => stored,
    })
}

fn rows(count: usize) -> Value {
    (0..count)
        .map(|i| json!({"id": i, "name": format!("row \u{e9} {i}"), "tags": ["a", i % 7], "x": i as f64 / 3.0}))
        .collect()
}

fn values() -> Vec<(&'static str, Value)> {
    vec![
        ("rows", rows(20_000)),
        ("one key", json!({"users": rows(20_000), "total": 20_000})),
        (
            "deep",
            json!({"a": {"b": {"c": [rows(3_000), rows(3_000)]}}, "d": rows(2_000)}),
        ),
        (
            "dict of rows",
            Value::Object(
                (0..20_000)
                    .map(|i| (format!("k{i}"), json!([i, "v"])))
                    .collect(),
            ),
        ),
        ("text", Value::from("plain text, ".repeat(50_000))),
        (
            "escaped text",
            Value::from("\u{e9}\n\"x\u{1f600}".repeat(50_000)),
        ),
        (
            "large items",
            Value::Array((0..6).map(|i| json!([i, "x".repeat(100_000)])).collect()),
        ),
        ("small", json!([1, 2, 3])),
        ("number", json!(12)),
    ]
}

async fn seen(
    cache: &RefCache,
    id: &str,
    options: &GetOptions<'_>,
) -> (Value, Vec<Option<usize>>, usize) {
    let shown = cache.get_with(id, options).await.unwrap();
    let facts = vec![
        shown.original_size.into(),
        shown.preview_size.into(),
        shown.total_items,
        shown.sampled_items,
        shown.page,
        shown.total_pages,
    ];
    (shown.preview(), facts, shown.preview_size)
}

#[rstest]
#[tokio::test]
async fn previews_and_pages_are_those_of_memory(
    #[values(true, false)] characters: bool,
    #[values(true, false)] sealed: bool,
) {
    for (name, value) in values() {
        let records = Arc::new(Records::default());
        let memory = cache(None, characters, 500);
        let disk = cache(Some(stored(&records, sealed)), characters, 500);
        let there = memory.set("k", &value).await.unwrap().ref_id;
        let here = disk.set("k", &value).await.unwrap().ref_id;
        let mut asked = vec![GetOptions::default(), GetOptions::default()];
        for strategy in ["sample", "truncate", "paginate", "summary"] {
            for max_size in [40, 700] {
                asked.push(GetOptions {
                    max_size: Some(max_size),
                    strategy: Some(strategy.parse().unwrap()),
                    ..GetOptions::default()
                });
            }
        }
        for page in [1, 2, 7, 900, 100_000] {
            for page_size in [None, Some(20), Some(333)] {
                asked.push(GetOptions {
                    page: Some(page),
                    page_size,
                    ..GetOptions::default()
                });
            }
        }
        for options in &asked {
            let expected = seen(&memory, there.as_str(), options).await;
            let found = seen(&disk, here.as_str(), options).await;
            let page = (
                options.page,
                options.page_size,
                options.max_size,
                options.strategy,
            );
            assert_eq!(found.1, expected.1, "{name} {page:?}");
            assert_eq!(found.0, expected.0, "{name} {page:?}");
        }
        assert_eq!(
            disk.resolve::<Value>(here.as_str()).await.unwrap(),
            value,
            "{name}"
        );
    }
}

#[tokio::test]
async fn what_is_shown_is_what_is_read() {
    let value = rows(400_000);
    let records = Arc::new(Records::default());
    let disk = cache(Some(stored(&records, false)), true, 2000);
    let id = disk.set("k", &value).await.unwrap().ref_id;
    let id = id.as_str();
    let length = records.map.lock()[id].head.body_len;
    assert!(length > 30_000_000);
    let side = records.map.lock()[id].head.side.len();
    assert!(side < 64 * 1024, "{side}");
    for (most, options) in [
        (
            200_000,
            GetOptions {
                page: Some(15_000),
                page_size: Some(20),
                ..GetOptions::default()
            },
        ),
        (
            200_000,
            GetOptions {
                page: Some(20_000),
                page_size: Some(20),
                ..GetOptions::default()
            },
        ),
        (
            length / 3,
            GetOptions {
                max_size: Some(900),
                ..GetOptions::default()
            },
        ),
    ] {
        records.reset();
        disk.get_with(id, &options).await.unwrap();
        let (read, rounds) = (records.body_read(), records.reads.load(Ordering::Relaxed));
        assert!(
            read <= most && rounds <= 24,
            "{read} bytes in {rounds} reads"
        );
    }
    disk.get(id).await.unwrap();
    records.reset();
    disk.get(id).await.unwrap();
    assert_eq!(records.body_read(), 0, "a preview that was made is kept");
    assert_eq!(records.reads.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn parts_of_a_sealed_value_cannot_be_exchanged() {
    let records = Arc::new(Records::default());
    let disk = cache(Some(stored(&records, true)), true, 200);
    let (a, b) = (
        disk.set("a", &rows(5_000)).await.unwrap().ref_id,
        disk.set("b", &rows(5_000)).await.unwrap().ref_id,
    );
    let moved = records.map.lock()[a.as_str()].clone();
    records.map.lock().insert(b.as_str().to_owned(), moved);
    let error = disk.resolve::<Value>(b.as_str()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Backend);
    let plain = RefCache::builder("c")
        .shared_backend(stored(&records, false))
        .build()
        .unwrap();
    let error = plain.get(a.as_str()).await.unwrap_err();
    assert!(error.to_string().contains("encrypted"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Stored bytes may be anybody's.
    #[test]
    fn damaged_records_are_errors(at in any::<prop::sample::Index>(), byte in any::<u8>(), side in any::<bool>(), sealed in any::<bool>(), cut in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let records = Arc::new(Records::default());
            let disk = cache(Some(stored(&records, sealed)), true, 300);
            let id = disk.set("k", &json!({"users": rows(1_500)})).await.unwrap().ref_id;
            {
                let mut map = records.map.lock();
                let record = map.get_mut(id.as_str()).unwrap();
                let target = if side { &mut record.head.side } else { record.body.as_mut().unwrap() };
                let mut bytes = target.to_vec();
                let at = at.index(bytes.len());
                if cut && side { bytes.truncate(at) } else { bytes[at] = byte }
                *target = bytes.into();
            }
            for options in [
                GetOptions::default(),
                GetOptions { page: Some(1), ..GetOptions::default() },
                GetOptions { max_size: Some(120), ..GetOptions::default() },
                GetOptions { strategy: Some(PreviewStrategy::Summary), ..GetOptions::default() },
            ] {
                let _ = disk.get_with(id.as_str(), &options).await;
            }
            let _ = disk.resolve::<Value>(id.as_str()).await;
        });
    }
}
