"""The truth table of access, on every path of the Python side; `tests/access_table.rs` has the Rust side."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import access_table
import pytest

from mcp_refcache import (
    POLICY_PUBLIC,
    AccessPolicy,
    DefaultActor,
    DefaultPermissionChecker,
    Permission,
    PermissionDenied,
    RefCache,
    resolve_refs,
)
from mcp_refcache._caller import Caller
from mcp_refcache._execution import Execution
from mcp_refcache._plan import Request
from mcp_refcache.access import Delegate
from mcp_refcache.access.actor import Person
from mcp_refcache.backends import MemoryTaskBackend
from mcp_refcache.fastmcp import Identity, use_identity
from mcp_refcache.fastmcp.cache_tools import read_result, register_cache_tools

HEADER, LINES = access_table.read()
CANARY = "canary-7f3a"
MARKER = "[masked]"
CHECKER = DefaultPermissionChecker()

#: Of the cells that are also asked for through a client, each such one.
STEP = 7 if os.environ.get("REFCACHE_LONG") else 401


class Row(NamedTuple):
    """One cell of the table."""

    policy: AccessPolicy
    namespace: str
    bound: bool
    actor: str
    granted: Permission
    expected: dict[str, str]
    reason: str | None


def make_policy(facts: dict[str, Any]) -> AccessPolicy:
    names = {
        "user": "user_permissions", "agent": "agent_permissions", "owner": "owner", "owners": "owner_permissions",
        "denied": "denied_actors", "allowed": "allowed_actors", "allows": "allowed_permissions", "session": "bound_session",
        "masks": "masked_paths",
    }  # fmt: skip
    return AccessPolicy(**{names[name]: value for name, value in facts.items()})


def make_actor(facts: dict[str, Any]) -> Any:
    ids = {"session_id": facts.get("session"), "org_id": facts.get("org")}
    if facts["kind"] == "system":
        return DefaultActor.system()
    if facts["kind"] == "user":
        return Person(actor_id=facts.get("id"), actor_session_id=ids["session_id"], org_id=ids["org_id"])
    if "for" in facts or ids["org_id"]:
        return Delegate(agent_id=facts.get("id"), user_id=facts.get("for"), **ids)
    return DefaultActor.agent(facts.get("id"), ids["session_id"])


def make_identity(facts: dict[str, Any]) -> Identity | None:
    """The identity under which a request is made by this actor; None where no request can be."""
    ids = {"session": facts.get("session"), "org": facts.get("org")}
    if facts["kind"] == "agent":
        return Identity(agent=facts.get("id"), user=facts.get("for"), **ids)
    if facts["kind"] == "user" and "id" in facts:
        return Identity(user=facts["id"], **ids, is_person=True)
    return None


POLICIES = {name: make_policy(facts) for name, facts in HEADER["policies"].items()}
ACTORS = {name: make_actor(facts) for name, facts in HEADER["actors"].items()}
IDENTITIES = {name: make_identity(facts) for name, facts in HEADER["actors"].items()}


def rows(policy: str) -> Iterator[Row]:
    for line in LINES:
        if line["policy"] != policy:
            continue
        for actor, answer in zip(ACTORS, line["answers"], strict=True):
            granted, letters, *reason = answer.split()
            expected = dict(zip(HEADER["paths"], letters, strict=True))
            yield Row(
                POLICIES[policy],
                line["namespace"],
                line["bound"],
                actor,
                Permission(int(granted)),
                expected,
                *(reason or [None]),
            )


def outcome(call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """`y`, `m` for masked, or `n`; what is said of a denial has nothing of the value in it."""
    try:
        result = str(call(*args, **kwargs))
    except (PermissionDenied, KeyError) as error:
        return "leak" if CANARY in repr(error) else "n"
    return masked_or_not(result)


def masked_or_not(said: str) -> str:
    if MARKER in said:
        return "leak" if CANARY in said else "m"
    return "y"


def shown(answer: dict[str, Any]) -> str:
    """What a tool's answer has of the value: `y` all or some of it, `m` the marker, `u` only the reference."""
    if answer.get("value") == [MARKER]:
        return masked_or_not(json.dumps(answer))
    assert (CANARY in json.dumps(answer)) is (answer.get("value") is not None)
    return "y" if CANARY in json.dumps(answer) else "u"


def test_the_table_is_what_the_reference_says() -> None:
    assert access_table.FILE.read_text().splitlines() == list(access_table.lines())


@pytest.fixture(params=list(POLICIES))
def policy(request: pytest.FixtureRequest) -> str:
    return request.param


def test_the_checker(policy: str) -> None:
    for row in rows(policy):
        actor = ACTORS[row.actor]
        assert CHECKER.get_effective_permissions(row.policy, actor, row.namespace) is row.granted, row
        for flag in (*Permission, Permission.CRUD, Permission.FULL):
            is_allowed = flag in row.granted
            assert CHECKER.has_permission(row.policy, flag, actor, row.namespace) is is_allowed, row
            if not is_allowed:
                with pytest.raises(PermissionDenied) as caught:
                    CHECKER.check(row.policy, flag, actor, row.namespace)
                reason = row.reason or caught.value.reason
                assert caught.value.reason == reason
                assert row.reason or reason in ("role_insufficient", "owner_insufficient")


def test_actors_that_the_author_names(policy: str, cache: RefCache) -> None:
    other = RefCache(name="other")
    for number, row in enumerate(rows(policy)):
        actor, expected = ACTORS[row.actor], row.expected
        key, stored = f"k{number}", {"namespace": row.namespace, "policy": row.policy}
        ref = cache._core.set(key, [CANARY], **stored, bound=row.bound, tool_name=None, ttl=None).ref_id
        seen = {
            "get": outcome(cache.get, ref, actor=actor), "page": outcome(cache.get, ref, page=1, actor=actor),
            "key": outcome(cache.get, f"{row.namespace}:{key}", actor=actor), "resolve": outcome(cache.resolve, ref, actor=actor),
        }  # fmt: skip
        assert (ref in cache.keys(row.namespace, actor=actor)) is (expected["read"] != "n"), row
        assert set(seen.values()) == {expected["read"]}, (row, seen)
        assert cache.exists(ref)
        assert outcome(cache.set, f"new {key}", 1, **stored, actor=actor) == expected["write"], row
        assert outcome(cache.set, key, 1, **stored, actor=actor) == expected["update"], row
        other.set("k", 1, **stored)
        assert other.clear(row.namespace, actor=actor) == (expected["delete"] == "y"), row
        other.clear()
        assert outcome(cache.delete, ref, actor=actor) == expected["delete"], row
        assert cache.exists(ref) is (expected["delete"] == "n")
        cache.clear()


async def test_requests(policy: str) -> None:
    cache = RefCache(name="c", task_backend=MemoryTaskBackend())
    take: Any = cache.cached()(lambda data: "taken")
    for row in rows(policy):
        identity, expected = IDENTITIES[row.actor], row.expected
        if identity is None:
            continue
        stored = {"namespace": row.namespace, "policy": row.policy}
        ref = cache._core.set("k", [CANARY], **stored, bound=row.bound, tool_name=None, ttl=None).ref_id
        text = cache.set("text", {"see": ref}, policy=POLICY_PUBLIC).ref_id
        with use_identity(identity):
            seen = {
                "get": outcome(cache.get, ref), "page": outcome(cache.get, ref, page=1), "tool": await told(cache, ref),
                "page of the tool": await told(cache, ref, page=1), "full": await told(cache, ref, full=True),
            }  # fmt: skip
            assert set(seen.values()) == {expected["read"]}, (row, seen)
            assert outcome(cache.resolve, ref) == outcome(take, ref) == expected["use"], row
            assert (outcome(take, text) == "n") is (expected["nested"] == "n"), row
            assert outcome(followed, cache, text) == expected["nested"], row
            assert outcome(cache.delete, ref) == expected["delete"], row
        cache.clear()


def followed(cache: RefCache, text: str) -> Any:
    """What a tool of the server gets for the reference of a text that holds another."""
    return resolve_refs(cache, text, actor=None).value


async def told(cache: RefCache, ref_id: str, **options: Any) -> str:
    try:
        answer = await read_result(cache, ref_id, **options)
    except LookupError as error:
        return "leak" if CANARY in str(error) else "n"
    assert (CANARY in json.dumps(answer)) is (MARKER not in json.dumps(answer))
    return masked_or_not(json.dumps(answer))


def test_hits(policy: str, cache: RefCache) -> None:
    tools: dict[str, Any] = {}
    for row in rows(policy):
        identity = IDENTITIES[row.actor]
        if row.bound or identity is None:
            continue
        if row.namespace not in tools:
            tools[row.namespace] = cache.cached(namespace=row.namespace, policy=row.policy)(lambda: [CANARY])
            tools[row.namespace]()
        with use_identity(identity):
            try:
                seen = shown(tools[row.namespace]())
            except PermissionDenied as error:
                seen = "leak" if CANARY in repr(error) else "n"
        assert seen == row.expected["hit"], row


def test_calls_that_are_still_running(policy: str) -> None:
    cache = RefCache(name="c", task_backend=MemoryTaskBackend())
    assert cache._tasks is not None
    starter = DefaultActor.system()
    for row in rows(policy):
        if row.bound:
            continue
        request = Request((), {}, Caller(starter, {}, False), row.namespace, row.policy)
        execution, _ = cache._tasks.board(request, "tool", 0)
        assert isinstance(execution, Execution)
        # who may use the result may know that it is being made; of a namespace it must be let in
        may_know = bool(row.granted & (Permission.READ | Permission.EXECUTE))
        assert (outcome(cache.get, execution.ref_id, actor=ACTORS[row.actor]) == "y") is may_know, row
        may_stop = may_know and Permission.DELETE in row.granted
        is_allowed = outcome(cache.cancel_task, execution.ref_id, actor=ACTORS[row.actor]) == "y"
        assert is_allowed is (may_stop or (may_know and row.actor == "the system")), row
        cache._tasks._forget(execution.ref_id)


async def test_tools_and_resources_through_a_client(cache: RefCache) -> None:
    from fastmcp import Client, FastMCP

    caller = Identity()
    cache.identity = lambda context: caller
    mcp = FastMCP("server")
    cache.install(mcp, admin=lambda context: False)
    register_cache_tools(mcp, cache)

    async def said(client: Any, name: str, **arguments: Any) -> str:
        return str((await client.call_tool(name, arguments, raise_on_error=False)).content)

    async with Client(mcp) as client:
        for number, row in enumerate(row for policy in POLICIES for row in rows(policy)):
            identity = IDENTITIES[row.actor]
            if identity is None or number % STEP:
                continue
            caller = identity
            stored = {"namespace": row.namespace, "policy": row.policy}
            ref = cache._core.set("k", [CANARY], **stored, bound=row.bound, tool_name=None, ttl=None).ref_id
            is_readable = row.expected["read"] == "y"
            for arguments in ({}, {"page": 1}, {"full": True}):
                text = await said(client, "get_cached_result", ref_id=ref, **arguments)
                assert (CANARY in text) is is_readable, row
            try:
                text = str(await client.read_resource(f"refcache://{ref.replace(':', '/')}"))
            except Exception as error:
                text = str(error)
            assert (CANARY in text) is is_readable, row
            for tool in ("admin_get_reference_info", "admin_delete_reference"):
                text = await said(client, tool, ref_id=ref)
                assert "Admin access required" in text or "Error calling tool" in text
                assert CANARY not in text
            assert CANARY not in await said(client, "admin_list_references", include_preview=True)
            assert CANARY not in await said(client, "list_cached_results")
            assert cache.exists(ref)
