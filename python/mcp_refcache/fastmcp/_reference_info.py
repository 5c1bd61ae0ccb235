"""What the admin tools tell about an entry."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

from mcp_refcache import _core
from mcp_refcache._results import as_sent
from mcp_refcache.backends.memory import MemoryBackend

if TYPE_CHECKING:
    from mcp_refcache.backends.base import CacheEntry
    from mcp_refcache.cache import RefCache

_MOST_ITEMS: Final = 5
_MOST_CHARACTERS: Final = 100


def format_reference_info(ref_id: str, entry: "CacheEntry", include_preview: bool = False) -> dict[str, Any]:
    """Describe an entry.

    Args:
        ref_id: Its reference.
        entry: The entry.
        include_preview: Whether to show the beginning of its value.

    Returns:
        Where it lives and until when, who made it and whose it is, who may do what, and the type of its value.
    """
    policy, value = entry.policy, shown_value(entry)
    info: dict[str, Any] = {
        "ref_id": ref_id,
        "namespace": entry.namespace,
        "created_at": _iso(entry.created_at),
        "expires_at": _iso(entry.expires_at),
        "tool_name": (entry.metadata or {}).get("tool_name"),
        "owner": getattr(policy, "owner", None),
    }
    if policy is not None:  # pyright: ignore[reportUnnecessaryComparison] -- a backend of the user's own
        rights = ("user_permissions", "agent_permissions", "owner_permissions")
        info["policy"] = {
            **{name: str(getattr(policy, name, None)) for name in rights},
            "session_bound": getattr(policy, "bound_session", None),
        }
    info["value_type"] = type(value).__name__
    if isinstance(value, (list, dict, str, bytes)):
        info["value_size"] = len(cast("Any", value))
    if include_preview:
        info["preview"] = as_sent(_beginning(value))
    return info


def shown_value(entry: "CacheEntry") -> Any:
    """Return the value of an entry as agents see it who may: what a tool answers, a model reads."""
    return _core.masked(entry.value, entry.policy)


def entries_of(cache: "RefCache") -> Iterator[tuple[str, "CacheEntry"]]:
    """Go through the entries of a cache, whatever its backend; other caches in the same store are left out.

    Expired entries come along where the backend still has them.
    """
    backend = cache._backend
    keys = backend._store.all_keys() if type(backend) is MemoryBackend else backend.keys()
    for key in dict.fromkeys(keys):  # some stores name a key twice
        entry = entry_of(cache, key)
        if entry is not None:
            yield key, entry


def entry_of(cache: "RefCache", ref_id: str) -> "CacheEntry | None":
    """Return the entry of a reference; None if this cache has none, keys and other caches left out."""
    if not ref_id.startswith(f"{cache.name}:"):
        return None
    backend = cache._backend
    return backend._store.peek(ref_id) if type(backend) is MemoryBackend else backend.get(ref_id)


def _iso(moment: float | datetime | None) -> str | None:
    if moment is None or isinstance(moment, datetime):
        return None if moment is None else moment.isoformat()
    return datetime.fromtimestamp(moment, tz=timezone.utc).isoformat()


def _beginning(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _MOST_CHARACTERS else value[:_MOST_CHARACTERS] + "..."
    if isinstance(value, (list, tuple)):
        items = cast("Sequence[Any]", value)
        return [*items[:_MOST_ITEMS], *["..."][: len(items) > _MOST_ITEMS]]
    if isinstance(value, dict):
        pairs = cast("Mapping[Any, Any]", value)
        shown = {str(key): "..." for key in islice(pairs, _MOST_ITEMS)}
        return {**shown, "...": "..."} if len(pairs) > _MOST_ITEMS else shown
    return str(value)[:_MOST_CHARACTERS]
