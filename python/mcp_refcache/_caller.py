"""Who calls a decorated function, as the FastMCP context says."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mcp_refcache._identity import Identity
from mcp_refcache.access.actor import DefaultActor
from mcp_refcache.context_integration import aget_context_values, get_context_values

if TYPE_CHECKING:
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.cache import RefCache


class Caller(NamedTuple):
    """Who calls.

    Attributes:
        actor: In the agent role, with the ids of the context.
        values: The context's values; empty where nothing asked for them.
        in_context: Whether the call comes from a client, through a context.
    """

    actor: "Actor"
    values: Mapping[str, str]
    in_context: bool


_NOBODY: Final = Caller(DefaultActor.agent(), {}, False)


def read_caller(cache: "RefCache", *, wants_values: bool) -> Caller:
    """Read who calls; on an event loop, what the context only gives asynchronously is left out.

    Args:
        cache: The cache that is asked.
        wants_values: Whether the values of the context are needed beside the actor.
    """
    context = _context()
    if context is None:
        return _NOBODY
    return _caller_of(get_context_values(context)) if wants_values else Caller(cache._caller(), {}, True)


async def aread_caller() -> Caller:
    """Read who calls, all of it."""
    context = _context()
    return _NOBODY if context is None else _caller_of(await aget_context_values(context))


def _caller_of(values: Mapping[str, str]) -> Caller:
    return Caller(Identity.from_values(values).actor(), values, True)


def _context() -> Any | None:
    # looked up in that module at each call: there it is replaced to stand in for a context
    return sys.modules["mcp_refcache.cache"].try_get_fastmcp_context()
