"""What the contracts have in common: the store, and how it is opened again."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import SkipTest
from unittest.mock import patch

from mcp_refcache.backends.base import CacheBackend, CacheEntry
from mcp_refcache.permissions import AccessPolicy
from mcp_refcache.testing.values import ANY_VALUES

__all__ = ["Contract", "Clock", "entry_of", "got", "standing_clock"]


class Contract:
    """The store of a contract; see `BackendContract`."""

    values: Mapping[str, Any] = ANY_VALUES
    finds_calls: bool = False

    def reopen(self, backend: Any) -> CacheBackend | None:
        """Return another object on the same store, as after a restart; None if it ends with the process."""
        return None

    def _reopened(self, backend: CacheBackend) -> CacheBackend:
        again = self.reopen(backend)
        if again is None:
            raise SkipTest("this backend ends with its process")
        return again


class Clock:
    """Stands in for `time.time`."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@contextmanager
def standing_clock() -> Generator[Clock, None, None]:
    """Hold the time; it is moved by hand."""
    clock = Clock()
    with patch("time.time", clock):
        yield clock


def entry_of(value: Any, namespace: str = "public", expires_at: float | None = None) -> CacheEntry:
    """Make an entry that may be read."""
    return CacheEntry(value, namespace, AccessPolicy(), time.time(), expires_at)


def got(backend: CacheBackend, key: str) -> CacheEntry:
    """Return an entry that must be there."""
    entry = backend.get(key)
    assert entry is not None, f"there should be an entry {key!r}"
    return entry
