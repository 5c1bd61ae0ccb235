"""The audit log: who did what, on every path; never a value; a chain that shows changes."""

import json
import multiprocessing
import os

import pytest

from mcp_refcache import (
    AccessPolicy,
    AuditError,
    AuditRecord,
    DefaultActor,
    MemoryBackend,
    Permission,
    RefCache,
    _core,
)
from mcp_refcache._cli import main

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
    await cache.adelete(ref)
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
