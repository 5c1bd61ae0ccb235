"""What entries in Redis cost, beside the original; how many round trips it takes."""

from __future__ import annotations

from benches import data
from benches.redis_server import reads
from benches.row import AtLeast, Below, Contestants, Side, row
from benches.rows import stores
from benches.rows.caches import cache, redis


@row("Redis `set`, 1 KB", AtLeast(1.8), yardstick="redis", floor="yardstick")
def set_small(side: Side) -> Contestants:
    """Sets 1 KB."""
    return stores.set_small(side, redis(side))


@row("Redis `resolve`, 1 KB", AtLeast(4), yardstick="redis", floor="yardstick")
def resolve_small(side: Side) -> Contestants:
    """Resolves one of 100 entries of 1 KB; the original needs three round trips."""
    return stores.resolve_small(side, redis(side))


@row("Redis `set`, 10,000 rows", AtLeast(3))
def set_rows(side: Side) -> Contestants:
    """Sets 10,000 rows."""
    return stores.set_rows(side, redis(side))


@row("Redis `resolve`, 10,000 rows", AtLeast(2))
def resolve_rows(side: Side) -> Contestants:
    """Resolves 10,000 rows, fetched and decoded; the original fetches and decodes them three times."""
    return stores.resolve_rows(side, redis(side))


@row("Redis page of 20", AtLeast(400), yardstick="redis", most_calls=490, floor="yardstick")
def new_pages(side: Side) -> Contestants:
    """Gets pages of 20 of 10,000 rows, each once; the original fetches, decodes and counts the whole value for each."""
    return stores.new_pages(side, redis(side))


@row("Redis hit", AtLeast(1_500), yardstick="redis", floor="yardstick")
def hit(side: Side) -> Contestants:
    """Calls a tool again whose result is 10,000 rows; the original fetches, decodes and counts them some times over."""
    return stores.hit(side, redis(side))


@row("Redis `resolve` 1 KB from 8 threads", AtLeast(6), per=stores.EIGHT.calls, yardstick="redis")
def resolve_threaded(side: Side) -> Contestants:
    """Resolves 1 KB from 8 threads at once; the time of one call with all threads at work."""
    return stores.resolve_threaded(side, redis(side))


@row("Redis near-cache `resolve`, 1 KB", AtLeast(20))
def resolve_near(side: Side) -> Contestants:
    """Resolves one of 100 entries of 1 KB again, with `near_cache=True`; the original needs three round trips."""
    return stores.resolve_small(side, redis(side, near=True))


@row("Redis near-cache page of 20", AtLeast(400), most_calls=490)
def new_pages_near(side: Side) -> Contestants:
    """Gets pages of 20 of 10,000 rows, each once, with `near_cache=True`: the rows of a page still come from Redis."""
    return stores.new_pages(side, redis(side, near=True))


@row("Redis near-cache hit", AtLeast(5_000))
def hit_near(side: Side) -> Contestants:
    """Calls a tool again whose result is 10,000 rows, with `near_cache=True`: what is shown is here."""
    return stores.hit(side, redis(side, near=True))


@row("Redis near-cache `resolve` 1 KB from 8 threads", AtLeast(10), per=stores.EIGHT.calls)
def resolve_threaded_near(side: Side) -> Contestants:
    """Resolves 1 KB from 8 threads at once, with `near_cache=True`."""
    return stores.resolve_threaded(side, redis(side, near=True))


@row("Redis near-cache round trips of a hit", Below(0.2, "count"), unit="count", compared=False)
def trips_of_near_hit(side: Side) -> Contestants:
    """Counts the same with `near_cache=True`: nothing but a sign of life, twice a second."""
    return {side.mine: _round_trips(side, stores.hit(side, redis(side, near=True))[side.mine])}


def _round_trips(side: Side, call: object) -> float:
    call()
    before = reads(side.redis_port)
    for _ in range(10):
        call()
    # the question before ended its connection, and the question now is read as well
    return (reads(side.redis_port) - before - 2) / 10


@row("Redis round trips of a hit", Below(1, "count"), unit="count")
def trips_of_hit(side: Side) -> Contestants:
    """Counts what the server reads from its clients during a hit of 10,000 rows."""
    return {side.mine: _round_trips(side, stores.hit(side, redis(side))[side.mine])}


@row("Redis round trips of a preview", Below(1, "count"), unit="count")
def trips_of_preview(side: Side) -> Contestants:
    """The same during a repeated `get` of 10,000 rows."""
    here = cache(redis(side))
    ref_id = here.set("trips", data.rows()).ref_id
    return {side.mine: _round_trips(side, lambda: here.get(ref_id))}


@row("Redis round trips of a `resolve`", Below(1, "count"), unit="count")
def trips_of_resolve(side: Side) -> Contestants:
    """The same during a `resolve` of 1 KB."""
    return {side.mine: _round_trips(side, stores.resolve_small(side, redis(side))[side.mine])}
