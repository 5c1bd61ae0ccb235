"""Namespaces: names, what they say, and whom they admit."""

import copy
import pickle
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from dict_backend import FullBackend

from mcp_refcache import RefCache
from mcp_refcache.access import (
    ActorType,
    DefaultActor,
    DefaultNamespaceResolver,
    DefaultPermissionChecker,
    Delegate,
    Namespace,
    NamespaceInfo,
    NamespaceResolver,
    PermissionDenied,
)
from mcp_refcache.permissions import POLICY_EXECUTE_ONLY, POLICY_PUBLIC, POLICY_READ_ONLY, Permission

RESOLVER = DefaultNamespaceResolver()
ALICE = DefaultActor.user("alice", "s1")
CLAUDE = DefaultActor.agent("claude", "s1")
NOBODY = DefaultActor.user()
MODEL = Delegate(agent_id="claude", user_id="alice", session_id="s1", org_id="acme")


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (Namespace.PUBLIC, "public"),
        (Namespace.session("conv-123"), "session:conv-123"),
        (Namespace.user("alice"), "user:alice"),
        (Namespace.user_session("alice", "s1"), "user:alice:session:s1"),
        (Namespace.org("acme"), "org:acme"),
        (Namespace.custom("weather"), "custom:weather"),
        (Namespace.agent("claude"), "agent:claude"),
        (Namespace.shared("team"), "shared:team"),
        (Namespace.session("*"), "session:*"),
    ],
)
def test_constructors_make_names(made, name):
    assert made == name
    assert isinstance(made, str)
    assert hash(made) == hash(name)
    assert (made.ttl, made.policy) == (None, None)


@pytest.mark.parametrize("make", [Namespace.user, Namespace.session, Namespace.custom])
@pytest.mark.parametrize("id", ["", "alice:session:s1", ":"])
def test_an_id_is_neither_empty_nor_holds_a_colon(make, id):
    with pytest.raises(ValueError, match="id of a namespace must not"):
        make(id)


def test_an_id_is_a_text():
    with pytest.raises(TypeError):
        Namespace.user(5)


def test_a_declaration_brings_defaults_along():
    declared = Namespace.session("*", ttl=900, policy=POLICY_READ_ONLY)
    assert (declared.ttl, declared.policy) == (900, POLICY_READ_ONLY)
    for copied in (copy.copy(declared), copy.deepcopy(declared), pickle.loads(pickle.dumps(declared))):
        assert copied == declared
        assert (copied.ttl, copied.policy) == (900, POLICY_READ_ONLY)


def info(raw, prefix, identifier=None, **more):
    given = {
        "is_public": False,
        "is_session_scoped": False,
        "is_user_scoped": False,
        "is_agent_scoped": False,
    }
    return {"raw": raw, "prefix": prefix, "identifier": identifier, "implied_owner": None, **given, **more}


@pytest.mark.parametrize(
    "expected",
    [
        info("public", "public", is_public=True),
        info("public:x", "public", "x"),
        info("session:s1", "session", "s1", is_session_scoped=True),
        info("session", "session", is_session_scoped=True),
        info("user:alice", "user", "alice", is_user_scoped=True, implied_owner="user:alice"),
        info("user:auth0:7", "user", "auth0:7", is_user_scoped=True, implied_owner="user:auth0:7"),
        info("user:alice:session:s1", "user", "alice", is_user_scoped=True, implied_owner="user:alice"),
        info("user:", "user", "", is_user_scoped=True),
        info("user", "user", is_user_scoped=True),
        info("agent:bot", "agent", "bot", is_agent_scoped=True, implied_owner="agent:bot"),
        info("shared:g", "shared", "g"),
        info("org:acme", "org", "acme"),
        info("org:acme:user:alice", "org", "acme"),
        info("x:y:user:z", "x", "y:user:z"),
        info("", ""),
    ],
    ids=lambda expected: expected["raw"],
)
def test_a_name_says(expected):
    parsed = RESOLVER.parse(expected["raw"])
    assert {name: getattr(parsed, name) for name in NamespaceInfo.__slots__} == expected
    assert RESOLVER.get_owner(expected["raw"]) == expected["implied_owner"]


@pytest.mark.parametrize(
    ("namespace", "session"),
    [
        ("session:s1", "s1"),
        ("session:", ""),
        ("session", None),
        ("user:alice:session:s1", "s1"),
        ("session:s1:user:alice", "s1"),
        ("user:alice", None),
        ("public", None),
        ("custom:x:session:s1", None),
    ],
)
def test_a_name_may_require_a_session(namespace, session):
    assert RESOLVER.get_required_session(namespace) == session


@pytest.mark.parametrize(
    ("namespace", "actor", "expected"),
    [
        ("public", NOBODY, True),
        ("public:x", NOBODY, True),
        ("custom:x", NOBODY, True),
        ("shared:g", NOBODY, True),
        ("anything", NOBODY, True),
        ("User:bob", ALICE, True),
        ("session:s1", ALICE, True),
        ("session:s1", CLAUDE, True),
        ("session:s2", ALICE, False),
        ("session", NOBODY, False),
        ("user:alice", ALICE, True),
        ("user:bob", ALICE, False),
        ("user:claude", CLAUDE, False),
        ("user", NOBODY, False),
        ("user:", DefaultActor.user(""), True),
        ("agent:claude", CLAUDE, True),
        ("agent:alice", ALICE, False),
        ("user:alice:session:s1", ALICE, True),
        ("user:alice:session:s2", ALICE, False),
        ("user:bob:session:s1", ALICE, False),
        ("org:acme", ALICE, True),
        ("org:acme:user:alice", ALICE, True),
        ("org:acme:user:alice", DefaultActor.user("mallory"), False),
        ("user:bob:session:s9", DefaultActor.system(), True),
        ("user:alice", MODEL, True),
        ("agent:claude", MODEL, True),
        ("user:alice:session:s1", MODEL, True),
        ("org:acme", MODEL, True),
        ("org:globex", MODEL, False),
        ("user:bob", MODEL, False),
        ("user:alice", Delegate(agent_id="claude"), False),
    ],
)
def test_a_namespace_admits(namespace, actor, expected):
    assert RESOLVER.validate_access(namespace, actor) is expected


@pytest.mark.parametrize("org", ["acme", "globex", None])
def test_an_actor_may_have_an_organisation(org):
    actor = SimpleNamespace(type=ActorType.USER, id="a", session_id=None, org_id=org)
    assert RESOLVER.validate_access("org:acme", actor) is (org != "globex")


@pytest.mark.parametrize(
    ("namespace", "actor", "expected"),
    [
        ("org:acme", MODEL, True),
        ("org:globex", MODEL, False),
        ("org:acme", ALICE, False),
        ("org:acme:user:alice", ALICE, False),
        ("org:acme", DefaultActor.system(), True),
        ("user:alice", ALICE, True),
        ("public", ALICE, True),
    ],
)
def test_strict_rules_let_members_alone_into_an_organisation(namespace, actor, expected):
    strict = DefaultNamespaceResolver(strict=True)
    assert strict.validate_access(namespace, actor) is expected
    checker = DefaultPermissionChecker(strict)
    assert checker.has_permission(POLICY_PUBLIC, Permission.READ, actor, namespace) is expected
    cache = RefCache(permission_checker=checker)
    cache.set("k", 1, namespace=namespace)
    if expected:
        assert cache.resolve("k", actor=actor) == 1
    else:
        with pytest.raises(PermissionDenied):
            cache.resolve("k", actor=actor)


def test_whose_organisation_is_not_known_is_told_of_once():
    """In a process of its own, as it is told once per process."""
    program = """
from mcp_refcache import DefaultActor, RefCache
cache = RefCache()
cache.set("k", 1, namespace="org:acme")
alice = DefaultActor.user("alice")
print([cache.resolve("k", actor=alice) for _ in range(3)])
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[1, 1, 1]"
    assert ran.stderr.count("strict=True") == 1
    assert "alice" not in ran.stderr


def test_infos_are_equal_by_name_alone():
    assert NamespaceInfo("a", "b") == NamespaceInfo("a", "c", is_public=True)
    assert NamespaceInfo("a", "b") != NamespaceInfo("b", "b")
    assert NamespaceInfo("a", "b") != "a"
    with pytest.raises(TypeError, match="unhashable"):
        hash(NamespaceInfo("a", "b"))
    shown = "NamespaceInfo(raw='user:a', prefix='user', identifier='a')"
    assert repr(RESOLVER.parse("user:a")) == shown


def test_a_subclass_may_rename_the_prefixes():
    class Tenants(DefaultNamespaceResolver):
        PREFIX_USER = "tenant"
        PREFIX_PUBLIC = "open"

    resolver = Tenants()
    assert resolver.validate_access("tenant:alice", ALICE)
    assert not resolver.validate_access("tenant:bob", ALICE)
    assert not resolver.validate_access("tenant:alice:session:s2", ALICE)
    assert resolver.validate_access("user:bob", ALICE)
    assert resolver.parse("open").is_public
    assert resolver.get_owner("tenant:bob") == "user:bob"
    assert resolver.get_required_session("tenant:bob:session:s2") == "s2"


def test_what_a_subclass_parses_is_what_counts():
    class Stripping(DefaultNamespaceResolver):
        def parse(self, namespace):
            return super().parse(namespace.removeprefix("prod/"))

    resolver = Stripping()
    assert not resolver.validate_access("prod/user:bob", ALICE)
    assert resolver.validate_access("prod/user:alice:session:s1", ALICE)
    assert resolver.get_required_session("prod/session:s1") == "s1"


def test_protocol_bodies_do_nothing():
    assert isinstance(RESOLVER, NamespaceResolver)
    assert NamespaceResolver.validate_access(None, "public", NOBODY) is None
    assert NamespaceResolver.parse(None, "public") is None
    assert NamespaceResolver.get_owner(None, "x") is NamespaceResolver.get_required_session(None, "x") is None


def test_what_cannot_be_stored_is_shown_to_those_alone_whom_the_policy_of_its_namespace_lets() -> None:
    backend = FullBackend()
    cache = RefCache("c", backend=backend, namespaces=[Namespace("vault", policy=POLICY_EXECUTE_ONLY)])
    backend.is_full = True
    answer: Any = cache.cached(namespace="vault")(lambda: "SECRET")()
    assert answer["preview"] is None
    assert "SECRET" not in str(answer)
