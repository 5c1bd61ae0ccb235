"""The laws of a `RefCache` over a backend."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import SkipTest

from mcp_refcache.backends.base import CacheBackend
from mcp_refcache.cache import NEVER, RefCache
from mcp_refcache.models import CacheResponse
from mcp_refcache.permissions import POLICY_EXECUTE_ONLY, AccessPolicy
from mcp_refcache.testing.base import Contract, got, standing_clock
from mcp_refcache.testing.values import described

__all__ = ["CacheContract"]


class CacheContract(Contract):
    """A cache finds, shows, protects and forgets what it stored."""

    def test_a_cache_keeps_values_and_their_metadata(self, backend: CacheBackend) -> None:
        cache = RefCache("contract", backend, default_ttl=60)
        ref = cache.set("key", list(range(1000)), tool_name="tool")
        assert (ref.tool_name, ref.total_items) == ("tool", 1000)
        assert cache.resolve(ref.ref_id) == cache.resolve("key") == list(range(1000))
        page = cache.get(ref.ref_id, page=3, page_size=10)
        assert isinstance(page, CacheResponse)
        assert (page.preview, page.total_items) == (list(range(20, 30)), 1000)
        metadata = got(backend, ref.ref_id).metadata
        assert (metadata["tool_name"], metadata["total_items"]) == ("tool", 1000)
        assert cache.keys() == [ref.ref_id]
        assert cache.delete(ref.ref_id, actor="user")
        assert not cache.exists("key")

    def test_a_cache_gives_fresh_copies(self, backend: CacheBackend) -> None:
        cache = RefCache("contract", backend)
        value = {"rows": [1]}
        cache.set("key", value)
        value["rows"].append(2)
        cache.resolve("key")["rows"].append(3)
        assert cache.resolve("key") == {"rows": [1]}

    def test_a_key_leads_to_what_was_stored_last(self, backend: CacheBackend) -> None:
        cache = RefCache("contract", backend)
        first = cache.set("key", 1).ref_id
        second = cache.set("key", 2).ref_id
        assert (cache.resolve("key"), cache.resolve(first), cache.resolve(second)) == (2, 1, 2)

    def test_a_cache_asks_the_stored_policy(self, backend: CacheBackend) -> None:
        cache = RefCache("contract", backend)
        ref = cache.set("key", 1, policy=POLICY_EXECUTE_ONLY).ref_id
        assert cache.resolve(ref) == 1
        _refused(lambda: cache.get(ref, actor="agent"))
        owned = cache.set("own", 2, namespace="user:alice", policy=AccessPolicy(owner="user:alice")).ref_id
        _refused(lambda: cache.resolve(owned, actor="agent"))

    def test_a_cache_clears_only_its_own(self, backend: CacheBackend) -> None:
        one, other = RefCache("one", backend), RefCache("other", backend)
        one.set("key", 1)
        kept = other.set("key", 2).ref_id
        assert one.clear() == 1
        assert (one.keys(), other.keys(), other.resolve("key")) == ([], [kept], 2)

    def test_entries_of_a_cache_end(self, backend: CacheBackend) -> None:
        with standing_clock() as clock:
            cache = RefCache("contract", backend)
            ref = cache.set("key", 1, ttl=0.5).ref_id
            cache.set("for ever", 2, ttl=NEVER)
            clock.now += 0.4
            assert cache.exists(ref)
            clock.now += 0.1
            assert (cache.exists(ref), cache.exists("key"), len(cache.keys())) == (False, False, 1)

    def test_an_equal_call_is_a_hit(self, backend: CacheBackend) -> None:
        tool: Any = RefCache("contract", backend).cached()(_double)
        _calls.clear()
        first, second = tool(3), tool(number=3)
        assert first == second
        assert (first["value"], _calls) == ([3, 3], [3])
        tool(4)
        assert _calls == [3, 4]

    def test_async_methods_do_the_same(self, backend: CacheBackend) -> None:
        async def work() -> None:
            cache = RefCache("contract", backend)
            ref = (await cache.aset("key", [1, 2])).ref_id
            assert await cache.aresolve("key") == [1, 2]
            shown = await cache.aget(ref)
            assert isinstance(shown, CacheResponse)
            assert shown.preview == [1, 2]
            assert await cache.aexists(ref)
            assert await cache.akeys() == [ref]
            assert await cache.adelete(ref, actor="user")
            await cache.aset("other", 3)
            assert await cache.aclear() == 1

        asyncio.run(work())

    def test_threads_do_not_disturb_each_other(self, backend: CacheBackend) -> None:
        cache = RefCache("contract", backend)

        def work(number: int) -> None:
            for turn in range(5):
                ref = cache.set(f"key {number}", [number, turn]).ref_id
                assert cache.resolve(ref) == [number, turn]
                assert cache.resolve(f"key {number}") == [number, turn]

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(work, range(8)))
        assert len(cache.keys()) == 40

    # -- after a restart ------------------------------------------------------------------------

    def test_values_and_policies_of_a_cache_are_there_after_a_restart(self, backend: CacheBackend) -> None:
        self._reopened(backend)
        cache = RefCache("contract", backend)
        refs = {name: cache.set(name, value).ref_id for name, value in self.values.items()}
        secret = cache.set("secret", 1, policy=POLICY_EXECUTE_ONLY).ref_id
        again = RefCache("contract", self._reopened(backend))
        for name, ref in refs.items():
            assert described(again.resolve(ref)) == described(self.values[name]), name
        _refused(lambda: again.resolve(secret, actor="agent"))

    def test_calls_and_keys_are_found_after_a_restart(self, backend: CacheBackend) -> None:
        if not self.finds_calls:
            raise SkipTest("this backend does not keep which call an entry is the result of")
        cache = RefCache("contract", backend)
        cache.set("key", "kept", namespace="user:a")
        tool: Any = cache.cached()(_double)
        _calls.clear()
        first = tool(3)
        again = RefCache("contract", self._reopened(backend))
        tool = again.cached()(_double)
        assert (tool(3), _calls) == (first, [3])
        assert again.resolve("key") == again.resolve("user:a:key") == "kept"


#: What `_double` was called with. It stands in no closure: what a function closes over belongs to its key.
_calls: list[int] = []


def _double(number: int) -> list[int]:
    _calls.append(number)
    return [number, number]


def _refused(call: Callable[[], Any]) -> None:
    try:
        call()
    except PermissionError:
        return
    raise AssertionError("this should not be permitted")
