"""A server over pipes, for tests that start it."""

import fastmcp

from mcp_refcache import PreviewConfig, RefCache
from mcp_refcache.fastmcp import RefCacheMiddleware

mcp = fastmcp.FastMCP("pipes")
cache = RefCache("c", preview_config=PreviewConfig(max_size=50))
cache.install(mcp)
mcp.add_middleware(RefCacheMiddleware(cache, tools=["plain"]))


@mcp.tool
@cache.cached(session_scoped=True)
async def rows(n: int) -> list[int]:
    """Count."""
    return list(range(n))


@mcp.tool
def plain(n: int) -> list[int]:
    """Count, knowing nothing of references."""
    return list(range(n))


@mcp.tool
@cache.cached()
def total(data: list[int]) -> int:
    """Add."""
    return sum(data)


if __name__ == "__main__":
    mcp.run(show_banner=False)
