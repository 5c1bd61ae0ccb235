"""The native cache while somebody listens: the same, with what it does told as events."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, cast

from mcp_refcache import _core
from mcp_refcache._removals import Removals
from mcp_refcache.access.checker import PermissionDenied
from mcp_refcache.events import EventKind
from mcp_refcache.exceptions import RateLimitExceeded
from mcp_refcache.models import SizeMode

if TYPE_CHECKING:
    from mcp_refcache.cache import RefCache

Facts = dict[str, Any]


class Observed:
    """Stands in for `_core.Cache`; operations that are not told about are those of the core itself.

    Args:
        cache: The cache whose native half it stands in for.
    """

    def __init__(self, cache: RefCache) -> None:
        self.core = cache._core
        self.cache = cache
        self.removals = Removals(cache)

    @classmethod
    def of(cls, cache: RefCache) -> _core.Cache:
        """Make the stand-in of a cache; for type checkers it is the core."""
        return cast("_core.Cache", cls(cache))

    @staticmethod
    def behind(core: _core.Cache) -> _core.Cache:
        """Return the native cache that a stand-in stands for."""
        return cast("Observed", core).core

    @staticmethod
    def catch_up(core: _core.Cache) -> None:
        """Tell at once what the store of a cache removed by itself, if somebody listens."""
        if isinstance(core, Observed):  # pyright: ignore[reportUnnecessaryIsInstance]
            core.removals.tell()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.core, name)
        if name not in _TELL:
            return method
        tell = _TELL[name]

        def observed(*args: Any, **options: Any) -> Any:
            call = _Call(self, name, args, options, time.perf_counter())
            try:
                result = method(*args, **options)
            except BaseException as error:
                call.failed(error)
                raise
            if isawaitable(result):
                return _await(call, result, tell)
            tell(call, result)
            return result

        return observed


async def _await(call: _Call, result: Awaitable[Any], tell: Callable[[_Call, Any], None]) -> Any:
    try:
        settled = await result
    except BaseException as error:
        call.failed(error)
        raise
    tell(call, settled)
    return settled


@dataclass(slots=True)
class _Call:
    """One operation that is observed."""

    observed: Observed
    operation: str
    args: tuple[Any, ...]
    options: Mapping[str, Any]
    started: float

    def tell(self, kind: EventKind, **facts: Any) -> None:
        actor = self.options.get("actor")
        self.observed.cache.events.emit(
            kind,
            operation=self.operation,
            seconds=time.perf_counter() - self.started,
            actor=None if actor is None else _named(actor),
            backend=type(self.observed.cache._backend).__name__,
            **facts,
        )
        self.observed.removals.tell()

    def failed(self, error: BaseException) -> None:
        if isinstance(error, PermissionDenied):
            self.tell(EventKind.DENIED, ref_id=self.asked, namespace=error.namespace, reason=error.reason)
        elif isinstance(error, RateLimitExceeded):
            self.tell(EventKind.DENIED, ref_id=self.asked, reason="rate_limited")
        elif isinstance(error, KeyError):
            self.missing()

    def missing(self) -> None:
        self.tell(self.observed.removals.fate(self.asked), ref_id=self.asked)

    @property
    def asked(self) -> str | None:
        """The reference that was asked for; not a key, which may be any text."""
        asked = self.args[0] if self.args and self.operation != "set" else None
        if isinstance(asked, _core.Found):
            return asked.ref_id
        return asked if _core.is_ref_id(asked) else None

    def unit(self) -> str:
        return SizeMode(self.observed.cache.preview_config.size_mode).value


def _stored(call: _Call, stored: _core.Found) -> None:
    call.observed.removals.note(stored.ref_id, stored.expires_at)
    call.tell(
        EventKind.STORED,
        ref_id=stored.ref_id,
        namespace=stored.namespace,
        tool=stored.tool_name,
        stored_bytes=stored.total_size,
    )


def _previewed(call: _Call, result: Facts) -> None:
    size, shown = result.get("original_size"), result.get("preview_size")
    call.tell(
        EventKind.PREVIEWED,
        ref_id=result["ref_id"],
        namespace=result["namespace"],
        complete=size == shown,
        size=size,
        shown=shown,
        unit=call.unit(),
    )


def _answered(call: _Call, result: Facts) -> None:
    if result["is_complete"]:
        size = result["size"]
        _previewed(call, {**result, "original_size": size, "preview_size": size})
    elif result["preview"] is not None:
        _previewed(call, result)


def _resolved(call: _Call, result: Any) -> None:
    call.tell(EventKind.RESOLVED, ref_id=call.asked)


def _counted(call: _Call, result: Any) -> None:
    """Nothing: only a refusal is told."""


def _deleted(call: _Call, was_there: bool) -> None:
    if was_there:
        call.observed.removals.forget(call.asked)
        call.tell(EventKind.DELETED, ref_id=call.asked, count=1)


def _cleared(call: _Call, count: int) -> None:
    call.tell(EventKind.CLEARED, namespace=call.args[0] if call.args else None, count=count)


#: Operations by name, with what is told of them.
_TELL: Final[dict[str, Callable[[_Call, Any], None]]] = {
    "set": _stored,
    "get": _previewed,
    "resolve": _resolved,
    "delete": _deleted,
    "clear": _cleared,
    "answer": _answered,
    "count": _counted,
}


def _named(actor: Any) -> str | None:
    try:
        return actor.to_string()
    except Exception:  # an actor of the user's own
        return None
