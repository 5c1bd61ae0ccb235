"""Texts and tools for FastMCP servers; importable without FastMCP."""

from typing import TYPE_CHECKING

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
    from mcp_refcache.fastmcp.cache_tools import register_cache_tools

__all__ = [
    "cache_guide_prompt",
    "cache_instructions",
    "cached_tool_description",
    "format_response_hint",
    "get_full_cache_guide",
    "register_cache_tools",
    "retrieval_guidance_snippet",
    "with_cache_docs",
]


def __getattr__(name: str) -> object:
    if name == "register_cache_tools":  # the texts are wanted without the cache behind the tools
        from mcp_refcache.fastmcp.cache_tools import register_cache_tools

        return register_cache_tools
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
