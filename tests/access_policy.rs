//! Policies and permissions: presets, texts and the stored JSON.

use mcp_refcache::access::{AccessPolicy, Permission};
use rstest::rstest;

#[test]
fn the_json_is_what_the_original_stores() {
    let json = serde_json::to_string(&AccessPolicy::default()).unwrap();
    assert_eq!(
        json,
        r#"{"user_permissions":31,"agent_permissions":17,"owner":null,"owner_permissions":31,"allowed_actors":null,"denied_actors":null,"bound_session":null}"#
    );
}

#[test]
fn narrowed_lists_are_stored_behind_the_rest() {
    let policy = AccessPolicy::default()
        .with_allowed_actors(["user:b", "user:a"])
        .with_allowed_permissions(Permission::READ);
    let json = serde_json::to_string(&policy).unwrap();
    assert!(
        json.contains(r#""allowed_actors":["user:a","user:b"]"#),
        "{json}"
    );
    assert!(json.ends_with(r#","allowed_permissions":1}"#), "{json}");
}

#[test]
fn unknown_and_missing_keys_are_tolerated() {
    let policy: AccessPolicy =
        serde_json::from_str(r#"{"agent_permissions":0,"later":[1]}"#).unwrap();
    assert_eq!(policy, AccessPolicy::user_only());
}

#[test]
fn bits_that_mean_nothing_are_refused() {
    let error = serde_json::from_str::<AccessPolicy>(r#"{"user_permissions":32}"#).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("a permission is a number from 0 to 31, not 32")
    );
}

#[rstest]
#[case(AccessPolicy::public(), Permission::FULL, Permission::FULL)]
#[case(AccessPolicy::user_only(), Permission::FULL, Permission::NONE)]
#[case(AccessPolicy::execute_only(), Permission::FULL, Permission::EXECUTE)]
#[case(AccessPolicy::read_only(), Permission::READ, Permission::READ)]
fn presets(#[case] policy: AccessPolicy, #[case] user: Permission, #[case] agent: Permission) {
    assert_eq!(
        (policy.user_permissions, policy.agent_permissions),
        (user, agent)
    );
}

#[test]
fn a_role_can_do_what_it_has_all_bits_for() {
    let policy = AccessPolicy::read_only();
    assert!(policy.user_can(Permission::READ) && policy.agent_can(Permission::READ));
    assert!(!policy.agent_can(Permission::CRUD));
}

#[rstest]
#[case(0, "NONE")]
#[case(1, "READ")]
#[case(3, "READ|WRITE")]
#[case(15, "CRUD")]
#[case(17, "READ|EXECUTE")]
#[case(19, "READ|WRITE|EXECUTE")]
#[case(31, "FULL")]
fn permissions_have_names(#[case] bits: u8, #[case] name: &str) {
    assert_eq!(Permission::from_bits(bits).unwrap().to_string(), name);
}
