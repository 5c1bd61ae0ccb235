"""`python -m benches`: what `make bench` and `make bench-quick` run, with a Python that has this version, built for release."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import time
from pathlib import Path

from benches import encoding, quick, report
from benches.compare import Comparison, versions
from benches.redis_server import redis_server
from benches.row import ORIGINAL, OURS
from benches.rows import THEMES, load

ROUNDS = 5
SHOWN = (
    "mcp-refcache",
    "python",
    "tiktoken",
    "orjson",
    "pydantic",
    "redis",
    "hiredis",
    "cachebox",
    "cachetools",
    "diskcache",
)


def main() -> int:
    """Measure, report, and say by the exit status whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--original", type=Path, help="the Python that has mcp-refcache 0.2.1; without it nothing is compared"
    )
    parser.add_argument("--quick", action="store_true", help="only watch: ours alone, exit 1 below the goals")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--minutes", type=float, default=60, help="begin no theme after so long")
    parser.add_argument("--themes", nargs="*", default=THEMES, choices=THEMES)
    parser.add_argument("--only", default="", help="rows whose name holds this; nothing is kept")
    arguments = parser.parse_args()
    pythons = {OURS: Path(sys.executable)}
    if arguments.original and not arguments.quick:
        pythons = {ORIGINAL: arguments.original.absolute()} | pythons
    encoding.provide(Path(__file__).parents[1] / ".venv-bench" / "tiktoken")
    started, before = time.time(), report.machine()
    with redis_server() as port:
        comparison = Comparison(pythons, port, arguments.only, quick=arguments.quick)
        rounds = 1 if arguments.quick else arguments.rounds
        rounds = comparison.run(tuple(arguments.themes), rounds, arguments.minutes * 60)
    load(*THEMES)
    for row, error in comparison.failed.items():
        print(f"!! {row}: {error}")
    if arguments.quick:
        return _watch(comparison, time.time() - started)
    header = {
        "when": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": before,
        "load after": [round(load, 2) for load in os.getloadavg()],
        "rounds": rounds,
        "minutes": round((time.time() - started) / 60, 1),
        "versions": {
            mine: {name: found[name] for name in SHOWN if name in found}
            for mine, found in versions(pythons).items()
        },
    }
    document = report.written(comparison.measured, header)
    print(report.markdown(document))
    if not arguments.only and arguments.original:
        report.save(document)
    return 1 if comparison.failed else 0


def _watch(comparison: Comparison, seconds: float) -> int:
    judged = quick.verdicts(comparison.measured)
    for row, ratio, good in judged:
        print(quick.told(row, ratio, good))
    failed = [row.name for row, _, good in judged if not good]
    print(f"{len(judged)} rows in {seconds:.0f} s, {len(failed)} below what noise explains")
    return 1 if failed or comparison.failed else 0


if __name__ == "__main__":
    sys.exit(main())
