//! What a Rust server relies on: the cache through its public API.

use std::sync::Arc;

use mcp_refcache::access::Delegate;
use mcp_refcache::backend::Want;
use mcp_refcache::blocking;
use mcp_refcache::measure::CharacterMeasurer;
use mcp_refcache::value::{Document, Value};
use mcp_refcache::{
    Access, AccessPolicy, Answer, AnswerOptions, DefaultActor, ErrorKind, GetOptions, ManualClock,
    Namespace, NamespaceRule, Permission, PreviewConfig, PreviewStrategy, RefCache, ResolveOptions,
    SetOptions, Ttl,
};
use serde_json::json;

const NOW: f64 = 1_000.0;

fn small_previews(name: &str) -> mcp_refcache::Builder {
    let preview = PreviewConfig::new(100, PreviewStrategy::Sample).unwrap();
    RefCache::builder(name)
        .measurer(Arc::new(CharacterMeasurer))
        .preview(preview)
}

fn value(value: serde_json::Value) -> Value {
    Value::Document(Arc::new(Document::from_serialize(&value).unwrap()))
}

fn options(namespace: &str) -> SetOptions<'_> {
    SetOptions {
        namespace: Some(namespace),
        ..SetOptions::default()
    }
}

#[tokio::test]
async fn a_value_comes_back_as_it_was_stored() {
    let cache = RefCache::new("c").unwrap();
    let stored = vec![
        (1, "é".to_owned(), Some(f64::MIN_POSITIVE)),
        (2, String::new(), None),
    ];
    let reference = cache.set("k", &stored).await.unwrap();
    let back: Vec<(i32, String, Option<f64>)> =
        cache.resolve(reference.ref_id.as_str()).await.unwrap();
    assert_eq!(back, stored);
    assert_eq!(reference.total_items, Some(2));
}

#[tokio::test]
async fn a_preview_fits_and_a_page_holds_its_items() {
    let cache = small_previews("c").build().unwrap();
    let reference = cache
        .set("k", &(0..1000).collect::<Vec<_>>())
        .await
        .unwrap();
    let id = reference.ref_id.as_str();
    let preview = cache.get(id).await.unwrap();
    assert!(preview.preview_size <= 100 && preview.original_size == 4890);
    let page = GetOptions {
        page: Some(3),
        page_size: Some(10),
        ..GetOptions::default()
    };
    let page = cache.get_with(id, &page).await.unwrap();
    assert_eq!(
        page.excerpt.to_value(),
        json!([20, 21, 22, 23, 24, 25, 26, 27, 28, 29])
    );
    assert_eq!(page.total_pages, Some(100));
}

#[tokio::test]
async fn a_page_below_one_is_refused() {
    let cache = RefCache::new("c").unwrap();
    let id = cache.set("k", &[1]).await.unwrap().ref_id;
    let page = GetOptions {
        page: Some(0),
        ..GetOptions::default()
    };
    let error = cache.get_with(id.as_str(), &page).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (
            ErrorKind::InvalidArgument,
            "page must be 1 or greater (page: 0)"
        )
    );
}

#[tokio::test]
async fn an_entry_ends_with_its_ttl_call_before_namespace_before_default() {
    let clock = Arc::new(ManualClock::new(NOW));
    let cache = RefCache::builder("c")
        .clock(Arc::clone(&clock) as _)
        .default_ttl(Some(100.0))
        .namespace_rule(NamespaceRule::new("session:*").ttl(Ttl::Seconds(10.0)))
        .namespace_rule(NamespaceRule::new("session:kept").ttl(Ttl::Never))
        .build()
        .unwrap();
    let mut ends = Vec::new();
    for (namespace, ttl) in [
        ("public", Ttl::Default),
        ("session:a", Ttl::Default),
        ("session:kept", Ttl::Default),
        ("session:a", Ttl::Seconds(5.0)),
        ("public", Ttl::Never),
    ] {
        let options = SetOptions {
            ttl,
            ..options(namespace)
        };
        let reference = cache
            .set_with(&format!("{ttl:?}"), value(json!(1)), options)
            .await
            .unwrap();
        ends.push(reference.expires_at);
    }
    assert_eq!(
        ends,
        [
            Some(NOW + 100.0),
            Some(NOW + 10.0),
            None,
            Some(NOW + 5.0),
            None
        ]
    );
    let id = cache.set("k", &1).await.unwrap().ref_id;
    clock.advance(100.0);
    assert!(!cache.exists(id.as_str()).await.unwrap());
    assert_eq!(
        cache.get(id.as_str()).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn bad_input_is_an_error_and_nothing_is_stored() {
    assert_eq!(
        RefCache::new("my cache").unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    assert!(RefCache::builder("c").max_entries(0).build().is_err());
    assert!(
        RefCache::builder("c")
            .default_ttl(Some(-1.0))
            .build()
            .is_err()
    );
    let cache = RefCache::builder("c")
        .namespace(NamespaceRule::new(Namespace::PUBLIC))
        .build()
        .unwrap();
    for options in [
        SetOptions {
            ttl: Ttl::Seconds(-1.0),
            ..SetOptions::default()
        },
        SetOptions {
            ttl: Ttl::Seconds(f64::NAN),
            ..SetOptions::default()
        },
        options("sesion:a"),
    ] {
        let error = cache
            .set_with("k", value(json!("secret")), options)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(!error.to_string().contains("secret"));
    }
    assert!(cache.keys(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn execute_lets_the_server_use_what_the_agent_cannot_see() {
    let cache = RefCache::new("c").unwrap();
    let options = SetOptions {
        policy: Some(Arc::new(AccessPolicy::execute_only())),
        ..SetOptions::default()
    };
    let id = cache
        .set_with("k", value(json!({"ssn": 1})), options)
        .await
        .unwrap()
        .ref_id;
    assert_eq!(
        cache.get(id.as_str()).await.unwrap_err().kind(),
        ErrorKind::PermissionDenied
    );
    assert_eq!(
        cache
            .resolve::<serde_json::Value>(id.as_str())
            .await
            .unwrap(),
        json!({"ssn": 1})
    );
    let agent = DefaultActor::agent(None, None);
    let read = cache
        .resolve_as::<serde_json::Value>(id.as_str(), &agent, Access::Read)
        .await;
    assert_eq!(read.unwrap_err().to_string(), "Agent lacks READ permission");
}

#[tokio::test]
async fn writing_updating_and_deleting_ask_the_policy_when_an_actor_is_given() {
    let cache = RefCache::new("c").unwrap();
    let agent = DefaultActor::agent("bot", None);
    let write_once =
        AccessPolicy::default().with_agent_permissions(Permission::WRITE | Permission::READ);
    let options = || SetOptions {
        actor: Some(&agent),
        policy: Some(Arc::new(write_once.clone())),
        ..SetOptions::default()
    };
    let id = cache
        .set_with("k", value(json!(1)), options())
        .await
        .unwrap()
        .ref_id;
    for denied in [
        cache
            .set_with("k", value(json!(2)), options())
            .await
            .map(drop),
        cache.delete(id.as_str(), Some(&agent)).await.map(drop),
    ] {
        assert_eq!(denied.unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
    assert_eq!(cache.clear(None, Some(&agent)).await.unwrap(), 0);
    assert!(cache.delete(id.as_str(), None).await.unwrap());
}

#[tokio::test]
async fn a_key_is_found_exactly_and_ambiguity_is_said() {
    let cache = RefCache::new("c").unwrap();
    for namespace in ["org:a", "org:b"] {
        cache
            .set_with("k", value(json!(namespace)), options(namespace))
            .await
            .unwrap();
    }
    cache
        .set_with("alice:token", value(json!("alice's")), options("org:a"))
        .await
        .unwrap();
    assert_eq!(cache.resolve::<String>("org:a:k").await.unwrap(), "org:a");
    assert!(!cache.exists("token").await.unwrap());
    let error = cache.resolve::<String>("k").await.unwrap_err();
    assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains("2 namespaces"));
}

#[tokio::test]
async fn a_model_reads_on_behalf_of_its_user() {
    let cache = RefCache::new("c").unwrap();
    let options = SetOptions {
        bound: true,
        ..options("user:alice")
    };
    let id = cache
        .set_with("k", value(json!([1])), options)
        .await
        .unwrap()
        .ref_id;
    for (user, expected) in [("alice", true), ("bob", false)] {
        let model = Delegate::new("claude", None).for_user(user);
        let read = GetOptions {
            actor: Some(&model),
            ..GetOptions::default()
        };
        assert_eq!(
            cache.get_with(id.as_str(), &read).await.is_ok(),
            expected,
            "{user}"
        );
        assert_eq!(
            cache
                .resolve_as::<Vec<i32>>(id.as_str(), &model, Access::Use)
                .await
                .is_ok(),
            expected,
            "{user}"
        );
    }
}

#[tokio::test]
async fn a_small_answer_is_complete_a_large_one_a_preview_and_a_secret_hidden() {
    let cache = small_previews("c").build().unwrap();
    let agent = DefaultActor::agent(None, None);
    let options = AnswerOptions {
        counted: false,
        actor: &agent,
        producer: true,
    };
    let mut answers = Vec::new();
    for (key, stored, policy) in [
        ("small", json!([1]), AccessPolicy::public()),
        ("large", json!(vec![1; 1000]), AccessPolicy::public()),
        ("secret", json!([1]), AccessPolicy::execute_only()),
    ] {
        let set = SetOptions {
            policy: Some(Arc::new(policy)),
            ..SetOptions::default()
        };
        let id = cache
            .set_with(key, value(stored), set)
            .await
            .unwrap()
            .ref_id;
        let entry = cache
            .backend()
            .get(id.as_str(), NOW, Want::Head)
            .await
            .unwrap()
            .unwrap();
        answers.push(cache.answer(id.as_str(), &entry, &options).await.unwrap());
    }
    assert!(matches!(
        answers[..],
        [
            Answer::Complete { size: 3, .. },
            Answer::Preview(_),
            Answer::Hidden { usable: true }
        ]
    ));
}

#[tokio::test]
async fn references_are_replaced_at_any_depth_and_circles_are_found() {
    let cache = RefCache::new("c").unwrap();
    let agent = DefaultActor::agent(None, None);
    let inner = cache.set("inner", &[1, 2]).await.unwrap().ref_id;
    let outer = cache
        .set("outer", &json!({"rows": inner.as_str()}))
        .await
        .unwrap()
        .ref_id;
    let given = json!({"a": [outer.as_str()], "commit": "commit:deadbeef99"});
    let resolved = cache
        .resolve_refs(given, &ResolveOptions::server(&agent))
        .await
        .unwrap();
    assert_eq!(
        resolved.value,
        json!({"a": [{"rows": [1, 2]}], "commit": "commit:deadbeef99"})
    );
    assert_eq!(resolved.resolved, [outer.as_str(), inner.as_str()]);
    let missing = json!("c:0123456789abcdef");
    let error = cache
        .resolve_refs(missing, &ResolveOptions::server(&agent))
        .await
        .unwrap_err();
    assert_eq!(
        error.message(),
        "Invalid or inaccessible reference: c:0123456789abcdef"
    );
}

#[tokio::test]
async fn what_may_only_be_used_is_not_pulled_in_by_a_stored_text() {
    let cache = RefCache::new("c").unwrap();
    let agent = DefaultActor::agent(None, None);
    let secret = SetOptions {
        policy: Some(Arc::new(AccessPolicy::execute_only())),
        ..SetOptions::default()
    };
    let secret = cache
        .set_with("s", value(json!("top secret")), secret)
        .await
        .unwrap()
        .ref_id;
    let page = cache
        .set("web", &json!({"comment": secret.as_str()}))
        .await
        .unwrap()
        .ref_id;
    let given = json!(page.as_str());
    let error = cache
        .resolve_refs(given, &ResolveOptions::server(&agent))
        .await
        .unwrap_err();
    assert_eq!(
        error.message(),
        format!("Invalid or inaccessible reference: {page}")
    );
}

#[test]
fn the_blocking_cache_is_the_same_cache() {
    let cache = small_previews("c").build().unwrap();
    let blocking = blocking::RefCache::from(cache.clone());
    let id = blocking.set("k", &[1, 2, 3]).unwrap().ref_id;
    assert_eq!(blocking.resolve::<Vec<i32>>("k").unwrap(), [1, 2, 3]);
    assert!(blocking.exists(id.as_str()).unwrap() && blocking.delete(id.as_str(), None).unwrap());
    assert_eq!(
        blocking.get(id.as_str()).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}
