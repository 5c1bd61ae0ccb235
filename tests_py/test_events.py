"""The event stream: what is told of what happens in a cache, and the metrics and logs made of it."""

import asyncio
import logging
import subprocess
import sys
import threading
import time

import pytest
from json_file_backend import JsonFileBackend

from mcp_refcache import (
    POLICY_EXECUTE_ONLY,
    POLICY_USER_ONLY,
    DefaultActor,
    PermissionDenied,
    PreviewConfig,
    RefCache,
    _core,
)
from mcp_refcache.backends import EncryptedBackend, MemoryBackend, MemoryTaskBackend, SQLiteBackend
from mcp_refcache.events import CacheEvent, EventKind, log_events
from mcp_refcache.metrics import CacheMetrics

SECRET = "top secret 4711"
LARGE = [f"{SECRET} {number}" for number in range(200)]


@pytest.fixture
def events(cache):
    gathered: list[CacheEvent] = []
    cache.events.subscribe(gathered.append)
    return gathered


def kinds(events):
    return [event.kind.value for event in events]


class TestWhatIsTold:
    def test_a_stored_value(self, cache, events):
        ref = cache.set("k", [1, 2], namespace="n", tool_name="t")
        (event,) = events
        assert (event.kind, event.operation, event.cache) == (EventKind.STORED, "set", "c")
        assert (event.ref_id, event.namespace, event.tool) == (ref.ref_id, "n", "t")
        assert (event.stored_bytes, event.backend) == (6, "MemoryBackend")
        assert event.seconds >= 0

    def test_a_preview_with_what_it_kept_out(self, cache, events):
        ref = cache.set("k", LARGE).ref_id
        shown = cache.get(ref)
        event = events[-1]
        assert (event.kind, event.ref_id, event.actor) == (EventKind.PREVIEWED, ref, "agent:*")
        assert (event.size, event.shown, event.unit) == (shown.original_size, shown.preview_size, "character")
        assert event.kept_out == shown.original_size - shown.preview_size
        assert event.complete is False

    def test_a_value_that_is_shown_whole(self, cache, events):
        cache.get(cache.set("k", [1]).ref_id)
        assert (events[-1].complete, events[-1].kept_out) == (True, 0)

    def test_a_resolved_value_and_a_removed_entry(self, cache, events):
        ref = cache.set("k", 1).ref_id
        cache.resolve(ref)
        cache.delete(ref, actor="user")
        cache.delete(ref, actor="user")
        cache.set("k", 1, namespace="n")
        cache.clear("n")
        assert kinds(events) == ["stored", "resolved", "deleted", "stored", "cleared"]
        assert (events[-1].namespace, events[-1].count) == ("n", 1)

    def test_a_denial_with_its_reason(self, cache, events):
        ref = cache.set("k", SECRET, policy=POLICY_USER_ONLY).ref_id
        for ask in (cache.get, cache.resolve, cache.delete):
            with pytest.raises(PermissionDenied):
                ask(ref, actor="agent")
        assert kinds(events[1:]) == ["denied"] * 3
        assert [event.operation for event in events[1:]] == ["get", "resolve", "delete"]
        assert {(event.ref_id, event.reason) for event in events[1:]} == {(ref, "role_insufficient")}

    def test_what_became_of_a_reference_that_is_gone(self, clock):
        cache, gathered = RefCache(name="c", max_size=1), []
        cache.events.subscribe(gathered.append)
        refs = [cache.set("a", 1).ref_id, cache.set("b", 1, ttl=5).ref_id]
        clock.now += 6
        for ref in (*refs, "c:0123456789abcdef", refs[0]):
            with pytest.raises(KeyError):
                cache.get(ref)
        assert kinds(gathered[2:]) == ["evicted", "missing", "expired", "missing", "missing"]
        cache._backend.keys()  # removes what has expired
        cache.set("c", 1)
        assert kinds(gathered[7:]) == ["stored"], "what was told is not told again"

    def test_a_key_is_never_told(self, cache, events):
        cache.set(SECRET, 1)
        cache.get(SECRET)
        cache.resolve(SECRET)
        cache.delete(SECRET, actor="user")
        with pytest.raises(KeyError):
            cache.get(SECRET)
        assert SECRET not in repr(events)
        assert kinds(events) == ["stored", "previewed", "resolved", "deleted", "missing"]


def stores(tmp_path):
    """Stores that remove by themselves, with room for two."""
    memory, file = MemoryBackend(max_size=2), SQLiteBackend(tmp_path / "c.db", max_entries=2)
    sealed = EncryptedBackend(MemoryBackend(max_size=2), EncryptedBackend.generate_key())
    return {"memory": memory, "sqlite": file, "encrypted": sealed}


@pytest.mark.parametrize("store", ["memory", "sqlite", "encrypted"])
class TestWhatAStoreRemovesByItself:
    @pytest.fixture
    def cache(self, store, tmp_path):
        return RefCache(name="c", backend=stores(tmp_path)[store])

    def test_it_is_told_at_once_what_makes_room(self, cache, events):
        refs = [cache.set(str(number), number, namespace="n").ref_id for number in range(3)]
        evicted = events[-1]
        assert kinds(events) == ["stored"] * 3 + ["evicted"]
        assert (evicted.ref_id, evicted.namespace, evicted.operation) == (refs[0], "n", "remove")
        assert (evicted.count, evicted.actor, evicted.backend) == (1, None, type(cache._backend).__name__)
        with pytest.raises(KeyError):
            cache.get(refs[0])
        assert kinds(events)[4:] == ["missing"]

    def test_what_expires_is_told_though_nobody_asks(self, cache, events, clock):
        ref = cache.set("brief", 1, ttl=5).ref_id
        cache.set("lasting", 1)
        clock.now += 6
        until(lambda: len(events) == 3)
        assert (kinds(events)[2], events[2].ref_id) == ("expired", ref)

    def test_what_somebody_removes_is_no_loss(self, cache, events):
        cache.delete(cache.set("k", 1).ref_id, actor="user")
        cache.set("k", 1)
        cache.set("k", 2)
        cache.clear()
        assert kinds(events) == ["stored", "deleted", "stored", "stored", "cleared"]

    def test_each_cache_is_told_of_its_own(self, cache, events):
        other, others = RefCache(name="other", backend=cache._backend), []
        other.events.subscribe(others.append)
        for number in range(3):
            cache.set(str(number), number)
        other.set("k", 1)
        cache.set("last", 1)
        assert kinds(others) == ["stored"]
        assert kinds(events).count("evicted") == 3


def until(is_so):
    """Wait until it is so."""
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_forked_child_is_told_as_well(cache, events):
    code = """
import os, sys, time
from mcp_refcache import RefCache
cache, told = RefCache(name="c"), []
cache.events.subscribe(lambda event: told.append(event.kind.value))
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
cache.set("k", 1, ttl=0.2)
end = time.monotonic() + 10
while told != ["stored", "expired"] and time.monotonic() < end:
    time.sleep(0.02)
os._exit(told != ["stored", "expired"])
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


def test_who_no_longer_listens_needs_no_thread(cache):
    before = set(threading.enumerate())
    stop = cache.events.subscribe(lambda event: None)
    (thread,) = set(threading.enumerate()) - before
    assert thread.name == "refcache-removals"
    stop()
    until(lambda: not thread.is_alive())


class TestCalls:
    def test_a_miss_and_a_hit(self, cache, events):
        @cache.cached()
        def tool(n):
            return [n]

        first, second = tool(1), tool(1)
        assert first == second
        assert kinds(events) == ["stored", "miss", "previewed", "previewed", "hit"]
        assert {(each.tool, each.ref_id) for each in events if each.operation == "call"} == {
            ("tool", first["ref_id"])
        }

    async def test_those_who_waited_for_an_equal_call_are_hits(self, cache, events):
        @cache.cached()
        async def tool(n):
            await asyncio.sleep(0.01)
            return [n]

        await asyncio.gather(*(tool(1) for _ in range(5)))
        assert (kinds(events).count("miss"), kinds(events).count("hit")) == (1, 4)

    def test_references_in_arguments_are_resolved_and_values_stay_out(self, cache, events):
        @cache.cached()
        def tool(data):
            return len(data)

        ref = cache.set("k", LARGE, policy=POLICY_EXECUTE_ONLY).ref_id
        assert tool(ref)["preview"] is None
        assert "resolved" in kinds(events)
        assert SECRET not in repr(events)

    def test_who_may_not_ask_for_a_task_is_told_as_a_denial(self):
        cache, gathered = RefCache(name="c", task_backend=MemoryTaskBackend()), []
        go_on = threading.Event()

        @cache.cached(async_timeout=0, policy=POLICY_USER_ONLY)
        def tool():
            go_on.wait(5)

        ref = tool()["ref_id"]
        cache.events.subscribe(gathered.append)
        for ask in (cache.get, cache.cancel_task):
            with pytest.raises(PermissionDenied):
                ask(ref, actor=DefaultActor.agent(id="other"))
        go_on.set()
        denied = [event for event in gathered if event.kind == EventKind.DENIED]
        assert [(event.operation, event.ref_id, event.actor) for event in denied] == [
            ("get", ref, "agent:other"),
            ("cancel", ref, "agent:other"),
        ]


class TestListening:
    async def test_calls_in_the_background_begin_and_end(self):
        backend = MemoryTaskBackend(max_workers=1)
        cache = RefCache(name="c", task_backend=backend)
        gathered: list[CacheEvent] = []
        go_on = threading.Event()
        metrics = CacheMetrics(cache)
        cache.events.subscribe(gathered.append, [kind for kind in EventKind if kind.value.startswith("task")])

        @cache.cached(async_timeout=0.05)
        def tool(what, progress_callback=None):
            go_on.wait(5)
            if what == "fail":
                raise ValueError(SECRET)
            return SECRET

        @cache.cached(async_timeout=0.05)
        async def hangs():
            await asyncio.sleep(60)

        @cache.cached(async_timeout=5)
        def quick():
            return 1

        async def until(count):
            for _ in range(500):
                if len(gathered) == count:
                    return
                await asyncio.sleep(0.01)
            raise AssertionError(kinds(gathered))

        quick()  # in time: no call in the background
        refs = [(await asyncio.to_thread(tool, what))["ref_id"] for what in ("fail", "succeed", "wait")]
        refs.append((await hangs())["ref_id"])
        await until(4)
        assert cache.cancel_task(refs[2])  # it has no worker yet, and never runs
        assert cache.cancel_task(refs[3])
        await until(6)
        go_on.set()
        await until(8)
        told = {(event.kind.value, event.ref_id, event.tool) for event in gathered}
        names = ["tool", "tool", "tool", "hangs"]
        ends = ["failed", "completed", "cancelled", "cancelled"]
        started = {("task_started", ref, name) for ref, name in zip(refs, names, strict=True)}
        ended = {(f"task_{end}", ref, name) for end, ref, name in zip(ends, refs, names, strict=True)}
        assert told == started | ended
        assert SECRET not in repr(gathered)
        assert {event.operation for event in gathered} == {"task"}
        assert metrics.snapshot()["tasks"] == 4
        assert 'refcache_tasks_total{cache="c",tool="tool",outcome="failed"} 1' in metrics.prometheus()
        backend.shutdown(wait=False)

    def test_nothing_stands_between_while_nobody_listens(self, cache):
        stream = cache.events
        assert not stream
        assert type(cache._core) is _core.Cache
        stop = stream.subscribe(lambda event: None)
        assert stream
        assert type(cache._core) is not _core.Cache
        stop()
        stop()
        assert type(cache._core) is _core.Cache

    def test_only_the_kinds_that_are_wanted_come(self, cache):
        gathered = []
        cache.events.subscribe(gathered.append, kinds=["stored", EventKind.DENIED])
        cache.get(cache.set("k", 1).ref_id)
        assert kinds(gathered) == ["stored"]
        with pytest.raises(ValueError, match="unheard"):
            cache.events.subscribe(gathered.append, kinds=["unheard"])
        with pytest.raises(TypeError, match="subscriber must be a function"):
            cache.events.subscribe("stored")

    def test_a_subscriber_that_fails_harms_nothing_and_is_named_without_its_text(self, cache, caplog):
        def fail(event):
            raise RuntimeError(SECRET)

        gathered = []
        cache.events.subscribe(fail)
        cache.events.subscribe(gathered.append)
        assert cache.resolve(cache.set("k", 1).ref_id) == 1
        assert len(gathered) == 2
        assert "RuntimeError" in caplog.text
        assert SECRET not in caplog.text

    def test_settings_are_exchanged_while_somebody_listens(self, cache, events):
        cache.preview_config = PreviewConfig(size_mode="character", max_size=20)
        cache.default_policy = POLICY_USER_ONLY
        cache.default_ttl = 5
        with pytest.raises(PermissionDenied):
            cache.get(cache.set("k", 1).ref_id)
        assert kinds(events) == ["stored", "denied"]

    def test_a_subscriber_may_use_the_cache_and_unsubscribe(self, cache):
        seen = []

        def subscriber(event):
            stop()
            seen.append(cache.exists(event.ref_id))

        stop = cache.events.subscribe(subscriber)
        cache.set("k", 1)
        cache.set("l", 1)
        assert seen == [True]

    def test_events_of_many_threads_all_arrive(self, cache, events):
        def work():
            for number in range(50):
                cache.set(f"{threading.get_ident()} {number}", number)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert kinds(events) == ["stored"] * 200

    def test_facts_are_only_what_is_known(self):
        event = CacheEvent(kind=EventKind.HIT, cache="c", at=1.0, tool="t")
        assert event.facts() == {"kind": "hit", "cache": "c", "at": 1.0, "tool": "t"}


class TestMetrics:
    @pytest.fixture
    def metrics(self, cache):
        metrics = CacheMetrics(cache)

        @cache.cached()
        def tool(n):
            return LARGE

        for _ in range(3):
            tool(1)
        ref = cache.set("k", SECRET, policy=POLICY_USER_ONLY).ref_id
        with pytest.raises(PermissionDenied):
            cache.get(ref)
        cache.delete(ref, actor="user")
        return metrics

    def test_sums(self, metrics, cache):
        told = metrics.snapshot()
        size = len(_core.json_text(LARGE))
        assert told["hits"] == told["executions_saved"] == 2
        assert (told["misses"], told["denials"], told["removed"]) == (1, 1, 1)
        assert told["hit_rate"] == pytest.approx(2 / 3)
        assert told["kept_out"] + told["shown"] == 3 * size
        assert told["stored_bytes"] == size + len(SECRET) + 2
        assert told["events"]["previewed"] == 3

    def test_the_text_is_what_prometheus_reads(self, metrics):
        parser = pytest.importorskip("prometheus_client.parser", reason="needs prometheus-client")
        families = {
            family.name: family for family in parser.text_string_to_metric_families(metrics.prometheus())
        }
        assert families["refcache_hits"].type == "counter"
        (hits,) = families["refcache_hits"].samples
        assert (hits.labels, hits.value) == ({"cache": "c", "tool": "tool"}, 2.0)
        counts = {
            sample.labels["operation"]: sample.value
            for sample in families["refcache_operation_seconds"].samples
            if sample.name.endswith("_count")
        }
        assert counts == {"answer": 3.0, "set": 2.0, "get": 1.0, "delete": 1.0}

    def test_what_made_room_or_expired_is_counted_when_it_goes(self, clock):
        cache = RefCache(name="c", max_size=10)
        cache.set("before", 1, ttl=1)
        metrics = CacheMetrics(cache, RefCache(name="other", backend=cache._backend))
        for number in range(15):
            cache.set(str(number), number)
        clock.now += 5
        assert not cache.exists("0")
        told = metrics.snapshot()
        assert (told["evictions"], told["expirations"]) == (6, 0)
        cache.set("brief", 1, ttl=1)
        clock.now += 5
        cache._backend.keys()  # looks for what has expired
        told = metrics.snapshot()
        assert (told["evictions"], told["expirations"]) == (7, 1)
        metrics.close()
        cache.set("more", 1), cache.set("and more", 1)
        assert metrics.snapshot()["evictions"] == 7
        assert 'refcache_evictions_total{cache="c"} 7' in metrics.prometheus()

    def test_caches_of_one_name_on_one_store_lose_the_same_entries(self):
        cache = RefCache(name="c", max_size=1)
        metrics = CacheMetrics(cache, RefCache(name="c", backend=cache._backend))
        cache.set("a", 1)
        cache.set("b", 1)
        assert metrics.snapshot()["evictions"] == 1

    def test_of_a_store_that_does_not_tell_those_that_are_missed_are(self, clock, tmp_path):
        cache = RefCache(name="c", backend=JsonFileBackend(tmp_path / "c.json"))
        metrics = CacheMetrics(cache)
        ref = cache.set("brief", 1, ttl=1).ref_id
        clock.now += 5
        assert metrics.snapshot()["expirations"] == 0
        with pytest.raises(KeyError):
            cache.get(ref)
        assert metrics.snapshot()["expirations"] == 1

    def test_labels_are_escaped_and_nothing_is_divided_by_nothing(self, cache):
        metrics = CacheMetrics(cache)
        assert metrics.snapshot()["hit_rate"] is None
        cache.events.emit(EventKind.HIT, tool='a"b\\c\nd')
        assert 'tool="a\\"b\\\\c\\nd"} 1' in metrics.prometheus()

    def test_several_caches_are_told_apart_and_counting_ends(self, cache):
        other = RefCache(name="other")
        metrics = CacheMetrics(cache, other)
        cache.set("k", 1)
        other.set("k", 1)
        assert 'refcache_events_total{cache="other",kind="stored"} 1' in metrics.prometheus()
        metrics.close()
        cache.set("k", 2)
        assert metrics.snapshot()["events"] == {"stored": 2}


class TestLog:
    def test_denials_are_warnings_and_nothing_is_said_of_values(self, cache, caplog):
        stop = log_events(cache.events)
        with caplog.at_level(logging.DEBUG, logger="mcp_refcache.events"):
            ref = cache.set("k", SECRET, policy=POLICY_USER_ONLY).ref_id
            with pytest.raises(PermissionDenied):
                cache.get(ref)
            stop()
            cache.set("l", 1)
        assert [(each.levelname, each.getMessage().split()[0]) for each in caplog.records] == [
            ("DEBUG", "stored"),
            ("WARNING", "denied"),
        ]
        assert f"ref_id={ref}" in caplog.text
        assert SECRET not in caplog.text
        assert caplog.records[1].refcache["reason"] == "role_insufficient"
