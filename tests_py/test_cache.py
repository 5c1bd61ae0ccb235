"""`RefCache` as its users see it: storing, finding, expiring, removing, and the settings of a cache."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Clock

import mcp_refcache
from mcp_refcache import (
    NEVER,
    AccessPolicy,
    CacheReference,
    MemoryBackend,
    Namespace,
    Permission,
    PreviewConfig,
    RefCache,
    is_ref_id,
)

# -- storing ------------------------------------------------------------------------------------------


def test_setting_answers_with_a_reference(cache: RefCache, clock: Clock) -> None:
    ref = cache.set("k", [1, 2], tool_name="tool", ttl=60)
    assert isinstance(ref, CacheReference)
    assert ref.model_dump() == {
        "ref_id": ref.ref_id, "cache_name": "c", "namespace": "public", "tool_name": "tool", "created_at": clock.now,
        "expires_at": clock.now + 60, "total_items": 2, "total_size": 6, "total_tokens": None,
    }  # fmt: skip


def test_references_are_the_name_and_128_bits(cache: RefCache) -> None:
    refs = {cache.set("k", 1).ref_id for _ in range(200)}
    assert len(refs) == 200
    assert all(re.fullmatch(r"c:[0-9a-f]{32}", ref) and is_ref_id(ref) for ref in refs)


@pytest.mark.parametrize(
    ("value", "items", "size"),
    [
        ([1, 2], 2, 6),
        ((1,), 1, 3),
        ({1, 2, 3}, 3, 11),
        (frozenset(), 0, 13),
        ({"a": 1}, 1, 8),
        ("é", None, 8),
        (5, None, 1),
        (None, None, 4),
    ],
)
def test_collections_are_counted(cache: RefCache, value: Any, items: int | None, size: int) -> None:
    ref = cache.set("k", value)
    assert (ref.total_items, ref.total_size) == (items, size)


@pytest.mark.parametrize("key", ["", "a key", "ключ", "a:b", "\x00", "x" * 10_000, "c:0123456789abcdef"])
def test_any_text_is_a_key(cache: RefCache, key: str) -> None:
    cache.set(key, "value")
    assert cache.resolve(key) == "value"


def test_a_key_leads_to_what_was_stored_last(cache: RefCache) -> None:
    old = cache.set("k", "old").ref_id
    new = cache.set("k", "new").ref_id
    assert cache.resolve("k") == "new"
    assert (cache.resolve(old), cache.resolve(new)) == ("old", "new")


def test_a_replaced_entry_lives_at_most_one_more_default_ttl(clock: Clock) -> None:
    cache = RefCache(default_ttl=60)
    old = cache.set("k", "old", ttl=NEVER).ref_id
    brief = cache.set("other", "brief", ttl=5).ref_id
    for key in ("k", "other"):
        cache.set(key, "new", ttl=NEVER)
    clock.now += 6
    assert not cache.exists(brief)
    clock.now += 53
    assert cache.exists(old)
    clock.now += 2
    assert not cache.exists(old)
    assert cache.resolve("k") == "new"


def test_replacing_a_key_over_and_over_does_not_grow(clock: Clock) -> None:
    cache = RefCache(default_ttl=10)
    for i in range(1000):
        cache.set("same key", i)
        clock.now += 1
    assert len(cache._backend.keys()) <= 11


# -- finding ------------------------------------------------------------------------------------------


def test_a_key_is_exact(cache: RefCache) -> None:
    cache.set("alice:token", "alice's", namespace="org:a")
    for part in ("token", "oken", "a:alice", ":token"):
        assert not cache.exists(part)
        assert cache.delete(part) is False
    for whole in ("alice:token", "org:a:alice:token"):
        assert cache.exists(whole)


def test_the_default_namespace_is_asked_first(cache: RefCache) -> None:
    cache.set("k", "elsewhere", namespace="custom:a")
    assert cache.resolve("k") == "elsewhere"
    cache.set("k", "public")
    assert cache.resolve("k") == "public"


def test_a_key_of_several_namespaces_needs_its_namespace(cache: RefCache) -> None:
    for name in ("custom:a", "custom:b"):
        cache.set("k", name, namespace=name)
    with pytest.raises(KeyError, match="2 namespaces"):
        cache.resolve("k")
    assert cache.resolve("custom:b:k") == "custom:b"
    assert cache.exists("k")


def test_a_key_of_several_namespaces_is_the_one_that_the_caller_may_use(cache: RefCache) -> None:
    for user in ("alice", "bob"):
        cache.set("k", user, namespace=f"user:{user}")
    alice = mcp_refcache.DefaultActor.user(id="alice")
    assert cache.resolve("k", actor=alice) == "alice"


def test_other_caches_are_not_searched_by_key() -> None:
    backend = MemoryBackend()
    one, other = RefCache(name="one", backend=backend), RefCache(name="other", backend=backend)
    ref = one.set("k", 1).ref_id
    assert not other.exists("k")
    assert other.resolve(ref) == 1


@pytest.mark.parametrize("call", [RefCache.get, RefCache.resolve], ids=lambda call: call.__name__)
@pytest.mark.parametrize("asked", ["no such key", "c:0123456789abcdef", "", "\x00", "public:k"])
def test_what_is_not_there_is_a_key_error(cache: RefCache, call: Callable[..., Any], asked: str) -> None:
    cache.set("another", 1)
    with pytest.raises(KeyError) as raised:
        call(cache, asked)
    assert f"Reference '{asked}' not found" in str(raised.value.args[0])


def test_an_expired_entry_is_reported_as_missing(cache: RefCache, clock: Clock) -> None:
    ref = cache.set("k", 1, ttl=10).ref_id
    clock.now += 9.99
    assert cache.exists(ref)
    clock.now += 0.01
    assert not cache.exists(ref)
    assert not cache.exists("k")
    assert cache.delete(ref) is False
    for call in (cache.get, cache.resolve):
        with pytest.raises(KeyError, match="not found"):
            call(ref)


def test_looking_for_what_is_not_there_does_not_take_longer_with_more_entries() -> None:
    cache = RefCache()

    def seconds() -> float:
        started = time.perf_counter()
        for _ in range(100):
            cache.exists("c:0123456789abcdef")
        return time.perf_counter() - started

    cache.set("k", 1)
    few = min(seconds() for _ in range(5))
    for i in range(20_000):
        cache.set(f"k{i}", i)
    assert min(seconds() for _ in range(5)) < 10 * few + 0.001


# -- expiry -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("default", "given", "lifetime"),
    [
        (3600, None, 3600),
        (3600, 5, 5),
        (3600, 0.5, 0.5),
        (3600, 0, 0),
        (3600, NEVER, None),
        (None, None, None),
        (None, 5, 5),
        (NEVER, None, None),
    ],
)
def test_the_ttl_of_a_call_comes_before_the_default(
    clock: Clock, default: Any, given: Any, lifetime: float | None
) -> None:
    ref = RefCache(default_ttl=default).set("k", 1, ttl=given)
    assert ref.expires_at == (None if lifetime is None else clock.now + lifetime)


def test_a_ttl_of_nought_is_expired_at_once(cache: RefCache) -> None:
    assert not cache.exists(cache.set("k", 1, ttl=0).ref_id)


@pytest.mark.parametrize(
    ("namespace", "lifetime"),
    [("session:a", 900), ("session:b", 60), ("user:alice", None), ("public", 100), ("custom:x", 100)],
)
def test_namespaces_have_ttls(clock: Clock, namespace: str, lifetime: float | None) -> None:
    cache = RefCache(default_ttl=100, namespace_ttls={"session:*": 900, "session:b": 60, "user:*": NEVER})
    ref = cache.set("k", 1, namespace=namespace)
    assert ref.expires_at == (None if lifetime is None else clock.now + lifetime)
    assert cache.set("k", 1, namespace=namespace, ttl=1).expires_at == clock.now + 1


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [("default_ttl", -1, ValueError), ("default_ttl", "x", TypeError), ("default_policy", 5, TypeError)],
)
def test_a_setting_is_not_exchanged_for_a_bad_one(
    cache: RefCache, name: str, value: Any, error: type[Exception]
) -> None:
    before = getattr(cache, name)
    with pytest.raises(error, match=name):
        setattr(cache, name, value)
    assert getattr(cache, name) is before
    cache.set("k", 1)


def test_a_default_ttl_may_be_changed(clock: Clock) -> None:
    cache = RefCache()
    cache.default_ttl = 5
    assert cache.default_ttl == 5
    assert cache.set("k", 1).expires_at == clock.now + 5


# -- removing -----------------------------------------------------------------------------------------


def test_deleting_removes_entry_and_key(cache: RefCache) -> None:
    ref = cache.set("k", 1).ref_id
    assert cache.delete(ref, actor="user") is True
    assert cache.delete(ref, actor="user") is False
    assert not cache.exists("k")


def test_deleting_by_key_removes_the_entry(cache: RefCache) -> None:
    ref = cache.set("k", 1).ref_id
    assert cache.delete("k", actor="user")
    assert not cache.exists(ref)


def test_deleting_an_older_entry_leaves_the_key_to_the_newer_one(cache: RefCache) -> None:
    old = cache.set("k", "old").ref_id
    cache.set("k", "new")
    cache.delete(old, actor="user")
    assert cache.resolve("k") == "new"


@pytest.mark.parametrize(
    ("namespace", "removed", "left"),
    [(None, 4, []), ("org", 1, [1, 2, 3]), ("org:acme", 1, [0, 2, 3]), ("", 0, [0, 1, 2, 3])],
)
def test_clearing_removes_exactly_one_namespace_or_all(
    cache: RefCache, namespace: str | None, removed: int, left: list[int]
) -> None:
    names = ["org", "org:acme", "org:acme:team", "public"]
    refs = [cache.set("k", 1, namespace=name).ref_id for name in names]
    assert cache.clear(namespace) == removed
    assert [i for i, ref in enumerate(refs) if cache.exists(ref)] == left
    assert [i for i, name in enumerate(names) if cache.exists(f"{name}:k")] == left


def test_clearing_leaves_other_caches_of_the_store_alone() -> None:
    backend = MemoryBackend()
    one, other = RefCache(name="one", backend=backend), RefCache(name="other", backend=backend)
    one.set("k", 1)
    ref = other.set("k", 1).ref_id
    assert one.clear() == 1
    assert other.exists(ref)


# -- settings -----------------------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_original() -> None:
    cache = RefCache()
    assert (cache.name, cache.default_ttl, cache.default_policy) == ("default", 3600, AccessPolicy())
    assert cache.preview_config == PreviewConfig()
    assert type(cache._backend) is MemoryBackend


@pytest.mark.parametrize("name", ["", "my cache", "2nd", "a.b", "ü", "a:b", "-x", "_x", "c\n", "\ud800"])
def test_a_name_that_no_reference_can_carry_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        RefCache(name=name)


@pytest.mark.parametrize("name", ["c", "My-Cache_2"])
def test_references_of_a_good_name_are_recognised(name: str) -> None:
    assert is_ref_id(RefCache(name=name).set("k", 1).ref_id)


@pytest.mark.parametrize("backend", ["memory", None, MemoryBackend()])
def test_a_backend_may_be_named(backend: Any) -> None:
    assert RefCache(backend=backend).set("k", 1).total_size == 1


@pytest.mark.parametrize("backend", [object(), 5, {}, type("Half", (), {"get": print, "set": print})()])
def test_what_is_no_backend_is_refused(backend: Any) -> None:
    with pytest.raises(TypeError, match=r"backend .*(delete|exists)"):
        RefCache(backend=backend)


@pytest.mark.parametrize("backend", ["memry", "", "ftp://x"])
def test_an_unknown_name_of_a_backend_is_refused(backend: Any) -> None:
    with pytest.raises(TypeError, match=rf"backend .*memory.*{backend!r}"):
        RefCache(backend=backend)


def test_a_default_namespace_is_used_where_none_is_given() -> None:
    cache = RefCache(default_namespace="custom:mine")
    assert cache.set("k", 1).namespace == "custom:mine"
    assert cache.cached()(lambda: 1)()["namespace"] == "custom:mine"


def test_declared_namespaces_are_the_only_ones() -> None:
    cache = RefCache(
        namespaces=[Namespace.PUBLIC, Namespace.session("conv-1"), Namespace.user("*"), "custom:?"]
    )
    for name in ("public", "session:conv-1", "user:bob", "custom:x"):
        assert cache.set("k", 1, namespace=name).namespace == name
    for name in ("session:conv-2", "pubilc", "custom:xy", "user"):
        with pytest.raises(ValueError, match=r"session:conv-1") as raised:
            cache.set("k", 1, namespace=name)
        assert repr(name).strip("'") in str(raised.value)
        assert not cache.exists(f"{name}:k")
    with pytest.raises(ValueError, match="session:conv-1"):
        cache.cached(namespace="session:conv-2")


def test_a_declared_namespace_may_carry_ttl_and_policy(clock: Clock) -> None:
    closed = AccessPolicy(agent_permissions=Permission.NONE)
    cache = RefCache(namespaces=[Namespace.session("*", ttl=60, policy=closed), Namespace.PUBLIC])
    assert cache.set("k", 1, namespace="session:s").expires_at == clock.now + 60
    with pytest.raises(PermissionError):
        cache.resolve("session:s:k", actor=mcp_refcache.DefaultActor.agent(session_id="s"))
    assert cache.set("k", 1).expires_at == clock.now + 3600


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"ttl": -1}, ValueError, ["ttl", "-1"]), ({"ttl": float("nan")}, ValueError, ["ttl", "NaN"]), ({"ttl": float("inf")}, ValueError, ["ttl", "NEVER"]),
        ({"ttl": "60"}, TypeError, ["ttl", "str"]), ({"policy": {}}, TypeError, ["policy", "dict", "AccessPolicy"]),
        ({"policy": "READ"}, TypeError, ["policy", "str"]), ({"namespace": ""}, ValueError, ["namespace"]),
        ({"namespace": 5}, TypeError, ["namespace"]), ({"key": 5}, TypeError, ["key"]), ({"tool_name": 5}, TypeError, ["tool_name"]),
        ({"value": {(1,): 2}}, TypeError, ["keys", "tuple"]), ({"actor": 5}, TypeError, ["actor"]),
    ],
    ids=str,
)  # fmt: skip
def test_bad_input_is_named_and_nothing_is_stored(
    cache: RefCache, arguments: dict[str, Any], error: type[Exception], words: list[str]
) -> None:
    old = cache.set("k", "old")
    with pytest.raises(error) as raised:
        cache.set(**{"key": "k", "value": "new", **arguments})
    assert all(word in str(raised.value) for word in words), str(raised.value)
    assert cache._backend.keys() == [old.ref_id]
    assert cache.resolve("k") == "old"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"default_ttl": -1}, ValueError, ["default_ttl", "-1"]), ({"default_ttl": "x"}, TypeError, ["default_ttl", "str"]),
        ({"max_size": 0}, ValueError, ["max_size", "0"]), ({"max_size": -5}, ValueError, ["max_size", "-5"]),
        ({"preview_length": 0}, ValueError, ["max_size", "0"]), ({"default_policy": 5}, TypeError, ["default_policy", "int"]),
        ({"resolve_requires": "x"}, ValueError, ["resolve_requires", "'x'", "read"]), ({"namespaces": [5]}, TypeError, ["namespaces", "int"]),
        ({"trusted_caches": [5]}, TypeError, ["trusted_caches", "int"]), ({"trusted_caches": ["my cache"]}, ValueError, ["my cache"]),
        ({"namespaces": "public"}, TypeError, ["namespaces", "'public'"]), ({"trusted_caches": "other"}, TypeError, ["trusted_caches", "'other'"]),
        ({"namespace_ttls": {"a": -1}}, ValueError, ["'a'", "-1"]), ({"namespace_ttls": {"a": "x"}}, TypeError, ["'a'", "str"]), ({"name": 5}, TypeError, ["name"]), ({"default_namespace": ""}, ValueError, ["namespace"]),
        ({"preview_config": 5}, TypeError, ["preview_config"]), ({"measurer": 5}, TypeError, ["measurer", "int"]),
        ({"tokenizer": 5}, TypeError, ["tokenizer", "int"]), ({"permission_checker": 5}, TypeError, ["checker", "int"]),
        ({"preview_generator": 5}, TypeError, ["generator", "int"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_cache_refuses_what_cannot_work(
    arguments: dict[str, Any], error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as raised:
        RefCache(**arguments)
    assert all(word in str(raised.value) for word in words), str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [({"max_size": -1}, ValueError, ["max_size", "-1"]), ({"max_size": "x"}, TypeError, ["max_size"]), ({"actor": 5}, TypeError, ["actor"]),
     ({"ref_id": 5}, TypeError, ["ref_id"])],
    ids=str,
)  # fmt: skip
def test_reading_refuses_what_cannot_be(
    cache: RefCache, arguments: dict[str, Any], error: type[Exception], words: list[str]
) -> None:
    cache.set("k", 1)
    with pytest.raises(error) as raised:
        cache.get(**{"ref_id": "k", **arguments})
    assert all(word in str(raised.value) for word in words), str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"ttl": -1}, ValueError, ["ttl", "-1"]), ({"ttl": "x"}, TypeError, ["ttl", "str"]), ({"policy": 5}, TypeError, ["policy", "int"]),
        ({"namespace": ""}, ValueError, ["namespace"]), ({"namespace": 5}, TypeError, ["namespace", "int"]), ({"max_size": -1}, ValueError, ["max_size", "-1"]),
        ({"resolve_refs": "deep"}, ValueError, ["resolve_refs", "'deep'", "shallow"]), ({"preview_type": "fancy"}, ValueError, ["preview_type", "'fancy'", "summary"]),
        ({"max_size": "x"}, TypeError, ["max_size", "str"]), ({"key": 5}, TypeError, ["key", "int"]),
        ({"async_response_format": "x"}, ValueError, ["async_response_format", "'x'", "minimal"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_decorator_refuses_what_cannot_be(
    cache: RefCache, arguments: dict[str, Any], error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as raised:
        cache.cached(**arguments)
    assert all(word in str(raised.value) for word in words), str(raised.value)


def test_a_tool_without_a_namespace_needs_the_default_to_be_declared() -> None:
    with pytest.raises(ValueError, match="custom:a"):
        RefCache(namespaces=["custom:a"]).cached()


def test_errors_never_show_a_stored_value(cache: RefCache) -> None:
    ref = cache.set(
        "k", "hunter2", namespace="user:alice", policy=AccessPolicy(agent_permissions=Permission.NONE)
    ).ref_id
    for call in (cache.get, cache.resolve, cache.delete):
        with pytest.raises(PermissionError) as raised:
            call(ref, actor="agent")
        assert "hunter2" not in str(raised.value)


def test_there_are_no_background_tasks(cache: RefCache) -> None:
    assert cache.get_task_status(cache.set("k", 1).ref_id) is None


def test_a_cache_describes_itself(cache: RefCache) -> None:
    assert repr(cache) == "RefCache(name='c', backend=MemoryBackend)"


# -- decorated tools, from the user's side ------------------------------------------------------------


def test_small_results_are_complete_and_large_ones_previewed(cache: RefCache) -> None:
    @cache.cached(namespace="custom:x")
    def tool(n: int) -> list[int]:
        return list(range(n))

    small: Any = tool(3)
    assert list(small) == [
        "ref_id",
        "value",
        "is_complete",
        "is_async",
        "size",
        "total_items",
        "namespace",
        "cache_name",
    ]
    assert (small["value"], small["size"], small["total_items"], small["namespace"]) == (
        [0, 1, 2],
        9,
        3,
        "custom:x",
    )
    large: Any = tool(1000)
    assert list(large) == [
        "ref_id", "preview", "is_complete", "is_async", "preview_strategy", "total_items", "original_size", "preview_size", "message",
        "namespace", "cache_name",
    ]  # fmt: skip
    assert f"get_cached_result(ref_id='{large['ref_id']}')" in large["message"]
    assert large["preview_size"] <= 100


@pytest.mark.parametrize("result", [None, 0, "", [], {}, {"is_async": True, "data": 1}])
def test_every_result_is_stored_once(cache: RefCache, result: Any) -> None:
    runs: list[int] = []

    @cache.cached()
    def tool() -> Any:
        runs.append(1)
        return result

    first: Any = tool()
    again: Any = tool()
    assert first == again
    assert first["value"] == result
    assert len(runs) == 1


def test_one_hit_reads_the_store_once_or_twice() -> None:
    reads: list[str] = []

    class Counting(MemoryBackend):
        def get(self, key: str) -> Any:
            reads.append(key)
            return super().get(key)

        def exists(self, key: str) -> bool:
            reads.append(key)
            return super().exists(key)

    cache = RefCache(backend=Counting())
    tool: Any = cache.cached()(lambda: list(range(1000)))
    tool()
    reads.clear()
    tool()
    assert len(reads) <= 2


def test_all_ways_to_write_a_call_are_one_call(cache: RefCache) -> None:
    runs: list[int] = []

    @cache.cached()
    def tool(x: Any, y: int = 2) -> None:
        runs.append(1)

    tool(1), tool(x=1), tool(1, 2), tool(y=2, x=1)
    assert len(runs) == 1
    tool({"a": 1, "b": 2}), tool({"b": 2, "a": 1})
    assert len(runs) == 2


def test_a_docstring_is_extended_once_and_only_in_the_wrapper(cache: RefCache) -> None:
    def tool() -> None:
        "Doc."

    first, second = cache.cached(max_size=5)(tool), cache.cached()(tool)
    assert tool.__doc__ == "Doc."
    assert "max_size=5 characters" in (first.__doc__ or "")
    assert (second.__doc__ or "").count("get_cached_result(ref_id, full=True)") == 1


async def test_what_an_async_generator_yields_is_the_value(cache: RefCache) -> None:
    async def tool() -> Any:
        yield 1
        yield 2

    decorated: Any = cache.cached()(tool)
    assert (await decorated())["value"] == [1, 2]


async def test_a_callable_object_with_an_async_call_is_awaited(cache: RefCache) -> None:
    class Tool:
        async def __call__(self, x: int) -> int:
            return x + 1

    tool: Any = cache.cached()(Tool())
    assert (await tool(1))["value"] == 2
