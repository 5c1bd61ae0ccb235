"""What happens in a cache, as a stream of typed events; never with a stored value in it.

What a store in memory removes by itself is told within two seconds, and so is what SQLite removes, in the process that
removed it. Redis, key-value stores and backends of your own let entries go without a word: that is told when somebody
asks for one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, Final

from mcp_refcache._arguments import having, wrong_type

__all__ = ["CacheEvent", "EventKind", "EventStream", "Subscriber", "log_events"]

logger = logging.getLogger("mcp_refcache")


class EventKind(str, Enum):
    """What happened."""

    STORED = "stored"
    """A value was stored."""
    HIT = "hit"
    """A call was answered with a stored result: its function did not run."""
    MISS = "miss"
    """A call's function ran."""
    PREVIEWED = "previewed"
    """Somebody was shown a preview, a page or all of a value."""
    RESOLVED = "resolved"
    """A value was put in the place of its reference."""
    DENIED = "denied"
    """Somebody may not do what they asked for."""
    MISSING = "missing"
    """A reference or key was asked for that is not known."""
    EXPIRED = "expired"
    """A value's time is over: told when it is removed, or when somebody asks for it, whatever comes first."""
    EVICTED = "evicted"
    """A value made room for others: told when it is removed. Where the store cannot tell, it is told, like what was
    removed from outside, when somebody asks for the reference."""
    DELETED = "deleted"
    """An entry was removed."""
    CLEARED = "cleared"
    """All entries, or those of a namespace, were removed."""
    TASK_STARTED = "task_started"
    """A call took longer than its caller waits: it goes on in the background."""
    TASK_COMPLETED = "task_completed"
    """A call in the background has its result."""
    TASK_FAILED = "task_failed"
    """A call in the background failed."""
    TASK_CANCELLED = "task_cancelled"
    """A call in the background was stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEvent:
    """One thing that happened; what is not known of it is None.

    Attributes:
        kind: What happened.
        cache: The name of the cache.
        at: When, in seconds since 1970.
        operation: What was asked of the cache: `set`, `get`, `resolve`, `delete`, `clear`, `answer`, `call`,
            `task`; `remove` for what the store removed by itself.
        seconds: How long it took.
        ref_id: The reference.
        namespace: Where the entry lives.
        tool: The tool that made the value, or was called.
        actor: Who asked, as `type:id`.
        reason: Why it was denied: the `reason` of `PermissionDenied`, `rate_limited`, or `egress` for an answer that
            was held back as it contained what its caller may not read.
        backend: The class of the backend.
        complete: Whether all of the value was shown.
        size: What the value measures, in `unit`.
        shown: What was shown of it measures, in `unit`.
        unit: `token` or `character`.
        stored_bytes: Bytes of the value's JSON text.
        count: How many entries were removed; of those removed by the store itself each is told with its reference,
            as long as they are not very many at once.
    """

    kind: EventKind
    cache: str
    at: float
    operation: str | None = None
    seconds: float | None = None
    ref_id: str | None = None
    namespace: str | None = None
    tool: str | None = None
    actor: str | None = None
    reason: str | None = None
    backend: str | None = None
    complete: bool | None = None
    size: int | None = None
    shown: int | None = None
    unit: str | None = None
    stored_bytes: int | None = None
    count: int | None = None

    @property
    def kept_out(self) -> int | None:
        """How much of the value was kept out of the model's context, in `unit`."""
        return None if self.size is None or self.shown is None else max(0, self.size - self.shown)

    def facts(self) -> dict[str, Any]:
        """Return what is known, by name: only text, numbers and booleans."""
        known = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {
            name: value.value if isinstance(value, EventKind) else value
            for name, value in known
            if value is not None
        }


Subscriber = Callable[[CacheEvent], object]


class EventStream:
    """The events of one cache; while nobody listens, none are made.

    Args:
        cache: The name of the cache.
        switch: Is told whether anybody listens, when that changes.
    """

    def __init__(self, cache: str, switch: Callable[[bool], object]) -> None:
        self._cache = cache
        self._switch = switch
        self._lock = threading.Lock()
        self._subscribers: tuple[tuple[Subscriber, frozenset[EventKind]], ...] = ()

    def subscribe(
        self, subscriber: Subscriber, kinds: Iterable[EventKind | str] | None = None
    ) -> Callable[[], None]:
        """Listen to events.

        Args:
            subscriber: Is called with each event, on the thread where it happened, without a lock held. It
                should be quick. What it raises is logged and goes no further.
            kinds: The kinds to listen to. None = all.

        Returns:
            A function that ends the subscription.

        Example:
            ```python
            stop = cache.events.subscribe(print, kinds=["denied"])
            ```
        """
        if not callable(subscriber):
            raise wrong_type("subscriber", "a function of an event", subscriber)
        wanted = frozenset(EventKind) if kinds is None else frozenset(map(EventKind, kinds))
        entry = (subscriber, wanted)
        with self._lock:
            self._subscribers = (*self._subscribers, entry)
            self._switch(True)

        def stop() -> None:
            with self._lock:
                self._subscribers = tuple(each for each in self._subscribers if each is not entry)
                self._switch(bool(self._subscribers))

        return stop

    def __bool__(self) -> bool:
        """Tell whether anybody listens."""
        return bool(self._subscribers)

    def emit(self, kind: EventKind, **facts: Any) -> None:
        """Tell the subscribers; `facts` are the fields of `CacheEvent`."""
        event: CacheEvent | None = None
        for subscriber, kinds in self._subscribers:
            if kind in kinds:
                event = event or CacheEvent(kind=kind, cache=self._cache, at=time.time(), **facts)
                try:
                    subscriber(event)
                except Exception as error:
                    logger.warning("a subscriber to %s events failed: %s", kind.value, type(error).__name__)


_LOUD: Final = frozenset({EventKind.DENIED})


def log_events(
    stream: EventStream,
    log: logging.Logger | None = None,
    level: int = logging.DEBUG,
    denied_level: int = logging.WARNING,
) -> Callable[[], None]:
    """Write the events of a cache to a logger.

    Args:
        stream: `cache.events`.
        log: Where to. None = the logger `mcp_refcache.events`.
        level: The level of events.
        denied_level: The level of denials.

    Returns:
        A function that ends it.
    """
    having("stream", stream, "an EventStream", "subscribe")
    target = logging.getLogger("mcp_refcache.events") if log is None else log

    def write(event: CacheEvent) -> None:
        importance = denied_level if event.kind in _LOUD else level
        if target.isEnabledFor(importance):
            facts = {name: fact for name, fact in event.facts().items() if name not in ("kind", "at")}
            text = " ".join(f"{name}={fact}" for name, fact in facts.items())
            target.log(importance, "%s %s", event.kind.value, text, extra={"refcache": facts})

    return stream.subscribe(write)
