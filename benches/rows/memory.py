"""What the cache costs on entries in memory, without the decorator."""

from __future__ import annotations

import copy
import json
import time
from itertools import count

from benches import data
from benches.row import AtLeast, AtMost, Contestants, Reaches, Side, row
from benches.rows.caches import Threads, cache


@row("memory `set`, 1 KB", AtLeast(2.5))
def set_small(side: Side) -> Contestants:
    """Sets 1 KB under a new key each time; beside it the plain `set` of two caches that store the object as it is."""
    here, value, keys = cache(), data.small(), count()
    calls: Contestants = {side.mine: lambda: here.set(f"key {next(keys) % 1000}", value)}
    if side.ours:
        calls |= _plain_caches(lambda known: known.__setitem__(f"key {next(keys) % 1000}", value))
    return calls


@row("memory `resolve`, 1 KB", AtLeast(2), floor="cachebox")
def resolve_small(side: Side) -> Contestants:
    """Resolves 1 KB, a fresh copy each time; the original hands out the stored object, and so do the two plain caches."""
    here, value = cache(), data.small()
    ref_id = here.set("key", value).ref_id
    calls: Contestants = {side.mine: lambda: here.resolve(ref_id)}
    return calls | (_plain_caches(lambda known: known["key"]) if side.ours else {})


def _plain_caches(use: object) -> Contestants:
    import cachebox
    import cachetools

    made = {"cachebox": cachebox.LRUCache(10_000), "cachetools": cachetools.TTLCache(10_000, ttl=3600)}
    for known in made.values():
        known["key"] = data.small()
    return {name: (lambda known=known: use(known)) for name, known in made.items()}


@row("the same with `copy_values=False`", AtLeast(3))
def resolve_shared(side: Side) -> Contestants:
    """Resolves 1 KB and gets the stored object, as the original does."""
    return _resolve_shared(side, data.small())


def _resolve_shared(side: Side, value: object) -> Contestants:
    here = cache(copy_values=False) if side.ours else cache()
    ref_id = here.set("key", value).ref_id
    assert here.resolve(ref_id) is here.resolve(ref_id), "this is a copy"
    return {side.mine: lambda: here.resolve(ref_id)}


@row("memory `get`, 1 KB", AtLeast(15))
def get_small(side: Side) -> Contestants:
    """Gets the preview of 1 KB, which is all of it; the original counts it anew, in tokens as by default."""
    here = cache(tokens=True)
    ref_id = here.set("key", data.small()).ref_id
    return {side.mine: lambda: here.get(ref_id)}


@row("memory `resolve`, 10,000 rows", AtMost(1.3, "orjson.loads"), floor="orjson.loads")
def resolve_rows(side: Side) -> Contestants:
    """Resolves 10,000 rows, a fresh value each time; the original shares the object with all who ask."""
    here, value = cache(), data.rows()
    ref_id = here.set("rows", value).ref_id
    calls: Contestants = {side.mine: lambda: here.resolve(ref_id)}
    if side.ours:
        import orjson

        text = json.dumps(value)
        calls["orjson.loads"] = lambda: orjson.loads(text)
    return calls


@row("10,000 rows with `copy_values=False`", AtLeast(1))
def resolve_rows_shared(side: Side) -> Contestants:
    """Resolves 10,000 rows and gets the stored object, as the original does."""
    return _resolve_shared(side, data.rows())


@row("a copy of 30 KB against `copy.deepcopy`", AtMost(0.1, "copy.deepcopy"), compared=False)
def copy_of_value(side: Side) -> Contestants:
    """Resolves a value of 30 KB, which is kept as objects and copied natively; the original copies nothing."""
    here, value = cache(), data.rows(300)
    ref_id = here.set("rows", value).ref_id
    assert here.resolve(ref_id) == value
    return {side.mine: lambda: here.resolve(ref_id), "copy.deepcopy": lambda: copy.deepcopy(value)}


@row("`exists` of an unknown id among 20,000 keys", AtLeast(3_000))
def exists_unknown(side: Side) -> Contestants:
    """Asks for a reference that nobody has; the original looks at all keys."""
    here = cache()
    for number in range(20_000):
        here.set(f"key {number}", number)
    assert here.exists("bench:0123456789abcdef") is False
    return {side.mine: lambda: here.exists("bench:0123456789abcdef")}


EIGHT = Threads(8, 500)


@row("memory `resolve` from 8 threads", AtLeast(3), per=EIGHT.calls)
def resolve_threaded(side: Side) -> Contestants:
    """Resolves 1 KB from 8 threads at once; the time of one call with all threads at work."""
    here = cache()
    ref_id = here.set("key", data.small()).ref_id
    return {side.mine: lambda: EIGHT.run(lambda: here.resolve(ref_id))}


@row("throughput of 8 threads against one", Reaches(0.7), unit="x")
def threads_against_one(side: Side) -> Contestants:
    """Resolves 1 KB equally often from 8 threads and from one; 1 means that threads cost nothing."""
    here = cache()
    ref_id = here.set("key", data.small()).ref_id
    one = Threads(1, EIGHT.calls)
    return {side.mine: share(lambda: here.resolve(ref_id), one, EIGHT)}


def share(call: object, one: Threads, many: Threads) -> float:
    """Return the median share of one thread's throughput that many keep, each round of both in turn."""

    def seconds(threads: Threads) -> float:
        started = time.perf_counter()
        threads.run(call)
        return (time.perf_counter() - started) / threads.calls

    seconds(one), seconds(many)
    return sorted(seconds(one) / seconds(many) for _ in range(7))[3]
