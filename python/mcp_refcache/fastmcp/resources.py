"""Results as resources, for hosts and people that read by address."""

import json
from typing import TYPE_CHECKING, Any, Final

from mcp_refcache import _compat
from mcp_refcache.exceptions import RateLimitExceeded
from mcp_refcache.fastmcp.cache_tools import cache_for, caches_of, read_result

if TYPE_CHECKING:
    from mcp_refcache.cache import RefCache

__all__ = ["RESULT_URI", "register_cache_resources"]

#: The template of the addresses of results: the two halves of a reference, and a page.
RESULT_URI: Final = "refcache://{cache}/{id}{?page,page_size}"


def register_cache_resources(mcp: Any, cache: "RefCache", *, is_new: bool = True) -> None:
    """Give a server the resource template of results; a second cache joins the first one's.

    A resource is read as the current caller, and says what `get_cached_result` says.

    Args:
        mcp: A FastMCP server.
        cache: The cache to read from.
        is_new: Whether the server has no such template yet.
    """
    caches_of(mcp)[cache.name] = cache
    if not is_new:
        return

    async def cached_result(
        cache: str, id: str, page: int | None = None, page_size: int | None = None
    ) -> str:
        """A stored result: its preview, or one page."""
        ref_id = f"{cache}:{id}"
        try:
            answer = await read_result(cache_for(mcp, ref_id), ref_id, page=page, page_size=page_size)
        except (LookupError, ValueError, RateLimitExceeded) as error:
            message = str(error.args[0])
        else:
            return json.dumps(answer, ensure_ascii=False, default=str)
        raise _compat.resource_error()(message)

    mcp.resource(RESULT_URI, name="cached_result", mime_type="application/json")(cached_result)
