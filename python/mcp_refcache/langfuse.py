"""Langfuse: a cache whose operations and tools are observations of a trace. Importable without Langfuse."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar

from mcp_refcache.context_integration import (
    DEFAULT_FALLBACKS,
    aget_context_values,
    get_context_values,
    try_get_fastmcp_context,
)
from mcp_refcache.events import CacheEvent, EventKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_refcache.access.actor import ActorLike
    from mcp_refcache.cache import RefCache
    from mcp_refcache.models import AsyncTaskResponse, CacheReference, CacheResponse

__all__ = ["TracedRefCache"]

Function = TypeVar("Function", bound=Callable[..., Any])

_FACTS: Final = ("ref_id", "namespace", "complete", "size", "shown", "unit", "stored_bytes", "backend")

#: The events of the observation that is open here.
_gathered: ContextVar[list[CacheEvent] | None] = ContextVar("mcp_refcache_gathered", default=None)


class TracedRefCache:
    """A `RefCache` whose operations and decorated tools are observations in Langfuse.

    It is used in the place of the cache, which does the work: what is not listed here is that of the cache.
    An observation says what was done with which reference, whether the call was a hit, and what was kept out of
    the model's context; never an argument, a key or a value.

    Args:
        cache: The cache.
        client: A Langfuse client. None = `langfuse.get_client()`.
        identify: Whether traces name the user and session of the FastMCP context.

    Raises:
        ImportError: If no client is given and the package `langfuse` is missing.

    Example:
        ```python
        cache = TracedRefCache(RefCache(name="calculator"))

        @mcp.tool
        @cache.cached()
        def primes(n: int) -> list[int]: ...
        ```
    """

    def __init__(self, cache: RefCache, client: Any = None, *, identify: bool = True) -> None:
        self._cache = cache
        self._client = _default_client() if client is None else client
        self._identify = identify
        self._stop: Callable[[], None] | None = cache.events.subscribe(_gather)

    @property
    def cache(self) -> RefCache:
        """The cache that does the work."""
        return self._cache

    def close(self) -> None:
        """End the tracing and send what is left; the cache itself can still be used."""
        if self._stop is not None:
            self._stop()
            self._stop = None
            self._client.flush()

    def __getattr__(self, name: str) -> Any:
        if name == "_cache":  # while it is being made
            raise AttributeError(name)
        return getattr(self._cache, name)

    def set(self, key: str, value: Any, *args: Any, **options: Any) -> CacheReference:
        """Store a value; see `RefCache.set`."""
        with self._observation("refcache.set", "span"):
            return self._cache.set(key, value, *args, **options)

    def get(self, ref_id: str, **options: Any) -> CacheResponse | AsyncTaskResponse:
        """Return a preview or page; see `RefCache.get`."""
        with self._observation("refcache.get", "retriever"):
            return self._cache.get(ref_id, **options)

    def resolve(self, ref_id: str, *, actor: ActorLike | None = None) -> Any:
        """Return the value; see `RefCache.resolve`."""
        with self._observation("refcache.resolve", "retriever"):
            return self._cache.resolve(ref_id, actor=actor)

    def delete(self, ref_id: str, *, actor: ActorLike | None = None) -> bool:
        """Remove an entry; see `RefCache.delete`."""
        with self._observation("refcache.delete", "span"):
            return self._cache.delete(ref_id, actor=actor)

    def clear(self, namespace: str | None = None, *, actor: ActorLike | None = None) -> int:
        """Remove entries; see `RefCache.clear`."""
        with self._observation("refcache.clear", "span"):
            return self._cache.clear(namespace, actor=actor)

    def cached(self, *args: Any, **options: Any) -> Callable[[Function], Function]:
        """Cache a tool's results; see `RefCache.cached`. Each call is one observation."""
        decorate = self._cache.cached(*args, **options)
        return lambda function: self._traced(decorate(function))

    def _traced(self, tool: Any) -> Any:
        if isinstance(tool, (staticmethod, classmethod)):
            return type(tool)(self._traced(tool.__func__))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType, reportUnknownVariableType]
        name = f"refcache.call {tool.__name__}"
        if inspect.iscoroutinefunction(tool):

            async def acall(*args: Any, **kwargs: Any) -> Any:
                context = try_get_fastmcp_context() if self._identify else None
                with self._observation(name, "tool", await aget_context_values(context)):
                    return await tool(*args, **kwargs)

            return functools.wraps(tool)(acall)

        def call(*args: Any, **kwargs: Any) -> Any:
            context = try_get_fastmcp_context() if self._identify else None
            with self._observation(name, "tool", get_context_values(context)):
                return tool(*args, **kwargs)

        return functools.wraps(tool)(call)

    @contextmanager
    def _observation(
        self, name: str, kind: str, identity: Mapping[str, str] | None = None
    ) -> Generator[None]:
        if self._stop is None:
            yield
            return
        events: list[CacheEvent] = []
        with ExitStack() as stack:
            if identity:
                stack.enter_context(_attributed(identity))
            observation = stack.enter_context(
                self._client.start_as_current_observation(name=name, as_type=kind)
            )
            token, failure = _gathered.set(events), None
            try:
                yield
            except BaseException as error:
                failure = error
                # its text may hold an argument or a value
                observation.update(level="ERROR", status_message=type(error).__name__)
            finally:
                _gathered.reset(token)
            observation.update(metadata=self._told(events))
        if failure is not None:  # here, as Langfuse would write down its text
            raise failure

    def _told(self, events: list[CacheEvent]) -> dict[str, Any]:
        told: dict[str, Any] = {"cache": self._cache.name}
        for event in events:
            facts = event.facts()
            told.update({name: facts[name] for name in _FACTS if name in facts})
            if event.kind in (EventKind.HIT, EventKind.MISS):
                told["hit"] = event.kind == EventKind.HIT
            if event.kept_out is not None:
                told["kept_out"] = event.kept_out
            if event.kind == EventKind.DENIED:
                told["denied"] = event.reason
        told["events"] = [event.kind.value for event in events]
        return told


def _gather(event: CacheEvent) -> None:
    events = _gathered.get()
    if events is not None:
        events.append(event)


def _default_client() -> Any:
    try:
        from langfuse import get_client  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
    except ImportError as error:
        raise ImportError(
            "TracedRefCache needs langfuse: pip install 'mcp-refcache[langfuse]', or give a client="
        ) from error
    return get_client()  # pyright: ignore[reportUnknownVariableType]


def _attributed(values: Mapping[str, str]) -> Any:
    """Name the user and session in all observations inside."""
    try:
        from langfuse import propagate_attributes  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
    except ImportError:  # a client of another make
        return ExitStack()
    known: dict[str, Any] = {
        name: values[name]
        for name in ("user_id", "session_id")
        if values.get(name) and values[name] != DEFAULT_FALLBACKS[name]
    }
    return propagate_attributes(**known)  # pyright: ignore[reportUnknownVariableType]
