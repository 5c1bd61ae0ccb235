"""Servers for tests: over HTTP in this process, and the file that a server over pipes is started from."""

import asyncio
import importlib
import inspect
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

fastmcp = importlib.import_module("fastmcp")

STDIO_SERVER = Path(__file__).with_name("stdio_server.py")
TOKENS = {
    "alice-token": {"client_id": "app", "scopes": [], "sub": "alice", "org_id": "acme"},
    "alice-other-token": {"client_id": "app", "scopes": [], "sub": "alice", "org_id": "acme"},
    "bob-token": {"client_id": "app", "scopes": [], "sub": "bob", "org_id": "acme"},
    "robot-token": {"client_id": "app", "scopes": []},
}
HAS_ERAS = "mode" in inspect.signature(fastmcp.Client.__init__).parameters

#: Old clients shake hands and have sessions; with FastMCP 4 there are clients that do neither.
ERAS = [pytest.param("auto", id="newest"), *([pytest.param("legacy", id="legacy")] if HAS_ERAS else [])]


def connect(target, era="auto", **options):
    """A client of the server, that speaks as its era did."""
    return fastmcp.Client(target, **({"mode": era} if HAS_ERAS else {}), **options)


def has_sessions(era):
    """Whether this client has a session over HTTP without signing in."""
    return era == "legacy" or not HAS_ERAS


def token_verifier():
    jwt = importlib.import_module("fastmcp.server.auth.providers.jwt")
    return jwt.StaticTokenVerifier(tokens=TOKENS)


@asynccontextmanager
async def served(mcp, **options):
    """Serve over streamable HTTP; the address."""
    uvicorn = importlib.import_module("uvicorn")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = mcp.http_app(**options)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", lifespan="on", ws="none")
    )
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- uvicorn tells it in no other way
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.should_exit = True
        await task


def over_pipes(*arguments):
    """The transport to a server in a process of its own."""
    transports = importlib.import_module("fastmcp.client.transports")
    environment = {"PYTHONPATH": str(Path(__file__).parent.parent / "python")}
    return transports.StdioTransport(
        sys.executable, ["-W", "ignore", str(STDIO_SERVER), *arguments], env=environment
    )
