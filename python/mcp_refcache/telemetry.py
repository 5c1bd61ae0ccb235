"""OpenTelemetry: spans and metrics of what a cache does. Needs `opentelemetry-api` alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from mcp_refcache._arguments import a_cache, wrong_type
from mcp_refcache.events import CacheEvent, EventKind
from mcp_refcache.metrics import LOST, TASKS

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from mcp_refcache.cache import RefCache

__all__ = ["instrument"]

_SCOPE: Final = "mcp_refcache"
_CALLS: Final = (EventKind.HIT, EventKind.MISS)
_FACTS: Final = (
    "cache", "ref_id", "namespace", "tool", "actor", "reason", "backend", "complete", "size", "shown",
    "unit", "stored_bytes", "count",
)  # fmt: skip


def instrument(
    cache: RefCache,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
) -> Callable[[], None]:
    """Make spans and metrics of what a cache does, from now on; never with a stored value in them.

    Each operation is a span `refcache.<operation>` under the current one (FastMCP's `tools/call ...`), a hit
    or miss an event and the attribute `refcache.hit` of the current one, and a call in the background a span
    `refcache.task` when it ends.

    Args:
        cache: The cache.
        tracer_provider: Where spans go. None = the global provider.
        meter_provider: Where metrics go. None = the global provider.

    Returns:
        A function that ends it.

    Raises:
        ImportError: Without the package `opentelemetry-api`.
    """
    try:
        from opentelemetry import metrics, trace
    except ImportError as error:
        raise ImportError(
            "instrument() needs opentelemetry-api: pip install 'mcp-refcache[telemetry]'"
        ) from error
    if not isinstance(tracer_provider, (trace.TracerProvider, type(None))):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise wrong_type("tracer_provider", "a TracerProvider", tracer_provider)
    if not isinstance(meter_provider, (metrics.MeterProvider, type(None))):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise wrong_type("meter_provider", "a MeterProvider", meter_provider)
    tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
    meter = metrics.get_meter(_SCOPE, meter_provider=meter_provider)
    count = _counters(meter)

    def span(event: CacheEvent) -> None:
        attributes = {f"refcache.{name}": fact for name, fact in event.facts().items() if name in _FACTS}
        if event.kind in (*_CALLS, EventKind.TASK_STARTED):
            current = trace.get_current_span()
            if event.kind in _CALLS:
                current.set_attribute("refcache.hit", event.kind == EventKind.HIT)
            current.add_event(f"refcache.{event.kind.value}", attributes)
            return
        end = int(event.at * 1e9)
        made = tracer.start_span(
            f"refcache.{event.operation}",
            attributes={**attributes, "refcache.outcome": event.kind.value},
            start_time=end - int((event.seconds or 0.0) * 1e9),
        )
        if event.kind == EventKind.DENIED:
            made.set_status(trace.Status(trace.StatusCode.ERROR, f"denied: {event.reason}"))
        elif event.kind == EventKind.TASK_FAILED:
            made.set_status(trace.Status(trace.StatusCode.ERROR, "failed"))
        made.end(end)

    def tell(event: CacheEvent) -> None:
        # what a store removes by itself is nobody's operation
        if event.operation != "remove":
            span(event)
        count(event)

    return a_cache(cache).events.subscribe(tell)


def _counters(meter: Any) -> Callable[[CacheEvent], None]:
    hits = meter.create_counter("refcache.hits", "{call}", "Calls answered with a stored result")
    saved = meter.create_counter(
        "refcache.executions_saved", "{run}", "Runs that a stored result made needless"
    )
    misses = meter.create_counter("refcache.misses", "{call}", "Calls whose function ran")
    kept_out = meter.create_counter("refcache.kept_out", "1", "How much of values was not shown to models")
    stored = meter.create_counter("refcache.stored", "By", "JSON text that was stored")
    denials = meter.create_counter("refcache.denials", "{request}", "Requests that were denied")
    tasks = meter.create_counter("refcache.tasks", "{call}", "Calls that went on in the background")
    lost = {
        EventKind.EVICTED: meter.create_counter(
            "refcache.evictions", "{entry}", "Entries that made room for others"
        ),
        EventKind.EXPIRED: meter.create_counter(
            "refcache.expirations", "{entry}", "Entries whose time was over"
        ),
    }
    duration = meter.create_histogram("refcache.operation.duration", "s", "How long operations took")

    def count(event: CacheEvent) -> None:
        cache = {"refcache.cache": event.cache}
        if event.kind in _CALLS:
            counter = hits if event.kind == EventKind.HIT else misses
            counter.add(1, {**cache, "refcache.tool": event.tool or ""})
            if event.kind == EventKind.HIT:
                saved.add(1, cache)
        elif event.kind in LOST:
            lost[event.kind].add(event.count or 1, cache)
        elif event.kind in TASKS:
            facts = {"refcache.tool": event.tool or "", "refcache.outcome": TASKS[event.kind]}
            tasks.add(1, {**cache, **facts})
        elif event.kind == EventKind.PREVIEWED and event.kept_out is not None:
            kept_out.add(event.kept_out, {**cache, "refcache.unit": event.unit or ""})
        elif event.kind == EventKind.STORED:
            stored.add(event.stored_bytes or 0, cache)
        elif event.kind == EventKind.DENIED:
            denials.add(1, {**cache, "refcache.reason": event.reason or ""})
        if event.seconds is not None:
            facts = {"refcache.operation": event.operation or "", "refcache.outcome": event.kind.value}
            duration.record(event.seconds, {**cache, **facts})

    return count
