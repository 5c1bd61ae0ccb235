"""What an export or import has done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

Progress = Callable[[int, "int | None"], object]


class SupportsWrite(Protocol):
    """A stream that takes bytes."""

    def write(self, data: bytes, /) -> Any:
        """Write all of the bytes."""
        ...


class SupportsRead(Protocol):
    """A stream that gives bytes."""

    def read(self, size: int, /) -> bytes:
        """Read at most so many bytes."""
        ...


class Exported(NamedTuple):
    """What was exported.

    Attributes:
        entries: Entries that were written.
        skipped: Entries that were left out, as their value could not be written.
        bytes: Bytes that were written.
    """

    entries: int
    skipped: int
    bytes: int


class Imported(NamedTuple):
    """What was imported.

    Attributes:
        entries: Entries that were stored.
        skipped: Entries that were left out, as what was there stays.
        expired: Entries that were left out, as they had expired.
        bytes: Bytes that were read.
    """

    entries: int
    skipped: int
    expired: int
    bytes: int
