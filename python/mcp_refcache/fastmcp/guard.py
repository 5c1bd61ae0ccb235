"""What leaves a server by a plain tool: held back if it contains what its caller may use and not read.

The outermost `InstallMiddleware` of a request collects what goes on in it, and looks at the answer once, for all
installed caches. What a tool says on the way (progress, logs, questions) is not looked at.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import ValidationError

from mcp_refcache import _compat
from mcp_refcache._caller import aread_caller
from mcp_refcache._provenance import Collector, collecting, current
from mcp_refcache._withheld import withheld_error
from mcp_refcache.access.actor import DefaultActor
from mcp_refcache.events import EventKind
from mcp_refcache.exceptions import WithheldError

if TYPE_CHECKING:
    from mcp_refcache._core import Found
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.cache import RefCache

__all__ = ["guarded"]

#: Characters that take so long to look at that an event loop should not do it.
_LONG: Final = 50_000


@dataclass
class _Request:
    """One request of a client.

    Attributes:
        collector: What it uses.
        caches: The installed caches that take part.
        is_open: Whether it still goes on.
    """

    collector: Collector
    caches: "list[RefCache]" = field(default_factory=lambda: [])
    is_open: bool = True


_request: ContextVar[_Request | None] = ContextVar("mcp_refcache_request", default=None)


async def guarded(cache: "RefCache", what: str, arguments: Any, call: Callable[[], Any]) -> Any:
    """Return what a call answers, unless it gives away what it used.

    Args:
        cache: The installed cache.
        what: The tool, resource or prompt, as its caller named it.
        arguments: What the caller sent.
        call: Makes the answer.

    Raises:
        WithheldError: In place of the answer, and of an error of a call that used what its caller may not read.
    """
    request = _request.get()
    if request is not None and request.is_open:
        request.caches.append(cache)
        return await call()
    request = _Request(Collector(current()), [cache])
    before = _request.set(request)
    try:
        with collecting(request.collector):
            answer = await call()
    except Exception as error:
        if isinstance(error, WithheldError) or not (used := await _hidden(request)):
            raise
        raised = error.__cause__ or error  # FastMCP wraps what a tool raises
        about = _sent(arguments, used) if isinstance(raised, ValidationError) else ""
        raise withheld_error(what, raised, about=about) from None
    finally:
        request.is_open = False
        _request.reset(before)
        # `RefCacheMiddleware`, if it stands around this one, asks what cached tools answered
        if request.collector.outer is not None:
            request.collector.outer.answers += request.collector.answers
    hidden = await _hidden(request)
    if not hidden:
        return answer
    if getattr(answer, "is_error", False):
        raise withheld_error(what, _compat.tool_error()())
    await _look(what, arguments, answer, hidden, request.collector)
    return answer


async def _hidden(request: _Request) -> "list[tuple[RefCache, Actor, Found]]":
    """What was used that the caller may not see, as each cache says of its own entries."""
    if not len(request.collector.uses):
        return []
    hidden: list[tuple[RefCache, Actor, Found]] = []
    # a server may use caches that are not installed in it; the first one answers for them
    names = {cache.name for cache in request.caches}
    for cache in {cache.name: cache for cache in request.caches}.values():
        if cache.egress is None:
            continue
        try:
            actor = (await aread_caller(cache)).actor
        except Exception:  # an `identity` that fails: then it is nobody
            actor = DefaultActor.agent()
        for found in request.collector.uses.hidden_from(actor):
            owner = found.ref_id.rpartition(":")[0]
            if owner == cache.name or (owner not in names and cache is request.caches[0]):
                hidden.append((cache, actor, found))
    return hidden


def _sent(arguments: Any, used: "list[tuple[RefCache, Actor, Found]]") -> str:
    """Name the references that the caller sent, of which one does not fit."""
    text = json.dumps(arguments, default=str)
    sent = [found.ref_id for _, _, found in used if found.ref_id in text]
    return f" ({', '.join(sent)})" if sent else ""


async def _look(
    what: str,
    arguments: Any,
    answer: Any,
    hidden: "list[tuple[RefCache, Actor, Found]]",
    collector: Collector,
) -> None:
    def look() -> "tuple[RefCache, Actor, Found, bool | None] | None":
        texts = list(_texts(answer))
        known = [*_texts(arguments), *_texts(collector.opened)]
        for cache, actor, found in hidden:
            limits = cache.egress
            if limits is not None:
                stands: bool | None = found.stands_in(
                    texts,
                    known,
                    min_characters=limits.min_characters,
                    min_digits=limits.min_digits,
                    max_memory=limits.max_memory,
                )
                if stands is not False:
                    return cache, actor, found, stands
        return None

    is_short = _is_short(answer) and not any(
        cache._core.waits or found.total_size is None or found.total_size > _LONG
        for cache, _, found in hidden
    )
    given_away = look() if is_short else await asyncio.to_thread(look)
    if given_away is None:
        return
    cache, actor, found, stands = given_away
    cache._core.record(
        "denied", ref_id=found.ref_id, namespace=found.namespace, actor=actor, tool=what, reason="egress"
    )
    if cache._events:
        cache._events.emit(
            EventKind.DENIED,
            operation="answer",
            ref_id=found.ref_id,
            namespace=found.namespace,
            tool=what,
            actor=actor.to_string(),
            reason="egress",
        )
    raise _held_back(what, found.ref_id, is_sure=stands is True)


def _held_back(what: str, ref_id: str, *, is_sure: bool) -> WithheldError:
    because = (
        f"it contains values of {ref_id}, which you may use but not read"
        if is_sure
        else f"it used {ref_id}, which you may use but not read and which is too large to look for in the answer"
    )
    error = cast(
        "WithheldError",
        _compat.telling(WithheldError)(
            f"{what} succeeded, but its answer is withheld: {because}. For its author: return what was computed, "
            "open it with Declassified(...), or make the tool a cached one, which answers with a reference."
        ),
    )
    error.tool, error.kind = what, "answer"
    return error


def _is_short(answer: Any) -> bool:
    blocks: Any = getattr(answer, "content", None)
    if not isinstance(blocks, (list, tuple)) or not blocks:
        return False
    texts = [getattr(block, "text", None) for block in cast("list[Any]", blocks)]
    return all(isinstance(text, str) for text in texts) and sum(map(len, cast("list[str]", texts))) <= _LONG


def _texts(said: Any) -> Iterator[bytes]:
    """All text in an answer, whatever it is made of, each in UTF-8; structures as JSON and by their parts."""
    pending: list[Any] = [said]
    visited: set[int] = set()
    while pending:
        each = pending.pop()
        if each is None or isinstance(each, bool):
            continue
        if isinstance(each, (str, int, float)):
            yield str(each).encode("utf-8", "surrogatepass")
            continue
        if isinstance(each, (bytes, bytearray, memoryview)):
            yield bytes(cast("bytes", each))
            continue
        if id(each) in visited:
            continue
        visited.add(id(each))
        if isinstance(each, (dict, list, tuple, set, frozenset)):
            whole = cast("Any", each)
            plain = _as_json(whole)
            if plain is not None:
                yield plain
            items: list[Any] = [*whole.keys(), *whole.values()] if isinstance(whole, dict) else list(whole)
            # long structures say by their JSON text what their parts say
            pending += [item for item in items if plain is None or len(plain) <= _LONG]
            continue
        fields: dict[str, Any] = getattr(each, "__dict__", None) or {}
        extra: dict[str, Any] = getattr(each, "__pydantic_extra__", None) or {}
        if fields or extra:
            pending += [*fields.values(), *extra.values()]
        else:
            yield str(each).encode("utf-8", "surrogatepass")


def _as_json(structure: Any) -> bytes | None:
    """The JSON text of a structure of plain parts; None for another."""
    try:
        return json.dumps(structure, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, RecursionError):
        return None
