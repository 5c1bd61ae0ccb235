"""The original package, 0.2.1, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: Kept between runs.
VENV = Path(__file__).parents[1] / ".venv-original"


def original_python() -> str:
    """A Python that has the original; tests that need it are skipped loudly where it cannot be installed."""
    if named := os.environ.get("REFCACHE_ORIGINAL_PYTHON"):
        return named
    python = VENV / "bin" / "python"
    if not _has_it(python):
        install = (
            [sys.executable, "-m", "venv", str(VENV)],
            [str(python), "-m", "pip", "install", "-q", *PACKAGES],
        )
        for command in install:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                reason = (
                    f"the original cannot be installed, NOTHING was compared with it: {done.stderr[-200:]}"
                )
                (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return str(python)


PACKAGES = ("mcp-refcache==0.2.1", "redis>=7")


def _has_it(python: Path) -> bool:
    if not python.exists():
        return False
    asked = subprocess.run(
        [str(python), "-c", "import mcp_refcache, redis"], capture_output=True, check=False
    )
    return asked.returncode == 0
