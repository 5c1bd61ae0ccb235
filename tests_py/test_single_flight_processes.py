"""Of the same calls in several processes on one store one runs; locks hold across processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from stores import Place, end, python
from stores import place as place  # a fixture

from mcp_refcache import RefCache

#: A server that runs `slow` when it is told to; each run is noted in a file.
SERVER = """
import asyncio, json, os, sys, time
from mcp_refcache import RefCache, _turns
url, log, kind, seconds = sys.argv[1:]
_turns._TTL = 1.0
cache = RefCache("flight", backend=url)

def note(what):
    with open(log, "a") as file:
        file.write(f"{what} {os.getpid()}\\n")

@cache.cached()
def slow(n):
    note("begin")
    time.sleep(float(seconds))
    note("end")
    return [n, os.getpid()]

@cache.cached()
async def aslow(n):
    note("begin")
    await asyncio.sleep(float(seconds))
    note("end")
    return [n, os.getpid()]

cache.exists("warm")
print("ready", flush=True)
for line in sys.stdin:
    answer = slow(7) if kind == "sync" else asyncio.run(aslow(7))
    print(json.dumps(answer), flush=True)
"""

#: Counts in a file under a lock, and prints the tokens it held.
COUNTER = """
import asyncio, sys, time
from mcp_refcache import RefCache
url, path, kind = sys.argv[1:]
cache = RefCache("locks", backend=url)
print("ready", flush=True)
sys.stdin.readline()

def count(token):
    with open(path) as file:
        number, last = map(int, file.read().split())
    time.sleep(0.002)
    assert token > last, (token, last)
    with open(path, "w") as file:
        file.write(f"{number + 1} {token}")

async def acount():
    for _ in range(10):
        async with cache.alock("counter", ttl=5) as lock:
            count(lock.token)

if kind == "sync":
    for _ in range(10):
        with cache.lock("counter", ttl=5) as lock:
            count(lock.token)
else:
    asyncio.run(acount())
print("done", flush=True)
"""

Process = subprocess.Popen[str]


def said(process: Process) -> str:
    """The next line of a process."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the process ended"
    return line.rstrip("\n")


def tell(process: Process) -> None:
    """Let a process go on."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def start(place: Place, log: Path) -> Any:
    """Starts servers, which are ready then; they are ended with the test."""
    started: list[Process] = []

    def start(count: int, kind: str = "sync", seconds: float = 0.4) -> list[Process]:
        servers = [python(SERVER, place.url, str(log), kind, str(seconds)) for _ in range(count)]
        started.extend(servers)
        assert [said(server) for server in servers] == ["ready"] * count
        return servers

    yield start
    for process in started:
        end(process)


def runs(log: Path, what: str = "begin") -> list[int]:
    """The processes that began (or ended) a run."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [int(line.split()[1]) for line in lines if line.startswith(what)]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_four_servers_that_get_the_same_call_run_it_once(start: Any, log: Path, kind: str) -> None:
    servers = start(4, kind)
    for server in servers:
        tell(server)
    answers = [json.loads(said(server)) for server in servers]
    assert len(runs(log)) == 1
    assert answers == [answers[0]] * 4
    assert answers[0]["value"] == [7, runs(log)[0]]


def test_what_one_server_made_is_a_hit_in_another(start: Any, log: Path) -> None:
    first, second = start(2, seconds=0)
    tell(first)
    answer = said(first)
    tell(second)
    assert said(second) == answer
    assert len(runs(log)) == 1


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_server_that_is_killed_is_replaced_when_its_turn_ends(start: Any, log: Path, kind: str) -> None:
    first, second = start(2, kind, 1.2)
    tell(first)
    until(lambda: len(runs(log)) == 1)
    tell(second)
    time.sleep(0.2)
    first.kill()
    killed = time.monotonic()
    until(lambda: len(runs(log)) == 2)
    assert time.monotonic() - killed < 2.0
    assert json.loads(said(second))["value"] == [7, second.pid]


def test_a_turn_is_renewed_as_long_as_the_call_takes(start: Any, log: Path) -> None:
    first, second = start(2, "sync", 2.0)
    tell(first)
    until(lambda: len(runs(log)) == 1)
    tell(second)
    assert json.loads(said(second)) == json.loads(said(first))
    assert len(runs(log)) == 1


def test_a_server_that_slept_through_its_turn_does_not_replace_the_result(
    start: Any, log: Path, place: Place
) -> None:
    first, second = start(2, "sync", 0.3)
    tell(first)
    until(lambda: len(runs(log)) == 1)
    os.kill(first.pid, signal.SIGSTOP)
    tell(second)
    made = json.loads(said(second))
    assert made["value"] == [7, second.pid]
    os.kill(first.pid, signal.SIGCONT)
    late = json.loads(said(first))
    assert late["value"] == [7, first.pid]
    tell(first)
    assert json.loads(said(first)) == made
    assert len(runs(log)) == 2


@pytest.mark.parametrize("kinds", [["sync", "sync"], ["sync", "async", "async", "sync"]])
def test_a_lock_has_one_holder_in_all_processes_and_its_tokens_grow(
    place: Place, tmp_path: Path, kinds: list[str]
) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0 0")
    processes = [python(COUNTER, place.url, str(counter), kind) for kind in kinds]
    try:
        assert [said(process) for process in processes] == ["ready"] * len(kinds)
        for process in processes:
            tell(process)
        assert [said(process) for process in processes] == ["done"] * len(kinds)
    finally:
        for process in processes:
            end(process)
    assert counter.read_text().split()[0] == str(10 * len(kinds))


def test_who_waits_too_long_for_a_lock_is_told(place: Place) -> None:
    one, other = (RefCache("locks", backend=place.url) for _ in range(2))
    with one.lock("name", ttl=5) as held:
        assert held.is_held
        for timeout in (0, 0.2):
            started = time.monotonic()
            with pytest.raises(TimeoutError, match="another holder"), other.lock("name", timeout=timeout):
                pass
            assert timeout <= time.monotonic() - started < timeout + 1
        assert not other.lock("name").acquire(0)
        with other.lock("another name", timeout=0):
            pass
    with other.lock("name", timeout=0) as later:
        assert (later.token or 0) > 0
    with pytest.raises(RuntimeError, match="not held"):
        later.release()


def test_a_lock_of_a_process_that_died_ends_by_itself(place: Place) -> None:
    code = """
import sys, time
from mcp_refcache import RefCache
lock = RefCache("locks", backend=sys.argv[1]).lock("name", ttl=0.8)
lock.acquire()
print(lock.token, flush=True)
time.sleep(60)
"""
    holder = python(code, place.url)
    token = int(said(holder))
    cache = RefCache("locks", backend=place.url)
    time.sleep(1.2)
    assert not cache.lock("name").acquire(0), "it is renewed while its holder lives"
    end(holder)
    with cache.lock("name", timeout=2) as lock:
        assert (lock.token or 0) > token


async def test_a_lock_is_given_back_when_its_task_is_cancelled(place: Place) -> None:
    cache = RefCache("locks", backend=place.url)
    entered = asyncio.Event()

    async def hold() -> None:
        async with cache.alock("name"):
            entered.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(hold())
    await entered.wait()
    assert not await cache.alock("name").acquire(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await cache.alock("name").acquire(0)


def until(holds: Any, seconds: float = 10.0) -> None:
    """Wait for something."""
    end_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end_at, "it did not happen"
        time.sleep(0.01)
