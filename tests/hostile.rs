//! Hostile input to the public API: an answer or an error in bounded time, never a panic.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_refcache::access::{ActorPattern, Filling, Glob, Masks, expand_template};
use mcp_refcache::value::{Document, Value};
use mcp_refcache::{
    Actor, CacheName, DefaultActor, GetOptions, Namespace, RateLimit, RefCache, RefId,
    ResolveOptions, SetOptions, is_ref_id,
};
use serde_json::{Value as Json, json};

const DEEP: usize = 100_000;

/// Texts that parsers and matchers are afraid of.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "", "\0", "[[[", "]", "[", "[!", "[a-", "{", "}", "{}", "{a", "\\", "!", "!!", ".", "..", "a[", "a[]", "a[-1]", "a[\"", "a[\"\\", "a[*",
        "[99999999999999999999999]", "::", ":", "user:", "c:", "c:0123456789abcdef", "NaN", "1e999", "-0", "\u{10ffff}", "e\u{301}", "\u{202e}",
        "1/min", "0/min", "-1/s", "99999999999999999999/s", "1/0s", "nan/s",
    ]
    .map(str::to_owned)
    .into();
    for part in ["*", "[", "]", "*a", "[a-z]", "[!", "{", "{a}", "a.", "[*].", "!", "?", ":", "a:", "é", "\\", "\"", "[0]"] {
        texts.push(part.repeat(1000));
        texts.push(part.repeat(1000) + "b");
    }
    texts.push("x".repeat(1_000_000));
    texts
}

fn nested(open: &str, close: &str) -> String {
    open.repeat(DEEP) + "1" + &close.repeat(DEEP)
}

/// Runs on a small stack, as a server's thread has, and within a time that only an explosion exceeds.
fn within_bounds(run: impl FnOnce() + Send + 'static) {
    let started = Instant::now();
    std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(run)
        .unwrap()
        .join()
        .unwrap();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn document(value: &Json) -> Value {
    Value::Document(Arc::new(Document::from_serialize(value).unwrap()))
}

#[test]
fn patterns_do_not_explode() {
    within_bounds(|| {
        for pattern in texts() {
            let glob = Glob::new(&pattern);
            let actor = ActorPattern::from(pattern.as_str());
            for text in ["", "a", &"a".repeat(2000), &"a:".repeat(2000), "\u{10ffff}"] {
                let _ = glob.matches(text);
                let id = text.to_owned();
                let _ = actor.matches(&DefaultActor::agent(id.as_str(), None));
            }
        }
    });
}

#[test]
fn masks_are_refused_or_hide() {
    within_bounds(|| {
        for path in texts() {
            let _ = Masks::new([path.as_str()]);
            let _ = Masks::new(["*", path.as_str()]);
        }
    });
}

#[test]
fn templates_and_names_are_refused_or_used() {
    within_bounds(|| {
        for text in texts() {
            let _ = expand_template(&text, |_| Filling::from(text.as_str()));
            let _ = Namespace::from(text.as_str());
            let _ = CacheName::new(text.as_str());
            let _ = RefId::new(text.as_str());
            let _ = is_ref_id(&text);
            let _ = text.parse::<mcp_refcache::limits::Rate>();
            let _ = "1/min".parse().map(|rate| RateLimit::new(&text, rate));
            let _ = RefCache::new(&text);
        }
    });
}

#[test]
fn deep_json_is_refused_not_fatal() {
    within_bounds(|| {
        for text in [
            nested("[", "]"),
            nested("{\"a\":", "}"),
            "[".repeat(DEEP),
            "{\"a\":".repeat(DEEP),
            "[[".repeat(DEEP) + "]",
        ] {
            assert!(Document::parse(text.as_bytes()).is_err());
        }
    });
}

#[test]
fn a_cache_takes_any_text_for_any_name() {
    within_bounds(|| {
        runtime().block_on(async {
            let cache = RefCache::new("c").unwrap();
            for text in texts() {
                let actor = DefaultActor::user(text.as_str(), text.as_str());
                let options = SetOptions {
                    namespace: Some(&text),
                    actor: Some(&actor as &dyn Actor),
                    ..SetOptions::default()
                };
                let value = document(&json!({ text.clone(): [text.clone()] }));
                let id = cache.set_with(&text, value, options).await.map(|stored| stored.ref_id);
                for name in [text.as_str(), id.as_ref().map_or("", |id| id.as_str())] {
                    for (page, size) in [(None, None), (Some(usize::MAX), Some(1)), (Some(1), Some(usize::MAX))] {
                        let options = GetOptions {
                            page,
                            page_size: size,
                            max_size: size,
                            actor: Some(&actor),
                            ..GetOptions::default()
                        };
                        let _ = cache.get_with(name, &options).await;
                    }
                    let _ = cache.resolve_refs(json!([name]), &ResolveOptions::server(&actor)).await;
                    let _ = cache.exists(name).await;
                    let _ = cache.delete(name, Some(&actor)).await;
                }
                let _ = cache.clear(Some(&text), Some(&actor)).await;
            }
        });
    });
}
