"""The short table of the README, from the results that are kept: `python -m benches.readme`."""

from __future__ import annotations

import json
from pathlib import Path

from benches.report import LATEST
from benches.row import ORIGINAL, OURS, shown

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- made by `python -m benches.readme` -->", "<!-- end of what is made -->"
SHOWN = (
    "hit of a decorated tool, token sizes",
    "hit, 1 KB value",
    "miss, token sizes",
    "`get(page=p)`, each for the first time",
    "memory `set`, 1 KB",
    "memory `resolve`, 1 KB",
    "SQLite `resolve`, 1 KB",
    "SQLite hit",
    "Redis `resolve`, 1 KB",
    "Redis hit",
    "longest stall, nested 10,000 rows",
    "RSS growth by 20 results of 10,000 rows",
    "`import mcp_refcache`",
)


def table() -> str:
    """Write it."""
    rows = {line["row"]: line for line in json.loads(LATEST.read_text(encoding="utf-8"))["rows"]}
    lines = ["| | 0.2.1 | this version | ratio |", "|---|---|---|---|"]
    for name in SHOWN:
        line = rows[name]
        theirs, ours = (shown(line["medians"][side], line["unit"]) for side in (ORIGINAL, OURS))
        lines.append(f"| {name} | {theirs} | {ours} | {_rounded(line['original/ours'])}x |")
    return "\n".join(lines)


def _rounded(ratio: float) -> str:
    return f"{round(ratio, -2):,.0f}" if ratio >= 1000 else f"{ratio:,.2g}" if ratio < 10 else f"{ratio:,.0f}"


def main() -> None:
    """Put it where it belongs."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    assert after, f"README.md has no {BEGIN} ... {END}"
    README.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
