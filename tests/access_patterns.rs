//! Patterns of actors mean what Python's `fnmatch` says they mean.

use std::time::{Duration, Instant};

use mcp_refcache::access::{ActorPattern, ActorPatterns, ActorType, Glob};
use proptest::prelude::*;
use rstest::rstest;

#[test]
fn ids_match_as_in_python() {
    let cases = include_str!("fixtures/fnmatch.jsonl");
    let mut differing = Vec::new();
    for line in cases.lines() {
        let (pattern, id, expected): (String, String, bool) = serde_json::from_str(line).unwrap();
        let as_actor = ActorPattern::parse(&format!("user:{pattern}"));
        let answers = [
            Glob::new(&pattern).matches(&id),
            as_actor.matches(ActorType::User, Some(&id)),
        ];
        if answers != [expected; 2] {
            differing.push(line);
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[rstest]
#[case("user:alice", ActorType::User, Some("alice"), true)]
#[case("user:alice", ActorType::Agent, Some("alice"), false)]
#[case("user:alice", ActorType::User, None, false)]
#[case("user:*", ActorType::User, None, true)]
#[case("user:*", ActorType::User, Some("alice"), true)]
#[case("user:**", ActorType::User, None, false)]
#[case("user:", ActorType::User, Some(""), true)]
#[case("user:", ActorType::User, None, false)]
#[case("user:auth0:*", ActorType::User, Some("auth0:7"), true)]
#[case("user", ActorType::User, Some("user"), false)]
#[case("*", ActorType::User, Some("alice"), false)]
#[case("*:alice", ActorType::User, Some("alice"), false)]
#[case("User:alice", ActorType::User, Some("alice"), false)]
#[case("system:internal", ActorType::System, Some("internal"), true)]
#[case("other:x", ActorType::Other, Some("x"), false)]
#[case("", ActorType::User, Some(""), false)]
fn a_pattern_is_a_type_and_an_id(
    #[case] pattern: &str,
    #[case] kind: ActorType,
    #[case] id: Option<&str>,
    #[case] expected: bool,
) {
    assert_eq!(ActorPattern::parse(pattern).matches(kind, id), expected);
    let set: ActorPatterns = [pattern].into_iter().collect();
    assert_eq!(set.matches(kind, id), expected);
}

#[test]
fn a_set_keeps_each_pattern_once() {
    let set: ActorPatterns = ["user:b", "user:a", "user:b"].into_iter().collect();
    let texts: Vec<_> = set.iter().map(ActorPattern::as_str).collect();
    assert_eq!(texts, ["user:a", "user:b"]);
    assert!(set.contains("user:a") && !set.contains("user:*"));
}

#[rstest]
#[case("*".repeat(1000), "a".repeat(100_000))]
#[case("*a".repeat(1000), "a".repeat(100_000) + "b")]
#[case("[".repeat(10_000), "[".repeat(9_999))]
#[case("*[ab]".repeat(1000), "a".repeat(100_000) + "c")]
#[case("[a-".repeat(10_000), "a".into())]
fn hostile_patterns_are_no_slower_than_long(#[case] pattern: String, #[case] id: String) {
    let start = Instant::now();
    let compiled = ActorPattern::parse(&format!("agent:{pattern}"));
    let _ = compiled.matches(ActorType::Agent, Some(&id));
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
}

proptest! {
    #[test]
    fn an_id_without_wildcards_matches_its_own_pattern(id in r"[^*?\[]{1,12}") {
        let own = ActorPattern::parse(&format!("user:{id}"));
        prop_assert!(own.matches(ActorType::User, Some(&id)));
    }

    #[test]
    fn every_text_is_a_pattern(text in r"\PC{0,12}|[*?!\[\]a-]{0,12}", id in r"[a\]!-]{0,4}") {
        let _ = ActorPattern::parse(&text).matches(ActorType::User, Some(&id));
        let _ = ActorPattern::parse(&format!("user:{text}")).matches(ActorType::User, Some(&id));
    }
}
