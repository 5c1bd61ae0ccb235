"""What entries in a SQLite file cost, beside the original and Python's `sqlite3`."""

from __future__ import annotations

import json
import sqlite3
import threading
from itertools import count

from benches import data
from benches.row import AtLeast, AtMost, Contestants, Side, row
from benches.rows import stores
from benches.rows.caches import Threads, cache, sqlite
from benches.rows.memory import share


@row("SQLite `set`, 1 KB", AtLeast(2), yardstick="sqlite")
def set_small(side: Side) -> Contestants:
    """Sets 1 KB; the original waits for the disk at each commit (synchronous=FULL), ours and the peers do not (NORMAL)."""
    calls = stores.set_small(side, sqlite(side, "set small"))
    if side.ours:
        value, keys = data.small(), count()
        write = _raw(side, "raw set")
        calls["sqlite3"] = lambda: write(f"key {next(keys) % 1000}", json.dumps(value))
        kept = _diskcache(side)
        calls["diskcache"] = lambda: kept.set(f"key {next(keys) % 1000}", json.dumps(value))
    return calls


@row("SQLite `resolve`, 1 KB", AtLeast(3), yardstick="sqlite")
def resolve_small(side: Side) -> Contestants:
    """Resolves one of 100 entries of 1 KB, decoded."""
    return stores.resolve_small(side, sqlite(side, "resolve small"))


@row("SQLite `set`, 10,000 rows", AtLeast(2.2), yardstick="sqlite")
def set_rows(side: Side) -> Contestants:
    """Sets 10,000 rows, encoded and committed."""
    return stores.set_rows(side, sqlite(side, "set rows"))


@row("SQLite `resolve`, 10,000 rows", AtLeast(1.8))
def resolve_rows(side: Side) -> Contestants:
    """Resolves 10,000 rows, read from the file and decoded each time."""
    return stores.resolve_rows(side, sqlite(side, "resolve rows"))


@row("SQLite page of 20", AtLeast(500), most_calls=490)
def new_pages(side: Side) -> Contestants:
    """Gets pages of 20 of 10,000 rows, each once; the original reads, decodes and counts the whole value for each."""
    return stores.new_pages(side, sqlite(side, "pages"))


@row("SQLite hit", AtLeast(5_000))
def hit(side: Side) -> Contestants:
    """Calls a tool again whose result is 10,000 rows; the original reads, decodes and counts them some times over."""
    return stores.hit(side, sqlite(side, "hit"))


@row("SQLite `resolve` 1 KB from 8 threads", AtLeast(4), per=stores.EIGHT.calls, yardstick="sqlite")
def resolve_threaded(side: Side) -> Contestants:
    """Resolves 1 KB from 8 threads at once; the time of one call with all threads at work."""
    return stores.resolve_threaded(side, sqlite(side, "threads"))


@row("SQLite throughput of 8 threads against one", None, unit="x")
def threads_against_one(side: Side) -> Contestants:
    """Resolves 1 KB equally often from 8 threads and from one."""
    here = cache(sqlite(side, "share"))
    ref_id = here.set("key", data.small()).ref_id
    return {side.mine: share(lambda: here.resolve(ref_id), Threads(1, 400), stores.EIGHT)}


def _read(side: Side, size: int) -> Contestants:
    text = "x" * size
    ref_id = (here := cache(sqlite(side, "read"))).set(f"text {size}", text).ref_id
    alone = cache(sqlite(side, "read alone", near_cache=False))
    alone_id = alone.set(f"text {size}", text).ref_id
    write = _raw(side, f"raw read {size}")
    write("key", text)
    query = "SELECT value FROM kept WHERE key = ?"
    assert write.database.execute(query, ("key",)).fetchone()[0] == here.resolve(ref_id)
    return {
        side.mine: lambda: here.resolve(ref_id),
        "near_cache=False": lambda: alone.resolve(alone_id),
        "sqlite3": lambda: write.database.execute(query, ("key",)).fetchone()[0],
    }


@row("SQLite bytes read, 1 KB", AtMost(0.7, "sqlite3"), compared=False, floor="sqlite3")
def read_small(side: Side) -> Contestants:
    """Resolves a str of 1 KB that is kept near, permission check and all, against a SELECT that gives the same str."""
    return _read(side, 1_000)


@row("SQLite bytes read, 1 MB", AtMost(0.35, "sqlite3"), compared=False, floor="sqlite3")
def read_large(side: Side) -> Contestants:
    """The same with 1 MB."""
    return _read(side, 1_000_000)


WRITERS = Threads(8, 25)


@row("SQLite, 8 writers of 1 KB", AtLeast(2, of="sqlite3"), per=WRITERS.calls, yardstick="sqlite")
def eight_writers(side: Side) -> Contestants:
    """Sets 1 KB from 8 threads at once; each of the peers' threads has a connection of its own."""
    here, value, numbers = cache(sqlite(side, "writers")), data.small(), count()
    calls: Contestants = {
        side.mine: lambda: WRITERS.run(lambda: here.set(f"key {next(numbers) % 1000}", value))
    }
    if side.ours:
        local = threading.local()
        _raw(side, "raw writers")  # eight that make the file at once lock each other out

        def write() -> None:
            if not hasattr(local, "write"):
                local.write = _raw(side, "raw writers")
            local.write(f"key {next(numbers) % 1000}", json.dumps(value))

        kept = _diskcache(side)
        calls["sqlite3"] = lambda: WRITERS.run(write)
        calls["diskcache"] = lambda: WRITERS.run(
            lambda: kept.set(f"key {next(numbers) % 1000}", json.dumps(value))
        )
    return calls


class _raw:  # noqa: N801 - called like a function
    """A plain table on a connection of its own: WAL, synchronous=NORMAL, one statement per write."""

    def __init__(self, side: Side, name: str) -> None:
        self.database = sqlite3.connect(side.folder / f"{name}.db", timeout=60, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
            self.database.execute(f"PRAGMA {pragma}")
        self.database.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT)")

    def __call__(self, key: str, text: str) -> None:
        self.database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, text))


def _diskcache(side: Side) -> object:
    import diskcache

    return diskcache.Cache(str(side.folder / "diskcache"))
