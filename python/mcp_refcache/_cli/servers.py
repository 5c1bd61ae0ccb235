"""The servers that a proxy wraps: from a command, a URL or a client's configuration file."""

from __future__ import annotations

import json
import os
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, cast

from mcp_refcache._cli.errors import UsageError

#: Programs that only start others: the server's name is in their arguments.
_LAUNCHERS = {
    "npx",
    "bunx",
    "uvx",
    "uv",
    "node",
    "bun",
    "deno",
    "python",
    "python3",
    "pipx",
    "docker",
    "podman",
}
_LAUNCHER_WORDS = {"run", "exec", "tool", "dlx", "x"}
_SECTIONS = ("mcpServers", "servers")
#: `${NAME}`, `${NAME:-default}` and `${env:NAME}`, which clients fill in before they start a server.
_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True)
class Server:
    """A server to wrap: a command to start, or a URL.

    Attributes:
        name: What the client calls it.
        command: The program and its arguments; empty for a URL.
        env: Environment variables for the command, beside those of this process.
        cwd: The folder to start it in.
        url: Where it listens.
        transport: `http` or `sse`; None = as the URL looks.
        headers: HTTP headers to send.
        other: What else the client's configuration says about it.
    """

    name: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    cwd: str | None = None
    url: str | None = None
    transport: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    other: Mapping[str, Any] = field(default_factory=dict[str, Any])


def add_server_arguments(parser: ArgumentParser) -> None:
    """Add the options that say which servers to wrap."""
    parser.usage = "%(prog)s [options] (-- COMMAND ... | --url URL | --config FILE)"
    parser.add_argument("--url", help="the URL of a running server")
    parser.add_argument(
        "--header-env",
        metavar="HEADER=NAME",
        action="append",
        default=[],
        help="send this HTTP header with the value of the environment variable NAME, e.g. "
        "Authorization=API_TOKEN (a value on the command line could be read by others); may be repeated",
    )
    parser.add_argument("--url-transport", choices=("http", "sse"), help="default: as the URL looks")
    parser.add_argument("--config", metavar="FILE", help="a client's configuration with mcpServers")


def chosen_servers(options: Namespace, *, for_use: bool) -> list[Server]:
    """Return the servers that the options name.

    Args:
        options: The parsed options.
        for_use: Whether variables (`${HOME}` in a configuration, values of headers) are filled in.

    Raises:
        UsageError: If there is not exactly one source, or it names no server.
    """
    sources = [bool(options.command), options.url is not None, options.config is not None]
    if sum(sources) != 1:
        raise UsageError("say what to wrap: -- COMMAND ..., --url URL or --config FILE (one of them)")
    if options.header_env and options.url is None:
        raise UsageError("--header-env goes with --url")
    if options.config is not None:
        return read_config(Path(options.config), expand=for_use)
    if options.url is not None:
        return [
            Server(
                _url_name(options.url),
                url=_checked_url(options.url),
                transport=options.url_transport,
                headers=_headers(options.header_env) if for_use else {},
            )
        ]
    return [Server(command_name(options.command), command=tuple(options.command))]


def read_config(path: Path, *, expand: bool = True) -> list[Server]:
    """Read the servers of a client's configuration; disabled ones are left out.

    Raises:
        UsageError: If the file is no such configuration.
    """
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path} is no JSON: {error}") from None
    section = _section(document)
    if not section:
        raise UsageError(f'{path} names no server; it needs {{"mcpServers": {{NAME: {{"command": ...}}}}}}')
    servers = [_server(name, spec, f"{path}: {name}", expand=expand) for name, spec in section.items()]
    enabled = [server for server in servers if not server.other.get("disabled")]
    if not enabled:
        raise UsageError(f"all servers in {path} are disabled")
    return enabled


def command_name(command: list[str] | tuple[str, ...]) -> str:
    """Return a name for what a command starts: `server-filesystem` for `npx -y @scope/server-filesystem .`."""
    words = [command[0], *(word for word in command[1:] if not word.startswith("-"))]
    while len(words) > 1 and (PurePath(words[0]).stem in _LAUNCHERS or words[0] in _LAUNCHER_WORDS):
        words = words[1:]
    stem = PurePath(words[0].partition("==")[0].rstrip("/")).name
    stem = re.sub(r"\.(py|js|mjs|cjs|ts|exe|sh)\Z", "", stem).partition("@")[0]
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", stem) or "server"


def _section(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        return {}
    whole = cast("dict[str, Any]", document)
    found: Any = next((whole[name] for name in _SECTIONS if isinstance(whole.get(name), dict)), whole)
    return {name: spec for name, spec in found.items() if isinstance(spec, dict)}


def _server(name: str, spec: dict[str, Any], place: str, *, expand: bool) -> Server:
    def text(value: Any) -> str:
        if not isinstance(value, (str, int, float)):
            raise UsageError(f"{place}: expected text, not {type(value).__name__}")
        return _expanded(str(value), place) if expand else str(value)

    def texts(key: str) -> dict[str, str]:
        given = cast("dict[str, Any]", spec.get(key) or {})
        return {name: text(value) for name, value in given.items()}

    known = {"command", "args", "env", "cwd", "url", "transport", "type", "headers"}
    other = {key: value for key, value in spec.items() if key not in known}
    cwd = text(spec["cwd"]) if spec.get("cwd") else None
    if spec.get("command"):
        command = (text(spec["command"]), *map(text, spec.get("args") or ()))
        return Server(name, command=command, env=texts("env"), cwd=cwd, other=other)
    if spec.get("url"):
        transport = spec.get("transport") or spec.get("type")
        url = text(spec["url"])
        return Server(
            name,
            url=_checked_url(url) if expand else url,
            transport=None if transport is None else text(transport),
            headers=texts("headers"),
            other=other,
        )
    raise UsageError(f"{place} has neither a command nor a url")


def _expanded(text: str, place: str) -> str:
    def fill(match: re.Match[str]) -> str:
        value = os.environ.get(match[1], cast("str | None", match[2]))
        if value is None:
            raise UsageError(f"{place}: the environment variable {match[1]} is not set")
        return value

    return _VARIABLE.sub(fill, text)


def _headers(items: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for item in items:
        header, _, variable = item.partition("=")
        value = os.environ.get(variable)
        if not (header and variable):
            raise UsageError(f"--header-env must be HEADER=NAME, not {item!r}")
        if not value:
            raise UsageError(f"--header-env {item}: the environment variable {variable} is not set")
        headers[header] = value
    return headers


def _checked_url(url: str) -> str:
    if not re.match(r"https?://[^/]+", url):
        raise UsageError(f"a server's URL begins with http:// or https://, not {url[:40]!r}")
    return url


def _url_name(url: str) -> str:
    host = re.sub(r"\Ahttps?://([^/@]*@)?", "", url).partition("/")[0].partition(":")[0]
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", host) or "server"
