"""`RefCache.install`: what a server needs of a cache, in one line."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from fastmcp.server.middleware import Middleware

from mcp_refcache import _compat
from mcp_refcache._arguments import having
from mcp_refcache._caller import aread_caller
from mcp_refcache._docs import shorten
from mcp_refcache._made import called_as
from mcp_refcache.fastmcp.admin_tools import _check_admin, register_admin_tools
from mcp_refcache.fastmcp.cache_tools import register_cache_tools, register_list_tool
from mcp_refcache.fastmcp.guard import guarded
from mcp_refcache.fastmcp.instructions import cache_guide_prompt
from mcp_refcache.fastmcp.resources import register_cache_resources
from mcp_refcache.fastmcp.results import carries_reference, off_loop, reads_references

if TYPE_CHECKING:
    from mcp_refcache.cache import RefCache

__all__ = ["INSTRUCTION", "InstallMiddleware", "install"]

#: What a model is told once for all tools of a server.
INSTRUCTION: Final = (
    "Large results come as {ref_id, preview}: read more with get_cached_result, or pass the ref_id as an "
    "argument to another tool."
)

#: The parts that a server has already got.
_installed: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


def install(
    cache: "RefCache",
    mcp: Any,
    *,
    tools: bool,
    resources: bool,
    prompt: bool,
    instructions: bool,
    admin: Callable[..., Any] | None,
) -> list[str]:
    """Do what `RefCache.install` says."""
    having("mcp", mcp, "a FastMCP server", "add_middleware", "tool")
    has = _installed.setdefault(mcp, set())
    names: list[str] = []

    def is_new(part: str) -> bool:
        new = part not in has
        has.add(part)
        return new

    if is_new(f"cache {cache.name}"):
        mcp.add_middleware(InstallMiddleware(cache))
    if tools:
        names += register_cache_tools(mcp, cache)
        names += register_list_tool(mcp, cache) if is_new("list") else ["list_cached_results"]
    if resources:
        register_cache_resources(mcp, cache, is_new=is_new("resources"))
    if prompt and is_new("prompt"):
        mcp.prompt(cache_guide_prompt)
    if instructions and is_new("instructions"):
        mcp.instructions = f"{mcp.instructions}\n\n{INSTRUCTION}" if mcp.instructions else INSTRUCTION
    if admin is not None:
        admin_names = register_admin_tools(mcp, cache, admin_check=admin)
        mcp.add_middleware(AdminListing(admin_names, admin))
        names += admin_names
    return names


class AdminListing(Middleware):
    """Lists the admin tools for admins alone: nobody else has a use for them, and their model pays for each.

    Args:
        names: The names of these tools.
        is_admin: Decides who is an admin; asked for each list, and by the tools themselves at each call.
    """

    def __init__(self, names: Sequence[str], is_admin: Callable[..., Any]) -> None:
        self._names = frozenset(names)
        self._is_admin = is_admin

    async def on_list_tools(self, context: Any, call_next: Callable[[Any], Any]) -> Sequence[Any]:
        """Leave them out unless the check agrees."""
        tools: Sequence[Any] = await call_next(context)
        try:
            await _check_admin(context.fastmcp_context, self._is_admin)
        except Exception:  # a check that fails has not agreed
            return [tool for tool in tools if tool.name not in self._names]
        return tools


class InstallMiddleware(Middleware):
    """Reads who calls, once per request, guards what is answered, and lists decorated tools with short descriptions.

    Args:
        cache: The cache whose tools these are.
    """

    def __init__(self, cache: "RefCache") -> None:
        self._cache = cache

    async def on_call_tool(self, context: Any, call_next: Callable[[Any], Any]) -> Any:
        """Read who calls, for code that cannot wait for it."""
        name = context.message.name
        with called_as(name):
            result = await self._identified(context, call_next, name, context.message.arguments)
        if reads_references(name) or await off_loop(self._cache, carries_reference, result, self._cache):
            _compat.stop_response_caching(context.fastmcp_context.fastmcp, name)
        return result

    async def on_read_resource(self, context: Any, call_next: Callable[[Any], Any]) -> Any:
        """Do so for resources."""
        uri = str(context.message.uri)
        return await self._identified(context, call_next, uri, uri)

    async def on_get_prompt(self, context: Any, call_next: Callable[[Any], Any]) -> Any:
        """Do so for prompts."""
        message = context.message
        return await self._identified(context, call_next, message.name, message.arguments)

    async def _identified(
        self, context: Any, call_next: Callable[[Any], Any], what: str, arguments: Any
    ) -> Any:
        with suppress(Exception):  # an `identity` that fails does so again where somebody asks it
            await aread_caller(self._cache)
        return await guarded(self._cache, what, arguments, lambda: call_next(context))

    async def on_list_tools(self, context: Any, call_next: Callable[[Any], Any]) -> Sequence[Any]:
        """Say in one sentence what the docstrings of decorated tools say in six lines."""
        tools: Sequence[Any] = await call_next(context)
        return [self._shortened(tool) for tool in tools]

    def _shortened(self, tool: Any) -> Any:
        description: str | None = tool.description
        if not description or description.strip() in self._cache._full_docs:
            return tool
        short = shorten(description)
        return tool if short == description else tool.model_copy(update={"description": short})
