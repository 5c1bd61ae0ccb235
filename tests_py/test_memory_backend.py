"""The memory backend: entries by key, in order, limited, and gone when they are expired."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Clock

from mcp_refcache import AccessPolicy, CacheBackend, CacheEntry, MemoryBackend, RefCache


@pytest.fixture
def backend() -> MemoryBackend:
    return MemoryBackend()


def entry(
    value: Any = 1, namespace: str = "public", expires_at: float | None = None, **metadata: Any
) -> CacheEntry:
    return CacheEntry(value, namespace, AccessPolicy(), time.time(), expires_at, metadata)


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


class Thing:
    """Can be seen to die."""


# -- the promises of CacheBackend ----------------------------------------------------------------------


def test_it_is_a_cache_backend(backend: MemoryBackend) -> None:
    assert isinstance(backend, CacheBackend)


def test_what_was_set_is_there(backend: MemoryBackend) -> None:
    given = entry({"a": [1, (2,)]}, "custom:x", 2e9, tool_name="t", mine=[1])
    backend.set("any key at all", given)
    assert backend.get("any key at all") == given
    assert backend.exists("any key at all")


def test_what_was_not_set_is_not_there(backend: MemoryBackend) -> None:
    assert backend.get("k") is None
    assert backend.exists("k") is False
    assert backend.delete("k") is False
    assert backend.clear() == 0
    assert backend.keys() == []


def test_setting_again_replaces(backend: MemoryBackend) -> None:
    backend.set("k", entry(1, "a"))
    backend.set("k", entry(2, "b"))
    assert backend.get("k").value == 2  # pyright: ignore
    assert (backend.keys("a"), backend.keys("b")) == ([], ["k"])


def test_keys_come_in_the_order_of_insertion(backend: MemoryBackend) -> None:
    for key in ("b", "a", "c", "b"):
        backend.set(key, entry())
    assert backend.keys() == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("namespace", "removed", "left"),
    [(None, 3, []), ("org", 1, ["y", "z"]), ("org:a", 1, ["x", "z"]), ("", 0, ["x", "y", "z"])],
)
def test_clearing_removes_exactly_one_namespace_or_all(
    backend: MemoryBackend, namespace: str | None, removed: int, left: list[str]
) -> None:
    for key, name in (("x", "org"), ("y", "org:a"), ("z", "public")):
        backend.set(key, entry(namespace=name))
    assert backend.clear(namespace) == removed
    assert backend.keys() == left


def test_an_expired_entry_is_absent(backend: MemoryBackend, clock: Clock) -> None:
    backend.set("k", entry(expires_at=clock.now + 10))
    backend.set("other", entry(expires_at=clock.now + 11))
    clock.now += 10
    assert backend.get("k") is None
    assert backend.exists("k") is False
    assert backend.keys() == ["other"]


@pytest.mark.parametrize(("offset", "expired"), [(-0.001, False), (0, True), (1, True)])
def test_an_entry_is_expired_from_its_end_on(offset: float, expired: bool) -> None:
    assert entry(expires_at=100.0).is_expired(100.0 + offset) is expired
    assert entry().is_expired(1e300) is False


def test_metadata_and_policy_come_back(backend: MemoryBackend) -> None:
    policy = AccessPolicy(owner="user:alice")
    backend.set("k", CacheEntry(1, "n", policy, 5.0, None, {"tool_name": "t", "mine": {"a": (1,)}}))
    found = backend.get("k")
    assert found is not None
    assert found.policy is policy
    assert found.metadata == {"tool_name": "t", "mine": {"a": (1,)}}
    found.metadata["mine"]["a"] = "changed"
    assert backend.get("k").metadata["mine"] == {"a": (1,)}  # pyright: ignore


def test_values_are_snapshots(backend: MemoryBackend) -> None:
    value = [1]
    backend.set("k", entry(value))
    value.append(2)
    backend.get("k").value.append(3)  # pyright: ignore
    assert backend.get("k").value == [1]  # pyright: ignore


def test_two_caches_share_a_backend(backend: MemoryBackend) -> None:
    one, other = RefCache(name="one", backend=backend), RefCache(name="other", backend=backend)
    assert other.resolve(one.set("k", [1]).ref_id) == [1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda backend: backend.set("k", 5), "CacheEntry|metadata"), (lambda backend: backend.set(5, entry()), "key|str"),
        (lambda backend: backend.get(5), "key|str"), (lambda backend: backend.clear(5), "namespace|str"),
        (lambda backend: backend.set("k", CacheEntry(1, 5, AccessPolicy(), 1.0)), "namespace|str"),
        (lambda backend: backend.set("k", CacheEntry(1, "n", AccessPolicy(), "x")), "created_at|float"),
    ],
)  # fmt: skip
def test_bad_entries_are_refused_and_nothing_is_stored(backend: MemoryBackend, call: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError), match=words):
        call(backend)
    assert backend.keys() == []


# -- a limited number of entries -----------------------------------------------------------------------


def test_no_more_entries_are_kept_than_allowed() -> None:
    cache = RefCache(max_size=100)
    refs = [cache.set(f"k{i}", i).ref_id for i in range(1000)]
    assert len(cache._backend.keys()) == 100
    assert [cache.exists(ref) for ref in refs] == [False] * 900 + [True] * 100
    assert not cache.exists("k0")


def test_what_was_used_longest_ago_goes_first() -> None:
    cache = RefCache(max_size=3)
    a, b, c = (cache.set(key, key).ref_id for key in "abc")
    cache.resolve(a)
    cache.get(b)
    d = cache.set("d", "d").ref_id
    assert [cache.exists(ref) for ref in (a, b, c, d)] == [True, True, False, True]


def test_what_is_expired_goes_before_what_lives(clock: Clock) -> None:
    cache = RefCache(max_size=3)
    lasting = [cache.set(key, key).ref_id for key in "ab"]
    cache.set("brief", 1, ttl=1)
    clock.now += 2
    new = cache.set("c", "c").ref_id
    assert all(cache.exists(ref) for ref in (*lasting, new))


def test_a_limit_for_a_backend_of_ones_own() -> None:
    backend = MemoryBackend(max_size=2)
    for key in "abc":
        backend.set(key, entry())
    assert backend.keys() == ["b", "c"]


def test_a_limit_given_to_a_cache_holds_for_its_memory_backend(backend: MemoryBackend) -> None:
    cache = RefCache(backend=backend, max_size=2)
    for key in "abc":
        cache.set(key, 1)
    assert len(backend.keys()) == 2


def test_replacing_entries_does_not_make_the_limit_slow() -> None:
    backend = MemoryBackend(max_size=2000)
    one = entry()

    def seconds(count: int) -> float:
        started = time.perf_counter()
        for i in range(count):
            backend.set(f"k{i % 3000}", one)
        return time.perf_counter() - started

    seconds(3000)
    assert seconds(3000) < 2.0


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match=rf"max_size .*{limit}"):
        MemoryBackend(max_size=limit)


# -- memory is given back ------------------------------------------------------------------------------


def test_expired_entries_are_removed_without_being_asked_for() -> None:
    cache = RefCache(default_ttl=0.01)
    for i in range(1000):
        cache.set(f"k{i}", "x" * 1000)
    assert eventually(lambda: len(cache._backend._storage) == 0)  # pyright: ignore


def test_the_memory_of_expired_objects_is_given_back() -> None:
    cache = RefCache()
    thing = Thing()
    gone = weakref.ref(thing)
    cache.set("k", [thing], ttl=0.01)
    del thing
    assert eventually(lambda: gone() is None)


def test_the_sweeper_asks_the_clock_that_calls_use(clock: Clock) -> None:
    cache = RefCache()
    cache.set("k", 1, ttl=3600)
    storage = cache._backend._storage  # pyright: ignore
    time.sleep(1.5)
    assert len(storage) == 1
    clock.now += 3601
    assert eventually(lambda: len(storage) == 0)


def test_a_thousand_backends_come_and_go() -> None:
    for _ in range(1000):
        backend = MemoryBackend()
        backend.set("k", entry(expires_at=time.time() + 3600))
    del backend
    gc.collect()


def test_a_process_ends_cleanly_while_the_sweeper_runs() -> None:
    program = """
import logging, time
from mcp_refcache import RefCache
logging.disable()
class Thing:
    def __del__(self): print("gone")
cache = RefCache()
cache.set("k", [Thing()], ttl=0.9)
cache.set("rows", list(range(100_000)), ttl=0.95)
time.sleep(0.95)
"""
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_small_value_is_nothing_for_the_garbage_collector_to_visit() -> None:
    cache = RefCache()
    cache.set("first", [{"a": []}])
    before = len(gc.get_objects())
    for number in range(100):
        cache.set(f"k {number}", [{"a": [number]}, {"b": {}}])
    assert len(gc.get_objects()) - before < 100


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads what Linux tells of a process")
def test_a_million_small_entries_fit_a_gigabyte() -> None:
    program = """
import gc
from mcp_refcache import RefCache
def resident():
    gc.collect()
    with open("/proc/self/statm") as file: return int(file.read().split()[1]) * 4096
cache = RefCache()
for number in range(1000): cache.set(f"first {number}", {"n": number})
before = resident()
for number in range(60_000): cache.set(f"key {number}", {"n": number})
print((resident() - before) / 60_000)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert float(ended.stdout) < 1000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_goes_on(backend: MemoryBackend) -> None:
    cache = RefCache(backend=backend)
    ref = cache.set("k", [1], ttl=60).ref_id
    child = os.fork()
    if child == 0:
        code = 1
        try:
            cache.set("brief", "x", ttl=0.01)
            ok = cache.resolve(ref) == [1] and cache.resolve(cache.set("new", 2).ref_id) == 2
            code = 0 if ok and eventually(lambda: len(backend._storage) == 2) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert cache.exists(ref)
    assert not cache.exists("new")


# -- views for suites that look inside -----------------------------------------------------------------


def test_the_storage_is_a_mapping_of_live_entries(backend: MemoryBackend) -> None:
    cache = RefCache(backend=backend)
    ref = cache.set("k", [1]).ref_id
    assert list(backend._storage) == [ref]
    assert (ref in backend._storage, len(backend._storage)) == (True, 1)
    backend._storage[ref].value = [2]
    assert cache.resolve(ref) == [2]
    backend._storage[ref].expires_at = 1.0
    assert not cache.exists(ref)
    del backend._storage[ref]
    with pytest.raises(KeyError):
        backend._storage[ref]


def test_an_entry_that_is_changed_in_the_storage_keeps_its_key(backend: MemoryBackend) -> None:
    cache = RefCache(backend=backend)
    ref = cache.set("k", 1).ref_id
    backend._storage[ref].value = 2
    assert cache.resolve("k") == 2
    assert cache.delete("k", actor="user")
    assert not cache.exists("k")


def test_deleting_an_expired_entry_that_is_still_there_is_a_deletion(
    backend: MemoryBackend, clock: Clock
) -> None:
    backend.set("k", entry(expires_at=clock.now + 1))
    backend.set("l", entry(expires_at=clock.now + 1))
    clock.now += 0.5
    assert backend.delete("k") is True
    assert backend.clear() == 1
