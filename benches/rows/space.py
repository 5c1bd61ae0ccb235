"""How much memory entries take, each measured in a fresh process."""

from __future__ import annotations

from benches.row import AtLeast, Below, Contestants, Side, row
from benches.rows.fresh import run

#: Python's own memory for making the values is there before the first measurement, and is used again.
_GROWTH = """
from benches import data
from benches.rows.caches import cache
def value(seed): return {value}
text = len(json.dumps(value(0)))
here = cache()
for seed in range(2): here.set(f"warm {{seed}}", value(seed))
before = resident()
for seed in range({results}): here.set(f"key {{seed}}", value(seed))
print((resident() - before) / {divisor})
"""


@row("RSS growth by 20 results of 10,000 rows", AtLeast(2.5), unit="bytes", quick=False, rounds=3)
def twenty_results(side: Side) -> Contestants:
    """Stores 20 results that nobody else keeps; the original keeps the objects themselves."""
    return {side.mine: run(_GROWTH.format(value="data.rows(seed=seed)", results=20, divisor=1))}


def _per_text(side: Side, value: str) -> Contestants:
    return {side.mine: run(_GROWTH.format(value=value, results=20, divisor="(20 * text)"))}


@row("memory of 1 MB of rows against their JSON text", Below(1.5, "x"), unit="x", quick=False, rounds=3)
def rows_per_text(side: Side) -> Contestants:
    """Stores 20 values of 10,000 rows; the memory of one divided by the length of its text."""
    return _per_text(side, "data.rows(seed=seed)")


@row("memory of 300 KB of small ints against their JSON text", Below(1.5, "x"), unit="x", rounds=3)
def ints_per_text(side: Side) -> Contestants:
    """Stores 20 lists of 100,000 numbers below 10: an index with an offset per item would be larger than the text."""
    return _per_text(side, "[(seed + number) % 10 for number in range(100_000)]")


@row(
    "memory of 70 KB of nested rows against their JSON text", Below(1.5, "x"), unit="x", quick=False, rounds=3
)
def nested_per_text(side: Side) -> Contestants:
    """Stores 20 values of 400 nested rows, little above the 64 KB from which on an index stands beside the text."""
    return _per_text(side, "data.nested(400, seed=seed)")


@row(
    "memory of 1,000,000 small entries",
    Below(1e9, "bytes", watch=1e9),
    unit="bytes",
    compared=False,
    quick=False,
    rounds=1,
)
def a_million_entries(side: Side) -> Contestants:
    """Stores a million values of a few bytes; all the memory of the process."""
    return {
        side.mine: run("""
from benches.rows.caches import cache
here = cache()
for number in range(1_000_000): here.set(f"key {number}", {"n": number})
print(resident())
""")
    }
