"""What a fresh process waits for: imports, the first count; and what is downloaded."""

from __future__ import annotations

import statistics
from importlib.metadata import distribution
from pathlib import Path

from benches.row import AtLeast, Below, Contestants, Side, row
from benches.rows.fresh import run


def _seconds_of(statement: str, before: str = "", times: int = 3) -> float:
    program = f"{before}\nstarted = time.perf_counter()\n{statement}\nprint(time.perf_counter() - started)"
    return statistics.median(run(program) for _ in range(times))


@row("`import mcp_refcache`", AtLeast(3), floor="import pydantic")
def import_package(side: Side) -> Contestants:
    """Imports the package in fresh processes; ours loads its parts when they are first used (next row but one)."""
    taken: Contestants = {side.mine: _seconds_of("import mcp_refcache")}
    if side.ours:
        taken["import pydantic"] = _seconds_of("import pydantic")
        taken["import BaseModel"] = _seconds_of("from pydantic import BaseModel")
    return taken


@row("`import mcp_refcache` beyond `import pydantic`", Below(0.06), compared=False)
def import_beyond_pydantic(side: Side) -> Contestants:
    """Imports the package where pydantic is imported already."""
    return {side.mine: _seconds_of("import mcp_refcache", "import pydantic")}


@row("import, a cache and its first call")
def import_and_use(side: Side) -> Contestants:
    """Imports what a server uses, makes a cache and calls a tool of it: nothing that is loaded late stays out of sight."""
    use = """
from mcp_refcache import AccessPolicy, Actor, Namespace, PreviewConfig, RefCache
here = RefCache("first")
here.cached()(lambda: [1])()
"""
    if not side.ours:
        use = use.replace(" Namespace,", "")
    return {side.mine: _seconds_of(use)}


_COUNT = {
    "mine": "from mcp_refcache import TiktokenAdapter\ncount = TiktokenAdapter().count_tokens\n",
    "tiktoken": "import tiktoken\ndef count(text): return len(tiktoken.get_encoding('o200k_base').encode(text))\n",
}


@row("first token count in a fresh process", Below(0.04))
def first_count(side: Side) -> Contestants:
    """Counts `hello world` after the imports, which loads the vocabulary; the others' is on disk already, not downloaded."""
    taken: Contestants = {side.mine: _seconds_of("count('hello world')", _COUNT["mine"])}
    return taken | (
        {"tiktoken": _seconds_of("count('hello world')", _COUNT["tiktoken"])} if side.ours else {}
    )


@row("memory of the first token count", Below(15e6, "bytes"), unit="bytes")
def first_count_memory(side: Side) -> Contestants:
    """How much the process grows by it."""
    grow = "\nbefore = resident()\ncount('hello world')\nprint(resident() - before)"
    taken: Contestants = {side.mine: run(_COUNT["mine"] + grow)}
    return taken | ({"tiktoken": run(_COUNT["tiktoken"] + grow)} if side.ours else {})


@row("wheel", Below(6e6, "bytes", watch=6.8e6), unit="bytes", compared=False, rounds=1)
def wheel(side: Side) -> Contestants:
    """The size of the file that is downloaded: the newest wheel that `make bench` built, for the version installed."""
    version = distribution("mcp-refcache").version
    folder = Path(__file__).parents[2] / ".venv-bench" / "wheel"
    wheels = sorted(folder.glob(f"mcp_refcache-{version}-*.whl"), key=lambda file: file.stat().st_mtime)
    return {side.mine: wheels[-1].stat().st_size}
