"""What the backends over a native store have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp_refcache._arguments import whole

if TYPE_CHECKING:
    from mcp_refcache import _core
    from mcp_refcache.backends.base import CacheEntry

#: From so many characters of JSON text on values are compressed where nothing else is said.
COMPRESS_ABOVE = 4096


class NativeBackend:
    """A backend over a native store, which the core uses directly where nobody has overridden a method."""

    _store: _core.Store

    def _use(self, store: _core.Store, own: type[Any]) -> None:
        self._store = store
        # the core goes around the six methods only where nobody has overridden one
        if type(self) is own:
            self._native_store = store

    def get(self, key: str) -> CacheEntry | None:
        """Return the live entry with this key, with a fresh copy of its value, or None."""
        return self._store.get(key)

    def set(self, key: str, entry: CacheEntry) -> None:
        """Store a snapshot of an entry; one with the same key is replaced."""
        self._store.set(key, entry)

    def delete(self, key: str) -> bool:
        """Remove an entry; tell whether it was there."""
        return self._store.delete(key)

    def exists(self, key: str) -> bool:
        """Tell whether a live entry has this key."""
        return self._store.exists(key)

    def clear(self, namespace: str | None = None) -> int:
        """Remove the entries of exactly this namespace, or all, of whatever cache; return how many."""
        return self._store.clear(namespace)

    def keys(self, namespace: str | None = None) -> list[str]:
        """Return the keys of the live entries of exactly this namespace, or of all."""
        return self._store.keys(namespace)


def compress_above(compress: bool | int | None) -> int | None:
    """Return from how many characters on values are compressed; None = none are."""
    if compress is None or compress is False:
        return None
    if compress is True:
        return COMPRESS_ABOVE
    return whole("compress", compress, 0, unit=" characters")


def near_bytes(near_cache: int) -> int:
    """Return how many bytes of entries that were read are kept in the process; 0 = none."""
    return 0 if near_cache is False else whole("near_cache", near_cache, 0, unit=" bytes")
