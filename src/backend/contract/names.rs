//! Names: the keys that lead to entries.

use super::subject::{Subject, document};
use crate::backend::{Backend, PutOptions};
use crate::reference::KeyName;

/// A name leads to the entry that was put with it, and back.
pub async fn a_name_leads_to_its_entry(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let name = store.name("public", "k");
    let id = store.put_named(&name).await;
    assert_eq!(
        store.find(&name).await.as_deref(),
        Some(&*id),
        "a name leads to its entry"
    );
    assert_eq!(
        store.name_of(&id).await,
        Some(name),
        "an entry knows its name"
    );
    let nameless = store.put_new("public", None).await;
    assert_eq!(
        store.name_of(&nameless).await,
        None,
        "an entry that was put without a name has none"
    );
}

/// The same key in another namespace or another cache is another name.
pub async fn a_name_belongs_to_one_cache_and_namespace(backend: &dyn Backend) {
    let (store, other) = (Subject::new(backend), Subject::new(backend));
    let name = store.name("public", "k");
    store.put_named(&name).await;
    for elsewhere in [store.name("private", "k"), other.name("public", "k")] {
        assert_eq!(
            store.find(&elsewhere).await,
            None,
            "a name of another cache or namespace leads nowhere"
        );
    }
    assert!(
        other.everywhere_at("k", other.now).await.is_empty(),
        "a key of another cache is found nowhere"
    );
}

/// A key is found in every namespace where it leads to a live entry, sorted by namespace.
pub async fn a_key_is_found_in_every_namespace(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let mut expected = Vec::new();
    for namespace in ["b", "a", "é", "c:1"] {
        let id = store.put_named(&store.name(namespace, "k")).await;
        expected.push((namespace.to_owned(), id));
    }
    store.put_named(&store.name("a", "other")).await;
    expected.sort();
    assert_eq!(
        store.everywhere_at("k", store.now).await,
        expected,
        "a key is found in all its namespaces, sorted"
    );
    let ending = store.entry("0", document("1"), Some(store.now + 10.0));
    let name = store.name("0", "k");
    let options = PutOptions {
        name: Some(&name),
        ..PutOptions::default()
    };
    store.put_with(&store.id(), ending, options).await;
    assert_eq!(
        store.everywhere_at("k", store.now + 10.0).await,
        expected,
        "a key is not found where its entry is expired"
    );
    assert_eq!(
        store.find_at(&name, store.now + 10.0).await,
        None,
        "a name does not lead to an expired entry"
    );
}

/// A name leads to the entry that was put with it last; the one before is still there by reference.
pub async fn a_name_moves_to_the_newer_entry(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let name = store.name("public", "k");
    let former = store.put_named(&name).await;
    let newer = store.put_named(&name).await;
    assert_eq!(
        store.find(&name).await.as_deref(),
        Some(&*newer),
        "a name leads to the newer entry"
    );
    assert!(
        store.exists(&former).await,
        "the former holder of a name is still there"
    );
    assert_eq!(
        store.name_of(&former).await,
        None,
        "the former holder of a name has it no more"
    );
    assert!(
        store.delete(&former).await,
        "the former holder can be deleted"
    );
    assert_eq!(
        store.find(&name).await.as_deref(),
        Some(&*newer),
        "a name survives the deletion of its former holder"
    );
}

/// The former holder of a name lives until the moment of its retirement at the latest.
pub async fn the_former_holder_of_a_name_is_retired(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let retire_at = store.now + 30.0;
    for (end, expected) in [
        (None, retire_at),
        (Some(store.now + 100.0), retire_at),
        (Some(store.now + 10.0), store.now + 10.0),
    ] {
        let name = store.name("public", "k");
        let options = PutOptions {
            name: Some(&name),
            retire_at: Some(retire_at),
            ..PutOptions::default()
        };
        let (former, newer) = (store.id(), store.id());
        for (id, end) in [(&former, end), (&newer, None)] {
            let entry = store.entry("public", document("[1]"), end);
            store.put_with(id, entry, options).await;
        }
        assert_eq!(
            store.got(&former).await.expires_at,
            Some(expected),
            "the former holder of a name ends when it is retired, or earlier"
        );
        assert!(
            !store.exists_at(&former, expected).await,
            "a retired entry does not exist after its end"
        );
        assert_eq!(
            store.got(&newer).await.expires_at,
            None,
            "the new holder of a name is not retired"
        );
        assert_eq!(
            store.name_of(&former).await,
            None,
            "who is retired has no name"
        );
        store.delete(&newer).await;
    }
}

/// A name leads nowhere once its entry was deleted or cleared, whatever is put under its reference later.
pub async fn a_name_is_forgotten_with_its_entry(backend: &dyn Backend) {
    let store = Subject::new(backend);
    for scope in [
        None,
        Some(store.scope(None)),
        Some(store.scope(Some("public"))),
    ] {
        let name = store.name("public", "k");
        let id = store.put_named(&name).await;
        match scope {
            None => store.delete(&id).await,
            Some(scope) => store.clear(scope).await == 1,
        };
        assert_eq!(
            store.find(&name).await,
            None,
            "a name leads nowhere once its entry is gone"
        );
        assert_eq!(store.name_of(&id).await, None, "what is gone has no name");
        store
            .put(&id, store.entry("public", document("1"), None))
            .await;
        assert_eq!(
            store.find(&name).await,
            None,
            "a forgotten name does not come back with its reference"
        );
        assert!(store.delete(&id).await, "an entry can be deleted again");
    }
}

/// An entry that is put again without a name keeps the one it has.
pub async fn a_replaced_entry_keeps_its_name(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let name = store.name("public", "k");
    let id = store.put_named(&name).await;
    store
        .put(&id, store.entry("public", document("2"), None))
        .await;
    assert_eq!(
        store.find(&name).await.as_deref(),
        Some(&*id),
        "an entry that is put again keeps its name"
    );
}

/// Keys and namespaces are compared as text, whatever stands in them.
pub async fn names_may_be_any_text(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let odd = [
        "", " ", "a:b", "a", "A", "é", "e\u{301}", "'\"\\", "{x}:", "%_*?", "👍", "\n\0z",
    ];
    let mut expected: Vec<(KeyName, String)> = Vec::new();
    for key in odd {
        for name in [
            store.name("public", key),
            store.name(&format!("n{key}"), "k"),
        ] {
            let id = store.put_named(&name).await;
            expected.push((name, id));
        }
    }
    for (name, id) in expected {
        assert_eq!(
            store.find(&name).await.as_ref(),
            Some(&id),
            "names that differ lead to different entries: {name:?}"
        );
        assert_eq!(
            store.name_of(&id).await.as_ref(),
            Some(&name),
            "a name comes back as it was given"
        );
    }
}
