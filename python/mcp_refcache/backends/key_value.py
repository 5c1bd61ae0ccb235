"""Entries in any store of py-key-value: DynamoDB, Postgres, S3, MongoDB, disks, ..."""

from __future__ import annotations

import asyncio
import base64
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final

from mcp_refcache import _core
from mcp_refcache.backends._native import NativeBackend, compress_above

__all__ = ["KeyValueBackend"]

_METHODS: Final = ("get", "put", "delete")
#: What an entry of the store holds: a blob as text.
_BLOB: Final = "blob"


class KeyValueBackend(NativeBackend):
    """Keeps entries in a store with the async methods of py-key-value's `AsyncKeyValue`.

    The store's calls run on an event loop of their own, in a thread of this process, so that sync and async callers
    share its connections. Leases, and so locks and single flight, are known to this process only.

    Args:
        store: The store, with `get`, `put` and `delete`.
        compress: Whether large values are compressed, as in `SQLiteBackend`.

    Raises:
        TypeError: For a store that lacks one of the methods.
    """

    def __init__(self, store: Any, *, compress: bool | int | None = None) -> None:
        missing = [name for name in _METHODS if not callable(getattr(store, name, None))]
        if missing:
            raise TypeError(
                f"store must be an AsyncKeyValue with {', '.join(_METHODS)}; "
                f"{type(store).__name__} lacks {', '.join(missing)}"
            )
        self.store = store
        native = _core.KeyValueStore(_Bridge(store), compress=compress_above(compress))
        self._use(native, KeyValueBackend)

    def __repr__(self) -> str:
        return f"KeyValueBackend({type(self.store).__name__})"


class _Bridge:
    """Starts calls of an async store for the core."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def start(
        self, method: str, arguments: tuple[Any, ...], done: Callable[[BaseException | None, Any], None]
    ) -> None:
        """Begin a call; `done(error, result)` tells how it ended."""
        call: Coroutine[Any, Any, Any] = getattr(self, f"_{method}")(*arguments)

        async def run() -> None:
            try:
                result = await call
            except BaseException as error:
                done(error, None)
                if not isinstance(error, Exception):
                    raise
            else:
                done(None, result)

        asyncio.run_coroutine_threadsafe(run(), _loop())

    async def _get(self, collection: str, key: str) -> bytes | None:
        found = await self._store.get(key=key, collection=collection)
        return None if found is None else base64.b64decode(found[_BLOB])

    async def _put(self, collection: str, key: str, blob: bytes, ttl: float | None) -> None:
        value = {_BLOB: base64.b64encode(blob).decode()}
        await self._store.put(key=key, value=value, collection=collection, ttl=ttl)

    async def _delete(self, collection: str, key: str) -> bool:
        return bool(await self._store.delete(key=key, collection=collection))


class _Loop:
    """The event loop on which stores are called, in a daemon thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="refcache-store", daemon=True).start()
            return self._loop


_home = _Loop()


def _loop() -> asyncio.AbstractEventLoop:
    return _home.running()


def _forget_loop() -> None:
    # its thread is the parent's
    _home.__init__()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_loop)
