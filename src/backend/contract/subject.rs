//! [`Subject`]: the store that is tested, with references of its own and without errors to handle.

use std::sync::Arc;

use crate::access::AccessPolicy;
use crate::backend::{Backend, PutOptions, Scope, Want};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::entry::{Details, Entry};
use crate::error::Result;
use crate::reference::{CacheName, KeyName, RefId};
use crate::value::{Document, Value};

/// A store and a cache name that nobody has used there.
pub(super) struct Subject<'a> {
    pub(super) backend: &'a dyn Backend,
    pub(super) cache: CacheName,
    /// The present, so that a store whose server has a clock agrees.
    pub(super) now: Timestamp,
}

/// The outcome of what must not fail.
pub(super) fn done<T>(doing: &str, outcome: Result<T>) -> T {
    outcome.unwrap_or_else(|error| panic!("{doing} fails: {error:?}"))
}

/// A text that was never used before.
pub(super) fn fresh(word: &str) -> String {
    let anybody = CacheName::new(word).expect("words of the tests are cache names");
    let id = done("making a reference", RefId::generate(&anybody));
    id.as_str().replace(':', "-")
}

/// A document of this JSON text.
pub(super) fn document(text: &str) -> Value {
    Value::Document(Arc::new(done("parsing JSON", Document::parse(text))))
}

/// The JSON text of an entry's value, read from the store if it is still there.
pub(super) async fn text(entry: &Entry) -> String {
    done("loading a value", entry.value.load().await);
    let document = done("making a document of a value", entry.value.document());
    document.text().to_owned()
}

impl<'a> Subject<'a> {
    pub(super) fn new(backend: &'a dyn Backend) -> Self {
        Self {
            backend,
            cache: CacheName::new(fresh("contract")).expect("letters, digits and '-'"),
            now: SystemClock.now(),
        }
    }

    /// A new reference.
    pub(super) fn id(&self) -> String {
        done("making a reference", RefId::generate(&self.cache)).to_string()
    }

    pub(super) fn name(&self, namespace: &str, key: &str) -> KeyName {
        KeyName {
            cache: self.cache.as_str().into(),
            namespace: namespace.into(),
            key: key.into(),
        }
    }

    /// The scope of this cache, or of one namespace of it.
    pub(super) fn scope<'s>(&'s self, namespace: Option<&'s str>) -> Scope<'s> {
        Scope {
            cache: Some(self.cache.as_str()),
            namespace,
        }
    }

    pub(super) fn entry(&self, namespace: &str, value: Value, ends: Option<f64>) -> Entry {
        Entry::new(
            value,
            namespace.into(),
            Arc::new(AccessPolicy::default()),
            self.now,
            ends,
            Details::default(),
        )
    }

    pub(super) async fn put(&self, id: &str, entry: Entry) {
        self.put_with(id, entry, PutOptions::default()).await;
    }

    pub(super) async fn put_with(&self, id: &str, entry: Entry, options: PutOptions<'_>) {
        let outcome = self.backend.put(id, Arc::new(entry), options).await;
        done("putting an entry", outcome);
    }

    /// Puts a small entry under a new reference.
    pub(super) async fn put_new(&self, namespace: &str, ends: Option<f64>) -> String {
        let id = self.id();
        self.put(&id, self.entry(namespace, document("[1, 2]"), ends))
            .await;
        id
    }

    /// Puts a small entry under a new reference and a name.
    pub(super) async fn put_named(&self, name: &KeyName) -> String {
        let id = self.id();
        let options = PutOptions {
            name: Some(name),
            ..PutOptions::default()
        };
        let entry = self.entry(&name.namespace, document("[1, 2]"), None);
        self.put_with(&id, entry, options).await;
        id
    }

    pub(super) async fn get_at(&self, id: &str, now: Timestamp) -> Option<Arc<Entry>> {
        done(
            "getting an entry",
            self.backend.get(id, now, Want::Value).await,
        )
    }

    pub(super) async fn get(&self, id: &str) -> Option<Arc<Entry>> {
        self.get_at(id, self.now).await
    }

    /// The entry, which has to be there.
    pub(super) async fn got(&self, id: &str) -> Arc<Entry> {
        let found = self.get(id).await;
        found.expect("an entry that was put is found by its reference")
    }

    pub(super) async fn exists_at(&self, id: &str, now: Timestamp) -> bool {
        done(
            "asking whether an entry exists",
            self.backend.exists(id, now).await,
        )
    }

    pub(super) async fn exists(&self, id: &str) -> bool {
        self.exists_at(id, self.now).await
    }

    pub(super) async fn delete(&self, id: &str) -> bool {
        done("deleting an entry", self.backend.delete(id).await)
    }

    /// The reference that a name leads to, whose entry has to be the one that a get finds.
    pub(super) async fn find_at(&self, name: &KeyName, now: Timestamp) -> Option<String> {
        let found = self.backend.find(name, now, Want::Value).await;
        let (id, entry) = done("finding a name", found)?;
        assert_eq!(
            entry.namespace, name.namespace,
            "a name leads to an entry of its namespace"
        );
        Some(id.to_string())
    }

    pub(super) async fn find(&self, name: &KeyName) -> Option<String> {
        self.find_at(name, self.now).await
    }

    pub(super) async fn everywhere_at(&self, key: &str, now: Timestamp) -> Vec<(String, String)> {
        let found = self.backend.find_everywhere(self.cache.as_str(), key, now);
        let found = done("finding a key in all namespaces", found.await);
        let texts = found
            .iter()
            .map(|(namespace, id)| (namespace.to_string(), id.to_string()));
        texts.collect()
    }

    pub(super) async fn name_of(&self, id: &str) -> Option<KeyName> {
        done("asking for a name", self.backend.name_of(id).await)
    }

    /// The references of a scope, sorted.
    pub(super) async fn keys_at(&self, scope: Scope<'_>, now: Timestamp) -> Vec<String> {
        let keys = done("listing keys", self.backend.keys(scope, now).await);
        let mut keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
        keys.sort_unstable();
        keys
    }

    pub(super) async fn keys(&self, scope: Scope<'_>) -> Vec<String> {
        self.keys_at(scope, self.now).await
    }

    pub(super) async fn clear(&self, scope: Scope<'_>) -> usize {
        done("clearing", self.backend.clear(scope).await)
    }
}
