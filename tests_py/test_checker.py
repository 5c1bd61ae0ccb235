"""The checker: its order, its messages, and what users write themselves."""

from enum import Enum
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_refcache.access import (
    Actor,
    ActorType,
    DefaultActor,
    DefaultNamespaceResolver,
    DefaultPermissionChecker,
    Delegate,
    PermissionChecker,
    PermissionDenied,
)
from mcp_refcache.permissions import (
    POLICY_EXECUTE_ONLY,
    POLICY_PUBLIC,
    POLICY_READ_ONLY,
    POLICY_USER_ONLY,
    AccessPolicy,
    Permission,
)

NONE, READ, FULL = Permission.NONE, Permission.READ, Permission.FULL
CHECKER = DefaultPermissionChecker()
ALICE = DefaultActor.user("alice", "s1")
MODEL = Delegate(agent_id="claude", user_id="alice", session_id="s1")


def nobody(**more):
    return AccessPolicy(user_permissions=NONE, agent_permissions=NONE, **more)


@pytest.mark.parametrize(
    ("policy", "namespace", "reason", "message"),
    [
        (
            AccessPolicy(denied_actors={"user:al*"}, bound_session="s2"),
            "user:bob",
            "explicit_deny",
            "Actor user:alice is explicitly denied",
        ),
        (
            AccessPolicy(bound_session="s2"),
            "user:bob",
            "session_mismatch",
            "Actor user:alice session does not match bound session",
        ),
        (
            AccessPolicy(bound_session=""),
            "public",
            "session_mismatch",
            "Actor user:alice session does not match bound session",
        ),
        (
            nobody(allowed_actors={"user:alice"}),
            "user:bob",
            "namespace_ownership",
            "Actor user:alice cannot access namespace user:bob",
        ),
        (
            AccessPolicy(owner="user:alice", owner_permissions=Permission.WRITE),
            "public",
            "owner_insufficient",
            "Owner user:alice lacks READ permission",
        ),
        (nobody(), "public", "role_insufficient", "User lacks READ permission"),
    ],
)
def test_the_first_step_that_denies_says_why(policy, namespace, reason, message):
    with pytest.raises(PermissionDenied) as caught:
        CHECKER.check(policy, READ, ALICE, namespace)
    denied = caught.value
    assert denied.args == (message,)
    assert denied.actor is ALICE
    assert denied.required is READ
    assert denied.reason == reason
    assert denied.namespace == namespace
    assert isinstance(denied, PermissionError)


def test_several_permissions_are_named_together():
    for required, named in ((READ | Permission.WRITE, "READ|WRITE"), (Permission.CRUD, "CRUD")):
        with pytest.raises(PermissionDenied, match=f"^Agent lacks {named.replace('|', '.')} permission$"):
            CHECKER.check(nobody(), required, DefaultActor.agent(), "public")


def test_nothing_is_always_contained():
    CHECKER.check(nobody(), NONE, DefaultActor.agent(), "public")
    assert not CHECKER.has_permission(nobody(), NONE, ALICE, "user:bob")


@pytest.mark.parametrize(
    ("policy", "actor", "expected"),
    [
        (AccessPolicy(), ALICE, FULL),
        (AccessPolicy(), DefaultActor.agent(), READ | Permission.EXECUTE),
        (nobody(), DefaultActor.system(), FULL),
        (AccessPolicy(bound_session="s1"), DefaultActor.system(), NONE),
        (nobody(allowed_actors={"agent:bot"}), DefaultActor.agent("bot"), FULL),
        (nobody(allowed_actors={"agent:bot"}), DefaultActor.agent("other"), NONE),
        (nobody(allowed_actors={"agent:bot"}, allowed_permissions=READ), DefaultActor.agent("bot"), READ),
        (nobody(owner="user:alice"), ALICE, FULL),
        (nobody(owner="user:*"), DefaultActor.user(), FULL),
        (nobody(owner="user:*"), DefaultActor.user("*"), NONE),
        (AccessPolicy(owner="system:internal", owner_permissions=NONE), DefaultActor.system(), NONE),
        (AccessPolicy(denied_actors={"user:[x]"}), DefaultActor.user("[x]"), NONE),
        # a model on behalf of a user
        (nobody(), MODEL, NONE),
        (POLICY_USER_ONLY, MODEL, NONE),
        (POLICY_EXECUTE_ONLY.model_copy(update={"owner": "user:alice"}), MODEL, Permission.EXECUTE),
        (POLICY_READ_ONLY.model_copy(update={"owner": "user:alice"}), MODEL, READ | Permission.EXECUTE),
        (AccessPolicy(denied_actors={"user:alice"}), MODEL, NONE),
        (AccessPolicy(denied_actors={"agent:claude"}), MODEL, NONE),
        (nobody(allowed_actors={"agent:claude"}), MODEL, FULL),
        (nobody(allowed_actors={"user:alice"}), MODEL, NONE),
        (AccessPolicy(bound_session="s1"), MODEL, READ | Permission.EXECUTE),
        (POLICY_PUBLIC, MODEL, FULL),
    ],
)
def test_an_actor_may(policy, actor, expected):
    assert CHECKER.get_effective_permissions(policy, actor, "public") is expected
    for flag in (READ, Permission.WRITE, Permission.EXECUTE, FULL):
        assert CHECKER.has_permission(policy, flag, actor, "public") is (flag in expected)


permissions = st.integers(0, 31).map(Permission)
labels = st.sampled_from(["user:a", "user:*", "agent:a", "agent:*", "agent:b", "x"])
policies = st.builds(
    AccessPolicy,
    user_permissions=permissions,
    agent_permissions=permissions,
    owner=st.none() | labels,
    owner_permissions=permissions,
    allowed_actors=st.none() | st.sets(labels, max_size=2),
    denied_actors=st.none() | st.sets(labels, max_size=2),
    bound_session=st.none() | st.sampled_from("st"),
    allowed_permissions=permissions,
)
ids = st.none() | st.sampled_from("ab")
actors = st.one_of(
    st.builds(DefaultActor.user, ids, st.none() | st.sampled_from("st")),
    st.builds(DefaultActor.agent, ids, st.none() | st.sampled_from("st")),
    st.just(DefaultActor.system()),
    st.builds(Delegate, agent_id=ids, user_id=ids, session_id=st.none() | st.sampled_from("st")),
)


class OwnActor:
    """Says what another actor says, in Python."""

    def __init__(self, actor):
        self.actor = actor

    @property
    def type(self):
        return self.actor.type

    @property
    def id(self):
        return self.actor.id

    @property
    def session_id(self):
        return self.actor.session_id

    def matches(self, pattern):
        return self.actor.matches(pattern)

    def to_string(self):
        return self.actor.to_string()


class OwnResolver(DefaultNamespaceResolver):
    """Asked through Python."""


@given(policies, actors, st.sampled_from(["public", "user:a", "agent:b", "session:s", "user:a:session:s"]))
def test_check_agrees_with_effective_permissions_on_every_path(policy, actor, namespace):
    expected = CHECKER.get_effective_permissions(policy, actor, namespace)
    for flag in (READ, Permission.CRUD, Permission.EXECUTE):
        assert CHECKER.has_permission(policy, flag, actor, namespace) is (flag in expected)
    in_python = DefaultPermissionChecker(OwnResolver())
    assert in_python.get_effective_permissions(policy, actor, namespace) is expected
    if not isinstance(actor, Delegate):
        duck = SimpleNamespace(**dict(policy))
        assert in_python.get_effective_permissions(duck, OwnActor(actor), namespace) is expected


def test_policies_are_read_when_they_are_asked():
    policy = AccessPolicy()
    CHECKER.check(policy, READ, ALICE, "public")
    policy.denied_actors = ["user:alice"]
    assert not CHECKER.has_permission(policy, READ, ALICE, "public")
    policy.denied_actors = frozenset()
    assert CHECKER.has_permission(policy, READ, ALICE, "public")


class TestOwnPolicies:
    def test_what_a_policy_lacks_counts_as_none(self):
        duck = SimpleNamespace(user_permissions=READ, agent_permissions=NONE)
        assert CHECKER.get_effective_permissions(duck, ALICE, "public") is READ

    def test_one_role_is_enough(self):
        duck = SimpleNamespace(agent_permissions=READ)
        assert CHECKER.get_effective_permissions(duck, DefaultActor.agent(), "public") is READ
        assert CHECKER.get_effective_permissions(duck, ALICE, "public") is NONE

    @pytest.mark.parametrize("policy", [None, SimpleNamespace(), "policy"])
    def test_what_is_no_policy_at_all_is_an_error(self, policy):
        with pytest.raises(TypeError, match="policy must be an AccessPolicy"):
            CHECKER.check(policy, READ, ALICE, "public")

    def test_an_owner_needs_no_owner_permissions(self):
        duck = SimpleNamespace(user_permissions=NONE, agent_permissions=NONE, owner="user:alice")
        assert CHECKER.has_permission(duck, FULL, ALICE, "public")

    def test_permissions_may_be_any_container(self):
        duck = SimpleNamespace(agent_permissions={READ, Permission.EXECUTE})
        granted = CHECKER.get_effective_permissions(duck, DefaultActor.agent(), "public")
        assert granted is READ | Permission.EXECUTE

    def test_a_mock_grants_nothing(self):
        with pytest.raises(PermissionDenied, match="session does not match"):
            CHECKER.check(MagicMock(), READ, ALICE, "public")
        mock = MagicMock(bound_session=None)
        with pytest.raises(PermissionDenied, match="User lacks READ"):
            CHECKER.check(mock, READ, ALICE, "public")
        mock.user_permissions = READ
        CHECKER.check(mock, READ, ALICE, "public")

    @pytest.mark.parametrize("listed", [5, [5]])
    def test_a_wrong_list_is_a_type_error(self, listed):
        policy = AccessPolicy()
        policy.denied_actors = listed
        with pytest.raises(TypeError):
            CHECKER.check(policy, READ, ALICE, "public")

    def test_a_number_is_no_permission(self):
        with pytest.raises(TypeError, match="required must be a Permission, not int"):
            CHECKER.check(AccessPolicy(), 1, ALICE, "public")
        policy = AccessPolicy()
        policy.user_permissions = 31
        with pytest.raises(TypeError):
            CHECKER.check(policy, READ, ALICE, "public")


class TestOwnActors:
    def test_a_subclass_may_override_anything(self):
        class Alias(DefaultActor):
            def to_string(self):
                return "user:alias"

            def matches(self, pattern):
                return pattern == "everybody"

        actor = Alias.user("alice")
        for denied in ("user:alias", "everybody"):
            with pytest.raises(PermissionDenied, match=r"^Actor user:alias is explicitly denied$"):
                CHECKER.check(AccessPolicy(denied_actors={denied}), READ, actor, "public")
        assert CHECKER.has_permission(AccessPolicy(denied_actors={"user:alice"}), READ, actor, "public")

    def test_another_type_has_a_name_but_no_role(self):
        class Kind(Enum):
            ROBOT = "roBOT"

        robot = SimpleNamespace(
            type=Kind.ROBOT,
            id="r2",
            session_id=None,
            to_string=lambda: "robot:r2",
            matches=lambda p: p == "robot:*",
        )
        with pytest.raises(PermissionDenied, match=r"^Robot lacks READ permission$") as caught:
            CHECKER.check(POLICY_PUBLIC, READ, robot, "public")
        assert caught.value.actor is robot
        CHECKER.check(nobody(allowed_actors={"robot:*"}), FULL, robot, "public")

    def test_a_mock_is_nobody(self):
        assert not CHECKER.has_permission(POLICY_PUBLIC, READ, MagicMock(), "public")
        with pytest.raises(PermissionDenied, match="cannot access namespace user:x"):
            CHECKER.check(POLICY_PUBLIC, READ, MagicMock(spec=Actor, type=ActorType.USER), "user:x")

    def test_what_an_actor_raises_comes_out(self):
        raised = LookupError("no directory")
        actor = MagicMock(type=ActorType.USER, id="a", session_id=None, matches=MagicMock(side_effect=raised))
        with pytest.raises(LookupError) as caught:
            CHECKER.check(AccessPolicy(denied_actors={"user:x"}), READ, actor, "public")
        assert caught.value is raised

    def test_a_derived_delegate_acts_for_its_user(self):
        class Tenant(Delegate):
            def to_string(self):
                return f"agent:{self.agent_id}@tenant"

        model = Tenant(agent_id="claude", user_id="alice")
        assert CHECKER.has_permission(POLICY_PUBLIC, READ, model, "user:alice")
        with pytest.raises(PermissionDenied, match="Actor agent:claude@tenant is explicitly denied"):
            CHECKER.check(AccessPolicy(denied_actors={"user:alice"}), READ, model, "public")

    @pytest.mark.parametrize("actor", [None, 5, "agent"])
    def test_what_has_no_type_is_no_actor(self, actor):
        with pytest.raises(TypeError, match="actor must be an Actor, 'user' or 'agent', not"):
            CHECKER.check(AccessPolicy(), READ, actor, "public")


class TestOwnResolvers:
    def test_a_resolver_is_called_with_positional_arguments(self):
        resolver = MagicMock()
        resolver.validate_access.return_value = 0
        with pytest.raises(PermissionDenied, match="cannot access namespace public"):
            DefaultPermissionChecker(resolver).check(AccessPolicy(), READ, ALICE, "public")
        resolver.validate_access.assert_called_once_with("public", ALICE)
        assert resolver.validate_access.call_args.args[1] is ALICE

    def test_a_resolver_that_knows_no_delegates_is_asked_about_the_user(self):
        class UsersOnly(DefaultNamespaceResolver):
            def validate_access(self, namespace, actor):
                return actor.to_string() == namespace

        checker = DefaultPermissionChecker(namespace_resolver=UsersOnly())
        assert checker.has_permission(POLICY_PUBLIC, READ, MODEL, "agent:claude")
        assert checker.has_permission(POLICY_PUBLIC, READ, MODEL, "user:alice")
        assert not checker.has_permission(POLICY_PUBLIC, READ, MODEL, "user:bob")

    def test_what_a_resolver_raises_comes_out(self):
        raised = ConnectionError("directory is down")
        resolver = MagicMock(validate_access=MagicMock(side_effect=raised))
        checker = DefaultPermissionChecker(resolver)
        with pytest.raises(ConnectionError) as caught:
            checker.has_permission(AccessPolicy(), READ, ALICE, "public")
        assert caught.value is raised


def test_has_permission_follows_an_overridden_check():
    class Closed(DefaultPermissionChecker):
        def check(self, policy, required, actor, namespace):
            raise PermissionDenied("closed")

    assert not Closed().has_permission(POLICY_PUBLIC, READ, ALICE, "public")


def test_a_denial_may_be_made_by_hand():
    denied = PermissionDenied("no", reason="closed")
    assert (str(denied), denied.reason, denied.actor, denied.required, denied.namespace) == (
        "no",
        "closed",
        None,
        None,
        None,
    )


def test_protocol_bodies_do_nothing():
    assert isinstance(CHECKER, PermissionChecker)
    assert PermissionChecker.check(None, None, None, None, "public") is None
    assert PermissionChecker.has_permission(None, None, None, None, "public") is None
    assert PermissionChecker.get_effective_permissions(None, None, None, "public") is None
