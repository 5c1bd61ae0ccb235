"""How long a call takes: batches of the contestants of a row in turn, and the median batch of each."""

from __future__ import annotations

import gc
import json
import sqlite3
import statistics
import time
from collections.abc import Callable

from benches import data
from benches.redis_server import ping
from benches.row import YARDSTICK, Row, Side

#: Batches are short, so that most of them are not interrupted where others work on the same cores, and there are many of them.
BATCH_SECONDS, MOST_BATCHES, FEWEST_BATCHES = 0.002, 25, 3
#: How long all batches of one contestant may take together, if that allows for the fewest.
BUDGET = 0.4


def measure(row: Row, side: Side, budget: float = BUDGET) -> dict[str, float]:
    """Time all contestants of a row in this process, the yardstick among them.

    Returns:
        Contestant -> seconds per operation, or the number that the row's function gave.
    """
    found = row.make(side)
    calls = {name: call for name, call in found.items() if callable(call)}
    taken: dict[str, float] = {name: number for name, number in found.items() if not callable(number)}
    if row.unit == "s":
        calls[YARDSTICK] = yardstick(row.yardstick, side)
    gc.collect()
    plans = {name: _plan(call, row.most_calls, budget) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(MOST_BATCHES):
        for name, call in calls.items():
            batches, size = plans[name]
            if number < batches:
                times[name].append(per_call(call, size))
    per = {name: 1 if name == YARDSTICK else row.per for name in times}
    return taken | {name: statistics.median(each) / per[name] for name, each in times.items()}


def per_call(call: Callable[[], object], calls: int) -> float:
    """Return the seconds of one of `calls` calls."""
    repeats = range(calls)
    started = time.perf_counter()
    for _ in repeats:
        call()
    return (time.perf_counter() - started) / calls


def _plan(call: Callable[[], object], most_calls: int, budget: float) -> tuple[int, int]:
    """Return how many batches of how many calls are to be timed."""
    call()  # warms what is made lazily
    once = per_call(call, 1)
    size = max(1, int(BATCH_SECONDS / once))
    batches = max(FEWEST_BATCHES, min(MOST_BATCHES, int(budget / (size * once))))
    size = max(1, min(size, (most_calls - 2) // batches))
    return min(batches, (most_calls - 2) // size), size


def yardstick(kind: str, side: Side) -> Callable[[], object]:
    """Make the call that a row's times are kept as multiples of: work of the same kind that none of the packages does."""
    if kind == "redis":
        return ping(side.redis_port)
    if kind == "sqlite":
        database = sqlite3.connect(side.folder / "yardstick.db", isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute("CREATE TABLE IF NOT EXISTS yard (key TEXT PRIMARY KEY, value TEXT)")
        text = json.dumps(data.small())
        return lambda: database.execute("INSERT OR REPLACE INTO yard VALUES ('k', ?)", (text,))
    value = data.small()
    return lambda: json.dumps(value)
