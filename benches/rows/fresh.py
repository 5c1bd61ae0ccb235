"""Programs in processes of their own, for what only a fresh process shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

#: What all of them may use: the resident memory now, in bytes, after a collection.
PRELUDE = """
import gc, json, time
def resident():
    gc.collect()
    with open("/proc/self/statm") as file: return int(file.read().split()[1]) * 4096
"""


def run(program: str) -> float:
    """Run a program in a fresh process of this environment and return the number that it prints last."""
    ran = subprocess.run(
        [sys.executable, "-c", PRELUDE + program],
        capture_output=True, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    if ran.returncode != 0:
        raise RuntimeError(ran.stderr)
    return json.loads(ran.stdout.splitlines()[-1])
