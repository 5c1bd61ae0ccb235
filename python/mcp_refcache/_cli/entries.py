"""The entries of a store, as its owner sees them: no permission is asked."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mcp_refcache import _core
from mcp_refcache._cli import screen
from mcp_refcache._cli.errors import CliError
from mcp_refcache.backends.base import CacheBackend, CacheEntry


def add_filter_arguments(parser: ArgumentParser) -> None:
    """Add the options that choose entries."""
    parser.add_argument("--namespace", metavar="PATTERN", help="only these namespaces, e.g. 'user:*'")
    parser.add_argument("--cache", metavar="NAME", help="only entries of the cache of this name")
    parser.add_argument("--tool", metavar="PATTERN", help="only results of these tools")


@dataclass(frozen=True)
class Stored:
    """What is known of an entry without showing its value.

    Attributes:
        ref_id: Its reference.
        entry: The entry; None if it cannot be read.
        problem: Why it cannot be read.
    """

    ref_id: str
    entry: CacheEntry | None
    problem: str | None = None

    @property
    def cache(self) -> str:
        """The name of the cache that stored it."""
        return self.ref_id.partition(":")[0]

    @property
    def tool(self) -> str | None:
        """The tool that made it."""
        return self._known("tool_name")

    @property
    def items(self) -> int | None:
        """Number of items of the value."""
        return self._known("total_items")

    @property
    def size(self) -> int | None:
        """Characters of its JSON text."""
        if self.entry is None:
            return None
        known = self._known("total_size")
        return known if known is not None else _core.count_characters(self.entry.value)

    def facts(self) -> dict[str, Any]:
        """Return the entry for JSON output, without its value."""
        facts: dict[str, Any] = {
            "ref_id": self.ref_id,
            "cache": self.cache,
            "readable": self.entry is not None,
        }
        if self.entry is None:
            return {**facts, "problem": self.problem}
        return {
            **facts,
            "namespace": self.entry.namespace,
            "tool": self.tool,
            "owner": self.entry.policy.owner,
            "created_at": self.entry.created_at,
            "expires_at": self.entry.expires_at,
            "items": self.items,
            "size": self.size,
        }

    def _known(self, name: str) -> Any:
        return None if self.entry is None else self.entry.metadata.get(name)


class Store:
    """A store, opened by its owner: no permission is asked.

    Attributes:
        location: Where it is, without a password.
        path: The file, for SQLite.
        backend: The six methods.
    """

    def __init__(self, location: str, backend: CacheBackend, path: Path | None = None) -> None:
        self.location = location
        self.backend = backend
        self.path = path

    def refs(self) -> list[str]:
        """Return the references of all live entries.

        Raises:
            CliError: If the store cannot be read.
        """
        try:
            return self.backend.keys()
        except Exception as error:
            raise CliError(f"the store {self.location} cannot be read: {error}") from error

    def read(self, ref_id: str) -> Stored | None:
        """Return a live entry, also one that cannot be read; None if it is gone."""
        try:
            entry = self.backend.get(ref_id)
        except Exception as error:  # sealed, or written by somebody else: the others are still good
            return Stored(ref_id, None, str(error) or type(error).__name__)
        return None if entry is None else Stored(ref_id, entry)

    def entries(self, options: Namespace) -> Iterator[Stored]:
        """Go through the entries that the options choose, with a progress bar.

        An entry that cannot be read is chosen by its reference alone.
        """
        refs = [ref for ref in self.refs() if options.cache in (None, ref.partition(":")[0])]
        for ref in screen.tracked(refs, "reading"):
            stored = self.read(ref)
            if stored is not None and _is_chosen(stored, options):
                yield stored


def _is_chosen(stored: Stored, options: Namespace) -> bool:
    if stored.entry is None:
        return options.namespace is None and options.tool is None
    return (options.namespace is None or fnmatchcase(stored.entry.namespace, options.namespace)) and (
        options.tool is None or fnmatchcase(stored.tool or "", options.tool)
    )
