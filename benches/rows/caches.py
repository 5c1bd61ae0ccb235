"""Caches as the rows need them, on whichever package is installed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benches.row import Side
from mcp_refcache import PreviewConfig, RefCache


def cache(backend: object = None, *, tokens: bool = False, **options: object) -> RefCache:
    """Make a cache; the size of a preview is 1,000 of what it counts, as by default."""
    mode = "token" if tokens else "character"
    return RefCache(
        name="bench", backend=backend, preview_config=PreviewConfig(size_mode=mode, max_size=1000), **options
    )


def sqlite(side: Side, name: str, **options: object) -> object:
    """Make a new SQLite backend with a file of its own."""
    from mcp_refcache.backends import SQLiteBackend

    return SQLiteBackend(side.folder / f"{name}.db", **options)


def redis(side: Side, *, near: bool = False) -> object:
    """Make a Redis backend; `near`: ours keeps entries in the process."""
    from mcp_refcache.backends import RedisBackend

    options = {"near_cache": True} if near and side.ours else {}
    return RedisBackend(host="127.0.0.1", port=side.redis_port, max_connections=50, **options)


class Threads:
    """Threads that are there already when they are timed: `run(call)` makes `each` calls on every one."""

    def __init__(self, count: int, each: int) -> None:
        self.count, self.each = count, each
        self._pool = ThreadPoolExecutor(count)
        self._start = threading.Barrier(count)

    def run(self, call: Callable[[], object]) -> None:
        """Make the calls, all threads at once."""

        def calls() -> None:
            self._start.wait()
            for _ in range(self.each):
                call()

        for done in [self._pool.submit(calls) for _ in range(self.count)]:
            done.result()

    @property
    def calls(self) -> int:
        return self.count * self.each
