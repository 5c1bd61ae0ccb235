"""Tells what the store of a cache removes by itself, while somebody listens."""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from mcp_refcache.events import EventKind

if TYPE_CHECKING:
    from mcp_refcache.cache import RefCache

#: Of so many references it is remembered when they expire, to tell what became of them.
_MOST_REMEMBERED: Final = 10_000

#: How often the store is asked while nothing else happens; it looks for what has expired as often.
_PERIOD: Final = 1.0


class Removals:
    """The entries that a cache loses.

    Memory and SQLite tell what they remove. Where it was another process, or where entries go without a word
    (Redis, key-value stores, backends of users), it is told when somebody asks for the reference.

    Args:
        cache: The cache.
    """

    def __init__(self, cache: RefCache) -> None:
        self._cache = cache
        self._removed = cache._core.removed()
        self._lock = threading.Lock()
        #: Reference -> when it ends; True once it was told that it is gone.
        self._ends: OrderedDict[str, float | bool | None] = OrderedDict()
        self._thread: threading.Thread | None = None
        self.tell()

    def note(self, ref_id: str, expires_at: float | None) -> None:
        """Remember when a reference expires."""
        with self._lock:
            self._ends[ref_id] = expires_at
            if len(self._ends) > _MOST_REMEMBERED:
                self._ends.popitem(last=False)

    def forget(self, ref_id: str | None) -> None:
        """Forget a reference that was removed on request."""
        with self._lock:
            self._ends.pop(ref_id or "", None)

    def fate(self, ref_id: str | None) -> EventKind:
        """Tell what became of a reference that is not there; it is told once."""
        self.tell()
        with self._lock:
            if ref_id not in self._ends or self._ends[ref_id] is True:
                return EventKind.MISSING
            moment = self._ends[ref_id]
            self._ends[ref_id] = True
        is_over = moment is not None and moment <= time.time()
        return EventKind.EXPIRED if is_over else EventKind.EVICTED

    def tell(self) -> None:
        """Tell what the store removed since the last time."""
        if self._removed is None:
            return
        # a forked child has none of its parent's threads
        if self._thread is None or not self._thread.is_alive():
            self._thread = _started(self)
        entries, more_expired, more_evicted = self._removed.take()
        for ref_id, namespace, is_evicted in entries:
            with self._lock:
                was_told = self._ends.pop(ref_id, None) is True
            if not was_told:
                kind = EventKind.EVICTED if is_evicted else EventKind.EXPIRED
                self._emit(kind, 1, ref_id=ref_id, namespace=namespace)
        for kind, more in ((EventKind.EXPIRED, more_expired), (EventKind.EVICTED, more_evicted)):
            if more:
                self._emit(kind, more)

    def _emit(self, kind: EventKind, count: int, **facts: str) -> None:
        backend = type(self._cache._backend).__name__
        self._cache.events.emit(kind, operation="remove", backend=backend, count=count, **facts)


def _started(removals: Removals) -> threading.Thread:
    """Start the thread that tells what went while nobody used the cache; it ends with its cache or listeners."""
    listened = weakref.ref(removals)

    def run() -> None:
        while True:
            time.sleep(_PERIOD)
            if (removals := listened()) is None:
                return
            removals.tell()
            del removals

    # not a thread of the store: one that runs Python code ends well at the interpreter's end only if Python made it
    thread = threading.Thread(target=run, name="refcache-removals", daemon=True)
    thread.start()
    return thread
