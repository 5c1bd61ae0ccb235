"""The tool that reads results by reference, for the model of a FastMCP server."""

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from mcp_refcache import _core
from mcp_refcache._caller import aread_caller
from mcp_refcache._results import as_json
from mcp_refcache.models import AsyncResponseFormat, CacheResponse, SizeMode, TaskStatus

if TYPE_CHECKING:
    from mcp_refcache._tasks import Tasks
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.cache import RefCache

__all__ = ["register_cache_tools"]

#: The most of a value that is handed out at once: well below where clients cut or divert answers.
_FULL_LIMIT_TOKENS: Final = 20_000
_CHARACTERS_PER_TOKEN: Final = 4

#: When to ask again for a result that is still being made: by default, and at the latest.
_POLL_SECONDS: Final = 5
_MOST_SECONDS: Final = 60

#: One answer for whatever cannot be read, so that nobody learns what exists.
_NOT_FOUND: Final = (
    "ref_not_found: no result that you may read has this ref_id. It is unknown, has expired or is not yours. "
    "Call the tool that made it again; if you may use the result without seeing it, pass the ref_id to "
    "another tool."
)

_ANNOTATIONS: Final = {
    "title": "Read cached result",
    "readOnlyHint": True,
    "destructiveHint": False,
    "idempotentHint": True,
    "openWorldHint": False,
}

# the pattern only tells the model: a text of another form gets the same answer as an unknown reference
_RefId = Annotated[str, Field(json_schema_extra={"pattern": "^[a-zA-Z][a-zA-Z0-9_-]*:[a-f0-9]{8,}$"})]
_Page = Annotated[int | None, Field(ge=1, description="page to read, from 1")]
_PageSize = Annotated[int | None, Field(ge=1, le=1000, description="items on a page; of a text, characters")]


def register_cache_tools(mcp: Any, cache: "RefCache", *, full_limit: int | None = None) -> list[str]:
    """Give the model of a server the tool `get_cached_result`.

    It reads as the current caller, and answers with the fields of `CacheResponse`, then `has_more` and
    `expires_in_s` (seconds, None = never). With `full=True` it answers `{ref_id, value, is_complete}`; for a
    value above the limit a preview, `is_complete` False and a `message` with the next step. Of a result that is
    still being made it tells how far that is, and in how many seconds to ask again (`retry_after_s`); with
    `cancel=True` the call is stopped.

    Args:
        mcp: A FastMCP server.
        cache: The cache to read from.
        full_limit: The most that is handed out at once, in the unit of the cache. None = 20,000 tokens, or
            80,000 characters.

    Returns:
        The names of the registered tools.

    Example:
        ```python
        mcp = FastMCP("calculator")
        register_cache_tools(mcp, cache)
        ```
    """
    if full_limit is not None and full_limit < 1:
        raise ValueError(f"full_limit must be 1 or greater, not {full_limit}")

    async def get_cached_result(
        ref_id: _RefId,
        page: _Page = None,
        page_size: _PageSize = None,
        max_size: Annotated[int | None, Field(ge=1, description="size of the preview")] = None,
        full: Annotated[bool, Field(description="the whole value")] = False,
        cancel: Annotated[bool, Field(description="stop the call that is still making it")] = False,
    ) -> dict[str, Any]:
        """Read a stored result: one page, a larger preview, or (full=true) all of it.

        To give the data to another tool, pass its ref_id as the argument instead of reading it.
        Unknown or expired ref_id: call the tool that made it again.
        """
        reader = (await aread_caller()).actor
        limit = _limit(cache, full_limit)
        size = None if max_size is None else min(max_size, limit)
        options = {"page": page, "page_size": page_size, "max_size": size}
        read = _read_full if full else _read
        try:
            if not _core.is_ref_id(ref_id):
                raise KeyError(ref_id)
            if cache._tasks is not None and (unfinished := _ask(cache._tasks, ref_id, reader, cancel)):
                return unfinished
            # large values are measured and cut: not on the event loop
            return await asyncio.to_thread(read, cache, ref_id, reader, options, limit)
        except (KeyError, PermissionError):
            error = _tool_error()
        raise error(_NOT_FOUND)

    if cache._tasks is None:  # nothing that could be stopped: no tokens for it
        _hide(get_cached_result, "cancel")
    mcp.tool(get_cached_result, name="get_cached_result", annotations=_ANNOTATIONS)
    return ["get_cached_result"]


def _ask(tasks: "Tasks", ref_id: str, reader: "Actor", cancel: bool) -> dict[str, Any] | None:
    """Tell of a call that is still running or has failed; None if the reference is not that of one."""
    task = tasks.poll(ref_id, reader)
    if task is None:
        return None
    stopped = cancel and tasks.cancel(ref_id, reader)
    answer = task.to_dict(AsyncResponseFormat.FULL)
    del answer["expected_schema"]
    if stopped:
        return {**answer, "status": TaskStatus.CANCELLED.value, "message": "The call is being stopped."}
    if task.status == TaskStatus.FAILED:
        return answer
    wait = _POLL_SECONDS if task.eta_seconds is None else min(max(1, round(task.eta_seconds)), _MOST_SECONDS)
    return {**answer, "retry_after_s": wait}


def _hide(tool: Any, name: str) -> None:
    signature = inspect.signature(tool)
    kept = [parameter for parameter in signature.parameters.values() if parameter.name != name]
    tool.__signature__ = signature.replace(parameters=kept)
    del tool.__annotations__[name]


def _limit(cache: "RefCache", full_limit: int | None) -> int:
    if full_limit is not None:
        return full_limit
    counts_characters = cache.preview_config.size_mode == SizeMode.CHARACTER
    return _FULL_LIMIT_TOKENS * (_CHARACTERS_PER_TOKEN if counts_characters else 1)


def _read(
    cache: "RefCache", ref_id: str, reader: "Actor", options: dict[str, Any], limit: int
) -> dict[str, Any]:
    response = CacheResponse(**cache._core.get(ref_id, actor=reader, **options))
    answer = response.model_dump()
    answer["preview_strategy"] = response.preview_strategy.value
    if response.page is None:
        answer["has_more"] = response.preview_size != response.original_size
    else:
        answer["has_more"] = response.page < (response.total_pages or 0)
    answer["expires_in_s"] = _expires_in(cache, ref_id)
    return answer


def _read_full(
    cache: "RefCache", ref_id: str, reader: "Actor", options: dict[str, Any], limit: int
) -> dict[str, Any]:
    preview = _read(cache, ref_id, reader, {**options, "page": None, "page_size": None}, limit)
    if (preview["original_size"] or 0) <= limit:
        value = as_json(cache._core.resolve(ref_id, actor=reader))
        return {"ref_id": ref_id, "value": value, "is_complete": True}
    message = (
        f"The value measures {preview['original_size']}, more than the {limit} that are given at once. Read "
        f"it in pages (page=1, page_size=...), or pass ref_id='{ref_id}' to another tool."
    )
    return {**preview, "is_complete": False, "message": message}


def _expires_in(cache: "RefCache", ref_id: str) -> int | None:
    expires_at = cache._core.expires_at(ref_id)
    return None if expires_at is None else max(0, round(expires_at - time.time()))


def _tool_error() -> type[Exception]:
    try:
        from fastmcp.exceptions import ToolError
    except ImportError:  # another framework's server
        return LookupError
    return ToolError
