"""Counts of what caches do, as numbers or as text for Prometheus."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from mcp_refcache._arguments import a_cache
from mcp_refcache._observed import Observed
from mcp_refcache.events import CacheEvent, EventKind

if TYPE_CHECKING:
    from mcp_refcache.cache import RefCache

__all__ = ["CacheMetrics"]

Labels = tuple[tuple[str, str], ...]

#: Entries that a cache loses, by the kind of event.
LOST: Final = {EventKind.EVICTED: "evictions", EventKind.EXPIRED: "expirations"}

#: What becomes of a call in the background, by the kind of event.
TASKS: Final = {
    EventKind.TASK_STARTED: "started",
    EventKind.TASK_COMPLETED: "completed",
    EventKind.TASK_FAILED: "failed",
    EventKind.TASK_CANCELLED: "cancelled",
}

#: Name, what it counts.
_COUNTERS: Final = {
    "events": "What happened, by kind.",
    "hits": "Calls that were answered with a stored result.",
    "misses": "Calls whose function ran.",
    "executions_saved": "Runs of functions that a stored result made needless.",
    "kept_out": "How much of the values was not shown to models, in the unit of the cache.",
    "shown": "How much of the values was shown to models, in the unit of the cache.",
    "stored_bytes": "Bytes of JSON text that were stored.",
    "removed": "Entries that were removed on request.",
    "denials": "Requests that were denied.",
    "tasks": "Calls that went on in the background, by what became of them.",
    "evictions": "Entries that made room for others; of Redis, those that were asked for.",
    "expirations": "Entries whose time was over; of Redis, those that were asked for.",
}


class CacheMetrics:
    """Counts the events of caches from now on.

    Args:
        caches: The caches; more can be added with `watch`.

    Example:
        ```python
        metrics = CacheMetrics(cache)

        @mcp.custom_route("/metrics", methods=["GET"])
        async def show_metrics(request):
            return PlainTextResponse(metrics.prometheus())
        ```
    """

    def __init__(self, *caches: RefCache) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, Labels]] = Counter()
        self._seconds: dict[Labels, tuple[float, int]] = {}
        self._stops: list[Callable[[], None]] = []
        self._caches: list[RefCache] = []
        for cache in caches:
            self.watch(cache)

    def watch(self, cache: RefCache) -> None:
        """Count the events of one more cache."""
        cache = a_cache(cache)
        # caches of one name on one store lose the same entries: they are counted once
        is_known = any(each.name == cache.name and each._backend is cache._backend for each in self._caches)
        self._caches.append(cache)
        kinds = set(EventKind) - set(LOST) if is_known else None
        self._stops.append(cache.events.subscribe(self._count, kinds))

    def close(self) -> None:
        """Stop counting; the numbers stay."""
        self._catch_up()
        while self._stops:
            self._stops.pop()()
        self._caches.clear()

    def snapshot(self) -> dict[str, Any]:
        """Return the sums over all caches, tools and reasons.

        Returns:
            The number for each of `hits`, `misses`, `executions_saved`, `kept_out`, `shown`,
            `stored_bytes`, `removed`, `denials`, `tasks` (started), `evictions` and `expirations`; under `events` the number of each kind; under
            `hit_rate` the hits of all calls, None if there were none.
        """
        self._catch_up()
        with self._lock:
            counts = self._counts.copy()
        sums: dict[str, Any] = dict.fromkeys(_COUNTERS, 0)
        events = sums["events"] = dict[str, int]()
        for (name, labels), number in counts.items():
            if name == "events":
                kind = dict(labels)["kind"]
                events[kind] = events.get(kind, 0) + number
            elif name != "tasks" or ("outcome", "started") in labels:
                sums[name] += number
        calls = sums["hits"] + sums["misses"]
        sums["hit_rate"] = sums["hits"] / calls if calls else None
        return sums

    def prometheus(self) -> str:
        """Return the counts in the text format of Prometheus (version 0.0.4)."""
        self._catch_up()
        with self._lock:
            counts, seconds = self._counts.copy(), self._seconds.copy()
        lines: list[str] = []
        for name, told in _COUNTERS.items():
            metric = f"refcache_{name}_total"
            lines += [f"# HELP {metric} {told}", f"# TYPE {metric} counter"]
            lines += [
                f"{metric}{_written(labels)} {number}"
                for (counted, labels), number in sorted(counts.items())
                if counted == name
            ]
        metric = "refcache_operation_seconds"
        lines += [f"# HELP {metric} How long operations took.", f"# TYPE {metric} summary"]
        for labels, (total, number) in sorted(seconds.items()):
            lines.append(f"{metric}_sum{_written(labels)} {total}")
            lines.append(f"{metric}_count{_written(labels)} {number}")
        return "\n".join(lines) + "\n"

    def _catch_up(self) -> None:
        for cache in self._caches:
            Observed.catch_up(cache._core)

    def _count(self, event: CacheEvent) -> None:
        with self._lock:
            for name, number, labels in _numbers(event):
                self._counts[name, (("cache", event.cache), *labels)] += number
            if event.seconds is not None:
                key = (("cache", event.cache), ("operation", event.operation or ""))
                total, number = self._seconds.get(key, (0.0, 0))
                self._seconds[key] = (total + event.seconds, number + 1)


def _numbers(event: CacheEvent) -> Iterator[tuple[str, int, Labels]]:
    """What an event adds to which counter."""
    lost = (event.kind in LOST and event.count) or 1
    yield "events", lost, (("kind", event.kind.value),)
    tool: Labels = (("tool", event.tool or ""),)
    unit: Labels = (("unit", event.unit or ""),)
    if event.kind == EventKind.HIT:
        yield "hits", 1, tool
        yield "executions_saved", 1, ()
    elif event.kind == EventKind.MISS:
        yield "misses", 1, tool
    elif event.kind == EventKind.PREVIEWED and event.kept_out is not None:
        yield "kept_out", event.kept_out, unit
        yield "shown", event.shown or 0, unit
    elif event.kind == EventKind.STORED:
        yield "stored_bytes", event.stored_bytes or 0, ()
    elif event.kind in (EventKind.DELETED, EventKind.CLEARED):
        yield "removed", event.count or 0, ()
    elif event.kind in LOST:
        yield LOST[event.kind], lost, ()
    elif event.kind in TASKS:
        yield "tasks", 1, (*tool, ("outcome", TASKS[event.kind]))
    elif event.kind == EventKind.DENIED:
        yield "denials", 1, (("operation", event.operation or ""), ("reason", event.reason or ""))


def _written(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(text)}"' for name, text in labels) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
