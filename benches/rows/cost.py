"""The cost of the answer, not of the value: the same call on 10 KB, 1 MB and 100 MB, on each store; ours alone.

`ours` is the time with 100 MB, `10 KB` and `1 MB` are the times with less.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache as once

from benches import data
from benches.row import AtMost, Below, Contestants, Side, row
from benches.rows.caches import cache, redis, sqlite

SIZES = {"10 KB": 10_000, "1 MB": 1_000_000, "ours": 100_000_000}
NO_MORE = AtMost(2, of="10 KB")
ROUNDS = 2


@once
def _rows_of(size: int) -> data.Rows:
    return data.of_size(size)


class _Filled:
    """A cache with the three values, and a tool whose results they are."""

    def __init__(self, backend: object) -> None:
        self.cache = cache(backend)
        self.tool = self.cache.cached()(lambda size: _rows_of(SIZES[size]))
        self.refs = {size: self.tool(size)["ref_id"] for size in SIZES}
        # 10 KB has five pages: so that each page is a new one, it is stored under many keys
        self.copies = [self.cache.set(f"copy {number}", _rows_of(10_000)).ref_id for number in range(200)]


@once
def _filled(store: str, folder: Side) -> _Filled:
    backends = {
        "memory": lambda: None,
        "SQLite": lambda: sqlite(folder, "cost"),
        "Redis": lambda: redis(folder),
    }
    return _Filled(backends[store]())


Side.__hash__ = object.__hash__  # one side per process


def _hit(side: Side, store: str) -> Contestants:
    here = _filled(store, side)
    return {size: (lambda size=size: here.tool(size)) for size in SIZES}


def _preview(side: Side, store: str) -> Contestants:
    here = _filled(store, side)
    return {size: (lambda ref=ref: here.cache.get(ref)) for size, ref in here.refs.items()}


def _page(side: Side, store: str) -> Contestants:
    here = _filled(store, side)

    def pages(size: str) -> Iterator[tuple[str, int]]:
        last = len(_rows_of(SIZES[size])) // 20
        for ref_id in here.copies if size == "10 KB" else [here.refs[size]]:
            for page in range(last, 0, -1):
                yield ref_id, page

    def page(these: Iterator[tuple[str, int]]) -> object:
        ref_id, number = next(these)
        return here.cache.get(ref_id, page=number, page_size=20)

    left = {size: pages(size) for size in SIZES}
    return {size: (lambda size=size: page(left[size])) for size in SIZES}


@row("memory hit, 100 MB against 10 KB", NO_MORE, compared=False, quick=False, rounds=ROUNDS)
def memory_hit(side: Side) -> Contestants:
    """Calls a tool again whose result is in memory."""
    return _hit(side, "memory")


@row("memory preview, 100 MB against 10 KB", NO_MORE, compared=False, quick=False, rounds=ROUNDS)
def memory_preview(side: Side) -> Contestants:
    """Gets the same preview again."""
    return _preview(side, "memory")


@row("memory page, 100 MB against 10 KB", NO_MORE, compared=False, quick=False, rounds=ROUNDS, most_calls=400)
def memory_page(side: Side) -> Contestants:
    """Gets pages of 20, from the last one backwards, each of them new."""
    return _page(side, "memory")


@row("SQLite hit, 100 MB against 10 KB", NO_MORE, compared=False, quick=False, rounds=ROUNDS)
def sqlite_hit(side: Side) -> Contestants:
    """Calls a tool again whose result is in SQLite."""
    return _hit(side, "SQLite")


@row("SQLite preview, 100 MB against 10 KB", NO_MORE, compared=False, quick=False, rounds=ROUNDS)
def sqlite_preview(side: Side) -> Contestants:
    """Gets the same preview again."""
    return _preview(side, "SQLite")


@row(
    "SQLite, the last pages of 100 MB",
    Below(0.015),
    compared=False,
    quick=False,
    rounds=ROUNDS,
    most_calls=400,
)
def sqlite_last_page(side: Side) -> Contestants:
    """Gets pages of 20, from the last one backwards, each once: SQLite follows the value's chain of pages to its end."""
    return _page(side, "SQLite")


@row("Redis hit, 100 MB against 10 KB", NO_MORE, compared=False, quick=False, rounds=ROUNDS)
def redis_hit(side: Side) -> Contestants:
    """Calls a tool again whose result is in Redis."""
    return _hit(side, "Redis")


@row("Redis preview, 100 MB against 10 KB", NO_MORE, compared=False, quick=False, rounds=ROUNDS)
def redis_preview(side: Side) -> Contestants:
    """Gets the same preview again."""
    return _preview(side, "Redis")


@row("Redis page, 100 MB against 10 KB", NO_MORE, compared=False, quick=False, rounds=ROUNDS, most_calls=400)
def redis_page(side: Side) -> Contestants:
    """Gets pages of 20, from the last one backwards, each of them new."""
    return _page(side, "Redis")
