"""Opens the store that a command is about, as its owner."""

from __future__ import annotations

import os
import re
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from mcp_refcache import _core
from mcp_refcache._cli import screen
from mcp_refcache._cli.errors import CliError, UsageError
from mcp_refcache.backends.base import CacheBackend, CacheEntry
from mcp_refcache.cache import RefCache

_OBJECT = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")
_SQLITE = "sqlite:///"
_METHODS = ("get", "set", "delete", "exists", "clear", "keys")


def add_store_arguments(parser: ArgumentParser) -> None:
    """Add `--store`, `--key-env` and `--json`."""
    parser.add_argument(
        "--store",
        metavar="URL",
        help="sqlite:///PATH, a path, redis://HOST:PORT, or MODULE:NAME for a backend, cache or factory of your "
        "own; default: $MCP_REFCACHE_DB_PATH, else cache.db in the user's cache folder",
    )
    parser.add_argument(
        "--key-env", metavar="NAME", help="the environment variable with the key of an encrypted store"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


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

    def keys(self) -> list[str]:
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
        refs = [ref for ref in self.keys() if options.cache in (None, ref.partition(":")[0])]
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


def open_store(options: Namespace, *, create: bool = False) -> Store:
    """Open the store that `--store` and `--key-env` name.

    Args:
        options: The parsed options.
        create: Whether a file that does not exist is made.

    Raises:
        UsageError: If there is no such kind of store, or no key.
        CliError: If it cannot be opened.
    """
    store = _open(options.store, create=create)
    if options.key_env is None:
        return store
    key = os.environ.get(options.key_env)
    if not key:
        raise UsageError(f"the environment variable {options.key_env} (--key-env) holds no key")
    try:
        encrypted = import_module("mcp_refcache").EncryptedBackend
        return Store(store.location, encrypted(store.backend, key=key), store.path)
    except (AttributeError, TypeError, ValueError) as error:
        raise UsageError(f"the key in {options.key_env} (--key-env) cannot be used: {error}") from None


def _open(url: str | None, *, create: bool) -> Store:
    if url == "memory":
        raise UsageError("a memory store lives in its server: nobody else can open it")
    if url is not None and _OBJECT.match(url):
        return Store(url, _own_backend(url))
    if url is not None and "://" in url and not url.startswith(_SQLITE):
        return Store(without_password(url), _backend(url))
    path = default_path() if url is None else Path(url.removeprefix(_SQLITE)).expanduser()
    if not create and not path.exists():
        raise CliError(f"there is no store at {path}; name another with --store URL")
    return Store(f"{_SQLITE}{path}", _backend(f"{_SQLITE}{path}"), path)


def default_path() -> Path:
    """Return where servers keep their SQLite file if nothing else is said."""
    named = os.environ.get("MCP_REFCACHE_DB_PATH")
    if named == ":memory:":
        raise UsageError("MCP_REFCACHE_DB_PATH is :memory:, which lives in its server; give --store URL")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "mcp-refcache" / "cache.db"


def without_password(url: str) -> str:
    """Return a URL that may be shown."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if at and ":" in user:
        host = f"{user.partition(':')[0]}:***@{host}"
    elif at:
        host = f"{user}@{host}"
    query = re.sub(r"(?i)(password|token|secret)=[^&]*", r"\1=***", parts.query)
    return urlunsplit(SplitResult(parts.scheme, host, parts.path, query, ""))


def _backend(url: str) -> CacheBackend:
    try:
        # one place knows which URLs there are
        return RefCache("cli", backend=url)._backend  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError) as error:
        raise UsageError(f"--store {without_password(url)}: {error}") from None
    except Exception as error:
        raise CliError(f"the store {without_password(url)} cannot be opened: {error}") from error


def _own_backend(text: str) -> CacheBackend:
    module, _, name = text.partition(":")
    sys.path.insert(0, os.getcwd())  # as for `python -m`: a script of one's own lies here
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"--store {text}: {error}") from None
    finally:
        sys.path.pop(0)
    if isinstance(found, RefCache):
        return found._backend
    if not _is_backend(found):
        found = found() if callable(found) else found
    if not _is_backend(found):
        raise UsageError(
            f"--store {text} must be a backend (an object with {', '.join(_METHODS)}), a RefCache or a "
            f"function that gives one, not {type(found).__name__}"
        )
    return found._backend if isinstance(found, RefCache) else found


def _is_backend(value: Any) -> bool:
    return isinstance(value, RefCache) or (
        not isinstance(value, type) and all(callable(getattr(value, method, None)) for method in _METHODS)
    )


def now() -> float:
    """Return the time, as entries count it."""
    return time.time()
