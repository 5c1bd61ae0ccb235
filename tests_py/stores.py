"""Stores that outlive a process, for tests: named by a URL to other processes, and held up for a while."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis_server import RedisServer

HOLD = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


@dataclass
class Place:
    """Where entries are.

    Attributes:
        url: What `RefCache(backend=)` takes.
        hold: Has the store keep everybody waiting for so many seconds, from now on.
    """

    url: str
    hold: Callable[[float], None]


@pytest.fixture(params=["sqlite", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A SQLite file, a Redis."""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis")
        yield Place(server.url, lambda seconds: _pause(server, seconds))
        server.say("CLIENT", "UNPAUSE")
    else:
        path = tmp_path / "cache.db"
        with holders() as hold:
            yield Place(f"sqlite:///{path}", lambda seconds: hold(path, seconds))


def _pause(server: RedisServer, seconds: float) -> None:
    server.say("CLIENT", "PAUSE", str(round(seconds * 1000)), "ALL")


@contextmanager
def holders() -> Iterator[Callable[[Path, float], None]]:
    """Give a function that has another process lock a SQLite file for so many seconds."""
    # another process, as the sqlite3 module of this one would drop the locks of the backend
    started: list[subprocess.Popen[str]] = []

    def hold(path: Path, seconds: float) -> None:
        holder = python(HOLD, str(path), str(seconds))
        started.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

    try:
        yield hold
    finally:
        for holder in started:
            end(holder)


def python(code: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start a process of this Python that talks through pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def end(process: subprocess.Popen[str]) -> None:
    """End a process, if it has not ended yet."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
