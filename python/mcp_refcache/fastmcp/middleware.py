"""`RefCacheMiddleware`: large results of any tool by reference, and references as arguments of any tool."""

import asyncio
import json
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, cast

from fastmcp.server.middleware import Middleware

from mcp_refcache import _compat, _core
from mcp_refcache._arguments import a_cache, names, whole
from mcp_refcache._caller import Caller, aread_caller
from mcp_refcache._inputs import looks_like_one
from mcp_refcache._made import DEAD_REFERENCE, not_usable
from mcp_refcache._provenance import Collector, collecting, current
from mcp_refcache._results import as_json
from mcp_refcache._use import resolve_for
from mcp_refcache.context import SizeMeasurer, TiktokenAdapter, TokenMeasurer
from mcp_refcache.context_integration import expand_template
from mcp_refcache.exceptions import WithheldError
from mcp_refcache.fastmcp.results import carries_reference, join, off_loop, reads_references, split
from mcp_refcache.fastmcp.schemas import as_text, fits, takes_reference_itself, wants_text, widen_parameters
from mcp_refcache.models import SizeMode

if TYPE_CHECKING:
    from mcp_refcache.cache import RefCache

__all__ = ["RefCacheMiddleware"]

logger = logging.getLogger("mcp_refcache")

#: Characters that take so long to parse that an event loop should not do it.
_LONG: Final = 50_000

CallNext = Callable[[Any], Any]


class RefCacheMiddleware(Middleware):
    """Answers with a reference and a preview where a tool's result is large; nothing is lost.

    Works for every tool of a server, mounted ones included, without a change to them. Small results pass as
    they are. Parameters that hold structures take references, too; an error about a referenced value shows
    the reference. Use it with `cache.install(mcp)`, which adds the tools to read with.

    Args:
        cache: Where large results go: to the caller's user, else its session, else under a reference that
            nobody can guess.
        max_tokens: The most tokens of a result that is passed on. None = the preview limit of the cache, in
            its unit.
        tools: The tools to handle, as names or patterns (`git_*`). None = all.
        exclude: The tools to leave alone, likewise.

    Example:
        ```python
        cache.install(mcp)
        mcp.add_middleware(RefCacheMiddleware(cache, max_tokens=2000, exclude=["login"]))
        ```
    """

    def __init__(
        self,
        cache: "RefCache",
        *,
        max_tokens: int | None = None,
        tools: Iterable[str] | None = None,
        exclude: Iterable[str] = (),
    ) -> None:
        if max_tokens is not None:
            whole("max_tokens", max_tokens, 1)
        self._cache = a_cache(cache)
        cache._made.expect(None)
        self._limit = cache.preview_config.max_size if max_tokens is None else max_tokens
        counts_tokens = cache.preview_config.size_mode == SizeMode.TOKEN
        self._counts_as_cache = counts_tokens or max_tokens is None
        self._own_measurer = None if self._counts_as_cache else TokenMeasurer(TiktokenAdapter())
        self._tools = None if tools is None else frozenset(names("tools", tools))
        self._exclude = frozenset(names("exclude", exclude))

    def _handles(self, name: str) -> bool:
        # what reads references takes them as they are, and its answers have a limit of their own
        if reads_references(name) or _is_among(name, self._exclude):
            return False
        return self._tools is None or _is_among(name, self._tools)

    async def on_list_tools(self, context: Any, call_next: CallNext) -> Sequence[Any]:
        """Say that structures may come as references, and promise no schema of results."""
        tools: Sequence[Any] = await call_next(context)
        return [self._listed(tool) if self._handles(tool.name) else tool for tool in tools]

    def _listed(self, tool: Any) -> Any:
        # a reference in place of a result does not follow the tool's own schema
        changes = {"output_schema": None, "parameters": widen_parameters(tool.parameters)}
        return tool.model_copy(update=changes)

    async def on_call_tool(self, context: Any, call_next: CallNext) -> Any:
        """Put values in the place of references, call, and store what is too large."""
        name = context.message.name
        if not self._handles(name):
            return await call_next(context)
        caller = await aread_caller(self._cache)
        arguments: dict[str, Any] = context.message.arguments or {}
        collector = Collector(current())
        with collecting(collector):
            resolved = await self._resolve(context, arguments, caller, collector)
            if resolved is arguments:
                result = await call_next(context)
            else:
                message = context.message.model_copy(update={"arguments": resolved})
                if collector.gives_hidden(caller.actor):
                    return await self._confine(
                        context.copy(message=message), call_next, arguments, caller, collector
                    )
                result = await self._call(context.copy(message=message), call_next, arguments)
        if not _compat.is_finished(result):
            return result
        if await off_loop(self._cache, carries_reference, result, self._cache):
            _compat.stop_response_caching(context.fastmcp_context.fastmcp, name)
            return result
        reply = await self._shrink(name, result, caller, collector)
        if reply is not result:
            _compat.stop_response_caching(context.fastmcp_context.fastmcp, name)
        return reply

    # -- references in arguments ----------------------------------------------------------------

    async def _resolve(
        self, context: Any, arguments: dict[str, Any], caller: Caller, collector: Collector
    ) -> dict[str, Any]:
        if not _core.contains_refs(arguments, looks_like_one):
            return arguments
        holders = await off_loop(self._cache, self._holders, arguments)
        if not holders:
            return arguments
        tool = await _compat.find_tool(context.fastmcp_context.fastmcp, context.message.name)
        parameters: Mapping[str, Any] = {} if tool is None else tool.parameters
        schemas = cast("Mapping[str, Mapping[str, Any]]", parameters.get("properties", {}))
        changed: dict[str, Any] = {}
        for name in holders:
            schema = schemas.get(name, {})
            if takes_reference_itself(name, schema):
                continue
            value = await asyncio.to_thread(self._value, arguments[name], caller, collector)
            changed[name] = as_text(value) if wants_text(schema, parameters) else value
            if not fits(changed[name], schema, parameters):
                raise _compat.telling(WithheldError)(_unfit(arguments, [name]))
        return {**arguments, **changed} if changed else arguments

    def _holders(self, arguments: dict[str, Any]) -> list[str]:
        """The arguments that hold references."""
        knows = self._cache._knows
        return [name for name, value in arguments.items() if _core.contains_refs(value, knows)]

    def _value(self, argument: Any, caller: Caller, collector: Collector) -> Any:
        try:
            return as_json(resolve_for(self._cache, argument, caller.actor, uses=collector.given))
        except KeyError as error:
            dead = DEAD_REFERENCE.match(str(error.args[0])) if error.args else None
            if dead is None:
                raise
            message = not_usable(self._cache, dead[1], caller.actor)
        raise _compat.tool_error()(message)

    async def _call(self, context: Any, call_next: CallNext, arguments: dict[str, Any]) -> Any:
        """Call with resolved arguments, and keep them out of complaints about arguments."""
        holders = await off_loop(self._cache, self._holders, arguments)
        try:
            result = await call_next(context)
        except Exception as error:
            if not _is_complaint(str(error), error):
                raise
        else:
            texts = [getattr(block, "text", "") for block in getattr(result, "content", ())]
            if not getattr(result, "is_error", False) or not any(map(_is_complaint, texts)):
                return result
        raise _compat.telling(WithheldError)(_unfit(arguments, holders))

    async def _confine(
        self,
        context: Any,
        call_next: CallNext,
        arguments: dict[str, Any],
        caller: Caller,
        collector: Collector,
    ) -> Any:
        """Call with values that the caller may not read; answer with a reference that it may not read either.

        Else any tool that repeats its input, in its result or in an error, would show them.
        """
        name = context.message.name
        reply = None
        with suppress(Exception):  # also what went wrong may repeat them
            result = await self._call(context, call_next, arguments)
            parts = split(result) if _compat.is_finished(result) else None
            if parts is not None:
                is_answer = (
                    result.structured_content in collector.answers
                )  # of a cached tool, which hides by itself
                answer = (
                    result.structured_content
                    if is_answer
                    else await self._answer(name, parts.value, caller, collector)
                )
                reply = join(answer, parts._replace(others=(), meta=None))
        if reply is None:
            raise _compat.telling(WithheldError)(_kept_back(arguments))
        return reply

    # -- large results --------------------------------------------------------------------------

    async def _shrink(self, name: str, result: Any, caller: Caller, collector: Collector) -> Any:
        is_long = sum(len(getattr(block, "text", "")) for block in result.content) > _LONG
        parts = await asyncio.to_thread(split, result) if is_long else split(result)
        if parts is None or await self._is_small(parts.texts):
            return result
        try:
            answer = await self._answer(name, parts.value, caller, collector)
        except Exception as error:
            # the whole result is better than none
            logger.warning("a result of %s could not be stored: %s", name, type(error).__name__)
            return result
        return join(answer, parts)

    async def _is_small(self, texts: Sequence[str]) -> bool:
        # no text has more tokens than bytes
        if all(len(text.encode("utf-8", "surrogatepass")) <= self._limit for text in texts):
            return True
        return await asyncio.to_thread(lambda: all(self._size(text) <= self._limit for text in texts))

    def _size(self, text: str) -> int:
        measurer: SizeMeasurer = self._own_measurer or self._cache._measurer
        value: Any = text
        with suppress(ValueError):
            value = json.loads(text)  # measured as the structure it is, as the cache would
        return measurer.measure(value)

    async def _answer(self, name: str, value: Any, caller: Caller, collector: Collector) -> dict[str, Any]:
        """Store a value for its caller; what that one gets instead."""
        cache = self._cache
        namespace, is_bound = cache.default_namespace, False
        for key, template in (("user_id", "user:{user_id}"), ("session_id", "session:{session_id}")):
            if caller.values.get(key):
                own = expand_template(template, caller.values)
                with suppress(ValueError):  # not among the declared ones
                    cache._core.check_namespace(own)
                    namespace, is_bound = own, True
                    break
        limit = cache.preview_config.max_size
        stored = await cache._core.set(
            uuid.uuid4().hex,
            value,
            namespace=namespace,
            bound=is_bound,
            tool_name=name,
            uses=collector.uses,
            max_size=min(limit, self._limit) if self._counts_as_cache else limit,
            any=True,
            prepare=True,
            wait=False,
        )
        cache._made.note(stored.ref_id, name, namespace, stored.policy, caller.actor)
        return await cache._core.answer(stored, actor=caller.actor, producer=True, wait=False)


def _is_among(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _is_complaint(text: str, error: Exception | None = None) -> bool:
    """Whether something is said of arguments, which may quote them."""
    kinds = {type(each).__name__ for each in (error, getattr(error, "__cause__", None))}
    return "ValidationError" in kinds or "input_value" in text or "alidation error" in text


def _kept_back(arguments: Mapping[str, Any]) -> str:
    return (
        f"the call gave no result that can be kept: {json.dumps(arguments, default=str)[:500]}. What the tool said is "
        "kept from you, as it ran with a result that you may use but not read. See that the tool takes what the "
        "reference holds."
    )


def _unfit(arguments: Mapping[str, Any], names: Sequence[str]) -> str:
    shown = {name: arguments[name] for name in names}
    return (
        f"the referenced value does not fit: {json.dumps(shown, default=str)[:500]}. Read what the reference "
        "holds, or pass one that holds what the parameter's schema asks for."
    )
