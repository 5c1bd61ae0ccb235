"""Compare with the original mcp-refcache 0.2.1: the same calls, alternating rounds, one table of ratios.

Run by `make bench`, which installs both, each in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
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
}


def round_of(python: Path) -> dict:
    """Run the workload once in an environment."""
    ran = subprocess.run([python, HERE / "workload.py"], capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def main() -> None:
    """Alternate the two, print the table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("original", type=Path, help="the Python that has mcp-refcache 0.2.1")
    parser.add_argument("ours", type=Path, help="the Python that has this version")
    arguments = parser.parse_args()
    rounds = [(round_of(arguments.original), round_of(arguments.ours)) for _ in range(ROUNDS)]
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
