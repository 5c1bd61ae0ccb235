"""How many entries a cache lost by itself: counted by its store where that can, else as they are missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mcp_refcache._arguments import a_cache
from mcp_refcache.backends.memory import MemoryBackend
from mcp_refcache.events import CacheEvent, EventKind

if TYPE_CHECKING:
    from mcp_refcache.cache import RefCache


class Removed(NamedTuple):
    """Entries that are gone.

    Attributes:
        evictions: Those that made room for others.
        expirations: Those whose time was over.
    """

    evictions: int
    expirations: int


class Removals:
    """The entries that a cache loses from now on.

    A memory store counts them as they go. SQLite and Redis remove what ends on their own, in whatever process
    or on whatever machine: of theirs, those are counted that somebody asks for.

    Args:
        cache: The cache.
    """

    def __init__(self, cache: RefCache) -> None:
        self.cache = a_cache(cache).name
        #: Caches on one store lose the same entries.
        self.store = cache._backend
        self._before = self._counted()
        self._missed = Removed(0, 0)

    def note(self, event: CacheEvent) -> None:
        """Count a reference that was asked for in vain."""
        evictions, expirations = self._missed
        self._missed = Removed(
            evictions + (event.kind == EventKind.EVICTED), expirations + (event.kind == EventKind.EXPIRED)
        )

    def until_now(self) -> Removed:
        """Return how many there were."""
        counted = self._counted()
        if counted is None or self._before is None:
            return self._missed
        return Removed(*(now - before for now, before in zip(counted, self._before, strict=True)))

    def _counted(self) -> Removed | None:
        return Removed(*self.store.removed()) if isinstance(self.store, MemoryBackend) else None
