"""Write the entries of a store to a file as JSON Lines, with their policies, times and metadata.

The file holds every value in the clear, also those of an encrypted store: it is made readable for its owner only.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mcp_refcache._cli import screen
from mcp_refcache._cli.errors import CliError
from mcp_refcache._cli.store import add_store_arguments, open_store
from mcp_refcache.cache import RefCache

HELP = "write entries to a file"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `export`."""
    parser.add_argument("file", metavar="FILE", help="where to write; - = standard output")
    add_store_arguments(parser)
    parser.add_argument("--namespace", metavar="NAME", help="only entries of exactly this namespace")
    parser.add_argument("--cache", metavar="NAME", help="only entries of the cache of this name")
    parser.add_argument("--force", action="store_true", help="replace a file that exists")


def run(options: Namespace) -> int:
    """Export entries."""
    store = open_store(options)
    refs = store.keys()
    names = sorted(
        {ref.partition(":")[0] for ref in refs} & ({options.cache} if options.cache else {*_names(refs)})
    )
    written = 0
    with _target(options.file, force=options.force) as stream, screen.counted("exporting") as progress:
        for name in names:
            written += _export(RefCache(name, backend=store.backend), stream, options.namespace, progress)
    if options.json and options.file != "-":
        screen.print_json({"store": store.location, "file": options.file, "entries": written})
    else:
        screen.note(f"{written} entries written to {options.file}")
    return 0


def _names(refs: list[str]) -> Iterator[str]:
    return (ref.partition(":")[0] for ref in refs)


def _export(cache: RefCache, stream: IO[str], namespace: str | None, progress: Any) -> int:
    try:
        return cache.export(stream, namespace=namespace, progress=progress)
    except Exception as error:
        raise CliError(f"the export stopped: {error}") from error


@contextmanager
def _target(file: str, *, force: bool) -> Generator[IO[str]]:
    if file == "-":
        yield sys.stdout
        return
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        descriptor = os.open(file, flags, 0o600)
    except FileExistsError:
        raise CliError(f"{file} exists; replace it with --force") from None
    except OSError as error:
        raise CliError(f"{file} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
        Path(file).chmod(0o600)  # one that was there before may have been open to others
        yield stream
