"""A cache as a key-value store: what `FastMCP(session_state_store=)` and its middleware take."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, SupportsFloat

from mcp_refcache import _core
from mcp_refcache.permissions import AccessPolicy, Permission

if TYPE_CHECKING:
    from mcp_refcache.cache import RefCache

#: Nobody but the server itself: its own data is no result of a tool.
_PRIVATE: Final = AccessPolicy(
    user_permissions=Permission.NONE, agent_permissions=Permission.NONE, owner_permissions=Permission.NONE
)
_DEFAULT_COLLECTION: Final = "default"
_NEVER: Final = _core.Never()


class KeyValue:
    """The eight methods of py-key-value's `AsyncKeyValue` over a cache; no client can reach what it holds.

    Args:
        cache: Where the values go.
    """

    def __init__(self, cache: RefCache) -> None:
        self._cache = cache

    async def get(self, key: str, *, collection: str | None = None) -> dict[str, Any] | None:
        """Return the value, or None."""
        return (await self.ttl(key, collection=collection))[0]

    async def ttl(
        self, key: str, *, collection: str | None = None
    ) -> tuple[dict[str, Any] | None, float | None]:
        """Return the value and the seconds it has left; (None, None) if it is not there."""
        core = self._cache._core
        found = await core.find(key, _namespace(collection), wait=False)
        if found is None:
            return None, None
        left = None if found.expires_at is None else max(0.0, found.expires_at - time.time())
        return await core.value(found, wait=False), left

    async def put(
        self,
        key: str,
        value: Mapping[str, Any],
        *,
        collection: str | None = None,
        ttl: SupportsFloat | None = None,
    ) -> None:
        """Store a value for `ttl` seconds; None = for ever."""
        core, namespace = self._cache._core, _namespace(collection)
        former = await core.find(key, namespace, wait=False)
        lifetime = _NEVER if ttl is None else float(ttl)
        await core.set(key, dict(value), namespace=namespace, policy=_PRIVATE, ttl=lifetime, wait=False)
        if former is not None:
            await core.delete(former.ref_id, wait=False)

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        """Remove a value; tell whether it was there."""
        found = await self._cache._core.find(key, _namespace(collection), wait=False)
        return found is not None and await self._cache._core.delete(found.ref_id, wait=False)

    async def get_many(
        self, keys: Sequence[str], *, collection: str | None = None
    ) -> list[dict[str, Any] | None]:
        """Return several values, None where there is none."""
        return [await self.get(key, collection=collection) for key in keys]

    async def ttl_many(
        self, keys: Sequence[str], *, collection: str | None = None
    ) -> list[tuple[dict[str, Any] | None, float | None]]:
        """Return several values and the seconds they have left."""
        return [await self.ttl(key, collection=collection) for key in keys]

    async def put_many(
        self,
        keys: Sequence[str],
        values: Sequence[Mapping[str, Any]],
        *,
        collection: str | None = None,
        ttl: SupportsFloat | None = None,
    ) -> None:
        """Store several values for `ttl` seconds."""
        for key, value in zip(keys, values, strict=True):
            await self.put(key, value, collection=collection, ttl=ttl)

    async def delete_many(self, keys: Sequence[str], *, collection: str | None = None) -> int:
        """Remove several values; return how many were there."""
        return sum([await self.delete(key, collection=collection) for key in keys])


def _namespace(collection: str | None) -> str:
    return f"kv:{collection or _DEFAULT_COLLECTION}"
