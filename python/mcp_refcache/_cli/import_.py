"""Read entries that `export` wrote into a store; what is there already stays."""

from __future__ import annotations

import json
import shutil
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from mcp_refcache._cli import screen
from mcp_refcache._cli.errors import CliError
from mcp_refcache._cli.store import add_store_arguments, open_store
from mcp_refcache.cache import RefCache

HELP = "read entries from a file"
_LONGEST_FIRST_LINE = 65_536


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `import`."""
    parser.add_argument("file", metavar="FILE", help="what to read; - = standard input")
    add_store_arguments(parser)


def run(options: Namespace) -> int:
    """Import entries."""
    with _file(options.file) as path:
        name = _cache_of(path, options.file)
        store = open_store(options, create=True)
        try:
            with screen.counted("importing") as progress:
                done = RefCache(name, backend=store.backend).import_(path, progress=progress)
        except Exception as error:
            raise CliError(f"the import stopped: {error}") from error
    if options.json:
        counts = {"entries": done.entries, "skipped": done.skipped, "expired": done.expired}
        screen.print_json({"store": store.location, "file": options.file, **counts})
    else:
        left_out = f"; left out: {done.skipped} that are there already, {done.expired} that have expired"
        screen.note(
            f"{done.entries} entries of {name} read into {store.location}"
            + (left_out if done.skipped or done.expired else "")
        )
    return 0


@contextmanager
def _file(file: str) -> Generator[str]:
    if file != "-":
        yield file
        return
    # the first line is read before the rest, and a pipe cannot be read twice
    with NamedTemporaryFile(prefix="mcp-refcache-", suffix=".jsonl") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.flush()
        yield copy.name


def _cache_of(path: str, shown: str) -> str:
    """The name of the cache that an export is of; its first line says so."""
    try:
        with Path(path).open("rb") as stream:
            first: Any = json.loads(stream.readline(_LONGEST_FIRST_LINE))
        return str(first["cache"])
    except OSError as error:
        raise CliError(f"{shown} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise CliError(f"{shown} is no export of mcp-refcache") from None
