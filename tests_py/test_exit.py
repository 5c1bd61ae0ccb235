"""A process ends as it wants to, whatever the core is doing for it."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

#: Leaves while its loop is told of many answers; `slow`: by code that lets go of the interpreter meanwhile.
BUSY = """
import asyncio, sys, time
from mcp_refcache import RefCache

class Loop(asyncio.SelectorEventLoop):
    def call_soon_threadsafe(self, *arguments, **options):
        time.sleep(0.05)
        return super().call_soon_threadsafe(*arguments, **options)

cache = RefCache("c", backend=f"sqlite:///{sys.argv[1]}")
cache.set("key", [1])
loop = Loop() if sys.argv[2] == "slow" else asyncio.new_event_loop()

async def work():
    for number in range(200):
        asyncio.ensure_future(cache.aset(f"{number}", [number]) if number % 2 else cache.aresolve("key"))
    await asyncio.sleep(0.002)

loop.run_until_complete(work())
sys.exit(7)
"""

#: Uses the cache when the interpreter has begun to end.
LATE = """
import asyncio, atexit, os, sys

def late():
    async def work():
        await cache.aset("late", [2])
        return await cache.aresolve("late")
    print(asyncio.run(work()), cache.resolve("key"), flush=True)

atexit.register(late)  # before the package is imported, so that its own function is called before
from mcp_refcache import RefCache
cache = RefCache("c", backend=f"sqlite:///{sys.argv[1]}")
cache.set("key", [1])
"""

#: A child that was forked while answers were on their way waits for its own.
FORKED = """
import asyncio, os, sys
from mcp_refcache import RefCache
cache = RefCache("c", backend=f"sqlite:///{sys.argv[1]}")
cache.set("key", [1])

async def work():
    for number in range(50):
        asyncio.ensure_future(cache.aresolve("key"))
    await asyncio.sleep(0)
    end = sum(range(300_000))  # answers come meanwhile, and wait for the interpreter
    return os.fork()

loop = asyncio.new_event_loop()
child = loop.run_until_complete(work())
if child == 0:
    asyncio.set_event_loop(None)
    assert asyncio.new_event_loop().run_until_complete(cache.aresolve("key")) == [1]
    sys.exit(5)
status = os.waitpid(child, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status))
"""


def end(code: str, *arguments: str) -> tuple[int, str]:
    """How a process ends, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=30, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.mark.parametrize(("speed", "runs"), [("slow", 4), ("quick", 24)])
def test_a_process_leaves_while_answers_are_on_their_way(tmp_path: Path, speed: str, runs: int) -> None:
    with ThreadPoolExecutor(2) as pool:
        ends = pool.map(lambda run: end(BUSY, str(tmp_path / f"{run}"), speed), range(runs))
        assert [code for code, _ in ends] == [7] * runs


def test_the_cache_can_be_awaited_by_what_is_called_at_exit(tmp_path: Path) -> None:
    assert end(LATE, str(tmp_path / "db")) == (0, "[2] [1]\n")


def test_a_child_forked_while_answers_are_on_their_way_gets_its_own(tmp_path: Path) -> None:
    for run in range(5):
        assert end(FORKED, str(tmp_path / f"{run}"))[0] == 5
