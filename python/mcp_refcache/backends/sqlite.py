"""Entries in a SQLite file, shared by all processes that open it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from weakref import WeakSet

from mcp_refcache import _core
from mcp_refcache._arguments import seconds, whole, wrong_type
from mcp_refcache.backends._native import NativeBackend, compress_above, near_bytes

__all__ = ["SQLiteBackend"]

_MEMORY = ":memory:"


class SQLiteBackend(NativeBackend):
    """A native store in a SQLite file; the original package can use the file at the same time.

    New files are readable by their owner only, new folders as well. Expired entries are removed within about a
    second. Writes survive the end of the process, also `SIGKILL`; the last ones may be lost with the power.
    Do not open the file with the `sqlite3` module in the same process: closing it there drops the locks of this
    backend (use another process).

    Args:
        database_path: The file, or `":memory:"`. None = `MCP_REFCACHE_DB_PATH`, else
            `$XDG_CACHE_HOME/mcp-refcache/cache.db`, else `~/.cache/mcp-refcache/cache.db`.
        timeout: The most seconds to wait for another process that locks the file.
        max_entries: The most entries to keep; beyond it expired ones go first, then the oldest. None = no limit.
        max_bytes: The most bytes that entries may take, likewise; the file shrinks with them.
        near_cache: In how many bytes entries that were read are kept in this process, until anybody writes to the file
            (True = in 16 MB, False = not at all).
        compress: Whether large values are compressed (True = from 4096 characters of JSON text on), or from
            how many characters on. The original cannot read those.

    Raises:
        BackendIOError: If the file cannot be made or opened.
        BackendBusyError: If another process locks it for longer than `timeout`.
        BackendError: If it is damaged or no SQLite file.
        ValueError: For limits below 1, a negative timeout and a negative near_cache.
    """

    def __init__(
        self,
        database_path: str | Path | None = None,
        *,
        timeout: float = 30.0,
        max_entries: int | None = None,
        max_bytes: int | None = None,
        near_cache: bool | int = True,
        compress: bool | int | None = None,
    ) -> None:
        for name, limit in (("max_entries", max_entries), ("max_bytes", max_bytes)):
            if limit is not None:
                whole(name, limit, 1)
        self._path = _path(database_path)
        self._options: dict[str, Any] = {
            "timeout": seconds("timeout", timeout),
            "max_entries": max_entries,
            "max_bytes": max_bytes,
            "near_cache": None if near_cache is True else near_bytes(near_cache),
            "compress": compress_above(compress),
        }
        self._open()

    def _open(self) -> None:
        store = _core.SqliteStore(self._path, **self._options)
        self._use(store, SQLiteBackend)
        self._sqlite = store
        _open_stores.add(self)

    def _limit(self, max_entries: int) -> None:
        """Keep at most so many entries; for a cache that is given a limit and this backend."""
        if self._path == _MEMORY:
            raise ValueError("give the limit to the backend: SQLiteBackend(':memory:', max_entries=...)")
        self._sqlite.close()
        self._options["max_entries"] = max_entries
        self._open()

    @property
    def database_path(self) -> Path | str:
        """The file, or the str `":memory:"`."""
        return _MEMORY if self._path == _MEMORY else Path(self._path)

    def totals(self) -> tuple[int, int]:
        """Return the number of entries and their bytes, expired ones that are not yet removed included."""
        return self._sqlite.totals()

    def close(self) -> None:
        """Close the file; the next use opens it again. What is in `":memory:"` is gone."""
        self._sqlite.close()

    def __repr__(self) -> str:
        return f"SQLiteBackend({str(self._path)!r})"


def _path(given: str | Path | None) -> str:
    if given is not None:
        if not isinstance(given, (str, os.PathLike)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise wrong_type("database_path", "a path", given)
        return str(given)
    if named := os.environ.get("MCP_REFCACHE_DB_PATH"):
        return named
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return str(Path(base) / "mcp-refcache" / "cache.db")


_open_stores: WeakSet[SQLiteBackend] = WeakSet()


def _before_fork() -> None:
    # the locks of SQLite do not survive a fork
    for backend in list(_open_stores):
        backend._sqlite.before_fork()


def _after_fork() -> None:
    for backend in list(_open_stores):
        backend._sqlite.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork)
