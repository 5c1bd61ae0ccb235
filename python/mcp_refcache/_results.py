"""What a function returned: made storable, recognised as not to be stored, or shown without a store."""

import inspect
import json
import typing
from collections.abc import Iterator, Sequence, Sized
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic_core import to_json

from mcp_refcache import _core
from mcp_refcache.permissions import Permission

if TYPE_CHECKING:
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.cache import RefCache
    from mcp_refcache.permissions import AccessPolicy

#: Packages whose objects are answers of the protocol already (`ToolResult`, content blocks, questions).
_PROTOCOL_PACKAGES: Final = frozenset({"fastmcp", "mcp", "mcp_types"})
_NO_NUMBERS: Final = (b"NaN", b"Infinity")
_ITERATOR_MODULES: Final = frozenset({"builtins", "itertools"})


def materialise(result: Any) -> Any:
    """Read a generator, or an iterator such as `map` gives, to its end; anything else stays as it is."""
    is_stream = isinstance(result, Iterator) and type(cast("Any", result)).__module__ in _ITERATOR_MODULES
    if is_stream and not inspect.isawaitable(cast("Any", result)):
        return list(cast("Iterator[Any]", result))
    return cast("Any", result)


async def amaterialise(result: Any) -> Any:
    """Read an async or sync generator to its end; anything else stays as it is."""
    return [item async for item in result] if inspect.isasyncgen(result) else materialise(result)


def as_json(value: Any) -> Any:
    """Return what JSON can say of a value: itself, or what its JSON text says."""
    return value if _serialized(value) is not None else _said(value)


def as_sent(value: Any) -> Any:
    """Return what a client can be sent of a value: what JSON can say of it, and `"NaN"` for what is no number.

    JSON has no word for NaN and the infinities, and newer versions of FastMCP refuse to send them.
    """
    text = _serialized(value)
    if text is not None and not any(word in text for word in _NO_NUMBERS):
        return value
    return _said(value, parse_constant=str)


def _said(value: Any, **options: Any) -> Any:
    try:
        text = _core.json_text(value)
        said = json.loads(text, **options)
    except Exception:  # no JSON text at all, or user code behind `str`
        return f"<{type(value).__name__}>"
    return text if _serialized(said) is None else said


def is_protocol_result(result: Any) -> bool:
    """Tell whether a result is meant for the client as it is, or is a list with such parts."""
    parts = cast("Sequence[Any]", result) if isinstance(result, (list, tuple)) else [result]
    return any(map(_is_protocol_type, set(map(type, parts))))


def promises_protocol_result(hint: Any) -> bool:
    """Tell whether a return annotation names something that is meant for the client as it is."""
    parts = typing.get_args(hint)
    return any(map(promises_protocol_result, parts)) or (isinstance(hint, type) and _is_protocol_type(hint))


def is_unfinished(result: Any) -> bool:
    """Tell whether the work is still to be done, by awaiting or iterating on an event loop."""
    return inspect.isawaitable(result) or inspect.isasyncgen(result)


def answer_without_store(
    cache: "RefCache",
    result: Any,
    *,
    ref_id: str | None,
    actor: "Actor",
    policy: "AccessPolicy | None",
    namespace: str,
    max_size: int | None,
) -> dict[str, Any]:
    """Answer with a result that is not, or no longer, in the store.

    Args:
        cache: The cache that should have it.
        result: The result.
        ref_id: Its reference if it had one.
        actor: Who receives the answer.
        policy: Who may do what with it; None = as the namespace or the cache says.
        namespace: Where it should be.
        max_size: The most that is shown; None = as the cache says.

    Returns:
        A response dict with the usual keys: the value if the actor may read it and it is small, else why not.
    """
    place = {"namespace": namespace, "cache_name": cache.name}
    with suppress(Exception):  # what cannot be checked or measured is not shown
        limit = max_size or cache.preview_config.max_size
        rights = cache._policy_of(namespace) if policy is None else policy
        # it was made for this actor: its namespace does not matter, the rights do
        if cache._permission_checker.has_permission(rights, Permission.READ, actor, "public"):
            result = _core.masked(result, rights, actor)
            size = cache._measurer.measure(result)
            if size <= limit:
                is_counted = isinstance(result, (list, tuple, set, frozenset, dict))
                items = len(cast("Sized", result)) if is_counted else None
                head: dict[str, Any] = {
                    "ref_id": ref_id,
                    "value": result,
                    "is_complete": True,
                    "is_async": False,
                }
                return {**head, "size": size, "total_items": items, **place}
    return {
        "ref_id": ref_id,
        "preview": None,
        "is_complete": False,
        "is_async": False,
        "preview_strategy": None,
        "total_items": None,
        "message": "The call succeeded, but its result is not stored and cannot be shown. Call again, "
        "with arguments that give a smaller result.",
        **place,
    }


def _serialized(value: Any) -> bytes | None:
    try:
        return to_json(value)
    except Exception:  # an array, an object, a lone surrogate: whatever the serializer stumbles over
        return None


def _is_protocol_type(kind: type) -> bool:
    return any(base.__module__.partition(".")[0] in _PROTOCOL_PACKAGES for base in kind.__mro__)
