"""Times the same calls on whichever `mcp_refcache` is installed; prints JSON: row -> median seconds.

Run by `benches/compare.py`, once per round in each environment, with the port of a Redis. Sizes are characters, which the original
counts without a download.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from mcp_refcache import PreviewConfig, RefCache, __version__
from mcp_refcache.backends import RedisBackend, SQLiteBackend

ROWS = [
    {"id": i, "name": f"user {i}", "email": f"user{i}@example.com", "score": i * 1.37} for i in range(10_000)
]
SMALL = {"id": 1, "rows": [{"a": i, "b": f"text {i}"} for i in range(30)]}


def median(call: Callable[[], object], repeats: int) -> float:
    """Return the median time of one call over five batches."""
    batches = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(repeats):
            call()
        batches.append((time.perf_counter() - started) / repeats)
    return statistics.median(batches)


def stored(name: str, backend: object) -> dict[str, float]:
    """Time what a store takes part in."""
    cache = RefCache(
        name="bench", backend=backend, preview_config=PreviewConfig(size_mode="character", max_size=1000)
    )
    small, large = cache.set("small", SMALL).ref_id, cache.set("large", ROWS).ref_id
    pages = count(1)

    @cache.cached()
    def rows() -> list[dict]:
        return ROWS

    def from_eight_threads(calls: int = 400) -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: [cache.resolve(small) for _ in range(calls // 8)], range(8)))

    rows(), cache.get(large, page=500), from_eight_threads()
    return {
        f"{name} set, 1 KB": median(lambda: cache.set("small", SMALL), 100),
        f"{name} resolve, 1 KB": median(lambda: cache.resolve(small), 100),
        f"{name} set, 10,000 rows": median(lambda: cache.set("large", ROWS), 3),
        f"{name} resolve, 10,000 rows": median(lambda: cache.resolve(large), 3),
        f"{name} page of 20": median(lambda: cache.get(large, page=next(pages), page_size=20), 3),
        f"{name} hit, 10,000 rows": median(rows, 3),
        f"{name} resolve, 1 KB, from 8 threads": median(from_eight_threads, 1) / 400,
    }


def main() -> None:
    """Time every row."""
    cache = RefCache(name="bench", preview_config=PreviewConfig(size_mode="character", max_size=1000))
    small, large = cache.set("small", SMALL).ref_id, cache.set("large", ROWS).ref_id
    numbers, pages = count(1), count(1)

    @cache.cached()
    def rows(number: int) -> list[dict]:
        return ROWS

    @cache.cached()
    def row(number: int) -> dict:
        return SMALL

    rows(0), row(0), cache.get(large, page=500)
    timed = {
        "hit, 10,000 rows": median(lambda: rows(0), 3),
        "hit, 1 KB": median(lambda: row(0), 300),
        "miss, 10,000 rows": median(lambda: rows(next(numbers)), 3),
        "miss, 1 KB": median(lambda: row(next(numbers)), 300),
        "get(page=p), each for the first time": median(lambda: cache.get(large, page=next(pages)), 3),
        "get(page=p), again": median(lambda: cache.get(large, page=7), 3),
        "get(max_size=s), each for the first time": median(
            lambda: cache.get(large, max_size=500 + next(numbers)), 3
        ),
        "set, 1 KB": median(lambda: cache.set("small", SMALL), 300),
        "resolve, 1 KB": median(lambda: cache.resolve(small), 300),
        "get, 1 KB": median(lambda: cache.get(small), 300),
        "set, 10,000 rows": median(lambda: cache.set("large", ROWS), 3),
    }
    for i in range(20_000):
        cache.set(f"key {i}", i)
    timed["exists, unknown, among 20,000 keys"] = median(lambda: cache.exists("bench:0123456789abcdef"), 20)
    with tempfile.TemporaryDirectory() as folder:
        timed |= stored("SQLite", SQLiteBackend(Path(folder) / "cache.db"))
    if len(sys.argv) > 1:
        timed |= stored("Redis", RedisBackend(host="127.0.0.1", port=int(sys.argv[1])))
    print(json.dumps({"version": __version__, "timed": timed}))


if __name__ == "__main__":
    main()
