"""A real Redis for tests: started on a free port, stopped by its process id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from types import TracebackType

import pytest


def need_redis() -> None:
    """Skip a test loudly where no Redis is installed; in CI that is a failure."""
    if shutil.which("redis-server") is None:
        if os.environ.get("CI"):
            pytest.fail("redis-server is needed for this test, and in CI it is never skipped")
        pytest.skip("redis-server is not installed: NOTHING of Redis was tested")


class RedisServer:
    """A running server, and what may happen to it.

    Args:
        arguments: Further arguments of `redis-server`.
        password: What clients have to say; None = nothing.
    """

    def __init__(self, *arguments: str, password: str | None = None) -> None:
        self.port = free_port()
        self.password = password
        self.url = f"redis://{f':{password}@' if password else ''}127.0.0.1:{self.port}/0"
        if password:
            arguments += ("--requirepass", password)
        self._arguments = arguments
        self._folder = tempfile.mkdtemp(prefix="refcache-redis-")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, also again after `kill`; what it held is gone."""
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *self._arguments]
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), *options],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"redis-server did not start on port {self.port}")

    def kill(self) -> None:
        """End its process at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Stop it without closing anything: connections stay, and nobody answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def say(self, *words: str) -> str:
        """Send one command, as `redis-cli` would; the answer as text."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(b"*%d\r\n" % len(words) + b"".join(map(_bulk, words)))
            connection.shutdown(socket.SHUT_WR)
            answer = bytearray()
            while piece := connection.recv(65536):
                answer += piece
        return answer.decode(errors="replace")

    def close(self) -> None:
        """Stop it and remove its folder."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> RedisServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _bulk(word: str) -> bytes:
    data = word.encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
