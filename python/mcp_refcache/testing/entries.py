"""The laws of the six methods."""

from __future__ import annotations

import time
from typing import Any, Final

from mcp_refcache.backends.base import CacheBackend, CacheEntry
from mcp_refcache.permissions import AccessPolicy, Permission
from mcp_refcache.testing.base import Contract, entry_of, got, standing_clock
from mcp_refcache.testing.values import described

__all__ = ["EntryContract"]

#: Keys that a store might take for something else.
_KEYS: Final = (
    "a",
    "c:0123456789abcdef",
    "A",
    *["a b", "a/b", "../a", "a%", "a*", "a?", "a'b", 'a"b', "é😀", "a\nb"],
    "x" * 500,
)


class EntryContract(Contract):
    """Entries are stored whole, found by key and namespace, and end when they should."""

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Have pytest run the tests of values once for each."""
        if "kind" in metafunc.fixturenames:
            metafunc.parametrize("kind", list(metafunc.cls.values))

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
        entry = got(backend, "a")
        assert (entry.value, entry.namespace, entry.policy) == ([1], "user:alice", policy)
        assert (entry.created_at, entry.expires_at) == (now, now + 60)
        assert {**entry.metadata, **metadata} == entry.metadata

    def test_a_value_comes_back_equal_and_of_the_same_type(self, backend: CacheBackend, kind: str) -> None:
        value = self.values[kind]
        backend.set("a", entry_of(value))
        assert described(got(backend, "a").value) == described(value)

    def test_an_entry_replaces_the_one_with_its_key(self, backend: CacheBackend) -> None:
        backend.set("a", entry_of([1, 2, 3], "old", expires_at=time.time() + 60))
        backend.set("a", entry_of([4], "new"))
        entry = got(backend, "a")
        assert (entry.value, entry.namespace, entry.expires_at) == ([4], "new", None)
        assert (backend.keys("old"), backend.keys("new"), backend.keys()) == ([], ["a"], ["a"])

    def test_an_entry_is_deleted_once(self, backend: CacheBackend) -> None:
        backend.set("a", entry_of(1))
        backend.set("b", entry_of(2))
        assert backend.exists("a")
        assert backend.delete("a")
        assert not backend.delete("a")
        assert (backend.get("a"), backend.exists("a"), backend.keys()) == (None, False, ["b"])

    def test_a_key_is_any_text(self, backend: CacheBackend) -> None:
        for key in _KEYS:
            backend.set(key, entry_of(key))
        assert sorted(backend.keys()) == sorted(_KEYS)
        assert [got(backend, key).value for key in _KEYS] == list(_KEYS)
        assert all(backend.delete(key) for key in _KEYS)
        assert backend.keys() == []

    def test_keys_and_clear_keep_to_exactly_one_namespace(self, backend: CacheBackend) -> None:
        spaces = ("user:a", "user:a:session:s", "user:A", "user:*", "user:ab", "us%r:a")
        for space in spaces:
            backend.set(f"in {space}", entry_of(space, space))
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
        with standing_clock() as clock:
            ends = clock.now + 60
            backend.set("a", entry_of(1, expires_at=ends))
            backend.set("b", entry_of(2, expires_at=ends + 1))
            backend.set("c", entry_of(3))
            clock.now = ends - 0.001
            assert sorted(backend.keys()) == ["a", "b", "c"]
            assert got(backend, "a").value == 1
            clock.now = ends
            assert sorted(backend.keys()) == ["b", "c"]
            assert (backend.get("a"), backend.exists("a")) == (None, False)
            clock.now += 1e9
            assert (backend.keys(), backend.exists("b"), got(backend, "c").value) == (["c"], False, 3)

    def test_what_ended_can_be_stored_again(self, backend: CacheBackend) -> None:
        with standing_clock() as clock:
            backend.set("a", entry_of(1, expires_at=clock.now + 1))
            clock.now += 2
            assert not backend.exists("a")
            backend.set("a", entry_of(2, expires_at=clock.now + 1))
            assert got(backend, "a").value == 2

    # -- after a restart ------------------------------------------------------------------------

    def test_entries_are_there_after_a_restart(self, backend: CacheBackend) -> None:
        entry = entry_of([1, {"a": None}], "user:a", expires_at=time.time() + 60)
        backend.set("a", entry)
        backend.set("b", entry_of(1))
        backend.delete("b")
        again = self._reopened(backend)
        found = got(again, "a")
        assert (found.value, found.namespace, found.policy) == (entry.value, "user:a", entry.policy)
        assert (found.created_at, found.expires_at) == (entry.created_at, entry.expires_at)
        assert again.keys() == ["a"]
