"""Alternates the environments, theme by theme, each time in a fresh process, and keeps what they measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from benches.row import ORIGINAL, YARDSTICK
from benches.rows import OURS_ALONE

ROOT = Path(__file__).parents[1]
#: row -> contestant -> its number in each round
Measured = dict[str, dict[str, list[float]]]


class Comparison:
    """The processes that are compared, and what they said.

    Args:
        pythons: "original" and "ours" -> the interpreter that has it.
        redis_port: Where a Redis is; None = none is.
        only: Only rows whose name holds this.
        quick: Whether only what is watched is measured, and shortly.
    """

    def __init__(
        self, pythons: dict[str, Path], redis_port: int | None, only: str = "", *, quick: bool = False
    ) -> None:
        self.measured: Measured = defaultdict(lambda: defaultdict(list))
        self.failed: dict[str, str] = {}
        self._pythons, self._port = pythons, redis_port
        self._options = [*(["--only", only] if only else []), *(["--quick"] if quick else [])]

    def run(self, themes: tuple[str, ...], rounds: int, seconds: float) -> int:
        """Run round after round; in one, what is compared is measured close together.

        Returns:
            How many rounds were begun: no theme is begun after so many seconds, and what is there by then counts.
        """
        until = time.monotonic() + seconds
        for number in range(rounds):
            for theme in themes:
                if theme.startswith("redis") and self._port is None:
                    continue
                if time.monotonic() > until:
                    return number + (theme != themes[0])
                # who goes first changes with the round
                for mine in list(self._pythons)[:: 1 if number % 2 else -1]:
                    self._round(mine, theme, number)
        return rounds

    def _round(self, mine: str, theme: str, number: int) -> None:
        if mine == ORIGINAL and theme in OURS_ALONE:
            return
        port = [] if self._port is None else ["--redis-port", str(self._port)]
        command = [self._pythons[mine], "-m", "benches.worker", mine, theme, "--round", str(number), *port]
        ran = subprocess.run(
            [*map(str, command), *self._options],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=_environment(),
        )
        if ran.returncode != 0:
            self.failed[f"{theme} ({mine})"] = f"the process ended with {ran.returncode}"
            return
        said = json.loads(ran.stdout)
        for row, contestants in said["measured"].items():
            for name, taken in contestants.items():
                self.measured[row][_own(name, mine)].append(taken)
        for row, error in said["failed"].items():
            print(f"!! {row} ({mine}) failed:\n{error}", file=sys.stderr)
            self.failed[row] = error.splitlines()[-1]


def _own(contestant: str, mine: str) -> str:
    """Name the yardstick after the side it was measured beside: the two ran at different times."""
    return f"{contestant} of the original" if contestant == YARDSTICK and mine == ORIGINAL else contestant


def _environment() -> dict[str, str]:
    """Leave out what would change what is measured."""
    return {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}


def versions(pythons: dict[str, Path]) -> dict[str, dict[str, str]]:
    """Return the packages of each environment and its Python."""
    ask = (
        "import importlib.metadata as m, json, platform; print(json.dumps({'python': platform.python_version()} "
        "| {d.name: d.version for d in m.distributions()}))"
    )
    said = {
        mine: subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
        for mine, python in pythons.items()
    }
    return {mine: dict(sorted(json.loads(ran.stdout).items())) for mine, ran in said.items()}
