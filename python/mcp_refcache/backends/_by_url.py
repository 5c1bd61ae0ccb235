"""Backends by name or URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote, urlsplit

from mcp_refcache._arguments import shown

if TYPE_CHECKING:
    from mcp_refcache.backends.base import CacheBackend

_REDIS_SCHEMES: Final = ("redis", "rediss", "valkey", "valkeys", "unix")
_ALLOWED: Final = (
    "backend must be 'memory', 'sqlite', 'redis', a URL (sqlite:///path, sqlite:///:memory:, redis://host:port/db, "
    "rediss://, redis+sentinel://, redis+cluster://, unix:///socket), or an object with the methods of CacheBackend"
)


def open_backend(name: str, max_entries: int | None) -> CacheBackend:
    """Open a backend by its name or URL.

    Args:
        name: `"sqlite"`, `"redis"`, or a URL. `sqlite:///x` is relative, `sqlite:////x` absolute.
        max_entries: The most entries to keep; None = no limit.

    Raises:
        TypeError: For any other text; it is not repeated, as it may hold a password.
    """
    scheme = name.partition(":")[0]
    if name == "sqlite" or scheme == "sqlite":
        from mcp_refcache.backends.sqlite import SQLiteBackend  # stores are loaded when they are used

        return SQLiteBackend(_sqlite_path(name), max_entries=max_entries)
    if name == "redis" or (scheme.partition("+")[0] in _REDIS_SCHEMES and ":" in name):
        from mcp_refcache.backends.redis import RedisBackend

        return RedisBackend(None if name == "redis" else name, max_entries=max_entries)
    found = "" if "@" in name or "?" in name else f", not {shown(name)}"
    raise TypeError(f"{_ALLOWED}{found}")


def _sqlite_path(name: str) -> str | None:
    if name in ("sqlite", "sqlite:", "sqlite://"):
        return None
    parts = urlsplit(name)
    if parts.netloc or parse_qs(parts.query) or not parts.path.startswith("/"):
        raise TypeError(f"a SQLite URL is sqlite:///path, relative or absolute, not {shown(name)}")
    return unquote(parts.path[1:])
