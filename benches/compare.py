"""Compare with the original mcp-refcache 0.2.1: the same calls, alternating rounds, one table of ratios.

Run by `make bench`, which installs both, each in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
ROUNDS = 3
#: The ratios that `docs`, and the issue they come from, promise; rows without one are shown for interest.
GOALS = {
    "hit, 10,000 rows": 3000,
    "hit, 1 KB": 12,
    "miss, 10,000 rows": 10,
    "get(page=p), again": 5000,
    "get(page=p), each for the first time": 500,
    "get(max_size=s), each for the first time": 1000,
    "set, 1 KB": 2.5,
    "resolve, 1 KB": 2,
    "get, 1 KB": 15,
    "exists, unknown, among 20,000 keys": 3000,
    "SQLite set, 1 KB": 2,
    "SQLite resolve, 1 KB": 3,
    "SQLite set, 10,000 rows": 2.2,
    "SQLite resolve, 10,000 rows": 1.8,
    "SQLite page of 20": 500,
    "SQLite hit, 10,000 rows": 5000,
    "SQLite resolve, 1 KB, from 8 threads": 4,
    "Redis set, 1 KB": 1.8,
    "Redis resolve, 1 KB": 4,
    "Redis set, 10,000 rows": 3,
    "Redis resolve, 10,000 rows": 2,
    "Redis page of 20": 400,
    "Redis hit, 10,000 rows": 1500,
    "Redis resolve, 1 KB, from 8 threads": 6,
}


def round_of(python: Path, redis: list[str]) -> dict:
    """Run the workload once in an environment."""
    ran = subprocess.run([python, HERE / "workload.py", *redis], capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


@contextmanager
def redis_port() -> Iterator[list[str]]:
    """Start a Redis for the time of the comparison; without the program its rows are left out."""
    program = shutil.which("redis-server")
    if program is None:
        print("!! no redis-server here: NOTHING of Redis is compared")
        yield []
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        yield [port]
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Alternate the two, print the table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("original", type=Path, help="the Python that has mcp-refcache 0.2.1")
    parser.add_argument("ours", type=Path, help="the Python that has this version")
    arguments = parser.parse_args()
    with redis_port() as redis:
        rounds = [
            (round_of(arguments.original, redis), round_of(arguments.ours, redis)) for _ in range(ROUNDS)
        ]
    names = rounds[0][0]["timed"]
    table = []
    for name in names:
        pairs = [(theirs["timed"][name], ours["timed"][name]) for theirs, ours in rounds]
        ratios = sorted(theirs / ours for theirs, ours in pairs)
        table.append(
            {
                "row": name,
                "original_us": statistics.median(theirs for theirs, _ in pairs) * 1e6,
                "ours_us": statistics.median(ours for _, ours in pairs) * 1e6,
                "ratio": statistics.median(ratios),
                "spread": [ratios[0], ratios[-1]],
                "goal": GOALS.get(name),
            }
        )
    print(
        f"{'sizes in characters; us per call':<44}{'original':>12}{'ours':>10}{'ratio':>9}{'goal':>8}   spread"
    )
    for row in table:
        goal = f"{row['goal']:>8,}" if row["goal"] else f"{'-':>8}"
        spread = f"{row['spread'][0]:,.1f} - {row['spread'][1]:,.1f}"
        print(
            f"{row['row']:<44}{row['original_us']:>12,.1f}{row['ours_us']:>10,.1f}{row['ratio']:>9,.1f}{goal}   {spread}"
        )
    versions = {
        "original": rounds[0][0]["version"],
        "ours": rounds[0][1]["version"],
        "python": platform.python_version(),
    }
    kept = {"machine": platform.machine(), "system": platform.system(), "versions": versions, "rows": table}
    (HERE / "results" / "latest.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
