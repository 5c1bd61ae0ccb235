"""What FastMCP's versions make different for a proxy: eras of the protocol, sessions, mounting; found by looking."""

from __future__ import annotations

import asyncio
import inspect
import json
from contextlib import suppress
from contextvars import Context, copy_context
from importlib import import_module
from typing import Any, cast

from fastmcp import FastMCP
from fastmcp.client import Client
from fastmcp.server.dependencies import get_context

#: What a server may ask of a client, and what handles it here.
_QUESTIONS = {"roots": "roots", "sampling": "sampling_handler", "elicitation": "elicitation_handler"}
ALL_QUESTIONS = frozenset(_QUESTIONS)
#: Whether this FastMCP speaks the protocol of 2026 as well.
HAS_ERAS = "mode" in inspect.signature(cast("Any", Client).__init__).parameters


def front_mode() -> str:
    """Return how to speak to servers so that it suits the client of the current request.

    A client that opened with a handshake can be asked questions in the middle of a call, one of the protocol's later
    era answers them in a further call: `legacy`, or `auto` for the later era as far as the server knows it.
    """
    with suppress(ImportError, RuntimeError, AttributeError):
        modern = import_module("mcp_types.version").MODERN_PROTOCOL_VERSIONS
        request: Any = get_context().request_context
        if request.protocol_version in modern:
            return "auto"
    return "legacy"


def questions_of(initialize: Any) -> frozenset[str]:
    """Return what a client that opens with this handshake can be asked."""
    capabilities = getattr(getattr(initialize, "params", None), "capabilities", None)
    return frozenset(name for name in _QUESTIONS if getattr(capabilities, name, None) is not None)


def open_client(transport: Any, *, mode: str, questions: frozenset[str]) -> Any:
    """Make a client that hands on what its server says between the lines: progress, logs, questions.

    Args:
        transport: How it reaches its server.
        mode: What `front_mode` says.
        questions: What the server may ask.
    """
    client = _proxies().ProxyClient
    asked = _Asked()
    options: dict[str, Any] = {
        option: asked.handler(name) if name in questions else None for name, option in _QUESTIONS.items()
    }
    options["log_handler"] = asked.bound(_hand_on_log)
    if HAS_ERAS:
        options["mode"] = mode
    if "forward_incoming_headers" in inspect.signature(client.__init__).parameters:
        # what a client may show to the proxy is not for every server behind it
        options["forward_incoming_headers"] = False
    session = client(transport, **options)
    session._refcache_asked = asked
    return session


def for_one_request(session: Any) -> Any:
    """Return a connected client's twin that reports progress to the current request alone.

    Questions of the server come through the session itself; they go to whoever called last.
    """
    session._refcache_asked.by = copy_context()
    twin = session.new()
    twin._session_state = session._session_state
    mine = _Asked()
    mine.by = session._refcache_asked.by
    twin._progress_handler = mine.handler("progress")
    return twin


class _Asked:
    """Handles what a server says in the middle of a call as the request that the call is for would.

    It arrives on the task that reads from the server, which knows no request or an earlier one.
    """

    by: Context | None = None
    """The request."""

    def handler(self, name: str) -> Any:
        """FastMCP's own handler of that name, for the request."""
        proxies = _proxies()
        given = getattr(proxies, f"default_proxy_{name}_handler", None)
        return self.bound(given or getattr(proxies.ProxyClient, f"default_{name}_handler"))

    def bound(self, handler: Any) -> Any:
        """A handler, for the request."""

        async def handle(*args: Any) -> Any:
            work = handler(*args)
            return await (work if self.by is None else self.by.run(asyncio.create_task, work))

        return handle


async def _hand_on_log(message: Any) -> None:
    """Hand on a line of a server's log, which may be any JSON."""
    data = message.data
    said = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    text, extra = said.get("msg"), said.get("extra")
    if not isinstance(text, str):
        text, extra = data if isinstance(data, str) else json.dumps(data), None
    with suppress(RuntimeError):  # it says something before anybody asked
        await get_context().log(text, level=message.level, logger_name=message.logger, extra=extra)


def instructions_of(session: Any) -> str | None:
    """Return what a connected server says about itself."""
    if hasattr(session, "instructions"):
        return session.instructions
    return getattr(session.initialize_result, "instructions", None)


def proxy_of(client_factory: Any, name: str) -> FastMCP[Any]:
    """Make a server that hands everything on to a client's server."""
    return _proxies().FastMCPProxy(client_factory=client_factory, name=name)


def mount(server: FastMCP[Any], child: FastMCP[Any], prefix: str | None) -> None:
    """Put a server into another, its tools as `prefix_tool`."""
    key = "namespace" if "namespace" in inspect.signature(server.mount).parameters else "prefix"
    cast("Any", server).mount(child, **{key: prefix})


def _proxies() -> Any:
    try:
        return import_module("fastmcp.server.providers.proxy")
    except ImportError:  # FastMCP 2
        return import_module("fastmcp.server.proxy")
