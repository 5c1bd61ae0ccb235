"""Hostile input where the world outside meets the package: tools of agents, the command line, hooks, files of others."""

from __future__ import annotations

import argparse
import gzip
import io
import json
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hostile import CANARY, HOSTILE, LONGEST, Nonsense, complaint, raising, time_limit
from servers import connect

from mcp_refcache import RefCache, SQLiteBackend
from mcp_refcache._cli import _parser, main

TEXTS = {label: value for label, make in HOSTILE.items() if isinstance(value := make(), str)}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that a command makes are made in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


# -- tools -------------------------------------------------------------------------------------------------


def sendable() -> dict[str, Any]:
    """What of the hostile values can be sent as JSON."""
    found: dict[str, Any] = {}
    for label, make in HOSTILE.items():
        try:
            found[label] = json.loads(json.dumps(make(), allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            continue
    return {label: value for label, value in found.items() if label != "surrogate"}


async def test_every_argument_of_every_tool_may_be_hostile(server: Any, cache: RefCache) -> None:
    cache.install(server, admin=lambda ctx: True)
    server.tool(cache.cached()(lambda_tool))
    wrong: list[str] = []
    async with connect(server) as client:
        for tool in await client.list_tools():
            schema: dict[str, Any] = tool.model_dump(by_alias=True)["inputSchema"]
            for parameter in schema["properties"]:
                for label, value in sendable().items():
                    with time_limit(f"{tool.name}({parameter}={label})"):
                        arguments = {"ref_id": "k", "namespace": "public", parameter: value}
                        arguments = {
                            name: given for name, given in arguments.items() if name in schema["properties"]
                        }
                        answer = await client.call_tool(tool.name, arguments, raise_on_error=False)
                    said = "".join(getattr(block, "text", "") for block in answer.content)
                    if answer.is_error and (len(said) > LONGEST or "Traceback" in said):
                        wrong.append(f"{tool.name}({parameter}={label}): {len(said)} {said[:200]}")
    assert not wrong


def lambda_tool(data: Any) -> Any:
    """Answer what was given."""
    return data


# -- the command line --------------------------------------------------------------------------------------


def commands() -> dict[str, argparse.ArgumentParser]:
    """Each command, those inside of others too, with its parser."""

    def below(parser: argparse.ArgumentParser, name: str) -> dict[str, argparse.ArgumentParser]:
        inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if not inner:
            return {name: parser}
        found: dict[str, argparse.ArgumentParser] = {}
        for word, each in inner[0].choices.items():
            found |= below(each, f"{name} {word}".strip())
        return found

    return below(_parser(), "")


@pytest.mark.parametrize("command", commands())
def test_every_option_of_every_command_may_be_hostile(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    SQLiteBackend("cache.db")
    wrong: list[str] = []
    for action in commands()[command]._actions:
        if action.nargs == 0:
            continue
        for label, text in TEXTS.items():
            given = [f"{action.option_strings[0]}={text}"] if action.option_strings else [text]
            with time_limit(f"{command} {action.dest} {label}"):
                try:
                    code: Any = main([*command.split(), *given])
                except SystemExit as error:  # argparse
                    code = error.code
            said = capsys.readouterr().err
            if code not in (0, 1, 2) or len(said) > 3 * LONGEST or "Traceback" in said:
                wrong.append(f"{command} {action.dest} {label}: {code} {len(said)} {said[:200]}")
    assert not wrong


# -- hooks -------------------------------------------------------------------------------------------------


class Raising:
    """Has every method, and each fails."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return raising

    __call__ = raising


PARTS = ["backend", "permission_checker", "measurer", "tokenizer", "preview_generator", "task_backend"]
CALLS: dict[str, Callable[[RefCache], Any]] = {
    "set": lambda cache: cache.set("k", {"secret": CANARY}),
    "get": lambda cache: cache.get("k", actor="agent"),
    "page": lambda cache: cache.get("k", page=1),
    "resolve": lambda cache: cache.resolve("k"),
    "exists": lambda cache: cache.exists("k"),
    "delete": lambda cache: cache.delete("k"),
    "clear": lambda cache: cache.clear(),
    "keys": lambda cache: cache.keys(),
    "tool": lambda cache: cache.cached(async_timeout=1)(lambda_tool)({"secret": CANARY}),
    "scoped tool": lambda cache: cache.cached(namespace_template="user:{user_id}")(lambda_tool)(CANARY),
}


@pytest.mark.parametrize("part", [*PARTS, "identity", "default", "audit"])
@pytest.mark.parametrize("hook", [Raising, Nonsense])
def test_hooks_may_fail_and_answer_nonsense(part: str, hook: type) -> None:
    function = raising if hook is Raising else lambda *_: Nonsense()
    cache = RefCache(**{part: hook() if part in PARTS else function})
    cache_calls = {
        name: complaint(f"{part}: {name}", lambda call=call: call(cache)) for name, call in CALLS.items()
    }
    assert not list(filter(None, cache_calls.values()))


# -- what others wrote -------------------------------------------------------------------------------------


def cells() -> list[Any]:
    """What may stand in any column of any row."""
    bomb = zlib.compress(b"[" + b" " * 50_000_000 + b"]", 9)
    return [
        None, "", "\x00", "[" * 100_000, "x" * 1_000_000, -1, 2**62, 1e308, float("inf"), b"\xff", bomb,
        gzip.compress(b"0" * 50_000_000, 1), '{"a": NaN}', '{"a": 1, "a": 2}', "null", "[1", '"\\ud800"',
    ]  # fmt: skip


def test_rows_of_others_are_an_error_or_missing(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    writer = RefCache("c", backend=SQLiteBackend(path, compress=1))
    writer.set("k", ["the value"] * 100)
    writer._backend.close()  # pyright: ignore
    clean = path.read_bytes()
    wrong: list[str | None] = []
    with closing(sqlite3.connect(path)) as database:
        columns = database.execute(
            "select m.name, c.name from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table'"
        ).fetchall()
    hostile_cells = cells()
    for table, column in columns:
        for cell in hostile_cells:
            path.write_bytes(clean)
            with closing(sqlite3.connect(path)) as database, database:
                try:
                    database.execute(f'update "{table}" set "{column}" = ?', (cell,))
                except sqlite3.Error:  # the schema does not take it
                    continue
            where = f"{table}.{column}={str(cell)[:20]}"
            wrong.append(complaint(where, lambda: read_all(RefCache("c", backend=SQLiteBackend(path)))))
    assert not list(filter(None, wrong))


def read_all(cache: RefCache) -> None:
    """Does what one can do with an entry."""
    try:
        for call in (cache.get, cache.resolve, cache.exists, cache.delete):
            if problem := complaint(call.__name__, lambda call=call: call("k")):
                raise AssertionError(problem)
        cache.keys()
        cache.set("k", 1)
    finally:
        cache._backend.close()  # pyright: ignore


def test_files_of_others_are_no_import() -> None:
    RefCache("c").export(file := io.BytesIO())
    whole = file.getvalue()
    for content in [
        b"", b"\x00" * 1000, b"[" * 1_000_000, b"{" * 1_000_000, whole[:-1], whole * 2, whole + b"x" * 1_000_000, b"\xff" + whole,
        gzip.compress(whole), gzip.compress(b" " * 50_000_000), whole.replace(b"c", b"d"), b"null\n", b'"' + b"x" * 1_000_000,
    ]:  # fmt: skip
        cache = RefCache("c")
        assert not complaint(
            "import", lambda content=content, cache=cache: cache.import_(io.BytesIO(content))
        )
