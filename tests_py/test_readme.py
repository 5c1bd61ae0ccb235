"""Every Python block of the README runs, one after another, section by section."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
SECTION = re.compile(r"^## ", re.MULTILINE)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def sections() -> list[tuple[str, str]]:
    text = README.read_text(encoding="utf-8")
    first, *others = SECTION.split(text)
    return [("first screen", first), *((part.partition("\n")[0], part) for part in others)]


@pytest.mark.parametrize(
    ("title", "text"), [part for part in sections() if "```python" in part[1]], ids=lambda part: part[:30]
)
async def test_the_blocks_of_a_section_run(title: str, text: str) -> None:
    names: dict[str, object] = {"__name__": f"readme {title}"}
    for block in BLOCK.findall(text):
        exec(compile(block, f"README.md, {title}", "exec"), names)
