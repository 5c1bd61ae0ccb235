//! Names of namespaces, what they say and whom they admit.

use mcp_refcache::access::{
    Actor, DefaultActor, DefaultNamespaceRules, Delegate, Namespace, NamespaceRules,
};
use rstest::rstest;

fn alice() -> Box<dyn Actor> {
    Box::new(DefaultActor::user("alice", "s1"))
}

fn alice_of(org: &str) -> Box<dyn Actor> {
    Box::new(DefaultActor::user("alice", "s1").in_org(org))
}

fn claude() -> Box<dyn Actor> {
    Box::new(DefaultActor::agent("claude", "s1"))
}

fn claude_for_alice() -> Box<dyn Actor> {
    Box::new(
        Delegate::new("claude", "s1")
            .for_user("alice")
            .in_org("acme"),
    )
}

fn anonymous() -> Box<dyn Actor> {
    Box::new(DefaultActor::user(None, None))
}

fn system() -> Box<dyn Actor> {
    Box::new(DefaultActor::system())
}

#[rstest]
// open names
#[case("public", anonymous(), true)]
#[case("public:x", anonymous(), true)]
#[case("custom:x", anonymous(), true)]
#[case("custom:x:user:bob", alice(), true)]
#[case("shared:g", anonymous(), true)]
#[case("anything", anonymous(), true)]
#[case("", anonymous(), true)]
#[case("User:bob", alice(), true)]
// one identity
#[case("session:s1", alice(), true)]
#[case("session:s1", claude(), true)]
#[case("session:s2", alice(), false)]
#[case("session:s1", anonymous(), false)]
#[case("user:alice", alice(), true)]
#[case("user:bob", alice(), false)]
#[case("user:claude", claude(), false)]
#[case("user:*", anonymous(), false)]
#[case("agent:claude", claude(), true)]
#[case("agent:alice", alice(), false)]
#[case("user:auth0:7", Box::new(DefaultActor::user("auth0:7", None)), true)]
#[case("user:alice:reports", alice(), false)]
// a prefix without an id
#[case("session", anonymous(), false)]
#[case("user", alice(), false)]
#[case("user:", alice(), false)]
#[case("user:", Box::new(DefaultActor::user("", None)), true)]
#[case("session:", Box::new(DefaultActor::user(None, "")), true)]
// several identities
#[case("user:alice:session:s1", alice(), true)]
#[case("user:alice:session:s2", alice(), false)]
#[case("user:bob:session:s1", alice(), false)]
#[case("session:s1:user:alice", alice(), true)]
#[case("session:s1:user:bob", alice(), false)]
#[case("user:alice:user:bob", alice(), false)]
#[case("user:alice:session:", alice(), false)]
// organisations
#[case("org:acme", alice(), true)]
#[case("org:acme", alice_of("acme"), true)]
#[case("org:acme", alice_of("globex"), false)]
#[case("org:acme:reports", alice_of("acme"), false)]
#[case("org", alice_of("acme"), false)]
#[case("org", alice(), true)]
#[case("org:acme:user:alice", alice_of("acme"), true)]
#[case("org:acme:user:alice", alice_of("globex"), false)]
#[case("org:acme:user:alice", alice(), true)]
#[case(
    "org:acme:user:alice",
    Box::new(DefaultActor::user("mallory", None)),
    false
)]
#[case("org:acme:user:alice", claude(), false)]
// a model on behalf of a user
#[case("user:alice", claude_for_alice(), true)]
#[case("agent:claude", claude_for_alice(), true)]
#[case("session:s1", claude_for_alice(), true)]
#[case("user:alice:session:s1", claude_for_alice(), true)]
#[case("org:acme:user:alice", claude_for_alice(), true)]
#[case("org:globex", claude_for_alice(), false)]
#[case("user:bob", claude_for_alice(), false)]
#[case("user:alice", Box::new(Delegate::new("claude", "s1")), false)]
// the server
#[case("user:bob:session:s9", system(), true)]
#[case("user", system(), true)]
fn a_namespace_admits(
    #[case] namespace: &str,
    #[case] actor: Box<dyn Actor>,
    #[case] expected: bool,
) {
    let admitted = DefaultNamespaceRules.admits(namespace, &*actor).unwrap();
    assert_eq!(admitted, expected);
}

#[rstest]
#[case("public", "public", None, None, None)]
#[case("public:x", "public", Some("x"), None, None)]
#[case("session:s1", "session", Some("s1"), None, Some("s1"))]
#[case("user:alice", "user", Some("alice"), Some("user:alice"), None)]
#[case(
    "user:alice:session:s1",
    "user",
    Some("alice"),
    Some("user:alice"),
    Some("s1")
)]
#[case("user:auth0:7", "user", Some("auth0:7"), Some("user:auth0:7"), None)]
#[case("session:s1:user:a", "session", Some("s1"), None, Some("s1"))]
#[case("agent:bot", "agent", Some("bot"), Some("agent:bot"), None)]
#[case("user:", "user", Some(""), None, None)]
#[case("user", "user", None, None, None)]
#[case("org:acme:user:alice", "org", Some("acme"), None, None)]
#[case("x:y:user:z", "x", Some("y:user:z"), None, None)]
#[case("", "", None, None, None)]
fn a_name_says(
    #[case] namespace: &str,
    #[case] prefix: &str,
    #[case] identifier: Option<&str>,
    #[case] owner: Option<&str>,
    #[case] session: Option<&str>,
) {
    let rules = DefaultNamespaceRules;
    let info = rules.parse(namespace).unwrap();
    assert_eq!(info.raw, namespace);
    assert_eq!(info.prefix, prefix);
    assert_eq!(info.identifier.as_deref(), identifier);
    assert_eq!(info.implied_owner.as_deref(), owner);
    assert_eq!(info.is_public, namespace == "public");
    assert_eq!(rules.owner(namespace).unwrap().as_deref(), owner);
    assert_eq!(
        rules.required_session(namespace).unwrap().as_deref(),
        session
    );
}

#[test]
fn constructors_make_names() {
    assert_eq!(Namespace::public().as_str(), Namespace::PUBLIC);
    assert_eq!(
        Namespace::user_session("a", "s").unwrap().as_str(),
        "user:a:session:s"
    );
    assert_eq!(Namespace::custom("x").unwrap().to_string(), "custom:x");
    assert_eq!(String::from(Namespace::shared("g").unwrap()), "shared:g");
    assert_eq!(Namespace::agent("a").unwrap().as_ref(), "agent:a");
    assert_eq!(Namespace::org("o").unwrap(), "org:o".parse().unwrap());
}

#[rstest]
#[case("")]
#[case("alice:session:s1")]
#[case(":")]
fn an_id_is_neither_empty_nor_holds_a_colon(#[case] id: &str) {
    for made in [
        Namespace::user(id),
        Namespace::session(id),
        Namespace::user_session("u", id),
    ] {
        let message = made.unwrap_err().to_string();
        assert!(message.contains("id of a namespace must not"), "{message}");
    }
}

#[rstest]
#[case("user:")]
#[case("user")]
#[case("session::x")]
#[case("")]
fn a_name_without_its_id_is_refused(#[case] name: &str) {
    assert!(name.parse::<Namespace>().is_err());
}
