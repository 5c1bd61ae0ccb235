"""How both servers are started: where their store is, and how clients reach them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from fastmcp import FastMCP
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from mcp_refcache import BackendError, RefCache


def serve(build: Callable[[RefCache], FastMCP], *, name: str, port: int) -> None:
    """Read the options, build the server around its cache and run it until it is stopped."""
    parser = argparse.ArgumentParser(description=build.__doc__)
    parser.add_argument(
        "--store",
        default=os.environ.get("REFCACHE_STORE", "sqlite"),
        help='"sqlite", "redis", or a URL of either; default: $REFCACHE_STORE, else "sqlite"',
    )
    parser.add_argument("--transport", choices=["stdio", "sse", "http"], default="stdio")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=port)
    options = parser.parse_args()

    cache = RefCache(name=name, backend=options.store)
    mcp = build(cache)
    cache.install(mcp)

    if options.transport == "stdio":
        mcp.run(show_banner=False)
        return

    @mcp.custom_route("/health", methods=["GET"])
    async def health(_: Request) -> Response:
        """Tell whether the store answers: without it the server is of no use."""
        try:
            await cache.aexists("health")
        except BackendError as error:
            return PlainTextResponse(str(error), status_code=503)
        return PlainTextResponse("ok")

    mcp.run(options.transport, host=options.host, port=options.port, show_banner=False)
