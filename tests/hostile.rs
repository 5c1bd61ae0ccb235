//! Hostile text to every public function that takes one: an answer or a short error in bounded time, never a panic.

#![cfg(all(feature = "sqlite", feature = "redis", feature = "encryption"))]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_refcache::access::{
    ActorPattern, ActorPatterns, Delegate, Filling, Glob, Masks, escape_id, expand_template,
};
use mcp_refcache::audit::{JsonLines, SqliteLog, lines, verify};
use mcp_refcache::backend::redis::RedisOptions;
use mcp_refcache::backend::seal::{Key, KeyId, Keyring};
use mcp_refcache::backend::{Removals, SqliteOptions, SqliteStore};
use mcp_refcache::blocking::RefCache;
use mcp_refcache::egress::{Limits, SecretIndex, Seen};
use mcp_refcache::limits::{Rate, RateLimit};
use mcp_refcache::measure::encoding_for_model;
use mcp_refcache::portable::ImportOptions;
use mcp_refcache::value::{Document, Excerpt, Node, Value};
use mcp_refcache::{
    Access, AccessPolicy, Actor, ActorType, CacheName, DefaultActor, Error, GetOptions, Namespace,
    NamespaceRule, RefId, SetOptions, cache_of, is_ref_id,
};

/// As many characters as an error may have, whatever it is about.
const LONGEST: usize = 600;
/// Only an explosion takes longer; a debug build on a busy machine does not.
const SECONDS: Duration = Duration::from_secs(10);
const DEEP: usize = 100_000;

/// Texts that parsers and matchers are afraid of.
fn texts() -> Vec<String> {
    let short = [
        "",
        "\0",
        "a[",
        "a[]",
        "a[-1]",
        "a[\"",
        "a[\"\\",
        "a[*",
        "[99999999999999999999]",
        "[!",
        "[a-",
        "{}",
        "{a",
        "!!",
        "..",
        "::",
        "user:",
        "c:",
        "c:0123456789abcdef",
        "NaN",
        "1e999",
        "-0",
        "\u{10ffff}",
        "e\u{301}",
        "\u{202e}",
        "1/min",
        "0/min",
        "-1/s",
        "99999999999999999999/s",
        "1/0s",
        "nan/s",
        "redis://",
        "redis://[::1",
        "redis://h:99999999/-1",
        "sqlite:///\0",
        "%",
        "%zz",
    ];
    let long = [
        "*", "[", "]", "*a", "[a-z]", "[!", "{", "{a}", "a.", "[*].", "!", "?", ":", "a:", "é",
        "\\", "\"", "[0]", "%25", "0",
    ];
    let mut texts: Vec<String> = short.map(str::to_owned).into();
    texts.extend(
        long.iter()
            .flat_map(|part| [part.repeat(1000), part.repeat(1000) + "b"]),
    );
    texts.extend(["[", "{\"a\":", "[[", "\""].map(|part| part.repeat(DEEP)));
    texts.push("[".repeat(DEEP) + &"]".repeat(DEEP));
    texts.push("x".repeat(1_000_000));
    texts
}

/// A place to store what a call stores, and somebody who asks.
struct World {
    cache: RefCache,
    folder: PathBuf,
    secrets: SecretIndex,
}

impl World {
    fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }
}

type Call = fn(&World, &str) -> Result<(), Error>;

/// What has no error.
fn fine<T>(_: T) -> Result<(), Error> {
    Ok(())
}

fn document(text: &str) -> Arc<Document> {
    Arc::new(Document::from_serialize(&[text]).unwrap())
}

/// Every public function that takes text from outside, by the name under which it is called here.
const CALLS: &[Call] = &[
    |_, text| fine(Glob::new(text).matches(text)),
    |_, text| fine(Glob::new(text).matches(&"a".repeat(2000))),
    |_, text| fine(ActorPattern::parse(text).matches(ActorType::User, Some(text))),
    |_, text| fine([text].into_iter().collect::<ActorPatterns>().contains(text)),
    |_, text| fine(DefaultActor::from_literal(text, text)),
    |_, text| fine(DefaultActor::user(text, text).in_org(text)),
    |_, text| fine(Delegate::new(text, text).for_user(text).in_org(text)),
    |_, text| Masks::new([text, "*"]).map(drop),
    |_, text| Namespace::session(text).map(drop),
    |_, text| Namespace::user(text).map(drop),
    |_, text| Namespace::user_session(text, text).map(drop),
    |_, text| Namespace::org(text).map(drop),
    |_, text| Namespace::agent(text).map(drop),
    |_, text| Namespace::shared(text).map(drop),
    |_, text| fine(Namespace::custom(text)),
    |_, text| {
        fine(expand_template(text, |_| {
            Ok::<_, Error>(Filling::Id(text.into()))
        }))
    },
    |_, text| fine(escape_id(text)),
    |_, text| policy(text).map(drop),
    |_, text| CacheName::new(text).map(drop),
    |_, text| RefCache::new(text).map(drop),
    |_, text| mcp_refcache::RefCache::builder(text).build().map(drop),
    |_, text| {
        fine((
            is_ref_id(text),
            cache_of(text).is_some(),
            RefId::parse(text),
        ))
    },
    |_, text| RateLimit::new(text, text.parse::<Rate>()?).map(drop),
    |_, text| RateLimit::new(text, "1/min".parse()?).map(drop),
    |_, text| RedisOptions::parse(text).map(drop),
    |_, text| Key::parse(text).map(drop),
    |_, text| Key::from_bytes(text.as_bytes()).map(drop),
    |_, text| Keyring::from_text(text).map(drop),
    |_, text| fine(KeyId::parse(text)),
    |_, text| {
        Keyring::from_env("A_VARIABLE_OF_NOBODY")
            .or(Keyring::from_text(text))
            .map(drop)
    },
    |_, text| Document::parse(text).map(drop),
    |_, text| Document::with_types("[1]".to_owned(), text).map(drop),
    |_, text| Document::with_types(text.to_owned(), "{}").map(drop),
    |_, text| {
        fine(
            Excerpt::new(document(text), Node::string(text))
                .pieces(&mut |_| ControlFlow::Continue(())),
        )
    },
    |_, text| fine(encoding_for_model(text).is_some()),
    |world, text| fine(world.secrets.occurs_in([text], &Seen::default())),
    |world, text| fine(world.secrets.seen_in([text])),
    |world, text| JsonLines::open(world.path(text), Some(text.as_bytes())).map(drop),
    |world, text| SqliteLog::open(world.path(text), Some(text.as_bytes())).map(drop),
    |_, text| {
        Removals::default().log(text);
        Ok(())
    },
    |world, text| SqliteStore::open(world.path(text), SqliteOptions::default()).map(drop),
    |world, text| lines(world.path(text))?.try_for_each(|line| line.map(drop)),
    |world, text| verify(&[world.path(text)], None, Some(text)).map(drop),
    |world, text| world.cache.set(text, text).map(drop),
    |world, text| {
        let actor = DefaultActor::user(text, text);
        let options = SetOptions {
            namespace: Some(text),
            actor: Some(&actor as &dyn Actor),
            tool_name: Some(text),
            ..SetOptions::default()
        };
        let id = world
            .cache
            .set_with(text, Value::Document(document(text)), options)?
            .ref_id;
        world
            .cache
            .resolve_as::<Vec<String>>(id.as_str(), &actor, Access::Use)
            .map(drop)
    },
    |world, text| {
        let _ = (
            world.cache.exists(text)?,
            world.cache.resolve::<Vec<String>>(text),
        );
        let edge = GetOptions {
            page: Some(usize::MAX),
            page_size: Some(usize::MAX),
            max_size: Some(0),
            ..GetOptions::default()
        };
        world
            .cache
            .get_with(text, &edge)
            .and(world.cache.get(text))
            .map(drop)
    },
    |world, text| world.cache.delete(text, None).map(drop),
    |world, text| world.cache.clear(Some(text), None).map(drop),
    |world, text| {
        world
            .cache
            .import(&mut text.as_bytes(), &ImportOptions::default(), &mut |_| {
                Ok(())
            })
            .map(drop)
    },
    |_, text| {
        let builder = mcp_refcache::RefCache::builder("c")
            .default_namespace(text)
            .trusted_caches([text]);
        builder
            .namespace(NamespaceRule::new(text))
            .build()?
            .settings()
            .check_namespace(text)
    },
    |_, text| {
        let error = Error::invalid(text).with("text", text);
        error
            .fact("text")
            .map_or(Ok(()), |_| Err(Error::new(error.kind(), text)))
    },
];

fn policy(text: &str) -> Result<AccessPolicy, Error> {
    AccessPolicy::default()
        .with_owner(text)
        .with_allowed_actors([text])
        .with_denied_actors([text])
        .with_bound_session(text)
        .with_masked_paths([text])
}

/// Called with what the core found itself, or tried with numbers and streams elsewhere.
const ELSEWHERE: &[&str] = &[
    "caused_by",
    "inherit",
    "has_id",
    "answer",
    "keys",
    "keys_as",
    "knows",
    "advance",
    "default_ttl",
    "verify",
];

/// Runs on a small stack, as a server's thread has.
fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    thread.spawn(run).unwrap().join().unwrap();
}

#[test]
fn any_text_gets_an_answer_or_a_short_error_in_time() {
    on_a_small_stack(|| {
        let folder = std::env::temp_dir().join(format!("refcache-hostile-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let secret = Document::from_serialize(&["a secret of somebody", "other"]).unwrap();
        let world = World {
            cache: RefCache::new("c").unwrap(),
            folder: folder.clone(),
            secrets: SecretIndex::of(&secret, &Limits::default()).unwrap(),
        };
        for text in texts() {
            let start: String = text.chars().take(20).collect();
            for (number, call) in CALLS.iter().enumerate() {
                let started = Instant::now();
                let outcome = call(&world, &text);
                assert!(
                    started.elapsed() < SECONDS,
                    "call {number} of {start}: {:?}",
                    started.elapsed()
                );
                if let Err(error) = outcome {
                    let length = error.to_string().chars().count();
                    assert!(
                        length <= LONGEST,
                        "call {number} of {start}: {length} characters"
                    );
                }
            }
        }
        fs::remove_dir_all(folder).unwrap();
    });
}

#[test]
fn deep_json_is_refused() {
    on_a_small_stack(|| {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let text = open.repeat(DEEP) + "1" + &close.repeat(DEEP);
            assert!(Document::parse(&text).is_err());
        }
    });
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["python", "tests", "contract"].contains(&name) {
            sources(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

/// Name and parameters of each public function.
fn public_functions(source: &str) -> Vec<(&str, &str)> {
    let source = source.split("#[cfg(test)]").next().unwrap();
    let starts = [
        "\n    pub fn ",
        "\n    pub async fn ",
        "\npub fn ",
        "\npub async fn ",
    ];
    let heads = starts.iter().flat_map(|start| source.split(start).skip(1));
    heads
        .filter_map(|head| {
            head.split_once(['(', '<'])
                .map(|(name, rest)| (name, rest.split(['{', ';']).next().unwrap()))
        })
        .collect()
}

#[test]
fn every_public_function_that_takes_text_is_called_here() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut forgotten = Vec::new();
    for file in files {
        for (name, parameters) in public_functions(&fs::read_to_string(&file).unwrap()) {
            let parameters = parameters.split("->").next().unwrap();
            let takes_text = ["&str", "[u8]", "Into<", "AsRef<"]
                .iter()
                .any(|kind| parameters.contains(kind));
            let is_called = include_str!("hostile.rs").contains(&format!("{name}("))
                || include_str!("hostile.rs").contains(&format!("{name}::<"));
            if takes_text && !is_called && !ELSEWHERE.contains(&name) {
                forgotten.push(format!("{}: {name}", file.display()));
            }
        }
    }
    assert!(forgotten.is_empty(), "{forgotten:#?}");
}
