"""Permissions through the cache: who may read, use, change and remove what."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_refcache import (
    POLICY_EXECUTE_ONLY,
    POLICY_PUBLIC,
    POLICY_READ_ONLY,
    POLICY_USER_ONLY,
    AccessPolicy,
    DefaultActor,
    Permission,
    PermissionDenied,
    RefCache,
)

ALICE = DefaultActor.user(id="alice", session_id="s1")
BOB = DefaultActor.user(id="bob", session_id="s2")
BOT = DefaultActor.agent(id="bot", session_id="s1")
SYSTEM = DefaultActor.system()
R, W, U, D, X, N = (
    Permission.READ,
    Permission.WRITE,
    Permission.UPDATE,
    Permission.DELETE,
    Permission.EXECUTE,
    Permission.NONE,
)


def may(call: Any, *args: Any, **kwargs: Any) -> bool:
    try:
        call(*args, **kwargs)
    except PermissionDenied:
        return False
    return True


@pytest.mark.parametrize(
    ("policy", "user", "agent", "server"),
    [
        (POLICY_PUBLIC, True, True, True), (POLICY_USER_ONLY, True, False, False), (POLICY_EXECUTE_ONLY, True, False, True),
        (POLICY_READ_ONLY, True, True, True), (AccessPolicy(), True, True, True),
        (AccessPolicy(user_permissions=N, agent_permissions=X), False, False, True),
        (AccessPolicy(user_permissions=N, agent_permissions=N), False, False, False),
    ],
)  # fmt: skip
def test_agents_read_with_read_and_servers_use_with_execute(
    cache: RefCache, policy: AccessPolicy, user: bool, agent: bool, server: bool
) -> None:
    ref = cache.set("k", 1, policy=policy).ref_id
    assert may(cache.resolve, ref, actor="user") is user
    assert may(cache.resolve, ref, actor="agent") is agent
    assert may(cache.get, ref, actor="agent") is agent
    assert may(cache.get, ref) is agent
    assert may(cache.resolve, ref) is server


def test_resolving_may_be_made_to_need_read() -> None:
    cache = RefCache(resolve_requires="read")
    ref = cache.set("k", 1, policy=POLICY_EXECUTE_ONLY).ref_id
    assert not may(cache.resolve, ref)
    assert cache.resolve(ref, actor="user") == 1


@pytest.mark.parametrize(
    ("namespace", "allowed", "denied"),
    [
        ("public", [ALICE, BOB, BOT, SYSTEM, "user", "agent"], []), ("user:alice", [ALICE, SYSTEM], [BOB, BOT, "user", "agent"]),
        ("session:s1", [ALICE, BOT, SYSTEM], [BOB, "user", "agent"]), ("agent:bot", [BOT, SYSTEM], [ALICE, "agent"]),
        ("user:alice:session:s1", [ALICE, SYSTEM], [BOB, BOT, DefaultActor.user(id="alice"), DefaultActor.user(id="alice", session_id="s2")]),
        ("user", [SYSTEM], [ALICE, "user"]), ("session", [SYSTEM], [ALICE, "agent"]), ("custom:x", [ALICE, "agent"], []),
    ],
)  # fmt: skip
def test_namespaces_admit_only_their_own(
    cache: RefCache, namespace: str, allowed: list[Any], denied: list[Any]
) -> None:
    ref = cache.set("k", 1, namespace=namespace, policy=POLICY_PUBLIC).ref_id
    for call in (cache.get, cache.resolve):
        assert [may(call, ref, actor=actor) for actor in allowed] == [True] * len(allowed)
        assert [may(call, ref, actor=actor) for actor in denied] == [False] * len(denied)


def test_the_server_uses_what_its_author_put_in_a_named_namespace(cache: RefCache) -> None:
    ref = cache.set("k", [1, 2], namespace="session:conv-123").ref_id
    assert cache.resolve(ref) == [1, 2]
    assert not may(cache.get, ref)
    assert not may(cache.resolve, ref, actor="agent")


@pytest.mark.parametrize(
    ("policy", "allowed", "denied"),
    [
        (
            AccessPolicy(user_permissions=R, owner="user:alice", agent_permissions=N),
            [ALICE, BOB],
            [BOT, "agent"],
        ),
        (AccessPolicy(user_permissions=N, owner="user:alice"), [ALICE], [BOB]),
        (
            AccessPolicy(denied_actors={"user:*"}, allowed_actors={"user:alice"}),
            ["agent"],
            [ALICE, BOB, "user"],
        ),
        (
            AccessPolicy(user_permissions=N, agent_permissions=N, allowed_actors={"agent:b*"}),
            [BOT, SYSTEM],
            [ALICE, "agent"],
        ),
        (AccessPolicy(bound_session="s1"), [ALICE, BOT], [BOB, SYSTEM, "user", "agent"]),
        (AccessPolicy(owner="user:alice", owner_permissions=X), [BOB], [ALICE]),
    ],
)
def test_owner_lists_and_session_decide(
    cache: RefCache, policy: AccessPolicy, allowed: list[Any], denied: list[Any]
) -> None:
    ref = cache.set("k", 1, policy=policy).ref_id
    assert [may(cache.resolve, ref, actor=actor) for actor in allowed] == [True] * len(allowed)
    assert [may(cache.resolve, ref, actor=actor) for actor in denied] == [False] * len(denied)


def test_a_denial_says_who_lacks_what(cache: RefCache) -> None:
    ref = cache.set("k", 1, policy=POLICY_USER_ONLY).ref_id
    with pytest.raises(PermissionDenied, match=r"^Agent lacks READ permission$") as raised:
        cache.resolve(ref, actor="agent")
    assert isinstance(raised.value, PermissionError)
    assert (raised.value.required, raised.value.reason, raised.value.namespace) == (
        R,
        "role_insufficient",
        "public",
    )
    assert str(raised.value.actor) == "agent:*"


# -- removing and changing ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actor", "allowed"), [(None, False), ("agent", False), ("user", True), (SYSTEM, True), (BOT, False)]
)
def test_deleting_needs_delete(cache: RefCache, actor: Any, allowed: bool) -> None:
    ref = cache.set("k", 1).ref_id
    assert may(cache.delete, ref, actor=actor) is allowed
    assert cache.exists(ref) is not allowed


@pytest.mark.parametrize(
    ("granted", "new", "existing"),
    [(W, True, False), (U, False, True), (W | U, True, True), (R | D | X, False, False), (N, False, False)],
)
def test_setting_as_somebody_needs_write_or_update(
    cache: RefCache, granted: Permission, new: bool, existing: bool
) -> None:
    policy = AccessPolicy(agent_permissions=granted)
    assert may(cache.set, "new", 1, policy=policy, actor="agent") is new
    assert cache.exists("new") is new
    cache.set("existing", "old", policy=policy)
    assert may(cache.set, "existing", "new", policy=POLICY_PUBLIC, actor="agent") is existing
    assert cache.resolve("existing", actor="user") == ("new" if existing else "old")


def test_the_server_itself_may_set_and_clear(cache: RefCache) -> None:
    closed = AccessPolicy(user_permissions=N, agent_permissions=N)
    cache.set("k", 1, namespace="user:alice", policy=closed)
    cache.set("k", 2, namespace="user:alice", policy=closed)
    assert cache.clear("user:alice") == 2


def test_clearing_as_somebody_leaves_what_it_may_not_delete(cache: RefCache) -> None:
    own = cache.set("a", 1, namespace="user:alice").ref_id
    foreign = cache.set("b", 1, namespace="user:bob").ref_id
    assert cache.clear(actor=ALICE) == 1
    assert (cache.exists(own), cache.exists(foreign)) == (False, True)


# -- whose policy ------------------------------------------------------------------------------------


def test_the_policy_of_a_call_comes_before_the_default() -> None:
    cache = RefCache(default_policy=POLICY_USER_ONLY)
    assert not may(cache.resolve, cache.set("a", 1).ref_id, actor="agent")
    assert may(cache.resolve, cache.set("b", 1, policy=POLICY_PUBLIC).ref_id, actor="agent")


def test_a_default_policy_may_be_exchanged(cache: RefCache) -> None:
    before = cache.set("a", 1).ref_id
    cache.default_policy = POLICY_USER_ONLY
    assert cache.default_policy is POLICY_USER_ONLY
    assert may(cache.resolve, before, actor="agent")
    assert not may(cache.resolve, cache.set("b", 1).ref_id, actor="agent")


def test_a_policy_that_is_changed_later_counts(cache: RefCache) -> None:
    policy = AccessPolicy()
    ref = cache.set("k", 1, policy=policy).ref_id
    assert may(cache.resolve, ref, actor="agent")
    policy.agent_permissions = N
    assert not may(cache.resolve, ref, actor="agent")


def test_whatever_reads_like_a_policy_will_do(cache: RefCache) -> None:
    class Lenient:
        user_permissions = Permission.FULL
        agent_permissions = Permission.NONE

    ref = cache.set("k", 1, policy=Lenient()).ref_id  # pyright: ignore
    assert may(cache.resolve, ref, actor="user")
    assert not may(cache.resolve, ref, actor="agent")


# -- laws --------------------------------------------------------------------------------------------

permissions = st.integers(0, 31).map(Permission)
patterns = st.frozensets(
    st.sampled_from(
        ["user:*", "user:alice", "user:b*", "agent:*", "agent:bot", "system:internal", "user:[ab]*"]
    )
)
policies = st.builds(
    AccessPolicy,
    user_permissions=permissions,
    agent_permissions=permissions,
    owner=st.sampled_from([None, "user:alice", "agent:bot", "user:*"]),
    owner_permissions=permissions,
    allowed_actors=st.none() | patterns,
    denied_actors=st.none() | patterns,
    bound_session=st.sampled_from([None, "s1", "s2"]),
)
actors = st.sampled_from(
    [
        ALICE,
        BOB,
        BOT,
        SYSTEM,
        DefaultActor.user(),
        DefaultActor.agent(),
        DefaultActor.agent(id="x", session_id="s2"),
    ]
)
namespaces = st.sampled_from(
    ["public", "user:alice", "session:s1", "agent:bot", "user:alice:session:s1", "custom:x"]
)
CACHE = RefCache(name="laws")


def allowed(policy: AccessPolicy, actor: Any, namespace: str) -> tuple[bool, bool, bool]:
    ref = CACHE.set("k", 1, policy=policy, namespace=namespace).ref_id
    reads = may(CACHE.resolve, ref, actor=actor), may(CACHE.get, ref, actor=actor)
    return (*reads, may(CACHE.delete, ref, actor=actor))


@given(policies, actors, namespaces)
def test_deny_beats_allow(policy: AccessPolicy, actor: DefaultActor, namespace: str) -> None:
    denied = policy.model_copy(update={"denied_actors": frozenset({f"{actor.type.value}:*"})})
    assert allowed(denied, actor, namespace) == (False, False, False)


@given(policies, actors, namespaces, permissions)
def test_a_permission_added_never_removes_access(
    policy: AccessPolicy, actor: DefaultActor, namespace: str, more: Permission
) -> None:
    wider = policy.model_copy(
        update={
            name: getattr(policy, name) | more
            for name in ("user_permissions", "agent_permissions", "owner_permissions")
        }
    )
    before, after = allowed(policy, actor, namespace), allowed(wider, actor, namespace)
    assert all(now or not then for then, now in zip(before, after, strict=True))


@given(policies, actors, namespaces)
def test_what_may_be_resolved_may_be_seen(policy: AccessPolicy, actor: DefaultActor, namespace: str) -> None:
    resolves, sees, _ = allowed(policy, actor, namespace)
    assert resolves is sees
