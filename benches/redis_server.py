"""A Redis for the time of a comparison, and the shortest conversation with it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def redis_server() -> Iterator[int | None]:
    """Start a Redis on a free port; without the program the rows of Redis are left out, loudly."""
    program = shutil.which("redis-server")
    if program is None:
        print("!! no redis-server here: NOTHING of Redis is compared")
        yield None
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _await_answer(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def _await_answer(port: int) -> None:
    for _ in range(100):
        try:
            ping(port)()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"redis-server does not answer on port {port}")


def ping(port: int | None) -> Callable[[], object]:
    """Make a call that is one round trip over a socket of its own."""
    connection = socket.create_connection(("127.0.0.1", port or 0))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def once() -> bytes:
        connection.sendall(b"PING\r\n")
        return connection.recv(64)

    return once


def reads(port: int) -> int:
    """Return how often the server has read from its clients: one for each round trip."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"INFO stats\r\n")
        answer = b""
        while b"total_reads_processed:" not in answer or not answer.endswith(b"\r\n"):
            answer += connection.recv(65536)
    return int(answer.split(b"total_reads_processed:")[1].split(b"\r\n")[0])


def benchmark(port: int, callers: int) -> float:
    """Return the seconds of one GET of 1 KB by `redis-benchmark`, all callers taken together."""
    command = ["redis-benchmark", "-p", str(port), "-t", "set,get", "-d", "1000", "-n", "20000", "--csv"]
    ran = subprocess.run([*command, "-c", str(callers)], capture_output=True, text=True, check=True)
    line = next(line for line in ran.stdout.splitlines() if line.startswith('"GET"'))
    return 1 / float(line.split(",")[1].strip('"'))
