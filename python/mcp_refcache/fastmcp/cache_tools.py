"""The tools that read results by reference, for the model of a FastMCP server."""

import asyncio
import inspect
from typing import TYPE_CHECKING, Annotated, Any, Final
from weakref import WeakKeyDictionary

from pydantic import Field

from mcp_refcache import _compat, _core
from mcp_refcache._arguments import a_cache, having, whole
from mcp_refcache._caller import aread_caller
from mcp_refcache._made import expires_in, not_found, own_results
from mcp_refcache._results import as_sent
from mcp_refcache.models import AsyncResponseFormat, SizeMode, TaskStatus

if TYPE_CHECKING:
    from mcp_refcache._tasks import Tasks
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.cache import RefCache

__all__ = ["register_cache_tools", "register_list_tool"]

#: The most of a value that is handed out at once: well below where clients cut or divert answers.
_FULL_LIMIT_TOKENS: Final = 20_000
_CHARACTERS_PER_TOKEN: Final = 4

#: When to ask again for a result that is still being made: by default, and at the latest.
_POLL_SECONDS: Final = 5
_MOST_SECONDS: Final = 60

_HINTS: Final = {
    "readOnlyHint": True,
    "destructiveHint": False,
    "idempotentHint": True,
    "openWorldHint": False,
}

# the pattern only tells the model: a text of another form gets the same answer as an unknown reference
_RefId = Annotated[str, Field(json_schema_extra={"pattern": "^[a-zA-Z][a-zA-Z0-9_-]*:[a-f0-9]{8,}$"})]
_Page = Annotated[int | None, Field(ge=1)]
_PageSize = Annotated[int | None, Field(ge=1, le=1000, description="items, or characters of a text")]

#: The caches that the tools of a server read from, by name.
_caches_of: WeakKeyDictionary[Any, "dict[str, RefCache]"] = WeakKeyDictionary()


def register_cache_tools(mcp: Any, cache: "RefCache", *, full_limit: int | None = None) -> list[str]:
    """Give the model of a server the tool `get_cached_result`; a second cache joins the first one's.

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
    if full_limit is not None:
        whole("full_limit", full_limit, 1)

    # the tools promise no type of results: a schema that says "an object" is not worth its tokens
    caches = caches_of(mcp)
    is_first = not caches
    caches[a_cache(cache).name] = cache
    if not is_first:
        return ["get_cached_result"]

    async def get_cached_result(
        ref_id: _RefId,
        page: _Page = None,
        page_size: _PageSize = None,
        max_size: Annotated[int | None, Field(ge=1, description="size of the preview")] = None,
        full: bool = False,
        cancel: Annotated[bool, Field(description="stop the call that is still making it")] = False,
    ) -> Any:
        """Read a stored result: one page, a larger preview, or (full=true) all of it.

        To give the data to another tool, pass its ref_id as the argument instead of reading it.
        """
        try:
            return await read_result(
                cache_for(mcp, ref_id),
                ref_id,
                page=page,
                page_size=page_size,
                max_size=max_size,
                full=full,
                full_limit=full_limit,
                cancel=cancel,
            )
        except LookupError as error:
            message = str(error.args[0])
        raise _compat.tool_error()(message)

    if cache._tasks is None:  # nothing that could be stopped: no tokens for it
        _hide(get_cached_result, "cancel")
    hints = {"title": "Read cached result", **_HINTS}
    mcp.tool(get_cached_result, name="get_cached_result", annotations=hints)
    return ["get_cached_result"]


def register_list_tool(mcp: Any, cache: "RefCache") -> list[str]:
    """Give the model of a server the tool `list_cached_results`: what the caller was given, the latest first.

    Args:
        mcp: A FastMCP server.
        cache: The cache whose results are listed, beside those of caches that joined before.

    Returns:
        The names of the registered tools.
    """

    async def list_cached_results(limit: Annotated[int, Field(ge=1, le=100)] = 20) -> Any:
        """List your stored results, latest first."""
        results: list[dict[str, Any]] = []
        for each in caches_of(mcp).values():
            reader = (await aread_caller(each)).actor
            if each._is_limited:
                await each._core.count(reader, wait=False)
            results += await asyncio.to_thread(own_results, each, reader, limit)
        results.sort(key=lambda result: result["age_s"])
        return {"results": results[:limit]}

    caches_of(mcp)[a_cache(cache).name] = cache
    mcp.tool(list_cached_results, name="list_cached_results", annotations=_HINTS)
    return ["list_cached_results"]


def caches_of(mcp: Any) -> "dict[str, RefCache]":
    """Return the caches that a server's tools read from, by name."""
    return _caches_of.setdefault(having("mcp", mcp, "a FastMCP server", "tool"), {})


def cache_for(mcp: Any, ref_id: str) -> "RefCache":
    """Return the cache of a server to ask for a reference: the one it names, else the first."""
    caches = caches_of(mcp)
    return caches.get(ref_id.partition(":")[0]) or next(iter(caches.values()))


async def read_result(
    cache: "RefCache",
    ref_id: str,
    *,
    page: int | None = None,
    page_size: int | None = None,
    max_size: int | None = None,
    full: bool = False,
    full_limit: int | None = None,
    cancel: bool = False,
) -> dict[str, Any]:
    """Read a result as the current caller.

    Returns:
        What `get_cached_result` answers.

    Raises:
        LookupError: If it cannot be read, whatever the reason; the text is for the model.
        RateLimitExceeded: If the caller comes too often; likewise.
    """
    reader = (await aread_caller(cache)).actor
    limit = _limit(cache, full_limit)
    size = None if max_size is None else min(max_size, limit)
    options = {"page": page, "page_size": page_size, "max_size": size}
    read = _read_full if full else _read
    try:
        if not _core.is_ref_id(ref_id):
            raise KeyError(ref_id)
        if cache._tasks is not None and (unfinished := await _ask(cache._tasks, ref_id, reader, cancel)):
            return unfinished
        # large values are measured and cut: not on the event loop
        return await asyncio.to_thread(read, cache, ref_id, reader, options, limit)
    except (KeyError, PermissionError):
        message = not_found(cache, ref_id, reader)
    raise LookupError(message)


async def _ask(tasks: "Tasks", ref_id: str, reader: "Actor", cancel: bool) -> dict[str, Any] | None:
    """Tell of a call that is still running or has failed; None if the reference is not that of one."""
    task = await tasks.apoll(ref_id, reader)
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
    response = cache._response(cache._core.get(ref_id, actor=reader, **options))
    answer = response.model_dump()
    answer["preview"] = as_sent(answer["preview"])
    answer["preview_strategy"] = response.preview_strategy.value
    if response.page is None:
        answer["has_more"] = response.preview_size != response.original_size
    else:
        answer["has_more"] = response.page < (response.total_pages or 0)
    answer["expires_in_s"] = expires_in(cache, ref_id)
    return answer


def _read_full(
    cache: "RefCache", ref_id: str, reader: "Actor", options: dict[str, Any], limit: int
) -> dict[str, Any]:
    preview = _read(cache, ref_id, reader, {**options, "page": None, "page_size": None}, limit)
    if (preview["original_size"] or 0) <= limit:
        value = as_sent(cache._core.resolve(ref_id, actor=reader))
        return {"ref_id": ref_id, "value": value, "is_complete": True}
    message = (
        f"The value measures {preview['original_size']}, more than the {limit} that are given at once. Read "
        f"it in pages (page=1, page_size=...), or pass ref_id='{ref_id}' to another tool."
    )
    return {**preview, "is_complete": False, "message": message}
