"""Read entries that `export` wrote into a store; entries with the same reference are replaced."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mcp_refcache._cli import screen
from mcp_refcache._cli.errors import CliError
from mcp_refcache._cli.store import add_store_arguments, open_store
from mcp_refcache.cache import RefCache

HELP = "read entries from a file"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `import`."""
    parser.add_argument("file", metavar="FILE", help="what to read; - = standard input")
    add_store_arguments(parser)


def run(options: Namespace) -> int:
    """Import entries."""
    with _source(options.file) as stream:
        store = open_store(options, create=True)
        cache = RefCache("cli", backend=store.backend)
        try:
            with screen.counted("importing") as progress:
                read = cache.import_(stream, progress=progress)
        except Exception as error:
            raise CliError(f"the import stopped: {error}") from error
    if options.json:
        screen.print_json({"store": store.location, "file": options.file, "entries": read})
    else:
        screen.note(f"{read} entries read into {store.location}")
    return 0


@contextmanager
def _source(file: str) -> Generator[IO[str]]:
    if file == "-":
        yield sys.stdin
        return
    try:
        stream = Path(file).open(encoding="utf-8")  # noqa: SIM115 -- closed below
    except OSError as error:
        raise CliError(f"{file} cannot be read: {error.strerror}") from None
    with stream:
        yield stream
