"""Two servers, one store: primes from one, statistics of them from the other, and the agent reads neither list.

python examples/two_servers/demo.py                             # a SQLite file
python examples/two_servers/demo.py --store redis://localhost   # Redis or Valkey
python examples/two_servers/demo.py --transport sse             # as web servers instead of child processes
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import PythonStdioTransport

HERE = Path(__file__).parent
CALCULATOR, ANALYSIS = HERE / "calculator_server.py", HERE / "analysis_server.py"
COUNT = 2000


@asynccontextmanager
async def connected(script: Path, store: str, transport: str) -> AsyncIterator[Client]:
    """Start a server in a process of its own and connect to it."""
    env = {**os.environ, "REFCACHE_STORE": store, "FASTMCP_LOG_LEVEL": "ERROR"}
    if transport == "stdio":
        async with Client(PythonStdioTransport(script, python_cmd=sys.executable, env=env)) as client:
            yield client
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [script, "--transport", transport, "--port", str(port)]
    server = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=env)
    try:
        await healthy(server, port)
        async with Client(f"http://127.0.0.1:{port}/{'sse' if transport == 'sse' else 'mcp'}") as client:
            yield client
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()


async def healthy(server: asyncio.subprocess.Process, port: int) -> None:
    """Wait until the server says that it and its store are there."""
    while server.returncode is None:
        try:
            with await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}/health"):
                return
        except OSError:
            await asyncio.sleep(0.1)
    raise RuntimeError("the server ended; what it said stands above")


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool and print what the agent saw of it."""
    answer = (await client.call_tool(tool, arguments)).structured_content or {}
    print(f"\n{tool}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})")
    for key in ("ref_id", "value", "preview", "total_items", "original_size", "preview_size"):
        if answer.get(key) is not None:
            print(f"    {key:<14}{json.dumps(answer[key])[:90]}")
    return answer


async def main(store: str, transport: str) -> None:
    """Do what an agent would do with both servers."""
    async with AsyncExitStack() as both:
        calculator = await both.enter_async_context(connected(CALCULATOR, store, transport))
        analysis = await both.enter_async_context(connected(ANALYSIS, store, transport))

        primes = await call(calculator, "generate_primes", count=COUNT)
        found = await call(analysis, "analyze_data", data=primes["ref_id"])
        again = await call(calculator, "generate_primes", count=COUNT)

    assert not primes["is_complete"]
    assert primes["preview_size"] <= 50
    assert found["value"]["count"] == COUNT
    assert found["value"]["max"] == 17389
    assert again["ref_id"] == primes["ref_id"]  # a hit

    async with connected(ANALYSIS, store, transport) as restarted:
        after = await call(restarted, "analyze_data", data=primes["ref_id"])
    assert after["ref_id"] == found["ref_id"]  # the store outlives the process
    print(
        f"\n{COUNT} primes went from one server to the other; the agent read {primes['preview_size']} tokens"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", help="as of the servers; default: a SQLite file for this run")
    parser.add_argument("--transport", choices=["stdio", "sse", "http"], default="stdio")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(options.store or f"sqlite:///{folder}/cache.db", options.transport))
