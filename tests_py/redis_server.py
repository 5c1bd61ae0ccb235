"""A redis-server of its own for tests, on a free port; stopped by its pid."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class RedisServer:
    """Where it is, and how to sign in."""

    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}"


def redis_server_program() -> str:
    """The program; without it a test is skipped, and fails where that would go unnoticed."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        missing = "there is no redis-server here: install the package redis-server (or valkey)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return program


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def running_redis(folder: Path, *arguments: str, password: str = "s3cret") -> Iterator[RedisServer]:
    """Start a server that keeps its log in this folder; stop it at the end."""
    program = redis_server_program()
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command += ["--requirepass", password, "--dir", str(folder), *arguments]
    log = folder / f"redis-{port}.log"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            _wait_until_it_listens(port, process, log)
            yield RedisServer(port, password)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_it_listens(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"redis-server did not start:\n{log.read_text()}")
