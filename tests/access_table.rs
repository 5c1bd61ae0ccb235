//! The truth table of access (`tests_py/access_table.py` writes it), on every path of the Rust side.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use mcp_refcache::access::{
    AccessPolicy, Actor, DefaultActor, DefaultPermissionChecker, Delegate, Denial, Permission,
    PermissionChecker,
};
use mcp_refcache::value::{Document, Value};
use mcp_refcache::{Access, ErrorKind, GetOptions, RefCache, ResolveOptions, Result, SetOptions};
use serde_json::{Value as Json, json};

const TABLE: &str = include_str!("access_table.jsonl");
const CANARY: &str = "canary-7f3a";
const MARKER: &str = "[masked]";

type Row<'t> = (&'t AccessPolicy, &'t str, bool, &'t dyn Actor, Cell<'t>);

/// What the table says of one actor.
struct Cell<'t> {
    place: String,
    granted: Permission,
    reason: Option<&'t str>,
    answers: HashMap<&'t str, char>,
}

impl Cell<'_> {
    fn allows(&self, path: &str) -> bool {
        self.answers[path] != 'n'
    }

    /// Checks what a path gave: the value, or the marker in its place.
    fn shows(&self, path: &str, given: &impl Debug) {
        let said = format!("{given:?}");
        let is_masked = self.answers[path] == 'm';
        let (shown, hidden) = if is_masked {
            (MARKER, CANARY)
        } else {
            (CANARY, MARKER)
        };
        assert!(
            said.contains(shown) && !said.contains(hidden),
            "{} {path}",
            self.place
        );
    }
}

fn policy(facts: &Json) -> AccessPolicy {
    let bits = |name: &str| {
        let bits = facts.get(name)?.as_u64()?;
        Permission::from_bits(u8::try_from(bits).ok()?)
    };
    let names = |name: &str| {
        let list = facts.get(name)?.as_array()?;
        Some(list.iter().map(|name| name.as_str().unwrap()))
    };
    let text = |name: &str| facts.get(name).and_then(Json::as_str);
    let mut policy = AccessPolicy::public()
        .with_user_permissions(bits("user").unwrap())
        .with_agent_permissions(bits("agent").unwrap());
    if let Some(owner) = text("owner") {
        policy = policy.with_owner(owner);
    }
    if let Some(owners) = bits("owners") {
        policy = policy.with_owner_permissions(owners);
    }
    if let Some(denied) = names("denied") {
        policy = policy.with_denied_actors(denied);
    }
    if let Some(allowed) = names("allowed") {
        policy = policy.with_allowed_actors(allowed);
    }
    if let Some(allows) = bits("allows") {
        policy = policy.with_allowed_permissions(allows);
    }
    if let Some(masks) = names("masks") {
        policy = policy.with_masked_paths(masks).unwrap();
    }
    match text("session") {
        Some(session) => policy.with_bound_session(session),
        None => policy,
    }
}

fn actor(facts: &Json) -> Box<dyn Actor> {
    let text = |name: &str| facts.get(name).and_then(Json::as_str);
    let (id, session, org) = (text("id"), text("session"), text("org"));
    if let Some(user) = text("for") {
        let mut model = Delegate::new(id, session);
        if let Some(org) = org {
            model = model.in_org(org);
        }
        return Box::new(model.for_user(user));
    }
    let actor = match text("kind") {
        Some("user") => DefaultActor::user(id, session),
        Some("agent") => DefaultActor::agent(id, session),
        _ => DefaultActor::system(),
    };
    Box::new(match org {
        Some(org) => actor.in_org(org),
        None => actor,
    })
}

/// Shows each cell of the table to a function.
fn each(look: impl Fn(usize, Row<'_>)) {
    let mut lines = TABLE
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).unwrap());
    let header = lines.next().unwrap();
    let paths: Vec<&str> = header["paths"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path.as_str().unwrap())
        .collect();
    let policies: HashMap<&str, AccessPolicy> = header["policies"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, facts)| (name.as_str(), policy(facts)))
        .collect();
    let actors: Vec<(&str, Box<dyn Actor>)> = header["actors"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, facts)| (name.as_str(), actor(facts)))
        .collect();
    let mut number = 0;
    for line in lines {
        let (policy, namespace) = (
            line["policy"].as_str().unwrap(),
            line["namespace"].as_str().unwrap(),
        );
        let bound = line["bound"].as_bool().unwrap();
        for ((name, actor), answer) in actors.iter().zip(line["answers"].as_array().unwrap()) {
            let mut words = answer.as_str().unwrap().split(' ');
            let cell = Cell {
                place: format!("{policy}, {namespace}, bound: {bound}, {name}"),
                granted: Permission::from_bits(words.next().unwrap().parse().unwrap()).unwrap(),
                answers: paths
                    .iter()
                    .copied()
                    .zip(words.next().unwrap().chars())
                    .collect(),
                reason: words.next(),
            };
            look(
                number,
                (&policies[policy], namespace, bound, actor.as_ref(), cell),
            );
            number += 1;
        }
    }
    assert!(number > 5000, "the table has {number} cells");
}

/// Whether a call was allowed; what is said of a denial has nothing of the value in it.
fn allowed<T>(outcome: Result<T>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(error) => {
            assert!(
                matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied | ErrorKind::NotFound
                ),
                "{error:?}"
            );
            assert!(!format!("{error} {error:?}").contains(CANARY));
            false
        }
    }
}

fn document(value: &Json) -> Value {
    Value::Document(Arc::new(Document::from_serialize(value).unwrap()))
}

fn canary() -> Value {
    document(&json!([CANARY]))
}

#[test]
fn the_checker() {
    let checker = DefaultPermissionChecker::default();
    each(|_, (policy, namespace, _, actor, cell)| {
        let granted = checker.effective(policy, actor, namespace).unwrap();
        assert_eq!(granted, cell.granted, "{}", cell.place);
        for bits in 0..=31 {
            let asked = Permission::from_bits(bits).unwrap();
            let checked = checker.check(policy, asked, actor, namespace);
            let is_allowed = cell.reason.is_none() && cell.granted.contains(asked);
            assert_eq!(checked.is_ok(), is_allowed, "{} {asked}", cell.place);
            if let (Err(error), Some(reason)) = (&checked, cell.reason) {
                assert_eq!(
                    Denial::of(error).unwrap().reason.as_str(),
                    reason,
                    "{}",
                    cell.place
                );
            }
        }
    });
}

#[test]
fn every_path_of_the_cache() {
    let cache = RefCache::new("c").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    each(|number, (policy, namespace, bound, actor, cell)| {
        runtime.block_on(async {
            let key = format!("k{number}");
            let options = |actor| SetOptions {
                namespace: Some(namespace),
                policy: Some(Arc::new(policy.clone())),
                bound,
                actor,
                ..SetOptions::default()
            };
            let reference = cache.set_with(&key, canary(), options(None)).await.unwrap();
            let id = reference.ref_id.as_str();
            // elsewhere, so that clearing the namespace counts only what this policy is about
            let apart = SetOptions {
                namespace: Some("texts"),
                ..SetOptions::default()
            };
            let text = cache
                .set_with("text", document(&json!({"see": id})), apart)
                .await
                .unwrap()
                .ref_id;
            let place = &cell.place;

            let read = cell.allows("read");
            for page in [None, Some(1)] {
                let options = GetOptions {
                    page,
                    actor: Some(actor),
                    ..GetOptions::default()
                };
                let got = cache.get_with(id, &options).await;
                if let Ok(response) = &got {
                    cell.shows("read", &response.preview());
                }
                assert_eq!(allowed(got), read, "{place}");
            }
            let resolve = |access| cache.resolve_as::<Json>(id, actor, access);
            for (access, path) in [(Access::Read, "read"), (Access::Use, "use")] {
                let got = resolve(access).await;
                if let Ok(value) = &got {
                    cell.shows(path, value);
                }
                assert_eq!(allowed(got), cell.allows(path), "{place}");
            }
            let keys = cache.keys_as(Some(namespace), Some(actor)).await.unwrap();
            assert_eq!(keys.iter().any(|key| &**key == id), read, "{place}");
            assert!(cache.exists(id).await.unwrap());

            let server = ResolveOptions::server(actor);
            for (asked, path) in [(id, "use"), (text.as_str(), "nested")] {
                let given = cache.resolve_refs(json!([asked]), &server).await;
                if let Ok(resolved) = &given {
                    cell.shows(path, &resolved.value);
                }
                assert_eq!(allowed(given), cell.allows(path), "{place}");
            }

            let new = cache.set_with("new", canary(), options(Some(actor))).await;
            assert_eq!(allowed(new), cell.allows("write"), "{place}");
            let update = cache.set_with(&key, canary(), options(Some(actor))).await;
            assert_eq!(allowed(update), cell.allows("update"), "{place}");

            let delete = cell.allows("delete");
            let entries = cache.keys(Some(namespace)).await.unwrap().len();
            if number % 2 == 0 {
                assert_eq!(
                    allowed(cache.delete(id, Some(actor)).await),
                    delete,
                    "{place}"
                );
            } else {
                let removed = cache.clear(Some(namespace), Some(actor)).await.unwrap();
                assert!(removed == if delete { entries } else { 0 }, "{place}");
            }
            assert_eq!(cache.exists(id).await.unwrap(), !delete, "{place}");
            cache.clear(None, None).await.unwrap();
        })
    });
}
