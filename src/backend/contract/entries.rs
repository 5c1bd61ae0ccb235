//! Entries by their reference: written, replaced, expired, removed.

use super::subject::{Subject, document, done, text};
use crate::backend::Backend;

/// An entry is found from the moment it was put until it is deleted; deleting tells whether it was there.
pub async fn an_entry_is_there_until_it_is_deleted(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let id = store.put_new("public", None).await;
    let entry = store.got(&id).await;
    assert_eq!(text(&entry).await, "[1, 2]", "a value comes back");
    assert_eq!(&*entry.namespace, "public", "a namespace comes back");
    assert!(store.exists(&id).await, "an entry that was put exists");
    assert!(
        store.delete(&id).await,
        "deleting tells that an entry was there"
    );
    assert!(
        store.get(&id).await.is_none(),
        "a deleted entry is not found"
    );
    assert!(!store.exists(&id).await, "a deleted entry does not exist");
    assert!(
        !store.delete(&id).await,
        "deleting tells that an entry was not there"
    );
}

/// What is not there is "no" or nothing, never an error.
pub async fn what_is_absent_is_no_error(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let (id, name) = (store.id(), store.name("public", "absent"));
    assert!(store.get(&id).await.is_none(), "what is absent is not got");
    assert!(!store.exists(&id).await, "what is absent does not exist");
    assert!(!store.delete(&id).await, "what is absent is not deleted");
    assert_eq!(store.find(&name).await, None, "an unknown name is no error");
    assert_eq!(store.name_of(&id).await, None, "what is absent has no name");
    assert!(
        store.everywhere_at("absent", store.now).await.is_empty(),
        "an unknown key is found nowhere"
    );
    let scope = store.scope(Some("public"));
    assert!(
        store.keys(scope).await.is_empty(),
        "an unknown cache has no keys"
    );
    assert_eq!(
        store.clear(scope).await,
        0,
        "nothing is cleared where nothing is"
    );
}

/// A put under a known reference replaces value, namespace and end.
pub async fn an_entry_is_replaced_as_a_whole(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let id = store.put_new("a", Some(store.now + 50.0)).await;
    store
        .put(&id, store.entry("b", document("\"new\""), None))
        .await;
    let entry = store.got(&id).await;
    assert_eq!(text(&entry).await, "\"new\"", "the newer value is there");
    assert_eq!(&*entry.namespace, "b", "the newer namespace is there");
    assert_eq!(entry.expires_at, None, "the newer end is there");
    assert!(
        store.keys(store.scope(Some("a"))).await.is_empty(),
        "an entry that moved is not listed where it was"
    );
    assert_eq!(
        store.keys(store.scope(Some("b"))).await,
        [id],
        "an entry that moved is listed once"
    );
}

/// An entry is as good as absent from its end on, by the time that is handed in.
pub async fn an_entry_is_absent_once_it_is_expired(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let end = store.now + 60.0;
    let id = store.put_new("public", Some(end)).await;
    let before = store.get_at(&id, end - 0.01).await;
    let before = before.expect("an entry is there until its end");
    assert_eq!(before.expires_at, Some(end), "an end comes back");
    assert_eq!(
        before.created_at, store.now,
        "the moment of storing comes back"
    );
    assert!(
        store.exists_at(&id, end - 0.01).await,
        "an entry exists until its end"
    );
    let listed = store.keys_at(store.scope(None), end - 0.01).await;
    assert_eq!(
        listed,
        [id.as_str()],
        "an entry is listed until it is expired"
    );
    let listed = store.keys_at(store.scope(None), end).await;
    assert!(listed.is_empty(), "an expired entry is not listed");
    assert!(
        !store.exists_at(&id, end).await,
        "an expired entry does not exist"
    );
    assert!(
        store.get_at(&id, end).await.is_none(),
        "an expired entry is not found"
    );
}

/// Putting an entry again moves its end, also to a later one.
pub async fn a_later_end_replaces_an_earlier_one(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let id = store.put_new("public", Some(store.now + 10.0)).await;
    let later = store.entry("public", document("1"), Some(store.now + 90.0));
    store.put(&id, later).await;
    let moment = store.now + 50.0;
    done("purging", backend.purge(moment).await);
    assert!(
        store.get_at(&id, moment).await.is_some(),
        "an entry that was put again lives until its later end"
    );
}

/// What has ended is gone after a purge, at whatever moment it is asked for; the rest stays.
pub async fn purge_removes_what_is_expired_and_nothing_else(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let ended = store.put_new("public", Some(store.now + 10.0)).await;
    let alive = store.put_new("public", Some(store.now + 1_000.0)).await;
    let endless = store.put_new("public", None).await;
    let removed = done("purging", backend.purge(store.now + 10.0).await);
    assert!(removed >= 1, "a purge counts what it removes");
    assert!(
        !store.exists(&ended).await,
        "a purge removes what is expired"
    );
    for id in [&alive, &endless] {
        assert!(store.exists(id).await, "a purge leaves the living alone");
    }
}

/// References are compared as text, whatever stands in them.
pub async fn ids_may_be_any_text(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let cache = store.cache.as_str();
    let odd = [
        " ", "é", "e\u{301}", "a'b\"c\\", "A", "a", "{x}", "%_*?", "👍", "1:2", "\n\0z",
    ];
    for (number, rest) in odd.iter().enumerate() {
        let value = document(&number.to_string());
        let id = format!("{cache}:{rest}");
        store.put(&id, store.entry("public", value, None)).await;
    }
    let mut ids: Vec<_> = odd.iter().map(|rest| format!("{cache}:{rest}")).collect();
    for (number, id) in ids.iter().enumerate() {
        let found = text(&*store.got(id).await).await;
        assert_eq!(
            found,
            number.to_string(),
            "references that differ lead to different entries: {id:?}"
        );
    }
    ids.sort_unstable();
    assert_eq!(
        store.keys(store.scope(None)).await,
        ids,
        "references are listed as they were given"
    );
    for id in &ids {
        assert!(
            store.delete(id).await,
            "any reference can be deleted: {id:?}"
        );
    }
}

/// A cache is known from its first entry on, and stays known.
pub async fn a_cache_is_known_once_it_has_stored(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let knows = async || {
        let known = backend.knows_cache(store.cache.as_str()).await;
        done("asking whether a cache is known", known)
    };
    assert!(
        !knows().await,
        "a cache that stored nothing here is not known"
    );
    let id = store.put_new("public", None).await;
    assert!(knows().await, "a cache that stored something is known");
    store.delete(&id).await;
    assert!(
        knows().await,
        "a cache stays known when its entries are gone"
    );
}

/// Keeping what was prepared to be shown changes neither value nor end, and brings nothing back.
pub async fn remembering_changes_no_entry(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let id = store.put_new("public", Some(store.now + 60.0)).await;
    let entry = store.got(&id).await;
    done("remembering", backend.remember(&id, &entry).await);
    let again = store.got(&id).await;
    assert_eq!(
        text(&again).await,
        "[1, 2]",
        "remembering leaves the value alone"
    );
    assert_eq!(
        again.expires_at, entry.expires_at,
        "remembering leaves the end alone"
    );
    store.delete(&id).await;
    done("remembering", backend.remember(&id, &entry).await);
    assert!(
        !store.exists(&id).await,
        "remembering does not bring an entry back"
    );
}
