"""Where entries are kept, and where background tasks run."""

from mcp_refcache.backends.base import CacheBackend, CacheEntry
from mcp_refcache.backends.memory import MemoryBackend
from mcp_refcache.backends.task_base import ProgressCallback, TaskBackend
from mcp_refcache.backends.task_memory import MemoryTaskBackend

__all__ = [
    "CacheBackend",
    "CacheEntry",
    "MemoryBackend",
    "MemoryTaskBackend",
    "ProgressCallback",
    "TaskBackend",
]
