"""Where entries are kept, and where background tasks run."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mcp_refcache.backends.base import CacheBackend, CacheEntry
from mcp_refcache.backends.memory import MemoryBackend
from mcp_refcache.backends.task_base import ProgressCallback, TaskBackend
from mcp_refcache.backends.task_memory import MemoryTaskBackend

if TYPE_CHECKING:
    from mcp_refcache.backends.encrypted import EncryptedBackend
    from mcp_refcache.backends.key_value import KeyValueBackend
    from mcp_refcache.backends.redis import RedisBackend
    from mcp_refcache.backends.sqlite import SQLiteBackend

__all__ = [
    "CacheBackend",
    "CacheEntry",
    "EncryptedBackend",
    "KeyValueBackend",
    "MemoryBackend",
    "MemoryTaskBackend",
    "ProgressCallback",
    "RedisBackend",
    "SQLiteBackend",
    "TaskBackend",
]

#: Loaded when they are first used.
_HOMES = {
    "EncryptedBackend": "encrypted",
    "KeyValueBackend": "key_value",
    "RedisBackend": "redis",
    "SQLiteBackend": "sqlite",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
