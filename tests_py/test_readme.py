"""Every Python block of the README and of docs/ runs, one after another, section by section, against a real Redis."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis_server import RedisServer, need_redis

README = Path(__file__).parent.parent / "README.md"
SECTION = re.compile(r"^## ", re.MULTILINE)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def sections() -> list[tuple[str, str]]:
    text = README.read_text(encoding="utf-8")
    first, *others = SECTION.split(text)
    return [("first screen", first), *((part.partition("\n")[0], part) for part in others)]


@pytest.fixture
def stores(request, tmp_path, monkeypatch) -> Iterator[None]:
    """Files go to a folder of the test; `REDIS_URL` leads to a server, for the section that wants one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCP_REFCACHE_DB_PATH", str(tmp_path / "default.db"))
    monkeypatch.delenv("CACHE_KEY", raising=False)
    if "RedisBackend" not in request.getfixturevalue("text"):
        yield
        return
    need_redis()
    with RedisServer(password="s3cret") as redis:
        monkeypatch.setenv("REDIS_URL", redis.url)
        yield


@pytest.mark.usefixtures("stores")
@pytest.mark.parametrize(
    ("title", "text"), [part for part in sections() if "```python" in part[1]], ids=lambda part: part[:30]
)
async def test_the_blocks_of_a_section_run(title: str, text: str) -> None:
    names: dict[str, object] = {"__name__": f"readme {title}"}
    for block in BLOCK.findall(text):
        code = compile(block, f"README.md, {title}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        answer = eval(code, names)
        if inspect.isawaitable(answer):
            await answer


@pytest.mark.parametrize("page", sorted((README.parent / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": page.stem}
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        exec(compile(block, page.name, "exec"), names)
