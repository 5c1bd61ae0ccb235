"""Single flight: of identical calls at one time, in threads and tasks, one runs and the others wait."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Hashable
from concurrent.futures import Future
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from mcp_refcache._core import Found
    from mcp_refcache._provenance import Collector
    from mcp_refcache.cache import RefCache

    #: What waiters are told.
    Outcome = Found | Literal["unshared"] | None

#: The flights that the current context leads. Tasks and worker threads started by a leader inherit them.
_led: ContextVar[tuple[Flight, ...]] = ContextVar("mcp_refcache_led", default=())


class Flight:
    """One running call, used by its leader as a context manager.

    When the block ends, the waiters are told `landed`; an exception is theirs as well; and if the leader was
    cancelled or interrupted, one of them takes over.

    Attributes:
        landed: The stored result. None: it is not to be shared.
        collector: What the leader's call uses.
    """

    #: What `wait` answers if there is nothing to share: run it yourself.
    UNSHARED: Final[Literal["unshared"]] = "unshared"

    def __init__(self, flights: Flights, key: Hashable) -> None:
        self.landed: Found | None = None
        self.collector: Collector | None = None
        self.waiters = 0
        self._flights = flights
        self._key = key
        self.thread = threading.get_ident()
        self._outcome: Future[Outcome] = Future()
        self._outcome.set_running_or_notify_cancel()  # a cancelled waiter cannot cancel it for the others

    def __enter__(self) -> Flight:
        self._outer = _led.get()
        _led.set((*self._outer, self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _led.set(self._outer)
        if not self._flights.remove(self._key):
            return  # nobody asked for the outcome; keeping an exception would keep its frames, and these us
        if isinstance(error, Exception):
            self._outcome.set_exception(error)
        elif error is not None:
            self._outcome.set_result(None)
        else:
            self._outcome.set_result(self.landed or self.UNSHARED)

    def wait(self) -> Outcome:
        """Wait in this thread.

        Returns:
            The stored result; `UNSHARED`: run it yourself; None: the leader gave up, start again.

        Raises:
            Exception: What the leader's call raised, the same object.
        """
        return self._outcome.result()

    async def await_outcome(self) -> Outcome:
        """Wait in this task; the rest as `wait`."""
        return await asyncio.wrap_future(self._outcome)


class Flights:
    """The calls of one cache that are running now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Hashable, Flight] = {}

    def board(self, key: Hashable, *, may_block: bool) -> tuple[Flight | None, bool]:
        """Join the flight of a key, or start it.

        Args:
            key: What is called, with what.
            may_block: Whether this caller would wait by blocking its thread.

        Returns:
            The flight and whether the caller leads it. No flight: do not wait but run the call, because the
            caller is inside that very call, or waiting would block an event loop that the leader may need.
        """
        with self._lock:
            flight = self._running.get(key)
            if flight is None:
                flight = self._running[key] = Flight(self, key)
                return flight, True
            if flight in _led.get() or (may_block and _must_not_block(flight)):
                return None, False
            flight.waiters += 1
            return flight, False

    def remove(self, key: Hashable) -> int:
        """End a flight; how many wait for it."""
        with self._lock:
            return self._running.pop(key).waiters

    def __len__(self) -> int:
        return len(self._running)


_of_caches: WeakKeyDictionary[RefCache, Flights] = WeakKeyDictionary()


def flights_of(cache: RefCache) -> Flights:
    """Return the flights of a cache."""
    return _of_caches.setdefault(cache, Flights())


def _forget_running() -> None:
    # a forked child has the records of its parent's calls, but not the threads that run them
    for flights in list(_of_caches.values()):
        Flights.__init__(flights)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_running)


def _must_not_block(flight: Flight) -> bool:
    if flight.thread == threading.get_ident():
        return True
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
