"""The examples run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_a_middleware_is_all_that_an_existing_server_needs() -> None:
    ran = subprocess.run(
        [sys.executable, EXAMPLES / "existing_server.py", "--demo"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    for expected in (
        "all 60 numbers, as before",
        '{"ref_id": "sensors:',
        "page 2 of it: [",
        "their mean: 22.45",
    ):
        assert expected in ran.stdout


def test_the_demo_shows_a_preview_a_page_and_what_was_computed_unseen() -> None:
    ran = subprocess.run([sys.executable, EXAMPLES / "demo.py"], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    for expected in ("list_cities()", "page 2 of", "tokens in all", '{"beds":'):
        assert expected in ran.stdout
