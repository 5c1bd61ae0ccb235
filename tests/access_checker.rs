//! The order of the checker's steps, its messages and its laws.

use std::borrow::Cow;

use mcp_refcache::access::{
    AccessPolicy, Actor, ActorPattern, ActorType, DefaultActor, DefaultPermissionChecker, Delegate,
    Denial, DenialReason, Permission, PermissionChecker,
};
use mcp_refcache::{Error, ErrorKind, Result};
use proptest::prelude::*;
use rstest::rstest;

const NONE: Permission = Permission::NONE;
const READ: Permission = Permission::READ;

fn checker() -> DefaultPermissionChecker {
    DefaultPermissionChecker::default()
}

fn policy() -> AccessPolicy {
    AccessPolicy::public()
}

fn nobody() -> AccessPolicy {
    policy()
        .with_user_permissions(NONE)
        .with_agent_permissions(NONE)
}

fn alice() -> DefaultActor {
    DefaultActor::user("alice", "s1")
}

#[rstest]
#[case::deny(
    policy().with_denied_actors(["user:al*"]).with_bound_session("s2"),
    "user:bob",
    DenialReason::ExplicitDeny,
    "Actor user:alice is explicitly denied"
)]
#[case::session(
    policy().with_bound_session("s2"),
    "user:bob",
    DenialReason::SessionMismatch,
    "Actor user:alice session does not match bound session"
)]
#[case::empty_session(
    policy().with_bound_session(""),
    "public",
    DenialReason::SessionMismatch,
    "Actor user:alice session does not match bound session"
)]
#[case::namespace(
    nobody().with_allowed_actors(["user:alice"]),
    "user:bob",
    DenialReason::NamespaceOwnership,
    "Actor user:alice cannot access namespace user:bob"
)]
#[case::owner(
    policy().with_owner("user:alice").with_owner_permissions(Permission::WRITE),
    "public",
    DenialReason::OwnerInsufficient,
    "Owner user:alice lacks READ permission"
)]
#[case::role(
    nobody(),
    "public",
    DenialReason::RoleInsufficient,
    "User lacks READ permission"
)]
fn the_first_step_that_denies_says_why(
    #[case] policy: AccessPolicy,
    #[case] namespace: &str,
    #[case] reason: DenialReason,
    #[case] message: &str,
) {
    let error = checker()
        .check(&policy, READ, &alice(), namespace)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(error.to_string(), message);
    let denial = Denial::of(&error).unwrap();
    assert_eq!(denial.reason, reason);
    assert_eq!(denial.actor, "user:alice");
    assert_eq!(denial.required, READ);
    assert_eq!(denial.namespace, namespace);
}

#[rstest]
#[case(nobody().with_allowed_actors(["user:alice"]), Permission::FULL)]
#[case(nobody().with_allowed_actors(["user:bob"]), NONE)]
#[case(nobody().with_allowed_actors(["user:alice"]).with_allowed_permissions(READ), READ)]
#[case(AccessPolicy::read_only().with_allowed_actors(["user:alice"])
    .with_allowed_permissions(Permission::DELETE), READ | Permission::DELETE)]
#[case(nobody().with_owner("user:alice"), Permission::FULL)]
#[case(policy().with_owner("user:alice").with_owner_permissions(READ), READ)]
#[case(policy().with_owner("user:bob").with_owner_permissions(NONE), Permission::FULL)]
#[case(policy().with_denied_actors(["user:*"]), NONE)]
#[case(policy().with_bound_session("s1"), Permission::FULL)]
fn a_user_may(#[case] policy: AccessPolicy, #[case] expected: Permission) {
    assert_eq!(
        checker().effective(&policy, &alice(), "public").unwrap(),
        expected
    );
}

#[rstest]
#[case(DefaultActor::user(None, None), "user:*", true)]
#[case(DefaultActor::user("*", None), "user:*", false)]
#[case(DefaultActor::system(), "system:internal", true)]
fn owners_are_compared_by_label(
    #[case] actor: DefaultActor,
    #[case] owner: &str,
    #[case] is_owner: bool,
) {
    let policy = policy().with_owner(owner).with_owner_permissions(NONE);
    let denied = checker().check(&policy, READ, &actor, "public");
    assert_eq!(denied.is_err(), is_owner);
}

#[test]
fn a_label_in_a_list_counts_though_it_matches_no_pattern() {
    let odd = DefaultActor::user("[x]", None);
    let policy = policy().with_denied_actors(["user:[x]"]);
    assert!(!odd.matches(&ActorPattern::parse("user:[x]")).unwrap());
    assert!(!checker().allows(&policy, READ, &odd, "public").unwrap());
}

#[test]
fn the_system_has_every_role_but_not_every_session() {
    let system = DefaultActor::system();
    assert!(
        checker()
            .check(&nobody(), Permission::FULL, &system, "user:bob")
            .is_ok()
    );
    let error = checker()
        .check(&policy().with_bound_session("s1"), READ, &system, "public")
        .unwrap_err();
    assert_eq!(
        Denial::of(&error).unwrap().reason,
        DenialReason::SessionMismatch
    );
}

#[test]
fn several_permissions_are_named_together() {
    let agent = DefaultActor::agent(None, None);
    let message = |required| {
        checker()
            .check(&nobody(), required, &agent, "public")
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        message(READ | Permission::WRITE),
        "Agent lacks READ|WRITE permission"
    );
    assert_eq!(message(Permission::CRUD), "Agent lacks CRUD permission");
    assert!(checker().check(&nobody(), NONE, &agent, "public").is_ok());
}

// a model on behalf of a user

fn claude_for_alice() -> Delegate {
    Delegate::new("claude", "s1").for_user("alice")
}

#[rstest]
#[case::role(policy().with_user_permissions(NONE).with_agent_permissions(READ), READ)]
#[case::not_the_users_role(policy().with_agent_permissions(NONE), NONE)]
#[case::owned_by_user(
    AccessPolicy::execute_only().with_owner("user:alice"), Permission::EXECUTE)]
#[case::read_implies_execute(
    AccessPolicy::read_only().with_owner("user:alice").with_owner_permissions(Permission::EXECUTE),
    Permission::EXECUTE)]
#[case::owned_by_the_model(
    policy().with_owner("agent:claude").with_owner_permissions(READ), READ | Permission::EXECUTE)]
#[case::owned_by_another(
    AccessPolicy::read_only().with_owner("user:bob").with_owner_permissions(NONE), READ)]
#[case::denied_user(policy().with_denied_actors(["user:alice"]), NONE)]
#[case::denied_model(policy().with_denied_actors(["agent:*"]), NONE)]
#[case::allowed_model(nobody().with_allowed_actors(["agent:claude"]), Permission::FULL)]
#[case::allowed_user(nobody().with_allowed_actors(["user:alice"]), NONE)]
#[case::allowed_user_reads(
    AccessPolicy::read_only().with_allowed_actors(["user:alice"]), READ | Permission::EXECUTE)]
#[case::session(policy().with_bound_session("s1"), Permission::FULL)]
#[case::other_session(policy().with_bound_session("s2"), NONE)]
fn a_model_for_a_user_may(#[case] policy: AccessPolicy, #[case] expected: Permission) {
    let granted = checker().effective(&policy, &claude_for_alice(), "user:alice");
    assert_eq!(granted.unwrap(), expected);
}

#[rstest]
#[case(policy().with_denied_actors(["user:alice"]), "Actor agent:claude is explicitly denied")]
#[case(
    AccessPolicy::execute_only().with_owner("user:alice"),
    "Agent lacks READ permission"
)]
#[case(
    policy().with_owner("user:alice").with_owner_permissions(NONE),
    "Owner user:alice lacks READ permission"
)]
fn a_model_for_a_user_is_told(#[case] policy: AccessPolicy, #[case] message: &str) {
    let error = checker()
        .check(&policy, READ, &claude_for_alice(), "public")
        .unwrap_err();
    assert_eq!(error.to_string(), message);
}

// an actor of somebody else's making

struct Robot;

impl Actor for Robot {
    fn kind(&self) -> ActorType {
        ActorType::Other
    }

    fn id(&self) -> Option<Cow<'_, str>> {
        Some("r2".into())
    }

    fn session_id(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn kind_name(&self) -> Cow<'_, str> {
        "ROBOT".into()
    }

    fn matches(&self, pattern: &ActorPattern) -> Result<bool> {
        match pattern.as_str() {
            "robot:r*" => Ok(true),
            "broken" => Err(Error::new(ErrorKind::Hook, "out of oil")),
            _ => Ok(false),
        }
    }
}

#[test]
fn a_foreign_type_has_no_role_but_may_be_listed() {
    let error = checker()
        .check(&policy(), READ, &Robot, "public")
        .unwrap_err();
    assert_eq!(error.to_string(), "Robot lacks READ permission");
    let listed = nobody().with_allowed_actors(["robot:r*"]);
    assert!(checker().allows(&listed, READ, &Robot, "public").unwrap());
}

#[test]
fn a_failing_actor_is_no_denial() {
    let policy = policy().with_denied_actors(["broken"]);
    let error = checker()
        .allows(&policy, READ, &Robot, "public")
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Hook);
}

// laws

fn permissions() -> impl Strategy<Value = Permission> {
    (0..32_u8).prop_map(Permission::from_bits_truncate)
}

fn label() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "user:a", "user:b", "user:*", "agent:a", "agent:m", "agent:*", "x",
    ])
    .prop_map(str::to_owned)
}

fn list() -> impl Strategy<Value = Option<Vec<String>>> {
    prop::option::weighted(0.4, prop::collection::vec(label(), 0..3))
}

prop_compose! {
    fn any_policy()(
        user in permissions(),
        agent in permissions(),
        owner in prop::option::of(label()),
        owned in permissions(),
        allowed in list(),
        denied in list(),
        narrowed in permissions(),
        session in prop::option::weighted(0.2, "[st]"),
    ) -> AccessPolicy {
        let mut policy = AccessPolicy::default()
            .with_user_permissions(user)
            .with_agent_permissions(agent)
            .with_owner_permissions(owned)
            .with_allowed_permissions(narrowed);
        policy.owner = owner;
        policy.bound_session = session;
        policy.allowed_actors = allowed.map(|list| list.into_iter().collect());
        policy.denied_actors = denied.map(|list| list.into_iter().collect());
        policy
    }
}

fn namespace() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "public",
        "user:a",
        "agent:m",
        "session:s",
        "user:a:session:s",
        "org:o",
    ])
}

prop_compose! {
    fn any_delegate()(
        agent in prop::option::of("[am]"),
        user in prop::option::of("[ab]"),
        session in prop::option::of("[st]"),
    ) -> Delegate {
        let model = Delegate::new(agent.as_deref(), session.as_deref());
        match user {
            Some(user) => model.for_user(&user),
            None => model,
        }
    }
}

/// An actor of any kind that shows its label when a case fails.
struct AnyActor(Box<dyn Actor>);

impl std::fmt::Debug for AnyActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let user = self.0.on_behalf_of().map(|user| user.label());
        write!(
            f,
            "{} in {:?} for {user:?}",
            self.0.label(),
            self.0.session_id()
        )
    }
}

fn any_actor() -> impl Strategy<Value = AnyActor> {
    let of = |make: fn(Option<&str>, Option<&str>) -> DefaultActor| {
        (prop::option::of("[abm]"), prop::option::of("[st]")).prop_map(move |(id, session)| {
            AnyActor(Box::new(make(id.as_deref(), session.as_deref())))
        })
    };
    prop_oneof![
        of(|id, session| DefaultActor::user(id, session)),
        of(|id, session| DefaultActor::agent(id, session)),
        of(|_, _| DefaultActor::system()),
        any_delegate().prop_map(|model| AnyActor(Box::new(model))),
    ]
}

fn granted(policy: &AccessPolicy, actor: &dyn Actor, namespace: &str) -> Permission {
    checker().effective(policy, actor, namespace).unwrap()
}

proptest! {
    #[test]
    fn check_agrees_with_effective(
        policy in any_policy(), actor in any_actor(), namespace in namespace(), asked in permissions(),
    ) {
        let allowed = checker().allows(&policy, asked, &*actor.0, namespace).unwrap();
        let effective = granted(&policy, &*actor.0, namespace);
        if asked.is_empty() {
            // nobody who is let in lacks nothing, and who is kept out gets not even that
            prop_assert!(allowed || effective.is_empty());
        } else {
            prop_assert_eq!(allowed, effective.contains(asked));
        }
    }

    #[test]
    fn deny_beats_allow(policy in any_policy(), actor in any_actor(), namespace in namespace()) {
        let denied = policy.with_denied_actors([actor.0.label()]);
        prop_assert_eq!(granted(&denied, &*actor.0, namespace), Permission::NONE);
        if let Some(user) = actor.0.on_behalf_of() {
            let denied = denied.with_denied_actors([user.label()]);
            prop_assert_eq!(granted(&denied, &*actor.0, namespace), Permission::NONE);
        }
    }

    #[test]
    fn adding_a_permission_removes_nothing(
        policy in any_policy(), actor in any_actor(), namespace in namespace(), more in permissions(),
    ) {
        let before = granted(&policy, &*actor.0, namespace);
        let (user, agent) = (policy.user_permissions | more, policy.agent_permissions | more);
        let (owner, listed) = (policy.owner_permissions | more, policy.allowed_permissions | more);
        for richer in [
            policy.clone().with_user_permissions(user),
            policy.clone().with_agent_permissions(agent),
            policy.clone().with_owner_permissions(owner),
            policy.clone().with_allowed_permissions(listed),
        ] {
            prop_assert!(granted(&richer, &*actor.0, namespace).contains(before));
        }
    }

    #[test]
    fn allowing_an_actor_removes_nothing(
        policy in any_policy(), actor in any_actor(), namespace in namespace(),
    ) {
        let before = granted(&policy, &*actor.0, namespace);
        let mut listed: Vec<String> = policy
            .allowed_actors
            .iter()
            .flat_map(|list| list.iter().map(ToString::to_string))
            .collect();
        listed.push(actor.0.label());
        let richer = policy.with_allowed_actors(listed);
        prop_assert!(granted(&richer, &*actor.0, namespace).contains(before));
    }

    #[test]
    fn a_delegate_gets_no_more_than_agents(
        mut policy in any_policy(), model in any_delegate(), namespace in namespace(),
    ) {
        prop_assume!(model.on_behalf_of().is_some());
        let allowed = policy.allowed_actors.take();
        let named = allowed.as_ref().is_some_and(|list| {
            list.contains(&model.label()) || list.matches(ActorType::Agent, model.id().as_deref())
        });
        prop_assume!(!named);
        policy.allowed_actors = allowed;
        let most = policy.agent_permissions.with_implied_execute();
        prop_assert!(most.contains(granted(&policy, &model, namespace)));
    }

    #[test]
    fn a_delegate_of_nobody_is_an_agent(
        policy in any_policy(), namespace in namespace(), id in prop::option::of("[am]"),
    ) {
        let model = Delegate::new(id.as_deref(), "s");
        let agent = DefaultActor::agent(id.as_deref(), "s");
        prop_assert_eq!(granted(&policy, &model, namespace), granted(&policy, &agent, namespace));
    }

    #[test]
    fn a_policy_survives_json(policy in any_policy()) {
        let json = serde_json::to_string(&policy).unwrap();
        prop_assert_eq!(serde_json::from_str::<AccessPolicy>(&json).unwrap(), policy);
    }
}
