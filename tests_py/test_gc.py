"""Garbage collection: objects in cycles through the cache are found, objects without owners freed."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from mcp_refcache import (
    AccessPolicy,
    CacheEntry,
    MemoryBackend,
    Permission,
    PreviewResult,
    PreviewStrategy,
    RefCache,
)

LARGE = "x" * 80_000


class Thing:
    """Can refer to anything and be seen to die."""

    other: Any = None


def is_collected(make: Callable[[Thing], object]) -> bool:
    """Whether a thing dies once nobody but a cycle of `make`'s holds it."""
    thing = Thing()
    made = make(thing)
    gone = weakref.ref(thing)
    assert gone() is not None
    del thing, made
    for _ in range(3):
        gc.collect()
    return gone() is None


def stored(value: Callable[[Thing], Any], **settings: Any) -> Callable[[Thing], object]:
    """A cache that stores something that refers to the cache."""

    def make(thing: Thing) -> object:
        cache = RefCache(**settings)
        thing.other = cache
        cache.set("k", value(thing))
        return cache

    return make


@pytest.mark.parametrize(
    "value",
    [
        lambda thing: [thing], lambda thing: {"a": {"b": thing}}, lambda thing: (1, (thing,)), lambda thing: thing,
        lambda thing: [thing, LARGE], lambda thing: {"a": [thing], "filler": LARGE}, lambda thing: [lambda: thing],
    ],
    ids=["list", "dict", "tuple", "alone", "large list", "large dict", "function"],
)  # fmt: skip
@pytest.mark.parametrize("settings", [{}, {"copy_values": False}], ids=["copied", "shared"])
def test_a_stored_object_that_refers_to_the_cache_is_collected(value: Any, settings: dict[str, Any]) -> None:
    assert is_collected(stored(value, **settings))


def test_it_is_collected_after_it_was_read_and_shown() -> None:
    def make(thing: Thing) -> object:
        cache = RefCache()
        thing.other = cache
        ref = cache.set("k", [thing, list(range(100))]).ref_id
        cache.get(ref), cache.get(ref, page=1), cache.resolve(ref), cache.get(ref, max_size=10)
        return cache

    assert is_collected(make)


def test_it_is_collected_after_large_values_were_shown() -> None:
    def make(thing: Thing) -> object:
        cache = RefCache()
        thing.other = cache
        ref = cache.set("k", [thing, LARGE]).ref_id
        cache.get(ref), cache.get(ref, page=1), cache.resolve(ref)
        return cache

    assert is_collected(make)


def test_an_entry_set_on_the_backend_is_collected() -> None:
    def make(thing: Thing) -> object:
        backend = MemoryBackend()
        thing.other = backend
        backend.set("k", CacheEntry([1], "public", AccessPolicy(), 1.0, None, {"thing": thing}))
        return backend

    assert is_collected(make)


def test_a_policy_that_refers_to_the_cache_is_collected() -> None:
    class Policy(AccessPolicy):
        thing: Any = None

    def make(thing: Thing) -> object:
        cache = RefCache()
        thing.other = cache
        cache.set("k", 1, policy=Policy(thing=thing))
        return cache

    assert is_collected(make)


class Part(Thing):
    """Every hook at once, with a reference to its cache."""

    def measure(self, value: Any) -> int:
        return 5

    def check(self, *args: Any) -> None:
        return None

    def has_permission(self, *args: Any) -> bool:
        return True

    def get_effective_permissions(self, *args: Any) -> Any:
        return None

    def __call__(self, value: Any) -> str:
        return "x"

    def generate(self, **keywords: Any) -> PreviewResult:
        return PreviewResult(1, PreviewStrategy.SAMPLE, 1, 1, 1, 1, None, None)

    model_name = "part"

    def encode(self, text: str) -> list[int]:
        return []

    def count_tokens(self, text: str) -> int:
        return 0


class Backend(MemoryBackend):
    other: Any = None


@pytest.mark.parametrize(
    ("parameter", "part"),
    [
        ("measurer", Part),
        ("permission_checker", Part),
        ("preview_generator", Part),
        ("tokenizer", Part),
        ("default", Part),
        ("backend", Backend),
    ],
)
def test_a_part_that_refers_to_its_cache_is_collected(parameter: str, part: Any) -> None:
    def make() -> weakref.ref[Any]:
        hook = part()
        cache = RefCache(**{parameter: hook})
        hook.other = cache
        cache.get(cache.set("k", [1]).ref_id)
        return weakref.ref(hook)

    gone = make()
    for _ in range(3):
        gc.collect()
    assert gone() is None


def test_a_part_that_was_exchanged_is_let_go(cache: RefCache) -> None:
    hook = Part()
    cache._measurer, cache._permission_checker, cache._preview_generator = hook, hook, hook
    gone = weakref.ref(hook)
    fresh = RefCache()
    for name in ("_measurer", "_permission_checker", "_preview_generator"):
        setattr(cache, name, getattr(fresh, name))
    del hook
    gc.collect()
    assert gone() is None


def test_a_tool_of_a_cache_is_collected_with_it() -> None:
    def make(thing: Thing) -> object:
        cache = RefCache()

        @cache.cached()
        def tool(x: int) -> Any:
            return [thing, x]

        thing.other = tool
        tool(1), tool(1)
        return tool

    assert is_collected(make)


@pytest.mark.parametrize(
    "remove",
    [
        lambda cache, ref: cache.delete(ref, actor="user"), lambda cache, ref: cache.clear(), lambda cache, ref: cache.clear("public"),
        lambda cache, ref: cache._backend._storage.__delitem__(ref),
    ],
    ids=["delete", "clear", "clear namespace", "storage"],
)  # fmt: skip
@pytest.mark.parametrize("filler", ["", LARGE], ids=["small", "large"])
def test_a_removed_object_is_freed_at_once(cache: RefCache, remove: Any, filler: str) -> None:
    thing = Thing()
    gone = weakref.ref(thing)
    ref = cache.set("k", [thing, filler]).ref_id
    cache.get(ref)
    del thing
    remove(cache, ref)
    assert gone() is None


def test_collecting_while_an_object_is_stored_does_not_lose_it(cache: RefCache) -> None:
    thing = Thing()
    thing.other = [thing, cache]
    ref = cache.set("k", [thing]).ref_id
    large = cache.set("l", [thing, LARGE]).ref_id
    for _ in range(3):
        gc.collect()
    assert cache.resolve(ref)[0] is cache.resolve(large)[0] is thing


def test_a_backend_in_two_caches_outlives_one_of_them() -> None:
    backend = MemoryBackend()
    one, other = RefCache(name="one", backend=backend), RefCache(name="other", backend=backend)
    thing = Thing()
    thing.other = one
    ref = one.set("k", [thing]).ref_id
    del one, thing
    for _ in range(3):
        gc.collect()
    assert isinstance(other.resolve(ref)[0].other, RefCache)
    assert other.resolve(ref)[0].other.resolve(ref)


def test_entries_keep_the_default_policy_of_a_cache_that_was_collected() -> None:
    backend = MemoryBackend()

    def make() -> tuple[str, weakref.ref[Any]]:
        cache = RefCache(
            name="one", backend=backend, default_policy=AccessPolicy(agent_permissions=Permission.READ)
        )
        cache.itself = cache  # pyright: ignore
        return cache.set("k", 1).ref_id, weakref.ref(cache)

    ref, gone = make()
    for _ in range(3):
        gc.collect()
    assert gone() is None
    assert RefCache(name="other", backend=backend).resolve(ref, actor="agent") == 1


def test_storing_and_removing_does_not_leak() -> None:
    cache = RefCache(max_size=10)

    def work() -> None:
        for i in range(200):
            cache.set(f"k{i}", {"rows": [i, (i,), {i}], "t": object()}, ttl=60)
            cache.get(f"k{i}"), cache.resolve(f"k{i}")
        cache.clear()

    work()
    gc.collect()
    before = len(gc.get_objects())
    work(), work()
    gc.collect()
    assert len(gc.get_objects()) - before < 100
