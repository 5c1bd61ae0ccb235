"""From what was measured to the table, as JSON and as Markdown."""

from __future__ import annotations

import json
import os
import platform
import statistics
from pathlib import Path
from typing import Any

from benches.compare import Measured
from benches.row import ORIGINAL, OURS, ROWS, YARDSTICK, Row, shown

RESULTS = Path(__file__).parent / "results"
LATEST = RESULTS / "latest.json"


def summary(row: Row, rounds: dict[str, list[float]]) -> dict[str, Any]:
    """Make one line: the median of each contestant, the ratio of the goal round by round, its median and spread."""
    medians = {name: statistics.median(taken) for name, taken in rounds.items()}
    line: dict[str, Any] = {
        "row": row.name,
        "does": row.does,
        "unit": row.unit,
        "floor": row.floor,
        "medians": medians,
    }
    count = min(map(len, rounds.values()))
    each = [{name: taken[number] for name, taken in rounds.items()} for number in range(count)]
    if row.goal is not None:
        ratios = sorted(found for times in each if (found := row.goal.ratio(times)) is not None)
        ratio = statistics.median(ratios) if ratios else None
        met = None if ratio is None else row.goal.met(ratio)
        line |= {
            "goal": str(row.goal),
            "ratio": ratio,
            "spread": [ratios[0], ratios[-1]] if ratios else None,
            "met": met,
        }
    if ORIGINAL in rounds:
        line["original/ours"] = statistics.median(times[ORIGINAL] / times[OURS] for times in each)
    return line


def machine() -> dict[str, Any]:
    """Say where it was measured, and what else ran there."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        processor = models[0] if models else processor
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "load before": [round(load, 2) for load in os.getloadavg()],
    }


def written(measured: Measured, header: dict[str, Any]) -> dict[str, Any]:
    """Make the document that is kept."""
    rows = [
        summary(ROWS[name], rounds) | {"rounds": len(rounds[OURS]), "when": header["when"]}
        for name, rounds in measured.items()
        if OURS in rounds
    ]
    return header | {"rows": rows}


def save(document: dict[str, Any]) -> None:
    """Keep it, as numbers and as the table; rows that a run of some themes has not measured stay, with their own date."""
    RESULTS.mkdir(exist_ok=True)
    kept = json.loads(LATEST.read_text(encoding="utf-8"))["rows"] if LATEST.exists() else []
    new = {line["row"]: line for line in document["rows"]}
    rows = {line["row"]: line for line in kept if line["row"] in ROWS} | new
    document = document | {"rows": [rows[name] for name in ROWS if name in rows]}
    LATEST.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (RESULTS / "latest.md").write_text(markdown(document), encoding="utf-8")


def markdown(document: dict[str, Any]) -> str:
    """Write the table, and what each row measures below it."""
    lines = [
        "# What a tool result costs",
        "",
        *(f"- {name}: {_plain(told)}" for name, told in document.items() if name != "rows"),
        "",
        "Medians of the rounds. *ratio* is what the goal is about: original/ours for `≥`, ours/peer for `≤`; *floor* is a contestant "
        "that does only what nobody can avoid; *spread* is the lowest and the highest ratio of a round.",
        "",
        "| row | original | peers | ours | floor | ratio | goal | spread | |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(_line, document["rows"]),
        "",
        "## What each row measures",
        "",
        *(f"- **{line['row']}**: {line['does']}" for line in document["rows"]),
    ]
    return "\n".join(lines) + "\n"


def _line(line: dict[str, Any]) -> str:
    medians, unit = line["medians"], line["unit"]
    hidden = {ORIGINAL, OURS, line["floor"], YARDSTICK, f"{YARDSTICK} of the original"}
    peers = ", ".join(f"{name} {shown(taken, unit)}" for name, taken in medians.items() if name not in hidden)
    cells = [
        line["row"],
        shown(medians[ORIGINAL], unit) if ORIGINAL in medians else "",
        peers,
        shown(medians[OURS], unit),
        f"{_floor_name(line['floor'])} {shown(medians[line['floor']], unit)}"
        if line["floor"] in medians
        else "",
        _ratio(line, line.get("ratio")),
        line.get("goal", ""),
        " to ".join(_ratio(line, end) for end in line.get("spread") or []),
        {True: "met", False: "**missed**", None: ""}[line.get("met")],
    ]
    return f"| {' | '.join(cells)} |"


def _floor_name(floor: str) -> str:
    return "PING" if floor == YARDSTICK else floor


def _ratio(line: dict[str, Any], ratio: float | None) -> str:
    if ratio is None:
        ratio = line.get("original/ours")
    if ratio is None:
        return ""
    if line.get("goal", "x").endswith("x") or "x " in line.get("goal", "x"):
        return f"{ratio:,.0f}x" if ratio >= 100 else f"{ratio:.3g}x"
    return shown(ratio, line["unit"])


def _plain(told: object) -> str:
    if isinstance(told, dict):
        return "; ".join(f"{name} {_plain(value)}" for name, value in told.items())
    return ", ".join(map(str, told)) if isinstance(told, (list, tuple)) else str(told)
