"""A backend as users write one."""

from __future__ import annotations

from mcp_refcache import CacheEntry


class DictBackend:
    """The least that is a backend: no expiry, no copies."""

    def __init__(self) -> None:
        self.entries: dict[str, CacheEntry] = {}

    def get(self, key: str) -> CacheEntry | None:
        return self.entries.get(key)

    def set(self, key: str, entry: CacheEntry) -> None:
        self.entries[key] = entry

    def delete(self, key: str) -> bool:
        return self.entries.pop(key, None) is not None

    def exists(self, key: str) -> bool:
        return key in self.entries

    def clear(self, namespace: str | None = None) -> int:
        keys = self.keys(namespace)
        for key in keys:
            del self.entries[key]
        return len(keys)

    def keys(self, namespace: str | None = None) -> list[str]:
        return [key for key, entry in self.entries.items() if namespace in (None, entry.namespace)]


class FullBackend(DictBackend):
    """Stores no more once it is said to be full."""

    is_full = False

    def set(self, key: str, entry: CacheEntry) -> None:
        if self.is_full:
            raise OSError("full")
        super().set(key, entry)
