//! Sealed values in stores of records: compressed and encrypted caches, whole.
#![cfg(all(feature = "compression", feature = "encryption"))]

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use mcp_refcache::backend::blobs::{BlobStore, Blobs};
use mcp_refcache::backend::seal::{Compressed, Encrypted, Key, Keyring, Seal, Then};
use mcp_refcache::backend::{Backend, Entries, MemoryBackend, Stored};
use mcp_refcache::portable::{ExportOptions, ImportOptions};
use mcp_refcache::{ErrorKind, GetOptions, RefCache, Result, blocking};
use parking_lot::Mutex;
use rstest::rstest;
use serde_json::{Value, json};

type Held = HashMap<(String, String), Bytes>;

/// A key-value store whose contents can be looked at.
#[derive(Clone, Default)]
struct MemoryBlobs(Arc<Mutex<Held>>);

impl MemoryBlobs {
    fn shows(&self, text: &str) -> bool {
        let held = self.0.lock();
        held.iter().any(|((_, key), blob)| {
            let found = blob.windows(text.len()).any(|part| part == text.as_bytes());
            found || key.contains(text)
        })
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Bytes>> {
        let place = (collection.to_owned(), key.to_owned());
        Ok(self.0.lock().get(&place).cloned())
    }
    async fn put(&self, collection: &str, key: &str, blob: Bytes, _: Option<f64>) -> Result<()> {
        let place = (collection.to_owned(), key.to_owned());
        self.0.lock().insert(place, blob);
        Ok(())
    }
    async fn delete(&self, collection: &str, key: &str) -> Result<bool> {
        let place = (collection.to_owned(), key.to_owned());
        Ok(self.0.lock().remove(&place).is_some())
    }
}

fn key() -> Key {
    Key::from_bytes(&(0..32).collect::<Vec<_>>()).unwrap()
}

fn seals() -> Vec<Arc<dyn Seal>> {
    let encrypted = Encrypted::new(key());
    let both = Then(Compressed, encrypted.clone());
    vec![Arc::new(Compressed), Arc::new(encrypted), Arc::new(both)]
}

fn cache(backend: impl Backend) -> blocking::RefCache {
    RefCache::builder("c")
        .backend(backend)
        .build()
        .unwrap()
        .into()
}

fn rows(count: usize) -> Vec<Value> {
    let row = |n: usize| json!({"id": n, "name": format!("row {n}"), "share": n as f64 / 7.0});
    (0..count).map(row).collect()
}

fn second_page() -> GetOptions<'static> {
    GetOptions {
        page: Some(2),
        page_size: Some(10),
        ..GetOptions::default()
    }
}

#[rstest]
#[case::small(10)]
#[case::large(20_000)]
fn a_sealed_cache_shows_and_resolves_what_a_plain_one_does(#[case] count: usize) {
    let rows = rows(count);
    let plain = cache(MemoryBackend::new());
    let expected = plain.set("k", &rows).unwrap();
    let expected = expected.ref_id.as_str();
    let sealed_with = |seal: &Arc<dyn Seal>| {
        let blobs = Stored::new(Blobs::new(MemoryBlobs::default())).sealed(Arc::clone(seal), 0);
        let entries = Stored::new(Entries::new(Arc::new(MemoryBackend::new())));
        [cache(blobs), cache(entries.sealed(Arc::clone(seal), 0))]
    };
    for sealed in seals().iter().flat_map(sealed_with) {
        let id = sealed.set("k", &rows).unwrap().ref_id;
        let id = id.as_str();
        assert_eq!(sealed.resolve::<Vec<Value>>(id).unwrap(), rows);
        let (shown, wanted) = (sealed.get(id).unwrap(), plain.get(expected).unwrap());
        assert_eq!(shown.preview(), wanted.preview());
        let shown = sealed.get_with(id, &second_page());
        let wanted = plain.get_with(expected, &second_page());
        match (shown, wanted) {
            (Ok(shown), Ok(wanted)) => assert_eq!(shown.preview(), wanted.preview()),
            (shown, wanted) => assert_eq!(shown.is_err(), wanted.is_err()),
        }
        assert!(sealed.exists("k").unwrap() && sealed.delete("k", None).unwrap());
    }
}

#[rstest]
#[case::small(3)]
#[case::large(20_000)]
fn an_encrypted_store_shows_nothing_of_a_value(#[case] count: usize) {
    let store = MemoryBlobs::default();
    let seal = Then(Compressed, Encrypted::new(key()));
    let sealed = cache(Stored::new(Blobs::new(store.clone())).sealed(Arc::new(seal), 0));
    let id = sealed.set("k", &rows(count)).unwrap().ref_id;
    sealed.get(id.as_str()).unwrap();
    assert!(!store.shows("row ") && !store.shows("share") && !store.shows("0.142857"));
}

#[test]
fn without_the_right_key_an_entry_is_an_error_that_says_so() {
    let store = MemoryBlobs::default();
    let open = |seal: Option<Arc<dyn Seal>>| {
        let stored = Stored::new(Blobs::new(store.clone()));
        cache(match seal {
            Some(seal) => stored.sealed(seal, 0),
            None => stored,
        })
    };
    let id = open(Some(Arc::new(Encrypted::new(key()))))
        .set("k", &rows(10))
        .unwrap()
        .ref_id;
    let other = Encrypted::new(Key::generate().unwrap());
    for (seal, part) in [
        (
            Some(Arc::new(other) as Arc<dyn Seal>),
            "is not in the keyring",
        ),
        (None, "encrypted"),
    ] {
        let error = open(seal).resolve::<Value>(id.as_str()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Backend);
        assert!(error.to_string().contains(part), "{error}");
    }
    let keyring = Keyring::new(Key::generate().unwrap());
    keyring.add_older(key()).unwrap();
    let rotated = open(Some(Arc::new(Encrypted::new(keyring.clone()))));
    assert_eq!(
        rotated.resolve::<Vec<Value>>(id.as_str()).unwrap(),
        rows(10)
    );
    keyring.destroy(key().id());
    let error = rotated.resolve::<Value>(id.as_str()).unwrap_err();
    assert!(error.to_string().contains("destroyed"), "{error}");
}

#[rstest]
#[case::small(10)]
#[case::large(20_000)]
fn rows_of_an_encrypted_store_cannot_be_exchanged(#[case] count: usize) {
    let store = MemoryBlobs::default();
    let sealed =
        cache(Stored::new(Blobs::new(store.clone())).sealed(Arc::new(Encrypted::new(key())), 0));
    let [one, two] = ["one", "two"].map(|name| {
        let mut rows = rows(count);
        rows[0] = json!(name);
        sealed.set(name, &rows).unwrap().ref_id
    });
    {
        // each body under the other's reference: the ids in the heads are made to fit
        let mut held = store.0.lock();
        let of = |held: &Held, id: &str| {
            let found = held.iter().find(|((of, _), blob)| {
                of == "refcache-entries" && blob.windows(id.len()).any(|part| part == id.as_bytes())
            });
            found
                .map(|(place, blob)| (place.clone(), blob.clone()))
                .unwrap()
        };
        let (a, b) = (of(&held, one.as_str()), of(&held, two.as_str()));
        let swap = |blob: &Bytes, from: &str, to: &str| {
            let at = blob
                .windows(from.len())
                .position(|part| part == from.as_bytes());
            let mut blob = blob.to_vec();
            blob[at.unwrap()..][..to.len()].copy_from_slice(to.as_bytes());
            Bytes::from(blob)
        };
        held.insert(a.0, swap(&b.1, two.as_str(), one.as_str()));
        held.insert(b.0, swap(&a.1, one.as_str(), two.as_str()));
    }
    for id in [&one, &two] {
        let error = sealed.resolve::<Value>(id.as_str()).unwrap_err();
        assert!(
            error.to_string().contains("belongs to another entry"),
            "{error}"
        );
    }
}

#[test]
fn an_export_moves_entries_from_an_encrypted_store_into_memory_and_back() {
    let store = MemoryBlobs::default();
    let seal = Then(Compressed, Encrypted::new(key()));
    let sealed = cache(Stored::new(Blobs::new(store)).sealed(Arc::new(seal.clone()), 0));
    let small = sealed.set("small", &rows(3)).unwrap().ref_id;
    let large = sealed.set("large", &rows(20_000)).unwrap().ref_id;
    let mut file = Vec::new();
    let mut silent = |_| Ok(());
    let exported = sealed.export(&mut file, &ExportOptions::default(), &mut silent);
    assert_eq!(exported.unwrap().entries, 2);
    let back = Stored::new(Blobs::new(MemoryBlobs::default())).sealed(Arc::new(seal), 0);
    for target in [cache(MemoryBackend::new()), cache(back)] {
        target
            .import(&mut &file[..], &ImportOptions::default(), &mut silent)
            .unwrap();
        assert_eq!(
            target.resolve::<Vec<Value>>(small.as_str()).unwrap(),
            rows(3)
        );
        assert_eq!(
            target.resolve::<Vec<Value>>(large.as_str()).unwrap(),
            rows(20_000)
        );
        assert!(target.exists("large").unwrap());
        let (shown, wanted) = (target.get(large.as_str()), sealed.get(large.as_str()));
        assert_eq!(shown.unwrap().preview(), wanted.unwrap().preview());
    }
}
