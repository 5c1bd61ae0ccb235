"""The proxy's connection to one of the servers it wraps."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import Any

from fastmcp.client import transports

from mcp_refcache._cli import screen, sessions
from mcp_refcache._cli.servers import Server

_CHECK_SECONDS = 5.0


class Upstream:
    """One session with a server, kept for as long as the proxy runs: what the server remembers stays.

    Each era of the protocol has a session of its own: a server's question in one cannot be answered in the other.

    Args:
        server: The server.
        questions: What the server may ask. Nothing where several clients use the proxy: one session cannot tell whose
            call made it ask.
    """

    def __init__(self, server: Server, *, questions: frozenset[str] = sessions.ALL_QUESTIONS) -> None:
        self.name = server.name
        self._server = server
        self._questions = questions
        self._sessions: dict[str, Any] = {}
        self._lock = asyncio.Lock()

    async def client(self) -> Any:
        """Return a connected client for the current request.

        Raises:
            RuntimeError: If the server does not start or answer.
        """
        return sessions.for_one_request(await self._session(sessions.front_mode()))

    async def instructions(self, mode: str, questions: frozenset[str]) -> str | None:
        """Return what the server says about itself.

        Args:
            mode: How to speak to it; see `sessions.front_mode`.
            questions: What the client can be asked.

        Raises:
            RuntimeError: If the server does not start or answer.
        """
        return sessions.instructions_of(await self._session(mode, questions))

    async def check(self) -> None:
        """Give up sessions whose server is gone; the next request starts or reaches it anew."""
        for mode, session in list(self._sessions.items()):
            try:
                await asyncio.wait_for(session.list_tools(), _CHECK_SECONDS)
            except (TimeoutError, asyncio.TimeoutError):  # busy; two classes in Python 3.10
                pass
            except Exception:
                if self._sessions.get(mode) is session:
                    del self._sessions[mode]
                with suppress(Exception):
                    await session.close()

    async def close(self) -> None:
        """Leave the server."""
        for session in self._sessions.values():
            await session.close()

    async def _session(self, mode: str, questions: frozenset[str] = sessions.ALL_QUESTIONS) -> Any:
        async with self._lock:  # requests that come together start it once
            session = self._sessions.get(mode)
            if session is None or not session.is_connected():
                session = sessions.open_client(
                    self._transport(), mode=mode, questions=self._questions & questions
                )
                try:
                    await session.__aenter__()  # left in `close`
                except Exception as error:
                    # the client is told little of it, and shows this as the log of its server
                    screen.note(f"mcp-refcache: {self.name} does not start or answer: {error}")
                    raise
                self._sessions[mode] = session
            return session

    def _transport(self) -> Any:
        server = self._server
        if server.command:
            program, *arguments = server.command
            # the client gave the proxy the environment that it means for the server
            env = {**os.environ, **server.env}
            return transports.StdioTransport(program, arguments, env=env, cwd=server.cwd)
        is_sse = server.transport == "sse" or (server.transport is None and "/sse" in str(server.url))
        kind = transports.SSETransport if is_sse else transports.StreamableHttpTransport
        return kind(str(server.url), headers=dict(server.headers))
