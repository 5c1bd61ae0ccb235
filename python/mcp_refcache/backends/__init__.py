"""Where entries are kept."""

from mcp_refcache.backends.base import CacheBackend, CacheEntry
from mcp_refcache.backends.memory import MemoryBackend

__all__ = ["CacheBackend", "CacheEntry", "MemoryBackend"]
