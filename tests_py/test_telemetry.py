"""OpenTelemetry, with its real SDK: spans under the current one, counters, never a value."""

import subprocess
import sys
import time

import pytest

from mcp_refcache import POLICY_USER_ONLY, PermissionDenied, RefCache
from mcp_refcache.backends import MemoryTaskBackend
from mcp_refcache.telemetry import instrument

sdk_trace = pytest.importorskip("opentelemetry.sdk.trace", reason="needs opentelemetry-sdk")
sdk_metrics = pytest.importorskip("opentelemetry.sdk.metrics", reason="needs opentelemetry-sdk")

SECRET = "top secret 4711"
LARGE = [f"{SECRET} {number}" for number in range(200)]


class World:
    """A cache that is watched, and what its watchers were told."""

    def __init__(self, cache):
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        traces = sdk_trace.TracerProvider()
        traces.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = traces.get_tracer("test")
        self.stop = instrument(
            cache,
            tracer_provider=traces,
            meter_provider=sdk_metrics.MeterProvider(metric_readers=[self.reader]),
        )

    @property
    def spans(self):
        return self.exporter.get_finished_spans()

    def numbers(self):
        (resource,) = self.reader.get_metrics_data().resource_metrics
        (scope,) = resource.scope_metrics
        assert scope.scope.name == "mcp_refcache"
        return {
            metric.name: sum(
                point.count if hasattr(point, "count") else point.value for point in metric.data.data_points
            )
            for metric in scope.metrics
        }


@pytest.fixture
def world(cache):
    return World(cache)


def test_operations_are_spans_under_the_current_one(cache, world):
    with world.tracer.start_as_current_span("tools/call"):
        ref = cache.set("k", LARGE, tool_name="t").ref_id
        cache.get(ref)
    stored, shown, outer = world.spans
    assert [span.name for span in world.spans] == ["refcache.set", "refcache.get", "tools/call"]
    assert {span.parent.span_id for span in (stored, shown)} == {outer.context.span_id}
    assert stored.attributes["refcache.ref_id"] == ref
    assert stored.attributes["refcache.tool"] == "t"
    assert shown.attributes["refcache.outcome"] == "previewed"
    assert shown.attributes["refcache.size"] > shown.attributes["refcache.shown"]
    assert outer.start_time - 1_000_000_000 < stored.start_time <= stored.end_time


def test_a_hit_is_told_on_the_span_of_the_tool(cache, world):
    @cache.cached()
    def tool(n):
        return n

    tool(1)
    with world.tracer.start_as_current_span("tools/call"):
        tool(1)
    outer = world.spans[-1]
    assert outer.attributes["refcache.hit"] is True
    assert [event.name for event in outer.events] == ["refcache.hit"]


def test_a_denial_is_an_error_with_its_reason(cache, world):
    ref = cache.set("k", SECRET, policy=POLICY_USER_ONLY).ref_id
    with pytest.raises(PermissionDenied):
        cache.resolve(ref)
    span = world.spans[-1]
    assert (span.status.status_code.name, span.status.description) == ("ERROR", "denied: role_insufficient")


def test_metrics(cache, world):
    @cache.cached()
    def tool(n):
        return LARGE

    answers = [tool(1) for _ in range(3)]
    numbers = world.numbers()
    assert (numbers["refcache.hits"], numbers["refcache.misses"]) == (2, 1)
    assert numbers["refcache.kept_out"] == 3 * (answers[0]["original_size"] - answers[0]["preview_size"])
    assert numbers["refcache.stored"] == answers[0]["original_size"]
    assert numbers["refcache.operation.duration"] == 4
    assert numbers["refcache.executions_saved"] == 2


def test_what_makes_room_is_counted_when_it_goes():
    cache = RefCache("c", max_size=2)
    world = World(cache)
    for number in range(5):
        cache.set(str(number), number)
    assert world.numbers()["refcache.evictions"] == 3
    assert {span.name for span in world.spans} == {"refcache.set"}


def test_a_call_in_the_background_is_a_span_of_its_own_and_counted():
    cache = RefCache("c", task_backend=MemoryTaskBackend())
    world = World(cache)

    @cache.cached(async_timeout=0.05)
    def tool(progress_callback=None):
        time.sleep(0.2)
        raise ValueError(SECRET)

    with world.tracer.start_as_current_span("tools/call"):
        ref = tool()["ref_id"]
    end = time.monotonic() + 5
    while "refcache.task" not in [span.name for span in world.spans]:
        assert time.monotonic() < end
        time.sleep(0.01)
    outer, task = world.spans[-2:]
    assert "refcache.task_started" in [event.name for event in outer.events]
    assert task.attributes["refcache.ref_id"] == ref
    assert task.status.status_code.name == "ERROR"
    assert task.end_time - task.start_time > 100_000_000
    assert SECRET not in task.to_json()
    assert world.numbers()["refcache.tasks"] == 2


def test_no_value_and_no_key_in_anything(cache, world):
    @cache.cached()
    def tool(data):
        return data

    with world.tracer.start_as_current_span("tools/call"):
        tool(LARGE)
        tool(SECRET)
        cache.get(cache.set(SECRET, LARGE).ref_id)
        with pytest.raises(KeyError):
            cache.get(SECRET + "?")
    assert len(world.spans) > 5
    assert SECRET not in " ".join(span.to_json() for span in world.spans)


def test_it_ends(cache, world):
    world.stop()
    cache.set("k", 1)
    assert world.spans == ()


def test_without_the_package_it_says_what_to_install():
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from mcp_refcache import RefCache; from mcp_refcache.telemetry import instrument\n"
        "try: instrument(RefCache())\nexcept ImportError as error: print(error)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert "pip install 'mcp-refcache[telemetry]'" in told
