"""Print the configuration that makes a client start its servers behind the proxy.

From a command, a URL, or an existing configuration, each of whose servers is wrapped. Nothing is written: put what is
printed into your client's file.

  mcp-refcache config -- npx -y @modelcontextprotocol/server-filesystem /data
  mcp-refcache config --config mcp.json > wrapped.json
"""

from __future__ import annotations

import re
import shlex
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from mcp_refcache._cli import screen
from mcp_refcache._cli.errors import UsageError
from mcp_refcache._cli.limits import Limits, add_limit_arguments, chosen_limits
from mcp_refcache._cli.servers import Server, add_server_arguments, chosen_servers

HELP = "print a client's configuration for proxied servers"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `config`."""
    add_server_arguments(parser)
    parser.add_argument("--name", help="what the client calls the server; default: as its command or host")
    parser.add_argument(
        "--together",
        action="store_true",
        help="one proxy around all servers of --config, so that each takes the references of the others",
    )
    parser.add_argument(
        "--launcher",
        metavar="WORDS",
        help="how the client starts the proxy, e.g. 'uvx --from mcp-refcache[mcp] mcp-refcache'; default: the "
        "Python that runs this",
    )
    add_limit_arguments(parser)


def run(options: Namespace) -> int:
    """Print the configuration."""
    servers = chosen_servers(options, for_use=False)
    limits = chosen_limits(options)
    launcher = shlex.split(options.launcher) if options.launcher else [sys.executable, "-m", "mcp_refcache"]
    if options.together:
        if options.config is None:
            raise UsageError("--together goes with --config")
        arguments = [*limits.arguments(), "--config", str(Path(options.config).resolve())]
        wrapped = {options.name or limits.cache: _entry(launcher, arguments)}
    else:
        if options.name is not None and len(servers) > 1:
            raise UsageError("--name goes with one server, or with --together")
        wrapped = {
            options.name or server.name: _wrapped(server, options, limits, launcher) for server in servers
        }
    screen.print_json({"mcpServers": wrapped})
    return 0


def _wrapped(server: Server, options: Namespace, limits: Limits, launcher: list[str]) -> dict[str, Any]:
    arguments = limits.arguments()
    if server.command:
        entry = _entry(launcher, [*arguments, "--", *server.command], server.env)
        return {**entry, **({"cwd": server.cwd} if server.cwd else {}), **server.other}
    env: dict[str, str] = {}
    for header, value in server.headers.items():
        # in the environment, not among the arguments: those can be read by every user of the machine
        variable = "MCP_REFCACHE_" + re.sub(r"[^A-Z0-9]+", "_", f"{server.name}_{header}".upper())
        arguments += ["--header-env", f"{header}={variable}"]
        env[variable] = value
    for item in options.header_env:
        arguments += ["--header-env", item]
        screen.note(f'add to the printed entry: "env": {{"{item.partition("=")[2]}": ...}}')
    if server.transport:
        arguments += ["--url-transport", server.transport]
    return {**_entry(launcher, [*arguments, "--url", str(server.url)], env), **server.other}


def _entry(launcher: list[str], arguments: list[str], env: Any = None) -> dict[str, Any]:
    entry: dict[str, Any] = {"command": launcher[0], "args": [*launcher[1:], "proxy", *arguments]}
    return {**entry, "env": dict(env)} if env else entry
