"""Stand in front of MCP servers, in whatever language: large results by reference, without code.

A result of more than --max-tokens is kept and answered by a reference and a preview; every other passes as it is.
The model reads on with get_cached_result, or gives the reference to any tool behind the same proxy in place of the data.

  mcp-refcache proxy -- npx -y @modelcontextprotocol/server-filesystem /data
  mcp-refcache proxy --url https://example.org/mcp
  mcp-refcache proxy --config mcp.json --transport http --port 8000
"""

from __future__ import annotations

import asyncio
import shutil
from argparse import ArgumentParser, Namespace

from mcp_refcache import _compat
from mcp_refcache._cli.errors import CliError, UsageError
from mcp_refcache._cli.limits import add_limit_arguments, chosen_limits
from mcp_refcache._cli.servers import Server, add_server_arguments, chosen_servers

HELP = "wrap MCP servers: large results by reference"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `proxy`."""
    add_server_arguments(parser)
    add_limit_arguments(parser)
    parser.add_argument(
        "--transport", choices=("stdio", "http"), default="stdio", help="how clients reach the proxy"
    )
    parser.add_argument("--host", default="127.0.0.1", help="for http (default: this machine only)")
    parser.add_argument("--port", type=int, default=8000, help="for http (default 8000)")
    parser.add_argument("--path", default="/mcp", help="for http (default /mcp)")


def run(options: Namespace) -> int:
    """Serve until the client goes."""
    servers = chosen_servers(options, for_use=True)
    limits = chosen_limits(options)
    for server in servers:
        _check_command(server)
    try:
        _compat.check_version()
    except ImportError as error:
        raise UsageError(str(error)) from None
    try:
        # FastMCP is loaded here: the other commands do without it
        from mcp_refcache._cli import serving
    except ImportError as error:
        raise UsageError(f"the proxy needs FastMCP: pip install 'mcp-refcache[mcp]' ({error})") from None
    address = {"host": options.host, "port": options.port, "path": options.path}
    try:
        asyncio.run(serving.serve(servers, limits, http=address if options.transport == "http" else None))
    except OSError as error:
        raise CliError(
            f"the proxy cannot listen on {options.host}:{options.port}: {error.strerror}"
        ) from None
    return 0


def _check_command(server: Server) -> None:
    if server.command and shutil.which(server.command[0]) is None:
        raise CliError(
            f"{server.name}: the command {server.command[0]!r} is not on the PATH; is it installed?"
        )
