"""Texts and tools for FastMCP servers; importable without FastMCP."""

from importlib import import_module
from typing import TYPE_CHECKING

from mcp_refcache._compat import check_version
from mcp_refcache.fastmcp.instructions import (
    cache_guide_prompt,
    cache_instructions,
    cached_tool_description,
    format_response_hint,
    get_full_cache_guide,
    retrieval_guidance_snippet,
    with_cache_docs,
)

if TYPE_CHECKING:
    from mcp_refcache._identity import Identity, use_identity
    from mcp_refcache.fastmcp.admin_tools import (
        AdminChecker,
        AdminToolError,
        PermissionDeniedError,
        register_admin_tools,
    )
    from mcp_refcache.fastmcp.cache_tools import register_cache_tools
    from mcp_refcache.fastmcp.middleware import RefCacheMiddleware

__all__ = [
    "AdminChecker",
    "AdminToolError",
    "Identity",
    "PermissionDeniedError",
    "RefCacheMiddleware",
    "cache_guide_prompt",
    "cache_instructions",
    "cached_tool_description",
    "format_response_hint",
    "get_full_cache_guide",
    "register_admin_tools",
    "register_cache_tools",
    "retrieval_guidance_snippet",
    "use_identity",
    "with_cache_docs",
]

#: Loaded when they are first used: the texts are wanted without FastMCP and the cache behind the tools.
_HOMES = {
    "AdminChecker": "mcp_refcache.fastmcp.admin_tools",
    "AdminToolError": "mcp_refcache.fastmcp.admin_tools",
    "Identity": "mcp_refcache._identity",
    "PermissionDeniedError": "mcp_refcache.fastmcp.admin_tools",
    "RefCacheMiddleware": "mcp_refcache.fastmcp.middleware",
    "register_admin_tools": "mcp_refcache.fastmcp.admin_tools",
    "register_cache_tools": "mcp_refcache.fastmcp.cache_tools",
    "use_identity": "mcp_refcache._identity",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    check_version()
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
