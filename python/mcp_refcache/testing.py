"""What every backend must do, as tests: inherit `BackendContract` and give it a fixture `backend`.

Example:
    ```python
    import pytest
    from mcp_refcache.testing import BackendContract


    class TestMyBackend(BackendContract):
        @pytest.fixture
        def backend(self, tmp_path):
            return MyBackend(tmp_path / "store")

        def reopen(self, backend):
            return MyBackend(backend.path)
    ```
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from datetime import time as time_of_day
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any, Final, cast
from unittest import SkipTest
from unittest.mock import patch
from uuid import UUID

from mcp_refcache.backends.base import CacheBackend, CacheEntry
from mcp_refcache.cache import NEVER, RefCache
from mcp_refcache.models import CacheResponse
from mcp_refcache.permissions import POLICY_EXECUTE_ONLY, AccessPolicy, Permission

__all__ = ["ANY_VALUES", "JSON_VALUES", "BackendContract"]

#: Values that plain JSON keeps as they are.
JSON_VALUES: Final[Mapping[str, Any]] = {
    "nothing": None,
    "truth": True,
    "numbers": [0, -1, 2**63, -(10**400), 0.1, -0.0, 1e300],
    "no numbers": [math.nan, math.inf, -math.inf],
    "text": "é \x00 \x7f \u2028 😀",
    "lone surrogates": ["\ud800", {"\udfff": "\udc00\ud800"}],
    "empty ones": ["", [], {}],
    "nested": {"a": {"b": [{"c": [[]]}]}},
    "what looks like a reference": "cache:0123456789abcdef",
    "long text": "word " * 50_000,
    "many rows": [{"id": number, "name": f"row {number}", "score": number / 7} for number in range(3_000)],
}

#: Values of many types. The stores of this package give them back equal and of the same type.
ANY_VALUES: Final[Mapping[str, Any]] = {
    **JSON_VALUES,
    "tuples": [(), (1, (2,)), {"a": (1,)}],
    "keys": {1: "int", 1.5: "float", None: "none", False: "bool", "1": "str"},
    "sets": [{1, 2}, frozenset({"a"}), set()],
    "bytes": [b"\x00\xff", bytearray(b"abc")],
    "moments": [
        datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        date(2026, 1, 2),
        time_of_day(3, 4, 5),
        timedelta(days=-1, microseconds=7),
    ],
    "exact numbers": [Decimal("1.10"), Fraction(1, 3), 1 + 2j],
    "names": [UUID(int=7), PurePosixPath("a/b")],
    "collections": [OrderedDict(b=1, a=2), deque([1, 2], maxlen=3), range(1, 9, 2)],
}

#: Keys that a store might take for something else.
_KEYS: Final = (
    "a",
    "c:0123456789abcdef",
    "A",
    *["a b", "a/b", "../a", "a%", "a*", "a?", "a'b", 'a"b', "é😀", "a\nb"],
    "x" * 500,
)


class _Clock:
    """Stands in for `time.time`."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@contextmanager
def _standing_clock() -> Iterator[_Clock]:
    clock = _Clock()
    with patch("time.time", clock):
        yield clock


class BackendContract:
    """The laws of a `CacheBackend`, and of a `RefCache` over it, as methods that pytest finds.

    A subclass has a fixture `backend`, which gives an empty one to each test.

    Attributes:
        values: Values by name that come back equal and of the same type. A store of plain JSON says
            `JSON_VALUES`.
        finds_calls: Whether calls and keys are found again after a restart. The six methods alone cannot keep
            them; the stores of this package, and those in a `KeyValueBackend`, do.
    """

    values: Mapping[str, Any] = ANY_VALUES
    finds_calls: bool = False

    def reopen(self, backend: Any) -> CacheBackend | None:
        """Return another object on the same store, as after a restart; None if it ends with the process."""
        return None

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Have pytest run the tests of values once for each."""
        if "kind" in metafunc.fixturenames:
            metafunc.parametrize("kind", list(metafunc.cls.values))

    # -- the six methods ------------------------------------------------------------------------

    def test_it_has_the_six_methods(self, backend: CacheBackend) -> None:
        assert isinstance(backend, CacheBackend)

    def test_what_is_missing_is_answered_with_none_and_false(self, backend: CacheBackend) -> None:
        assert backend.get("a") is None
        assert not backend.exists("a")
        assert not backend.delete("a")
        assert backend.keys() == []
        assert backend.clear() == 0

    def test_an_entry_comes_back_whole(self, backend: CacheBackend) -> None:
        policy = AccessPolicy(
            user_permissions=Permission.READ,
            agent_permissions=Permission.NONE,
            owner="user:alice",
            owner_permissions=Permission.CRUD,
            allowed_actors=frozenset({"agent:a*"}),
            denied_actors=frozenset({"user:mallory", "agent:?"}),
            bound_session="s",
        )
        metadata = {"tool_name": "tool", "total_items": 1, "own": {"nested": [1, None]}}
        now = time.time()
        backend.set("a", CacheEntry([1], "user:alice", policy, now, now + 60, metadata))
        entry = _got(backend, "a")
        assert (entry.value, entry.namespace, entry.policy) == ([1], "user:alice", policy)
        assert (entry.created_at, entry.expires_at) == (now, now + 60)
        assert {**entry.metadata, **metadata} == entry.metadata

    def test_a_value_comes_back_equal_and_of_the_same_type(self, backend: CacheBackend, kind: str) -> None:
        value = self.values[kind]
        backend.set("a", _entry(value))
        assert _described(_got(backend, "a").value) == _described(value)

    def test_an_entry_replaces_the_one_with_its_key(self, backend: CacheBackend) -> None:
        backend.set("a", _entry([1, 2, 3], "old", expires_at=time.time() + 60))
        backend.set("a", _entry([4], "new"))
        entry = _got(backend, "a")
        assert (entry.value, entry.namespace, entry.expires_at) == ([4], "new", None)
        assert (backend.keys("old"), backend.keys("new"), backend.keys()) == ([], ["a"], ["a"])

    def test_an_entry_is_deleted_once(self, backend: CacheBackend) -> None:
        backend.set("a", _entry(1))
        backend.set("b", _entry(2))
        assert backend.exists("a")
        assert backend.delete("a")
        assert not backend.delete("a")
        assert (backend.get("a"), backend.exists("a"), backend.keys()) == (None, False, ["b"])

    def test_a_key_is_any_text(self, backend: CacheBackend) -> None:
        for key in _KEYS:
            backend.set(key, _entry(key))
        assert sorted(backend.keys()) == sorted(_KEYS)
        assert [_got(backend, key).value for key in _KEYS] == list(_KEYS)
        assert all(backend.delete(key) for key in _KEYS)
        assert backend.keys() == []

    def test_keys_and_clear_keep_to_exactly_one_namespace(self, backend: CacheBackend) -> None:
        spaces = ("user:a", "user:a:session:s", "user:A", "user:*", "user:ab", "us%r:a")
        for space in spaces:
            backend.set(f"in {space}", _entry(space, space))
        for space in spaces:
            assert backend.keys(space) == [f"in {space}"]
        assert backend.clear("user:*") == 1
        assert backend.clear("user:a") == 1
        assert backend.clear("user") == 0
        assert len(backend.keys()) == 4
        assert backend.clear() == 4
        assert backend.keys() == []

    # -- expiry, by the clock `time.time` -------------------------------------------------------

    def test_an_entry_ends_at_its_very_moment(self, backend: CacheBackend) -> None:
        with _standing_clock() as clock:
            ends = clock.now + 60
            backend.set("a", _entry(1, expires_at=ends))
            backend.set("b", _entry(2, expires_at=ends + 1))
            backend.set("c", _entry(3))
            clock.now = ends - 0.001
            assert sorted(backend.keys()) == ["a", "b", "c"]
            assert _got(backend, "a").value == 1
            clock.now = ends
            assert sorted(backend.keys()) == ["b", "c"]
            assert (backend.get("a"), backend.exists("a")) == (None, False)
            clock.now += 1e9
            assert (backend.keys(), backend.exists("b"), _got(backend, "c").value) == (["c"], False, 3)

    def test_what_ended_can_be_stored_again(self, backend: CacheBackend) -> None:
        with _standing_clock() as clock:
            backend.set("a", _entry(1, expires_at=clock.now + 1))
            clock.now += 2
            assert not backend.exists("a")
            backend.set("a", _entry(2, expires_at=clock.now + 1))
            assert _got(backend, "a").value == 2

    # -- a cache over it ------------------------------------------------------------------------

    def test_a_cache_keeps_values_and_their_metadata(self, backend: CacheBackend) -> None:
        cache = RefCache("contract", backend, default_ttl=60)
        ref = cache.set("key", list(range(1000)), tool_name="tool")
        assert (ref.tool_name, ref.total_items) == ("tool", 1000)
        assert cache.resolve(ref.ref_id) == cache.resolve("key") == list(range(1000))
        page = cache.get(ref.ref_id, page=3, page_size=10)
        assert isinstance(page, CacheResponse)
        assert (page.preview, page.total_items) == (list(range(20, 30)), 1000)
        metadata = _got(backend, ref.ref_id).metadata
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
        with _standing_clock() as clock:
            cache = RefCache("contract", backend)
            ref = cache.set("key", 1, ttl=0.5).ref_id
            cache.set("for ever", 2, ttl=NEVER)
            clock.now += 0.4
            assert cache.exists(ref)
            clock.now += 0.1
            assert (cache.exists(ref), cache.exists("key"), len(cache.keys())) == (False, False, 1)

    def test_an_equal_call_is_a_hit(self, backend: CacheBackend) -> None:
        calls: list[int] = []
        tool = _tool(RefCache("contract", backend), calls)
        first, second = tool(3), tool(number=3)
        assert first == second
        assert (first["value"], calls) == ([3, 3], [3])
        tool(4)
        assert calls == [3, 4]

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

    def test_entries_are_there_after_a_restart(self, backend: CacheBackend) -> None:
        entry = _entry([1, {"a": None}], "user:a", expires_at=time.time() + 60)
        backend.set("a", entry)
        backend.set("b", _entry(1))
        backend.delete("b")
        again = self._reopened(backend)
        found = _got(again, "a")
        assert (found.value, found.namespace, found.policy) == (entry.value, "user:a", entry.policy)
        assert (found.created_at, found.expires_at) == (entry.created_at, entry.expires_at)
        assert again.keys() == ["a"]

    def test_values_and_policies_of_a_cache_are_there_after_a_restart(self, backend: CacheBackend) -> None:
        self._reopened(backend)
        cache = RefCache("contract", backend)
        refs = {name: cache.set(name, value).ref_id for name, value in self.values.items()}
        secret = cache.set("secret", 1, policy=POLICY_EXECUTE_ONLY).ref_id
        again = RefCache("contract", self._reopened(backend))
        for name, ref in refs.items():
            assert _described(again.resolve(ref)) == _described(self.values[name]), name
        _refused(lambda: again.resolve(secret, actor="agent"))

    def test_calls_and_keys_are_found_after_a_restart(self, backend: CacheBackend) -> None:
        if not self.finds_calls:
            raise SkipTest("this backend does not keep which call an entry is the result of")
        calls: list[int] = []
        cache = RefCache("contract", backend)
        cache.set("key", "kept", namespace="user:a")
        first = _tool(cache, calls)(3)
        again = RefCache("contract", self._reopened(backend))
        assert _tool(again, calls)(3) == first
        assert calls == [3]
        assert again.resolve("key") == again.resolve("user:a:key") == "kept"

    def _reopened(self, backend: CacheBackend) -> CacheBackend:
        again = self.reopen(backend)
        if again is None:
            raise SkipTest("this backend ends with its process")
        return again


def _entry(value: Any, namespace: str = "public", expires_at: float | None = None) -> CacheEntry:
    return CacheEntry(value, namespace, AccessPolicy(), time.time(), expires_at)


def _got(backend: CacheBackend, key: str) -> CacheEntry:
    entry = backend.get(key)
    assert entry is not None, f"there should be an entry {key!r}"
    return entry


def _tool(cache: RefCache, calls: list[int]) -> Callable[..., Any]:
    @cache.cached()
    def contract_tool(number: int) -> list[int]:
        calls.append(number)
        return [number, number]

    return contract_tool


def _refused(call: Callable[[], Any]) -> None:
    try:
        call()
    except PermissionError:
        return
    raise AssertionError("this should not be permitted")


def _described(value: Any) -> Any:
    """What a value is, types included; NaN is itself."""
    kind: type[Any] = type(value)
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value).items()
        return kind, [(_described(key), _described(item)) for key, item in items]
    if isinstance(value, list | tuple | deque):
        inner = cast("Iterable[Any]", value)
        return kind, getattr(inner, "maxlen", None), [_described(item) for item in inner]
    if isinstance(value, set | frozenset):
        return kind, sorted(map(repr, cast("Iterable[Any]", value)))
    return kind, value if isinstance(value, int | str) else repr(value)
