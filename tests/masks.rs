//! Masks: what agents see of a value under any masks, by every way to it.

use std::sync::Arc;

use mcp_refcache::access::Delegate;
use mcp_refcache::backend::Want;
use mcp_refcache::measure::CharacterMeasurer;
use mcp_refcache::value::{Document, Value};
use mcp_refcache::{
    Access, AccessPolicy, Answer, AnswerOptions, DefaultActor, GetOptions, PreviewConfig,
    PreviewStrategy, RefCache, ResolveOptions, SetOptions,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const MARKER: &str = "[masked]";

fn policy<T: AsRef<str>>(paths: impl IntoIterator<Item = T>) -> AccessPolicy {
    AccessPolicy::default().with_masked_paths(paths).unwrap()
}

fn cache() -> RefCache {
    let preview = PreviewConfig::new(200, PreviewStrategy::Sample).unwrap();
    let cache = RefCache::builder("c").measurer(Arc::new(CharacterMeasurer));
    cache.preview(preview).build().unwrap()
}

async fn stored(cache: &RefCache, value: &Json, policy: AccessPolicy) -> String {
    let value = Value::Document(Arc::new(Document::from_serialize(value).unwrap()));
    let options = SetOptions {
        policy: Some(Arc::new(policy)),
        prepare: true,
        ..SetOptions::default()
    };
    let reference = cache.set_with("key", value, options).await.unwrap();
    reference.ref_id.as_str().to_owned()
}

/// What an agent reads of a value under these masks.
async fn seen(value: &Json, paths: &[&str]) -> Json {
    let cache = cache();
    let id = stored(&cache, value, policy(paths)).await;
    let agent = DefaultActor::agent("model", None);
    cache.resolve_as(&id, &agent, Access::Read).await.unwrap()
}

#[tokio::test]
async fn what_a_path_names_is_hidden_and_keeps_its_place() {
    let users = json!({"users": [{"ssn": "1", "n": 1}, {"n": 2}, {"ssn": {"a": 1}}, 7], "t": 1});
    let m = MARKER;
    for (paths, expected) in [
        (
            &["users[*].ssn"][..],
            json!({"users": [{"ssn": m, "n": 1}, {"n": 2}, {"ssn": m}, 7], "t": 1}),
        ),
        (
            &["users[1]"],
            json!({"users": [{"ssn": "1", "n": 1}, m, {"ssn": {"a": 1}}, 7], "t": 1}),
        ),
        (&["*"], json!({"users": m, "t": m})),
        (&["$"], json!(m)),
        (&["*", "!t"], json!({"users": m, "t": 1})),
        (
            &["$", "!users[1].n"],
            json!({"users": [m, {"n": 2}, m, m], "t": m}),
        ),
        (&["$", "!users[9].n", "!t.x"], json!(m)),
        (&["users.ssn", "nowhere[0]", "t.x"], users.clone()),
    ] {
        assert_eq!(seen(&users, paths).await, expected, "{paths:?}");
    }
}

#[tokio::test]
async fn masks_hide_from_models_and_from_nobody_else() {
    let cache = cache();
    let value = json!({"a": "visible", "b": "secret"});
    let paths = policy(["b"])
        .with_allowed_actors(["agent:*"])
        .with_owner("agent:owner");
    let id = stored(&cache, &value, paths).await;
    let user = DefaultActor::user("alice", None);
    let model = DefaultActor::agent("owner", None);
    let delegate = Delegate::new("model", None).for_user("alice");
    let masked = json!({"a": "visible", "b": MARKER});
    for (who, expected) in [
        (&user as &dyn mcp_refcache::Actor, &value),
        (&DefaultActor::system(), &value),
        (&model, &masked),
        (&delegate, &masked),
        (&user, &value),
    ] {
        let read: Json = cache.resolve_as(&id, who, Access::Read).await.unwrap();
        assert_eq!(&read, expected);
        let options = GetOptions {
            actor: Some(who),
            ..GetOptions::default()
        };
        let shown = cache.get_with(&id, &options).await.unwrap();
        let shown: Json = serde_json::from_str(&shown.excerpt.text()).unwrap();
        assert_eq!(&shown, expected);
        let used: Json = cache.resolve_as(&id, who, Access::Use).await.unwrap();
        assert_eq!(used, value);
    }
}

#[tokio::test]
async fn sizes_are_those_of_what_is_seen() {
    let cache = cache();
    let value = json!({"secret": "x".repeat(5000), "a": 1});
    let id = stored(&cache, &value, policy(["secret"])).await;
    let shown = cache.get(&id).await.unwrap();
    assert_eq!(
        shown.original_size,
        r#"{"secret": "[masked]", "a": 1}"#.len()
    );
    let entry = cache
        .backend()
        .get(&id, 0.0, Want::Head)
        .await
        .unwrap()
        .unwrap();
    let agent = DefaultActor::agent(None, None);
    for producer in [true, false] {
        let options = AnswerOptions {
            actor: &agent,
            producer,
            counted: false,
        };
        let answer = cache.answer(&id, &entry, &options).await.unwrap();
        let Answer::Complete { value, size } = answer else {
            panic!("not complete");
        };
        assert_eq!(size, shown.original_size);
        assert!(value.document().unwrap().text().contains(MARKER));
    }
}

#[tokio::test]
async fn references_inside_stored_values_are_followed_as_a_reader_would() {
    let cache = cache();
    let inner = stored(&cache, &json!({"a": 1, "b": 2}), policy(["b"])).await;
    let outer = cache.set("outer", &json!([inner])).await.unwrap();
    let agent = DefaultActor::agent(None, None);
    let options = ResolveOptions::server(&agent);
    let direct = cache.resolve_refs(json!(inner), &options).await.unwrap();
    assert_eq!(direct.value, json!({"a": 1, "b": 2}));
    let followed = cache
        .resolve_refs(json!(outer.ref_id.as_str()), &options)
        .await
        .unwrap();
    assert_eq!(followed.value, json!([{"a": 1, "b": MARKER}]));
}

#[test]
fn a_policy_with_masks_is_read_as_it_was_written() {
    let written = serde_json::to_string(&policy(["b[*].c", "!b[0]"])).unwrap();
    assert!(
        written.contains(r#""masked_paths":["!b[0]","b[*].c"]"#),
        "{written}"
    );
    let read: AccessPolicy = serde_json::from_str(&written).unwrap();
    assert_eq!(read, policy(["b[*].c", "!b[0]"]));
    let plain = serde_json::to_string(&AccessPolicy::default()).unwrap();
    assert!(!plain.contains("masked_paths"));
    assert!(serde_json::from_str::<AccessPolicy>(r#"{"masked_paths": ["a["]}"#).is_err());
}

#[tokio::test]
async fn thousands_of_exceptions_take_no_longer_than_the_value_is() {
    let rows: Vec<Json> = (0..20_000)
        .map(|id| json!({"id": id, "name": "n"}))
        .collect();
    let mut paths: Vec<String> = (0..20_000).map(|n| format!("!rows[{n}].id")).collect();
    paths.push("*".to_owned());
    let cache = cache();
    let started = std::time::Instant::now();
    let id = stored(&cache, &json!({"rows": rows}), policy(&paths)).await;
    let agent = DefaultActor::agent(None, None);
    let read: Json = cache.resolve_as(&id, &agent, Access::Read).await.unwrap();
    assert_eq!(read["rows"][19_999], json!({"id": 19_999, "name": MARKER}));
    assert!(started.elapsed().as_secs() < 20);
}

/// One step of a mask, as text and as what it fits.
fn step() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(".a".to_owned()),
        Just(".b".to_owned()),
        Just(r#"["c d"]"#.to_owned()),
        Just(".*".to_owned()),
        Just("[*]".to_owned()),
        Just("[0]".to_owned()),
        Just("[1]".to_owned()),
    ]
}

fn path() -> impl Strategy<Value = String> {
    (any::<bool>(), prop::collection::vec(step(), 0..4)).prop_map(|(exception, steps)| {
        let mark = if exception { "!" } else { "" };
        format!("{mark}${}", steps.concat())
    })
}

fn document() -> impl Strategy<Value = Json> {
    let leaf = any::<u32>().prop_map(|number| json!(format!("leaf-{number:08x}-end")));
    leaf.prop_recursive(4, 40, 4, |inner| {
        let key = prop::sample::select(vec!["a", "b", "c d", "e"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(key, inner, 0..4)
                .prop_map(|fields| fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

/// Whether a path's steps fit the beginning of a place.
fn fits(path: &str, place: &[String]) -> bool {
    let steps = path.trim_start_matches('!').trim_start_matches('$');
    let mut rest = steps;
    let mut at = place.iter();
    while !rest.is_empty() {
        let end = rest[1..].find(['.', '[']).map_or(rest.len(), |end| end + 1);
        let (step, more) = rest.split_at(end);
        let Some(here) = at.next() else { return false };
        let fits = match step {
            ".*" => true,
            "[*]" => here.starts_with('[') && !here.starts_with("[\""),
            step => step == here,
        };
        if !fits {
            return false;
        }
        rest = more;
    }
    true
}

/// What is seen of a value, the plain way; and whether something of it is.
fn oracle(value: &Json, place: &mut Vec<String>, paths: &[String]) -> (Json, bool) {
    let any = |exception| {
        let mut of_kind = paths
            .iter()
            .filter(|path| path.starts_with('!') == exception);
        of_kind.any(|path| fits(path, place))
    };
    if any(true) {
        return (value.clone(), true);
    }
    let hidden = any(false);
    let mut showed = false;
    let mut part = |step: String, value: &Json| {
        place.push(step);
        let (part, shows) = oracle(value, place, paths);
        place.pop();
        showed |= shows;
        part
    };
    let seen = match value {
        Json::Array(items) => {
            let items = items.iter().enumerate();
            items
                .map(|(number, item)| part(format!("[{number}]"), item))
                .collect()
        }
        Json::Object(fields) => {
            let fields = fields.iter().map(|(key, field)| {
                let step = match key.as_str() {
                    "c d" => r#"["c d"]"#.to_owned(),
                    key => format!(".{key}"),
                };
                (key.clone(), part(step, field))
            });
            Json::Object(fields.collect())
        }
        leaf => leaf.clone(),
    };
    match hidden && !showed {
        true => (json!(MARKER), false),
        false => (seen, !hidden || showed),
    }
}

fn leaves(value: &Json, found: &mut Vec<String>) {
    match value {
        Json::String(text) => found.push(text.clone()),
        Json::Array(items) => items.iter().for_each(|item| leaves(item, found)),
        Json::Object(fields) => fields.values().for_each(|field| leaves(field, found)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn agents_see_what_the_plain_rule_says_by_every_way(
        value in document(),
        paths in prop::collection::vec(path(), 1..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let cache = cache();
            let id = stored(&cache, &value, policy(&paths)).await;
            let agent = DefaultActor::agent(None, None);
            let (expected, _) = oracle(&value, &mut Vec::new(), &paths);
            let read: Json = cache.resolve_as(&id, &agent, Access::Read).await.unwrap();
            assert_eq!(read, expected, "{paths:?} of {value}");
            let used: Json = cache.resolve(&id).await.unwrap();
            assert_eq!(used, value);

            let (mut all, mut open) = (Vec::new(), Vec::new());
            leaves(&value, &mut all);
            leaves(&expected, &mut open);
            let secrets: Vec<&String> = all.iter().filter(|leaf| !open.contains(leaf)).collect();
            for strategy in [
                PreviewStrategy::Sample,
                PreviewStrategy::Truncate,
                PreviewStrategy::Paginate,
                PreviewStrategy::Summary,
            ] {
                for page in [None, Some(1), Some(2)] {
                    let options = GetOptions {
                        page,
                        strategy: Some(strategy),
                        ..GetOptions::default()
                    };
                    // a page beyond the last is an error, which shows nothing either
                    let shown = match cache.get_with(&id, &options).await {
                        Ok(response) => response.excerpt.text(),
                        Err(error) => error.to_string(),
                    };
                    assert!(secrets.iter().all(|secret| !shown.contains(*secret)), "{shown}");
                }
            }
        });
    }
}
