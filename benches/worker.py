"""Times the rows of one theme in this process; prints JSON: row -> contestant -> number.

Started by `compare.py`, once per theme, round and environment.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
import traceback

from benches.row import ROWS, Side
from benches.rows import THEMES, load
from benches.timing import BUDGET, measure


def main() -> None:
    """Time them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mine", choices=("original", "ours"))
    parser.add_argument("theme", choices=THEMES)
    parser.add_argument("--round", type=int, default=0)
    parser.add_argument("--redis-port", type=int)
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    load(arguments.theme)
    side = Side(arguments.mine, arguments.redis_port)
    measured, failed = {}, {}
    # rows of other themes may be there, too: themes use parts of each other
    for row in [row for row in ROWS.values() if row.theme == arguments.theme]:
        if arguments.round >= row.rounds or not (side.ours or row.compared) or arguments.only not in row.name:
            continue
        if arguments.quick and not row.quick:
            continue
        started = time.perf_counter()
        try:
            measured[row.name] = measure(row, side, BUDGET / 8 if arguments.quick else BUDGET)
        except Exception:
            failed[row.name] = traceback.format_exc()
        print(f"{time.perf_counter() - started:6.1f} s  {side.mine}: {row.name}", file=sys.stderr)
    shutil.rmtree(side.folder, ignore_errors=True)
    print(json.dumps({"measured": measured, "failed": failed}))


if __name__ == "__main__":
    main()
