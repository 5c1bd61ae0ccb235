"""The watch: measures ours alone for less than a minute, and fails where a row is clearly worse than its goal.

The original is not run. Its time of each row is known from the last `make bench` as a multiple of a yardstick, which both processes
measured beside the row: `json.dumps` of 1 KB where the work is the processor's, a plain write with `sqlite3` where it is the disk's,
a PING where it is the server's. So a slower or busier machine slows the yardstick as it slows ours, and the ratio stays. Peers that
do the same work are measured anew. A row fails at its `watch`: half of its goal, or half as much again as it may take, unless the
row says otherwise; rounds of one machine do not differ by that.
"""

from __future__ import annotations

import json
from statistics import median

from benches.compare import Measured
from benches.report import LATEST
from benches.row import ORIGINAL, OURS, ROWS, YARDSTICK, Goal, Row, bound, shown


def verdicts(measured: Measured) -> list[tuple[Row, float, bool]]:
    """Judge all rows that were measured and have a goal: the row, its ratio, whether it will do."""
    kept = {line["row"]: line["medians"] for line in json.loads(LATEST.read_text(encoding="utf-8"))["rows"]}
    judged = []
    for name, rounds in measured.items():
        row = ROWS[name]
        times = {contestant: median(taken) for contestant, taken in rounds.items()}
        if row.goal is None or OURS not in times:
            continue
        ratio = row.goal.ratio(times | _original(kept.get(name, {}), times))
        if ratio is not None:
            judged.append((row, ratio, row.goal.met(ratio, watching=True)))
    return judged


def _original(kept: dict[str, float], times: dict[str, float]) -> dict[str, float]:
    """Say what the original would have taken here and now."""
    if ORIGINAL not in kept:
        return {}
    there = kept.get(f"{YARDSTICK} of the original")
    scale = times[YARDSTICK] / there if there and YARDSTICK in times else 1
    return {ORIGINAL: kept[ORIGINAL] * scale}


def told(row: Row, ratio: float, good: bool) -> str:
    """Say one verdict."""
    mark = "ok  " if good else "FAIL"
    return f"{mark} {row.name:<58} {_amount(row.goal, ratio, row.unit):>10}   goal {row.goal}, fails at {_amount(row.goal, bound(row.goal, watching=True), row.unit)}"


def _amount(goal: Goal, number: float, unit: str) -> str:
    return f"{number:,.3g}x" if hasattr(goal, "times") else shown(number, unit)
