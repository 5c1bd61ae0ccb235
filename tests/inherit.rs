//! What a result inherits: never more than the most restricted of the values it was made of.

use mcp_refcache::access::{
    AccessPolicy, Actor, DefaultActor, DefaultPermissionChecker, Delegate, Permission,
    PermissionChecker,
};
use mcp_refcache::{ErrorKind, RefCache, SetOptions, Uses};
use proptest::prelude::*;
use rstest::rstest;

const USE: Permission = Permission::EXECUTE;
const SEE: Permission = Permission::READ.union(Permission::EXECUTE);

fn open() -> AccessPolicy {
    AccessPolicy::default()
}

fn owned(owner: &str) -> AccessPolicy {
    open().with_owner(owner)
}

fn bound(session: &str) -> AccessPolicy {
    open().with_bound_session(session)
}

#[rstest]
#[case::an_open_input_restricts_nothing(open(), vec![open()], open())]
#[case::unseen_stays_unseen(open(), vec![AccessPolicy::execute_only()], AccessPolicy::execute_only())]
#[case::the_strictest_counts(AccessPolicy::public(), vec![AccessPolicy::read_only(), AccessPolicy::execute_only()],
    AccessPolicy::execute_only().with_user_permissions(SEE))]
#[case::read_implies_execute(AccessPolicy::read_only(), vec![AccessPolicy::execute_only()],
    AccessPolicy::execute_only().with_user_permissions(SEE))]
#[case::one_owner_stays(owned("user:alice"), vec![AccessPolicy::execute_only()],
    AccessPolicy::execute_only().with_owner("user:alice"))]
#[case::an_owner_gets_what_the_role_gets_elsewhere(owned("user:alice"),
    vec![AccessPolicy::execute_only().with_user_permissions(SEE)],
    AccessPolicy::execute_only().with_user_permissions(SEE).with_owner("user:alice").with_owner_permissions(SEE))]
#[case::two_owners_are_none(owned("user:alice"), vec![owned("user:bob")],
    open().with_owner_permissions(Permission::NONE))]
#[case::who_owned_less_than_the_role_gets_no_more(owned("user:alice"),
    vec![owned("user:bob").with_owner_permissions(USE)],
    open().with_user_permissions(USE).with_agent_permissions(USE).with_owner_permissions(Permission::NONE))]
#[case::one_session_stays(open(), vec![bound("s1")], bound("s1"))]
#[case::two_sessions_are_nobodys(bound("s1"), vec![bound("s2")], AccessPolicy::closed())]
#[case::denials_are_united(open().with_denied_actors(["user:a"]), vec![open().with_denied_actors(["agent:*"])],
    open().with_denied_actors(["user:a", "agent:*"]))]
#[case::equal_patterns_stay(open().with_allowed_actors(["user:a*"]), vec![open().with_allowed_actors(["user:a*", "user:b"])],
    open().with_allowed_actors(["user:a*"]))]
#[case::a_label_stays_where_a_pattern_has_it(open().with_allowed_actors(["user:alice"]),
    vec![open().with_allowed_actors(["user:a*"])], open().with_allowed_actors(["user:alice"]))]
#[case::no_list_is_an_empty_one(open().with_allowed_actors(["user:alice"]), vec![AccessPolicy::execute_only()],
    AccessPolicy::execute_only())]
#[case::a_listed_actor_stays_where_its_role_lets_it_in(open(),
    vec![AccessPolicy::user_only().with_user_permissions(Permission::NONE).with_allowed_actors(["user:alice", "agent:a"])],
    AccessPolicy::user_only().with_user_permissions(Permission::NONE)
        .with_allowed_actors(["user:alice", "agent:a"]).with_allowed_permissions(SEE))]
#[case::but_not_where_its_role_is_kept_out(AccessPolicy::user_only().with_user_permissions(Permission::NONE),
    vec![open().with_allowed_actors(["user:alice"])],
    AccessPolicy::user_only().with_user_permissions(Permission::NONE))]
#[case::what_lists_grant_is_intersected(open().with_allowed_actors(["user:a"]),
    vec![open().with_allowed_actors(["user:a"]).with_allowed_permissions(Permission::READ)],
    open().with_allowed_actors(["user:a"]).with_allowed_permissions(SEE))]
#[case::what_was_made_of_masked_values_no_agent_sees(
    open().with_owner("agent:a").with_allowed_actors(["agent:b", "user:b"]),
    vec![open().with_allowed_actors(["agent:b", "user:b"]).with_masked_paths(["ssn"]).unwrap()],
    open().with_agent_permissions(USE).with_owner("agent:a").with_owner_permissions(USE)
        .with_allowed_actors(["user:b"]))]
#[case::masks_of_its_own_stay(open().with_masked_paths(["a"]).unwrap(), vec![AccessPolicy::execute_only()],
    AccessPolicy::execute_only().with_masked_paths(["a"]).unwrap())]
fn table(
    #[case] own: AccessPolicy,
    #[case] inputs: Vec<AccessPolicy>,
    #[case] result: AccessPolicy,
) {
    assert_eq!(own.inherit(&inputs), result);
}

#[test]
fn what_is_nobodys_is_still_the_servers() {
    let result = bound("s1").inherit([&bound("s2")]);
    let checker = DefaultPermissionChecker::default();
    for session in ["s1", "s2"] {
        let user = DefaultActor::user("alice", session);
        assert!(!checker.allows(&result, USE, &user, "public").unwrap());
    }
    let server = DefaultActor::system();
    checker.check(&result, SEE, &server, "public").unwrap();
}

fn permissions() -> impl Strategy<Value = Permission> {
    prop_oneof![
        Just(Permission::FULL),
        (0u8..32).prop_map(Permission::from_bits_truncate)
    ]
}

fn labels() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "user:a",
        "user:b",
        "user:*",
        "agent:a",
        "agent:x",
        "agent:*",
        "user:[ab]",
        "nobody",
        "user:a*",
    ])
}

prop_compose! {
    fn policies()(
        user in permissions(), agent in permissions(), owner_may in permissions(), listed_may in permissions(),
        owner in prop::option::of(prop::sample::select(vec!["user:a", "user:b", "user:*", "agent:a"])),
        allowed in prop::option::of(prop::collection::vec(labels(), 0..4)),
        denied in prop::option::of(prop::collection::vec(labels(), 0..2)),
        session in prop::option::of(prop::sample::select(vec!["s1", "s2"])),
        is_open in prop::bool::weighted(0.2),
    ) -> AccessPolicy {
        if is_open {
            return open();
        }
        let mut policy = open()
            .with_user_permissions(user).with_agent_permissions(agent)
            .with_owner_permissions(owner_may).with_allowed_permissions(listed_may);
        policy.owner = owner.map(str::to_owned);
        policy.allowed_actors = allowed.map(|labels| labels.into_iter().collect());
        policy.denied_actors = denied.map(|labels| labels.into_iter().collect());
        policy.bound_session = session.map(str::to_owned);
        policy
    }
}

fn actors() -> Vec<Box<dyn Actor>> {
    let mut actors: Vec<Box<dyn Actor>> = Vec::new();
    for session in [None, Some("s1"), Some("s2")] {
        for id in [None, Some("a"), Some("b")] {
            actors.push(Box::new(DefaultActor::user(id, session)));
            actors.push(Box::new(DefaultActor::agent(id, session)));
            actors.push(Box::new(Delegate::new(id, session).for_user("a")));
            actors.push(Box::new(Delegate::new(id, session).for_user("b")));
        }
    }
    actors
}

proptest! {
    #[test]
    fn a_result_never_grants_what_an_input_denied(own in policies(), inputs in prop::collection::vec(policies(), 0..4)) {
        let checker = DefaultPermissionChecker::default();
        let result = own.inherit(&inputs);
        for actor in actors() {
            let granted = checker.effective(&result, &*actor, "public").unwrap();
            for input in inputs.iter().filter(|input| **input != open()) {
                // who may read may use: that is no more than the input granted
                let had = checker.effective(input, &*actor, "public").unwrap().with_implied_execute();
                prop_assert!(had.contains(granted), "{} has {granted} of {had}: {input:?}", actor.label());
            }
        }
    }

    #[test]
    fn it_inherits_once(own in policies(), inputs in prop::collection::vec(policies(), 0..4)) {
        let result = own.inherit(&inputs);
        prop_assert_eq!(result.inherit(&inputs), result);
    }

    #[test]
    fn the_order_does_not_matter(own in policies(), inputs in prop::collection::vec(policies(), 0..4)) {
        let result = own.inherit(&inputs);
        prop_assert_eq!(own.inherit(inputs.iter().rev()), result);
    }

    #[test]
    fn open_inputs_change_nothing(own in policies(), count in 0usize..3) {
        prop_assert_eq!(own.inherit(&vec![open(); count]), own);
    }
}

#[tokio::test]
async fn a_call_inside_a_call_counts_for_both() {
    let cache = RefCache::new("c").unwrap();
    let agent = DefaultActor::agent(None, None);
    let hidden = SetOptions {
        policy: Some(std::sync::Arc::new(AccessPolicy::execute_only())),
        ..Default::default()
    };
    let document = mcp_refcache::value::Document::from_serialize("secret").unwrap();
    let value = mcp_refcache::value::Value::Document(std::sync::Arc::new(document));
    let secret = cache.set_with("k", value, hidden).await.unwrap();

    let outer = Uses::new();
    let inner = outer.inner();
    let options = mcp_refcache::ResolveOptions {
        uses: Some(&inner),
        ..mcp_refcache::ResolveOptions::server(&agent)
    };
    let argument = serde_json::Value::from(secret.ref_id.as_str());
    cache.resolve_refs(argument, &options).await.unwrap();
    assert_eq!((outer.len(), inner.len()), (1, 1));
    assert_eq!(outer.ids()[0].as_ref(), secret.ref_id.as_str());
    assert!(outer.hides_from(&agent).unwrap());
    assert!(
        !outer
            .hides_from(&DefaultActor::user("alice", None))
            .unwrap()
    );
    // and what a later call inside does inherits as well
    assert_eq!(
        outer.inner().inherited(&open()),
        AccessPolicy::execute_only()
    );
    assert_eq!(format!("{outer:?}"), "Uses { len: 1 }");
    let denied = cache.get(secret.ref_id.as_str()).await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::PermissionDenied);
}
