"""The proxy: a FastMCP server in front of others, with a cache between them and the client."""

from __future__ import annotations

import asyncio
import getpass
import os
import warnings
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext

from mcp_refcache import NEVER, PreviewConfig, RefCache
from mcp_refcache._cli import sessions
from mcp_refcache._cli.limits import Limits
from mcp_refcache._cli.servers import Server
from mcp_refcache._cli.store import open_store
from mcp_refcache._cli.upstream import Upstream
from mcp_refcache.fastmcp import RefCacheMiddleware


async def serve(servers: Sequence[Server], limits: Limits, *, http: Mapping[str, Any] | None) -> None:
    """Run the proxy until its client goes, or for http until it is stopped.

    Args:
        servers: What it wraps; the tools of several are called `server_tool`.
        limits: What it keeps back, and where.
        http: Host, port and path to listen on. None = stdio.
    """
    # who asks, of several clients, could not be told
    questions = sessions.ALL_QUESTIONS if http is None else frozenset[str]()
    upstreams = [Upstream(server, questions=questions) for server in servers]
    cache = make_cache(limits)
    if http is None:
        cache.identity = local_user
    proxy = build(upstreams, cache, limits)
    warnings.simplefilter("ignore")  # they are for those who write servers; this is the log of a client
    try:
        if not sessions.HAS_ERAS:
            await introduce(proxy, upstreams)
        if http is None:
            await proxy.run_async(transport="stdio", show_banner=False, log_level="WARNING")
        else:
            await proxy.run_async(transport="http", show_banner=False, log_level="WARNING", **http)
    finally:
        await asyncio.gather(*(upstream.close() for upstream in upstreams), return_exceptions=True)


def make_cache(limits: Limits) -> RefCache:
    """Make the cache that keeps large results."""
    options = Namespace(store=limits.store, key_env=limits.key_env)
    return RefCache(
        limits.cache,
        backend=None if limits.store is None else open_store(options, create=True).backend,
        default_ttl=limits.ttl or NEVER,
        preview_config=PreviewConfig(max_size=limits.max_tokens),
    )


def build(upstreams: Sequence[Upstream], cache: RefCache, limits: Limits) -> FastMCP[Any]:
    """Make the server."""
    is_single = len(upstreams) == 1
    proxy: FastMCP[Any] = FastMCP(upstreams[0].name if is_single else "mcp-refcache")
    for upstream in upstreams:
        child = sessions.proxy_of(upstream.client, upstream.name)
        sessions.mount(proxy, child, None if is_single else upstream.name)
    proxy.add_middleware(Introduction(upstreams))
    proxy.add_middleware(
        RefCacheMiddleware(
            cache, max_tokens=limits.max_tokens, tools=limits.tools or None, exclude=limits.exclude
        )
    )
    # here, as a child of FastMCP 2 hides that it does not reach its server
    proxy.add_middleware(Revival(upstreams))
    cache.install(proxy, prompt=False)
    return proxy


def local_user(context: object) -> dict[str, str]:
    """Say who uses a proxy on this machine: results in a store are theirs, and outlive the proxy."""
    try:
        return {"user_id": getpass.getuser()}
    except (KeyError, OSError):  # a container without names
        return {"user_id": f"uid-{os.getuid()}"}


class Revival(Middleware):
    """Lets a server that is gone be started or reached anew; the call that met it so fails, as it may have acted."""

    def __init__(self, upstreams: Sequence[Upstream]) -> None:
        self._upstreams = upstreams

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Look after the server when a request fails."""
        try:
            return await call_next(context)
        except Exception:
            await asyncio.gather(*(upstream.check() for upstream in self._upstreams))
            raise


async def introduce(proxy: FastMCP[Any], upstreams: Sequence[Upstream]) -> None:
    """Do the same before the client speaks, for a FastMCP whose answer to the handshake is out of reach."""
    proxy.instructions = await _said_by(upstreams, "legacy", sessions.ALL_QUESTIONS, proxy.instructions)


class Introduction(Middleware):
    """Puts what the servers say about themselves into what the proxy says."""

    def __init__(self, upstreams: Sequence[Upstream]) -> None:
        self._upstreams = upstreams

    async def on_initialize(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Answer a client that opens with a handshake."""
        return await self._introduce("legacy", sessions.questions_of(context.message), context, call_next)

    async def on_discover(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Answer a client of the protocol's later era."""
        return await self._introduce("auto", sessions.ALL_QUESTIONS, context, call_next)

    async def _introduce(
        self,
        mode: str,
        questions: frozenset[str],
        context: MiddlewareContext[Any],
        call_next: CallNext[Any, Any],
    ) -> Any:
        text = await _said_by(self._upstreams, mode, questions, None)
        result = await call_next(context)
        if result is None:  # an older FastMCP, which answers by itself
            return None
        parts = [part for part in (text, result.instructions) if part]
        return result.model_copy(update={"instructions": "\n\n".join(parts) or None})


async def _said_by(
    upstreams: Sequence[Upstream], mode: str, questions: frozenset[str], own: str | None
) -> str | None:
    """What the servers say about themselves, then our own; those that do not start are left out, unless all."""
    texts = await asyncio.gather(
        *(upstream.instructions(mode, questions) for upstream in upstreams), return_exceptions=True
    )
    failed = [text for text in texts if isinstance(text, BaseException)]
    if len(failed) == len(texts):
        raise failed[0]
    said = [(one.name, text) for one, text in zip(upstreams, texts, strict=True) if isinstance(text, str)]
    parts = [text if len(upstreams) == 1 else f"## {name}\n{text}" for name, text in said]
    return "\n\n".join([*parts, *([own] if own else [])]) or None
