//! Export and import: what moves between two caches, and which files are refused.

use std::io::{self, Write};
use std::sync::Arc;

use mcp_refcache::backend::{Backend, PutOptions, Want};
use mcp_refcache::portable::{Conflict, ExportOptions, ImportOptions, Imported, Progress};
use mcp_refcache::value::{Document, Value};
use mcp_refcache::{
    AccessPolicy, Details, Entry, Error, ErrorKind, ManualClock, MemoryBackend, Namespace,
    NamespaceRule, PreviewStrategy, RefCache, Result, SetOptions, Ttl, blocking,
};
use proptest::prelude::*;
use rstest::rstest;

const NOW: f64 = 1_000.25;

struct World {
    backend: Arc<MemoryBackend>,
    clock: Arc<ManualClock>,
    cache: blocking::RefCache,
}

fn world(name: &str) -> World {
    let (backend, clock) = (
        Arc::new(MemoryBackend::new()),
        Arc::new(ManualClock::new(NOW)),
    );
    let cache = RefCache::builder(name)
        .shared_backend(Arc::clone(&backend) as Arc<dyn Backend>)
        .clock(Arc::clone(&clock) as _)
        .build()
        .unwrap();
    World {
        backend,
        clock,
        cache: cache.into(),
    }
}

impl World {
    fn set(&self, key: &str, text: &str, options: SetOptions<'_>) -> String {
        let value = Value::Document(Arc::new(Document::parse(text).unwrap()));
        let reference = self.cache.set_with(key, value, options).unwrap();
        reference.ref_id.to_string()
    }

    fn export(&self) -> String {
        self.export_with(&ExportOptions::default())
    }

    fn export_with(&self, options: &ExportOptions<'_>) -> String {
        let mut file = Vec::new();
        let exported = self.cache.export(&mut file, options, &mut silent).unwrap();
        assert_eq!(exported.bytes, file.len() as u64);
        String::from_utf8(file).unwrap()
    }

    fn import(&self, file: &str) -> Result<Imported> {
        self.import_with(file, &ImportOptions::default())
    }

    fn import_with(&self, file: &str, options: &ImportOptions<'_>) -> Result<Imported> {
        self.cache
            .import(&mut file.as_bytes(), options, &mut silent)
    }

    fn put(&self, id: &str, entry: Entry) {
        wait(self.backend.put(id, Arc::new(entry), PutOptions::default())).unwrap();
    }

    fn entry(&self, id: &str) -> Option<Arc<Entry>> {
        wait(self.backend.get(id, NOW, Want::Value)).unwrap()
    }

    fn text(&self, id: &str) -> Option<String> {
        let entry = self.entry(id)?;
        Some(entry.value.document().unwrap().text().to_owned())
    }
}

fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

fn silent(_: Progress) -> Result<()> {
    Ok(())
}

fn plain() -> SetOptions<'static> {
    SetOptions::default()
}

#[test]
fn an_entry_arrives_with_everything_that_is_known_about_it() {
    let (from, to) = (world("c"), world("c"));
    let policy = AccessPolicy::execute_only()
        .with_owner("user:alice")
        .with_denied_actors(["agent:x-*"])
        .with_bound_session("s1");
    let options = SetOptions {
        namespace: Some("session:s1"),
        policy: Some(Arc::new(policy.clone())),
        ttl: Ttl::Seconds(60.5),
        tool_name: Some("cities"),
        max_size: Some(77),
        strategy: Some(PreviewStrategy::Paginate),
        bound: true,
        ..plain()
    };
    let id = from.set(
        "größe",
        r#"[{"é": NaN}, 123456789012345678901234567890]"#,
        options,
    );
    let imported = to.import(&from.export()).unwrap();
    assert_eq!(
        (imported.entries, imported.skipped, imported.expired),
        (1, 0, 0)
    );

    let (before, after) = (from.entry(&id).unwrap(), to.entry(&id).unwrap());
    assert_eq!(to.text(&id), from.text(&id));
    assert_eq!(after.namespace, before.namespace);
    assert_eq!(*after.policy.policy().unwrap(), policy);
    assert_eq!(after.created_at, NOW);
    assert_eq!(after.expires_at, Some(NOW + 60.5));
    assert_eq!(after.details.tool_name.as_deref(), Some("cities"));
    assert_eq!(after.details.total_items, Some(2));
    assert_eq!(after.details.max_size, Some(77));
    assert_eq!(after.details.strategy, Some(PreviewStrategy::Paginate));
    assert!(after.details.bound);
    assert!(to.cache.exists("session:s1:größe").unwrap());
}

#[test]
fn the_types_of_a_value_and_metadata_of_ones_own_are_moved_too() {
    let (from, to) = (world("c"), world("c"));
    let document = |text: &str, types| Document::with_types(text.to_owned(), types).unwrap();
    let tuples = r#"{"v": 1, "notes": [[0, 1]]}"#;
    let details = {
        let mut details = Details::default();
        let own = Document::parse(r#"{"mine": [1, NaN]}"#).unwrap();
        details.extra = Some(Value::Document(Arc::new(own)));
        details
    };
    let entry = Entry::new(
        Value::Document(Arc::new(document("[[1], 2]", tuples))),
        "public".into(),
        Arc::new(AccessPolicy::public()),
        NOW,
        None,
        details,
    );
    from.put("c:00000001", entry);
    to.import(&from.export()).unwrap();
    let moved = to.entry("c:00000001").unwrap();
    assert_eq!(
        moved.value.document().unwrap().types().as_deref(),
        Some(tuples)
    );
    let own = moved.details.extra.as_ref().unwrap().document().unwrap();
    assert_eq!(own.text(), r#"{"mine": [1, NaN]}"#);
}

#[test]
fn a_file_says_what_it_is_and_how_many_entries_it_has() {
    let from = world("c");
    let id = from.set("k", "[1, 2]", plain());
    let file = from.export();
    let lines: Vec<serde_json::Value> = file
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["format"], "mcp-refcache-export");
    assert_eq!(
        (&lines[0]["version"], &lines[0]["cache"]),
        (&1.into(), &"c".into())
    );
    assert_eq!(lines[1]["ref_id"], id.as_str());
    assert_eq!(
        (&lines[1]["key"], &lines[1]["namespace"]),
        (&"k".into(), &"public".into())
    );
    assert_eq!(lines[1]["value"], serde_json::json!([1, 2]));
    assert_eq!(lines[2], serde_json::json!({"entries": 1, "end": true}));
}

#[test]
fn only_the_cache_and_the_namespace_that_are_meant_are_exported() {
    let from = world("c");
    let other: blocking::RefCache = RefCache::builder("d")
        .shared_backend(Arc::clone(&from.backend) as Arc<dyn Backend>)
        .build()
        .unwrap()
        .into();
    other.set("k", &1).unwrap();
    from.set("a", "1", plain());
    let here = SetOptions {
        namespace: Some("here"),
        ..plain()
    };
    from.set("b", "2", here);
    assert_eq!(from.export().lines().count(), 4);
    let options = ExportOptions {
        namespace: Some("here"),
        ..ExportOptions::default()
    };
    let file = from.export_with(&options);
    assert!(file.lines().count() == 3 && file.contains(r#""value": 2}"#));
}

#[test]
fn what_has_ended_meanwhile_is_counted_and_left_out() {
    let (from, to) = (world("c"), world("c"));
    let short = SetOptions {
        ttl: Ttl::Seconds(1.0),
        ..plain()
    };
    let (gone, stays) = (from.set("a", "1", short), from.set("b", "2", plain()));
    let file = from.export();
    to.clock.advance(1.0);
    let imported = to.import(&file).unwrap();
    assert_eq!((imported.entries, imported.expired), (1, 1));
    assert!(to.entry(&gone).is_none() && to.entry(&stays).is_some());
}

#[rstest]
#[case(Conflict::Skip, "[0]")]
#[case(Conflict::Overwrite, "[1]")]
fn a_key_that_is_there_already_is_kept_or_taken(
    #[case] conflict: Conflict,
    #[case] expected: &str,
) {
    let (from, to) = (world("c"), world("c"));
    from.set("k", "[1]", plain());
    to.set("k", "[0]", plain());
    let options = ImportOptions {
        conflict,
        ..ImportOptions::default()
    };
    let imported = to.import_with(&from.export(), &options).unwrap();
    let taken = usize::from(conflict == Conflict::Overwrite);
    assert_eq!((imported.entries, imported.skipped), (taken, 1 - taken));
    let value: serde_json::Value = to.cache.resolve("k").unwrap();
    assert_eq!(value.to_string(), expected);
}

#[test]
fn importing_twice_changes_nothing() {
    let (from, to) = (world("c"), world("c"));
    for number in 0..10 {
        from.set(&number.to_string(), "1", plain());
    }
    let file = from.export();
    assert_eq!(to.import(&file).unwrap().entries, 10);
    let again = to.import(&file).unwrap();
    assert_eq!((again.entries, again.skipped), (0, 10));
    assert_eq!(to.export(), file);
}

#[test]
fn a_dry_run_stores_nothing() {
    let (from, to) = (world("c"), world("c"));
    from.set("k", "1", plain());
    let options = ImportOptions {
        dry_run: true,
        ..ImportOptions::default()
    };
    let imported = to.import_with(&from.export(), &options).unwrap();
    assert_eq!((imported.entries, to.backend.len()), (1, 0));
}

#[test]
fn a_namespace_gets_another_name_on_request() {
    let (from, to) = (world("c"), world("c"));
    from.set("k", "1", plain());
    let options = ImportOptions {
        rename_namespaces: &[("public", "moved")],
        ..ImportOptions::default()
    };
    to.import_with(&from.export(), &options).unwrap();
    assert!(to.cache.exists("moved:k").unwrap());
}

#[test]
fn a_namespace_that_is_not_declared_is_refused_with_its_line() {
    let from = world("c");
    from.set("k", "1", plain());
    let to: blocking::RefCache = RefCache::builder("c")
        .namespace(NamespaceRule::new("session:*"))
        .default_namespace("session:x")
        .build()
        .unwrap()
        .into();
    let outcome = to.import(
        &mut from.export().as_bytes(),
        &ImportOptions::default(),
        &mut silent,
    );
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(error.fact("line"), Some("2"));
    assert_ne!(Namespace::PUBLIC, "session:x");
}

#[test]
fn an_export_of_another_cache_is_refused() {
    let from = world("d");
    from.set("k", "1", plain());
    let error = world("c").import(&from.export()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("cache 'd'"), "{error}");
}

#[rstest]
#[case::empty("")]
#[case::no_json("hello\n")]
#[case::another_format(
    "{\"format\": \"other\", \"version\": 1, \"cache\": \"c\", \"created_at\": 1}\n"
)]
#[case::an_entry("{\"ref_id\": \"c:00000001\", \"value\": 1}\n")]
fn what_is_no_export_is_refused(#[case] file: &str) {
    let error = world("c").import(file).unwrap_err();
    assert!(error.to_string().contains("no export"), "{error}");
}

#[test]
fn a_file_of_a_later_version_is_refused_as_such() {
    let from = world("c");
    let file = from.export().replace("\"version\": 1", "\"version\": 2");
    let error = world("c").import(&file).unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("newer"));
}

#[test]
fn a_file_that_is_cut_anywhere_is_noticed() {
    let from = world("c");
    from.set("a", r#"{"x": [1, {"y": "}"}]}"#, plain());
    from.set("b", "[\"secret\"]", plain());
    let file = from.export();
    for len in 0..file.len() - 1 {
        let to = world("c");
        let error = to.import(&file[..len]).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        // whole or not at all
        for id in [0, 1].iter().filter_map(|n| nth_id(&file, *n)) {
            if let Some(text) = to.text(&id) {
                assert_eq!(Some(text), from.text(&id));
            }
        }
    }
    // the end of the last line is no loss
    assert_eq!(world("c").import(file.trim_end()).unwrap().entries, 2);
}

fn nth_id(file: &str, number: usize) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(file.lines().nth(number + 1)?).ok()?;
    line["ref_id"].as_str().map(str::to_owned)
}

#[rstest]
#[case::no_json("{\"ref_id\": \"c:00000001\", \"key\" null, \"value\": 1}")]
#[case::a_value_that_is_no_json("{POLICY, \"value\": [1}")]
#[case::something_behind_the_value("{POLICY, \"value\": 1, \"more\": 2}")]
#[case::no_policy(
    "{\"ref_id\": \"c:00000001\", \"namespace\": \"n\", \"created_at\": 1, \"metadata\": {}, \"value\": 1}"
)]
#[case::a_policy_that_cannot_be_read(
    "{POLICY, \"policy\": {\"user_permissions\": \"all\"}, \"value\": 1}"
)]
#[case::a_reference_of_another_cache("{POLICY, \"ref_id\": \"d:00000001\", \"value\": 1}")]
#[case::no_reference("{POLICY, \"ref_id\": \"x\", \"value\": 1}")]
#[case::a_time_that_is_none("{POLICY, \"created_at\": NaN, \"value\": 1}")]
#[case::metadata_that_is_no_object("{POLICY, \"metadata\": [], \"value\": 1}")]
#[case::a_line_that_is_not_ours("{\"a\": 1}")]
#[case::a_list("[1, 2]")]
fn a_bad_line_is_an_error_with_its_number_and_stores_nothing(#[case] line: &str) {
    let policy = "\"ref_id\": \"c:00000001\", \"namespace\": \"n\", \"created_at\": 1, \"policy\": {}, \"metadata\": {}";
    let to = world("c");
    let empty = world("c").export();
    let (first, last) = empty.split_once('\n').unwrap();
    let good = format!("{{{policy}, \"value\": 1}}").replace("00000001", "00000002");
    let bad = line.replace("POLICY", policy);
    let file = format!("{first}\n{good}\n\n{bad}\n{}", last.replace(": 0", ": 2"));
    let error = to.import(&file).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec, "{error}");
    assert_eq!(error.fact("line"), Some("4"), "{error}");
    assert_eq!(to.backend.len(), 1);
}

#[test]
fn lines_that_were_lost_added_or_put_behind_the_end_are_noticed() {
    let from = world("c");
    from.set("a", "1", plain());
    from.set("b", "2", plain());
    let file = from.export();
    let lines: Vec<_> = file.lines().collect();
    let lost = [lines[0], lines[1], lines[3]].join("\n");
    let behind = [lines[0], lines[1], lines[2], lines[3], lines[1]].join("\n");
    for (file, message) in [
        (lost, "2 entries, and 1 are left"),
        (behind, "behind the last"),
    ] {
        let error = world("c").import(&file).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn progress_tells_how_far_it_is_and_may_stop_it() {
    let from = world("c");
    for number in 0..5 {
        from.set(&number.to_string(), "1", plain());
    }
    let mut seen = Vec::new();
    let mut file = Vec::new();
    let mut note = |progress: Progress| {
        seen.push((progress.entries, progress.total));
        Ok(())
    };
    from.cache
        .export(&mut file, &ExportOptions::default(), &mut note)
        .unwrap();
    let expected: Vec<_> = (0..=5).map(|entries| (entries, Some(5))).collect();
    assert_eq!(seen, expected);

    let to = world("c");
    let mut stop = |progress: Progress| match progress.entries {
        2 => Err(Error::new(ErrorKind::Hook, "enough")),
        _ => Ok(()),
    };
    let outcome = to
        .cache
        .import(&mut &file[..], &ImportOptions::default(), &mut stop);
    assert_eq!(outcome.unwrap_err().message(), "enough");
    assert_eq!(to.backend.len(), 2);
}

#[test]
fn what_a_stream_fails_with_is_the_source_of_the_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("no more room"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let outcome = world("c")
        .cache
        .export(&mut Full, &ExportOptions::default(), &mut silent);
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(error.into_source().unwrap().to_string(), "no more room");
}

#[test]
fn callbacks_may_use_the_cache() {
    let from = world("c");
    from.set("k", "1", plain());
    let cache = from.cache.clone();
    let mut look = move |_: Progress| cache.exists("k").map(drop);
    from.cache
        .export(&mut Vec::new(), &ExportOptions::default(), &mut look)
        .unwrap();
}

#[test]
fn the_deepest_value_that_can_be_stored_can_be_moved() {
    let (from, to) = (world("c"), world("c"));
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    let id = from.set("k", &deep, plain());
    to.import(&from.export()).unwrap();
    assert_eq!(to.text(&id), Some(deep));
}

#[test]
fn an_entry_without_a_key_stays_without_one() {
    let (from, to) = (world("c"), world("c"));
    let entry = Entry::new(
        Value::Document(Arc::new(Document::parse("1").unwrap())),
        "public".into(),
        Arc::new(AccessPolicy::public()),
        NOW,
        None,
        Details::default(),
    );
    from.put("c:00000001", entry);
    to.import(&from.export()).unwrap();
    assert_eq!(to.text("c:00000001").as_deref(), Some("1"));
    let name = wait(to.backend.name_of("c:00000001"));
    assert_eq!(name.unwrap(), None);
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        Just("\"value\": {".into()),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key = prop_oneof![any::<String>(), Just("value".to_owned())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::hash_map(key, inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn any_values_under_any_keys_arrive_as_they_were(entries in prop::collection::hash_map(any::<String>(), json(), 0..5)) {
        let (from, to) = (world("c"), world("c"));
        let ids: Vec<_> = entries.iter().map(|(key, value)| {
            let document = Document::from_serialize(value).unwrap();
            (key, from.set(key, document.text(), plain()))
        }).collect();
        to.import(&from.export()).unwrap();
        for (key, id) in ids {
            prop_assert_eq!(to.text(&id), from.text(&id));
            prop_assert!(to.cache.exists(key).unwrap());
        }
    }

    #[test]
    fn any_file_at_all_is_an_error_and_no_panic(lines in prop::collection::vec(any::<String>(), 0..5)) {
        let empty = world("c").export();
        let first = empty.lines().next().unwrap();
        let file = format!("{first}\n{}", lines.join("\n"));
        prop_assert!(world("c").import(&file).is_err());
    }
}
