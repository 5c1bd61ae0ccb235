"""The rows that SQLite and Redis have in common."""

from __future__ import annotations

from itertools import count

from benches import data
from benches.row import Contestants, Side
from benches.rows.caches import Threads, cache
from benches.rows.decorated import first_pages

EIGHT = Threads(8, 50)


def set_small(side: Side, backend: object) -> Contestants:
    """Set 1 KB under one of 1,000 keys."""
    here, value, keys = cache(backend), data.small(), count()
    return {side.mine: lambda: here.set(f"key {next(keys) % 1000}", value)}


def resolve_small(side: Side, backend: object) -> Contestants:
    """Resolve 1 KB, one of 100 entries each time."""
    here = cache(backend)
    ref_ids = [here.set(f"key {number}", data.small(number)).ref_id for number in range(100)]
    numbers = count()
    return {side.mine: lambda: here.resolve(ref_ids[next(numbers) % 100])}


def set_rows(side: Side, backend: object) -> Contestants:
    """Set 10,000 rows, one of four values under one of four keys."""
    here, values, numbers = cache(backend), [data.rows(seed=seed) for seed in range(4)], count()

    def set_next() -> None:
        number = next(numbers) % 4
        here.set(f"rows {number}", values[number])

    return {side.mine: set_next}


def resolve_rows(side: Side, backend: object) -> Contestants:
    """Resolve 10,000 rows."""
    here, value = cache(backend), data.rows()
    ref_id = here.set("rows", value).ref_id
    assert here.resolve(ref_id) == value
    return {side.mine: lambda: here.resolve(ref_id)}


def new_pages(side: Side, backend: object) -> Contestants:
    """Get pages of 20 of 10,000 rows, each once; sizes in tokens, as by default."""
    here = cache(backend, tokens=True)
    return first_pages(side, here, here.set("rows", data.rows()).ref_id)


def hit(side: Side, backend: object) -> Contestants:
    """Call a tool again whose result is 10,000 rows; sizes in tokens, as by default."""
    here, value = cache(backend, tokens=True), data.rows()

    @here.cached()
    def tool() -> object:
        return value

    assert tool()["ref_id"] == tool()["ref_id"], "this is no hit"
    return {side.mine: tool}


def resolve_threaded(side: Side, backend: object) -> Contestants:
    """Resolve 1 KB from 8 threads at once."""
    here = cache(backend)
    ref_id = here.set("key", data.small()).ref_id
    return {side.mine: lambda: EIGHT.run(lambda: here.resolve(ref_id))}
