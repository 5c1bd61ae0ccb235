"""What a backend stores, and what it must be able to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from mcp_refcache.permissions import AccessPolicy

__all__ = ["CacheBackend", "CacheEntry"]


@dataclass
class CacheEntry:
    """One stored value with what is known about it.

    Attributes:
        value: The value.
        namespace: Where it lives.
        policy: Who may do what with it.
        created_at: When it was stored, in seconds since 1970.
        expires_at: When it ceases to exist, in seconds since 1970; None = never.
        metadata: `tool_name`, `total_items`, `total_size`, and what a backend's user adds.
    """

    value: Any = field(repr=False)  # an entry turns up in logs, with no value in it
    namespace: str
    policy: AccessPolicy
    created_at: float
    expires_at: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])

    def is_expired(self, current_time: float) -> bool:
        """Tell whether the entry has ceased to exist by a moment (seconds since 1970)."""
        return self.expires_at is not None and current_time >= self.expires_at


@runtime_checkable
class CacheBackend(Protocol):
    """A store of entries; any object with these six methods can be given to `RefCache(backend=)`."""

    def get(self, key: str) -> CacheEntry | None:
        """Return the live entry with this key, or None."""
        ...

    def set(self, key: str, entry: CacheEntry) -> None:
        """Store an entry; one with the same key is replaced."""

    def delete(self, key: str) -> bool:
        """Remove an entry; tell whether it was there."""
        ...

    def exists(self, key: str) -> bool:
        """Tell whether a live entry has this key."""
        ...

    def clear(self, namespace: str | None = None) -> int:
        """Remove the entries of exactly this namespace, or all; return how many."""
        ...

    def keys(self, namespace: str | None = None) -> list[str]:
        """Return the keys of the live entries of exactly this namespace, or of all."""
        ...
