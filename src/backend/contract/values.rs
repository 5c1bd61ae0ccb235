//! What an entry consists of comes back as it was.

use std::sync::Arc;

use super::subject::{Subject, document, done, text};
use crate::access::{AccessPolicy, Permission};
use crate::backend::{Backend, Want};
use crate::entry::{Details, Entry};
use crate::preview::PreviewStrategy;
use crate::value::{Document, Value};

/// Numbers of any size, texts of any characters, NaN and infinities, empty and deep values.
pub async fn values_come_back_as_they_were(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    let texts = [
        "null",
        "true",
        "0",
        "-0.0",
        "1e-07",
        "123456789012345678901234567890",
        "[NaN, Infinity, -Infinity]",
        r#""""#,
        r#""\ud800 \u00e9 \ud83d\ude00 \u0000 \" \\""#,
        "[]",
        "{}",
        r#"{"b": 1, "a": {"": null}, "\u00e9": [1.5, 5e-324, 1.7976931348623157e+308]}"#,
        &deep,
    ];
    for wanted in texts {
        let id = store.id();
        store
            .put(&id, store.entry("public", document(wanted), None))
            .await;
        let entry = store.got(&id).await;
        assert_eq!(text(&entry).await, wanted, "a value comes back as it was");
        assert_eq!(
            (entry.value.total_size(), entry.value.total_items()),
            (Some(wanted.len()), document(wanted).total_items()),
            "the size of a value comes back"
        );
    }
}

/// Types that JSON text does not tell (tuples, dates, keys that are numbers) come back beside it.
pub async fn types_beside_the_text_come_back(backend: &dyn Backend) {
    let store = Subject::new(backend);
    // a tuple, a key that is an int, a date
    let text = r#"{"1": [1, "a"], "d": "2026-01-02"}"#;
    let at = |part| text.find(part).expect("it stands in the text");
    let types = format!(
        r#"{{"v": 1, "notes": [[1, 1], [0, {}], [6, {}]], "objects": ["date"]}}"#,
        at("[1,"),
        at("\"2026"),
    );
    let typed = done(
        "reading types",
        Document::with_types(text.to_owned(), &types),
    );
    let wanted = typed.types();
    let id = store.id();
    let value = Value::Document(Arc::new(typed));
    store.put(&id, store.entry("public", value, None)).await;
    let found = done("making a document", store.got(&id).await.value.document());
    assert_eq!(found.text(), text, "the text of a typed value comes back");
    assert_eq!(found.types(), wanted, "the types of a value come back");
}

/// A value of a megabyte comes back whole; read by its head it knows its size, and its text can be had later.
pub async fn a_large_value_can_be_read_later(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let rows = (0..20_000)
        .map(|row| format!(r#"{{"id": {row}, "name": "row \u00e9 {row} \ud83d\ude00"}}"#));
    let rows = format!("[{}]", rows.collect::<Vec<_>>().join(", "));
    let string = format!("\"{}\"", "0123456789 ".repeat(100_000));
    for wanted in [rows, string] {
        let (id, name) = (store.id(), store.name("public", "k"));
        let options = crate::backend::PutOptions {
            name: Some(&name),
            ..Default::default()
        };
        let entry = store.entry("public", document(&wanted), None);
        store.put_with(&id, entry, options).await;
        let whole = text(&*store.got(&id).await).await;
        assert!(whole == wanted, "a large value comes back as it was");
        let by_id = backend.get(&id, store.now, Want::Head).await;
        let by_name = backend.find(&name, store.now, Want::Head).await;
        let by_name = done("finding a large value", by_name).map(|(_, entry)| entry);
        for found in [done("getting a head", by_id), by_name] {
            let found = found.expect("a large value is found by its head");
            assert_eq!(
                (found.value.total_size(), found.value.total_items()),
                (Some(wanted.len()), document(&wanted).total_items()),
                "the head of a large value tells its size"
            );
            let later = text(&found).await;
            assert!(
                later == wanted,
                "the text of a large value can be had later"
            );
        }
    }
}

/// A policy comes back with everything it says.
pub async fn policies_come_back_as_they_were(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let policies = [
        AccessPolicy::default(),
        AccessPolicy::user_only()
            .with_owner("user:alice é'\"")
            .with_owner_permissions(Permission::READ | Permission::DELETE)
            .with_allowed_actors(["agent:a-*", "user:[!b]?"])
            .with_denied_actors(Vec::<String>::new())
            .with_allowed_permissions(Permission::EXECUTE)
            .with_bound_session("s-1"),
        AccessPolicy::default()
            .with_user_permissions(Permission::NONE)
            .with_agent_permissions(Permission::FULL),
    ];
    for wanted in policies {
        let id = store.id();
        let mut entry = store.entry("public", document("1"), None);
        entry.policy = Arc::new(wanted.clone());
        store.put(&id, entry).await;
        let entry = store.got(&id).await;
        let found = done("reading a policy", entry.policy.policy());
        assert_eq!(*found, wanted, "a policy comes back as it was");
    }
}

/// What is known about an entry comes back.
pub async fn details_come_back_as_they_were(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let full = Details {
        tool_name: Some("tool é".into()),
        total_items: Some(2),
        total_size: Some(6),
        max_size: Some(50),
        strategy: Some(PreviewStrategy::Summary),
        bound: true,
        promised: true,
        extra: None,
    };
    for wanted in [Details::default(), full] {
        let found = kept(&store, wanted.clone()).await;
        let found = &found.details;
        assert_eq!(
            found.tool_name, wanted.tool_name,
            "the tool's name comes back"
        );
        assert_eq!(
            (found.total_items, found.total_size),
            (wanted.total_items, wanted.total_size),
            "the sizes that were noted come back"
        );
        assert_eq!(
            (found.max_size, found.strategy),
            (wanted.max_size, wanted.strategy),
            "what the tool asked for comes back"
        );
        assert_eq!(
            (found.bound, found.promised),
            (wanted.bound, wanted.promised),
            "how an entry was made comes back"
        );
    }
}

/// Metadata that the user gave in place of those facts comes back as it was.
pub async fn metadata_of_the_users_own_comes_back(backend: &dyn Backend) {
    let store = Subject::new(backend);
    let wanted = r#"{"mine": [1, NaN, "\u00e9\ud800"], "nested": {"a": {}}, "tool_name": "t"}"#;
    for wanted in ["{}", wanted] {
        let details = Details {
            extra: Some(document(wanted)),
            ..Details::default()
        };
        let entry = kept(&store, details).await;
        let extra = entry.details.extra.as_ref();
        let extra = extra.expect("metadata of the user's own comes back");
        let found = done("reading metadata", extra.document());
        assert_eq!(found.text(), wanted, "metadata comes back as it was");
    }
}

/// The entry with these details, as the store gives it back.
async fn kept(store: &Subject<'_>, details: Details) -> Arc<Entry> {
    let id = store.id();
    let mut entry = store.entry("public", document("[1, 2]"), None);
    entry.details = details;
    store.put(&id, entry).await;
    store.got(&id).await
}
