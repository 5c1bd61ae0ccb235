"""Opens the store that a command is about, as its owner."""

from __future__ import annotations

import os
import re
import sys
from argparse import ArgumentParser, Namespace
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from mcp_refcache._cli.entries import Store
from mcp_refcache._cli.errors import CliError, UsageError
from mcp_refcache.backends.base import CacheBackend
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
