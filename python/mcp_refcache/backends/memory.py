"""Entries in the memory of this process."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from mcp_refcache import _core
from mcp_refcache.backends._native import NativeBackend
from mcp_refcache.backends.base import CacheEntry

__all__ = ["MemoryBackend"]


class MemoryBackend(NativeBackend):
    """A native, thread-safe store in memory; values are snapshots, not the caller's objects.

    Expired entries are removed within about a second, by the clock `time.time`.

    Args:
        max_size: The most entries to keep; beyond it expired ones go first, then the one used longest
            ago. None = no limit.
        max_bytes: The most characters of JSON text to keep, likewise.

    Raises:
        ValueError: If a limit is below 1.
    """

    def __init__(self, max_size: int | None = None, *, max_bytes: int | None = None) -> None:
        self._memory = _core.MemoryStore(max_size)
        if max_bytes is not None:
            self._memory.set_max_bytes(max_bytes)
        self._use(self._memory, MemoryBackend)

    def _limit(self, max_entries: int) -> None:
        """Keep at most so many entries; for a cache that is given a limit and this backend."""
        self._memory.set_max_size(max_entries)

    @property
    def _storage(self) -> MutableMapping[str, CacheEntry]:
        """The entries as a mapping, for test suites that look inside."""
        return _Storage(self)


class _Storage(MutableMapping[str, CacheEntry]):
    """A view of a backend's entries, expired ones that are not yet removed included."""

    def __init__(self, backend: MemoryBackend) -> None:
        self._backend = backend

    def __getitem__(self, key: str) -> CacheEntry:
        entry = self._backend._memory.peek(key)
        if entry is None:
            raise KeyError(key)
        return _LiveEntry._of(self._backend, key, entry)

    def __setitem__(self, key: str, entry: CacheEntry) -> None:
        self._backend._store.set(key, entry)

    def __delitem__(self, key: str) -> None:
        if not self._backend._store.delete(key):
            raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._backend._memory.all_keys())

    def __len__(self) -> int:
        return len(self._backend._memory)


class _LiveEntry(CacheEntry):
    """An entry made on reading; assigning to one of its fields changes the stored one."""

    _home: tuple[MemoryBackend, str] | None = None

    @classmethod
    def _of(cls, backend: MemoryBackend, key: str, entry: CacheEntry) -> _LiveEntry:
        live = cls(
            entry.value, entry.namespace, entry.policy, entry.created_at, entry.expires_at, entry.metadata
        )
        object.__setattr__(live, "_home", (backend, key))
        return live

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if self._home is not None:
            backend, key = self._home
            backend._store.set(key, self)
