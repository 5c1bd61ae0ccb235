"""The audit log: who did what, on every path; never a value; a chain that shows changes."""

import gc
import importlib
import json
import multiprocessing
import os
import threading
import time
import weakref

import pytest

from mcp_refcache import (
    AccessPolicy,
    AuditError,
    AuditRecord,
    DefaultActor,
    MemoryBackend,
    Permission,
    RateLimitExceeded,
    RefCache,
    _core,
)
from mcp_refcache._cli import main
from mcp_refcache.fastmcp import admin_tools

fastmcp = importlib.import_module("fastmcp")
HIDDEN = AccessPolicy(agent_permissions=Permission.EXECUTE)
CANARY = "canary-7f3a9b"
UNKNOWN = "shop:" + "0" * 32
KEY = b"0123456789abcdef0123456789abcdef"


def records_of(path):
    return [json.loads(line) for line in _core.AuditLines(str(path))]


def head_of(path, key=None):
    return _core.audit_verify([str(path)], key)[2]


@pytest.fixture
def seen():
    return []


@pytest.fixture
def cache(seen):
    return RefCache("shop", audit=seen.append)


def told(seen):
    return [(record.action, record.actor) for record in seen]


def test_every_method_leaves_its_record(cache, seen, tmp_path):
    alice = DefaultActor.user("alice", "s1")
    ref = cache.set(CANARY, [CANARY]).ref_id
    cache.get(ref, actor=alice)
    cache.resolve(ref, actor=alice)
    cache.resolve(ref)
    cache.export(tmp_path / "out.jsonl")
    cache.delete(ref, actor=alice)
    cache.import_(tmp_path / "out.jsonl")
    cache.clear()
    assert told(seen) == [
        ("stored", "server"),
        ("read", "user:alice"),
        ("read", "user:alice"),
        ("used", "agent:*"),
        ("exported", "server"),
        ("deleted", "user:alice"),
        ("imported", "server"),
        ("cleared", "server"),
    ]
    assert {record.ref_id for record in seen[:-1]} == {ref}
    assert (seen[1].session, seen[1].namespace, seen[-1].count) == ("s1", "public", 1)
    assert CANARY not in repr(seen)


async def test_async_methods_leave_the_same_records(cache, seen):
    ref = (await cache.aset("k", 1)).ref_id
    await cache.aget(ref)
    await cache.aresolve(ref)
    await cache.adelete(ref, actor="user")
    assert [record.action for record in seen] == ["stored", "read", "used", "deleted"]


def test_denials_say_why_and_unknown_keys_are_not_repeated(cache, seen):
    hidden = cache.set("k", 1, policy=AccessPolicy(agent_permissions=Permission.EXECUTE)).ref_id
    locked = AccessPolicy(user_permissions=Permission.NONE, agent_permissions=Permission.NONE)
    bob, agent = DefaultActor.user("bob", None), DefaultActor.agent(None, None)
    for call in (
        lambda: cache.get(hidden, actor=agent),
        lambda: cache.delete(hidden, actor=agent),
        lambda: cache.set("new", 1, policy=locked, actor=bob),
        lambda: cache.get(UNKNOWN, actor=agent),
        lambda: cache.get(CANARY, actor=agent),
    ):
        with pytest.raises((PermissionError, KeyError)):
            call()
    assert cache.delete(UNKNOWN, actor=agent) is False
    denied = seen[1:]
    assert {record.action for record in denied} == {"denied"}
    reasons = ["role_insufficient"] * 3 + ["not_found"] * 3
    assert [record.reason for record in denied] == reasons
    assert [record.ref_id for record in denied] == [hidden, hidden, None, UNKNOWN, None, UNKNOWN]


def test_a_listing_is_neither_a_read_nor_a_denial(cache, seen):
    cache.set("k", 1, policy=AccessPolicy(agent_permissions=Permission.NONE))
    cache.keys(actor="agent")
    assert cache.exists("k")
    assert [record.action for record in seen] == ["stored"]


def test_a_hit_is_a_read_through_the_tool(cache, seen):
    @cache.cached()
    def prices(day: str) -> list[str]:
        return [day, CANARY]

    first = prices("monday")
    prices("monday")
    assert [(record.action, record.tool) for record in seen] == [
        ("stored", "prices"),
        ("read", "prices"),
        ("read", "prices"),
    ]
    assert {record.actor for record in seen} == {"agent:*"}
    assert {record.ref_id for record in seen} == {first["ref_id"]}
    assert CANARY not in repr(seen)


def test_a_hit_that_its_caller_may_not_see_is_a_use(cache, seen):
    @cache.cached(policy=HIDDEN)
    def salaries() -> list[str]:
        return [CANARY]

    assert salaries()["preview"] is None
    salaries()
    assert [record.action for record in seen] == ["stored", "used", "used"]


def test_a_value_that_is_seen_masked_is_read(cache, seen):
    ref = cache.set("k", {"a": CANARY, "b": 1}, policy=AccessPolicy(masked_paths={"a"})).ref_id
    assert CANARY not in repr(cache.get(ref, actor="agent"))
    assert told(seen)[1:] == [("read", "agent:*")]
    assert CANARY not in repr(seen)


def test_who_comes_too_often_is_denied_and_has_not_read(seen):
    cache = RefCache("shop", audit=seen.append, rate_limits={"actor:user:*": "1/h", "public": "2/h"})
    ref = cache.set("k", 1).ref_id
    alice, bob, carol = (DefaultActor.user(name) for name in ("alice", "bob", "carol"))
    cache.get(ref, actor=alice)
    with pytest.raises(RateLimitExceeded):
        cache.get(ref, actor=alice)
    cache.get(ref, actor=bob)
    with pytest.raises(RateLimitExceeded):
        cache.get(ref, actor=carol)
    assert [(*each, record.reason, record.ref_id) for each, record in zip(told(seen), seen, strict=True)][
        1:
    ] == [
        ("read", "user:alice", None, ref),
        ("denied", "user:alice", "rate_limited", None),
        ("read", "user:bob", None, ref),
        ("denied", "user:carol", "rate_limited", ref),
    ]


async def test_an_answer_that_is_held_back_is_a_denial(cache, seen):
    mcp = fastmcp.FastMCP("s")
    cache.install(mcp)
    ref = cache.set("k", {"mail": "zoe.mueller@example.com"}, policy=HIDDEN).ref_id
    mcp.tool(lambda: cache.resolve(ref), name="leak")
    async with fastmcp.Client(mcp) as client:
        assert (await client.call_tool("leak", {}, raise_on_error=False)).is_error
    assert [(record.action, record.tool, record.reason) for record in seen[1:]] == [
        ("used", "leak", None),
        ("denied", "leak", "egress"),
    ]
    assert seen[-1].ref_id == ref


async def test_what_admins_do_is_theirs(seen):
    cache = RefCache("shop", audit=seen.append, identity=lambda ctx: {"user_id": "root"})
    mcp, is_admin = fastmcp.FastMCP("s"), [True]
    cache.install(mcp)
    admin_tools.register_admin_tools(mcp, cache, lambda ctx: is_admin[0], include_dangerous=True)
    ref = cache.set("k", CANARY).ref_id
    cache.set("l", 1)
    async with fastmcp.Client(mcp) as client:
        await client.call_tool("admin_list_references", {"include_preview": True, "limit": 1})
        await client.call_tool("admin_get_reference_info", {"ref_id": ref})
        await client.call_tool("admin_delete_reference", {"ref_id": ref})
        await client.call_tool("admin_clear_namespace", {"namespace": "public"})
        is_admin[0] = False
        await client.call_tool("admin_delete_reference", {"ref_id": ref}, raise_on_error=False)
    assert [(record.action, record.user, record.tool, record.reason) for record in seen[2:]] == [
        ("read", "user:root", "admin_list_references", None),
        ("read", "user:root", "admin_get_reference_info", None),
        ("deleted", "user:root", "admin_delete_reference", None),
        ("cleared", "user:root", "admin_clear_namespace", None),
        ("denied", "user:root", "admin_delete_reference", "not_admin"),
    ]
    assert CANARY not in repr(seen)


def test_those_who_wait_for_an_equal_call_hear_that_it_could_not_be_recorded():
    def fails(record: AuditRecord) -> None:
        raise RuntimeError("no room")

    cache, heard, runs = RefCache("shop", audit=fails), [], []

    @cache.cached()
    def slow() -> int:
        runs.append(1)
        time.sleep(0.2)
        return 1

    def call() -> None:
        try:
            slow()
        except AuditError as error:
            heard.append(error)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(heard) == 4
    assert len(runs) == 1


def test_a_function_that_knows_the_cache_does_not_keep_it_alive():
    def make() -> weakref.ref[RefCache]:
        known: list[RefCache] = []
        cache = RefCache("shop", audit=lambda record: len(known))
        known.append(cache)
        cache.set("k", 1)
        return weakref.ref(cache)

    gone = make()
    gc.collect()
    assert gone() is None


def test_an_argument_is_used_through_the_tool(cache, seen):
    @cache.cached()
    async def total(numbers: list[int]) -> int:
        return sum(numbers)

    ref = cache.set("numbers", [1, 2]).ref_id
    import asyncio

    assert asyncio.run(total(ref))["value"] == 3
    used = [record for record in seen if record.action == "used"]
    assert [(record.ref_id, record.tool) for record in used] == [(ref, "total")]


def test_values_of_a_key_value_store_are_used_by_the_server(cache, seen):
    import asyncio

    store = cache.as_key_value()
    asyncio.run(store.put("k", {"a": CANARY}))
    assert asyncio.run(store.get("k")) == {"a": CANARY}
    assert told(seen) == [("stored", "server"), ("used", "server")]


def test_what_cannot_be_recorded_is_not_done():
    def fails(record: AuditRecord) -> None:
        if record.action == "read":
            raise RuntimeError("no room")

    cache = RefCache("shop", audit=fails)
    ref = cache.set("k", 1).ref_id
    with pytest.raises(AuditError) as caught:
        cache.get(ref)
    assert isinstance(caught.value.__cause__, RuntimeError)

    @cache.cached()
    def tool() -> int:
        return 1

    with pytest.raises(AuditError):
        tool()


def test_nothing_is_stored_or_removed_that_cannot_be_recorded():
    backend, fail = MemoryBackend(), [False]

    def audit(record: AuditRecord) -> None:
        if fail[0]:
            raise PermissionError("not a denial")

    cache = RefCache("shop", backend, audit=audit)
    ref = cache.set("k", 1).ref_id
    fail[0] = True
    for call in (lambda: cache.set("l", 1), lambda: cache.delete(ref), cache.clear):
        with pytest.raises(AuditError):
            call()
    assert backend.keys() == [ref]


def test_failures_can_be_logged_instead(caplog):
    def fails(record: AuditRecord) -> None:
        raise RuntimeError(CANARY)

    cache = RefCache("shop", audit=fails, audit_failure="log")
    assert cache.resolve(cache.set("k", 1).ref_id) == 1
    assert "not in the audit log" in caplog.text
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    "options", [{"audit": 5}, {"audit_key": b"k" * 32}, {"audit": print, "audit_failure": "maybe"}]
)
def test_wrong_options_are_refused(options):
    with pytest.raises((TypeError, ValueError)):
        RefCache("shop", **options)


@pytest.mark.parametrize("name", ["log.jsonl", "log.db"])
@pytest.mark.parametrize("key", [None, KEY])
def test_files_hold_the_chain_and_no_value(tmp_path, name, key):
    path = tmp_path / name
    cache = RefCache("shop", audit=path, audit_key=key)
    cache.get(cache.set(CANARY, CANARY).ref_id)
    RefCache("shop", audit=path, audit_key=key).set("again", 1)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [record["action"] for record in records_of(path)] == ["stored", "read", "stored"]
    assert _core.audit_verify([str(path)], key)[0] == 3
    assert all(CANARY.encode() not in file.read_bytes() for file in tmp_path.iterdir())
    if key:
        with pytest.raises(AuditError):
            _core.audit_verify([str(path)], b"another key, but long")


def write_some(path, times):
    cache = RefCache("shop", audit=path)
    for number in range(times):
        cache.set(str(number), number)


@pytest.mark.parametrize("name", ["log.jsonl", "log.db"])
@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_processes_write_one_chain(tmp_path, name, method):
    path = tmp_path / name
    parent = RefCache("shop", audit=path)
    parent.set("k", 1)
    context = multiprocessing.get_context(method)
    children = [context.Process(target=write_some, args=(str(path), 50)) for _ in range(3)]
    for child in children:
        child.start()
    for number in range(50):
        parent.set(str(number), 1)
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert _core.audit_verify([str(path)])[0] == 201


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("name", ["log.jsonl", "log.db"])
def test_a_forked_child_writes_with_the_cache_of_its_parent(tmp_path, name):
    path = tmp_path / name
    cache = RefCache("shop", audit=path)
    cache.set("k", 1)
    child = os.fork()
    if child == 0:
        for number in range(50):
            cache.set(str(number), 1)
        os._exit(0)
    for number in range(50):
        cache.set(str(number), 1)
    assert os.waitpid(child, 0)[1] == 0
    assert _core.audit_verify([str(path)])[0] == 101


def test_the_command_verifies_and_shows(tmp_path, capsys):
    path = tmp_path / "log.jsonl"
    cache = RefCache("shop", audit=path)
    ref = cache.set("k", 1).ref_id
    cache.get(ref, actor="user")
    head = head_of(path)
    assert main(["audit", "verify", str(path), "--expect", head]) == 0
    assert head in capsys.readouterr().out
    assert main(["audit", "show", str(path), "--json", "--action", "read", "--ref", ref]) == 0
    assert json.loads(capsys.readouterr().out)["actor"] == "user:*"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0])
    assert main(["audit", "verify", str(path), "--expect", head]) == 1
    path.write_bytes(lines[0].replace(b"server", b"nobody") + lines[1])
    assert main(["audit", "verify", str(path)]) == 1
    assert "changed" in capsys.readouterr().err
    path.write_bytes(lines[0] + lines[1][:-9])
    assert main(["audit", "verify", str(path)]) == 1
    assert "unfinished" in capsys.readouterr().err
