"""Write the entries of a cache to a file as JSON Lines, with their keys, policies, times and metadata.

The file holds every value in the clear, also those of an encrypted store: it is made readable for its owner only.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from mcp_refcache._cli import screen
from mcp_refcache._cli.entries import Store
from mcp_refcache._cli.errors import CliError, UsageError
from mcp_refcache._cli.store import add_store_arguments, open_store
from mcp_refcache.cache import RefCache

HELP = "write entries to a file"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `export`."""
    parser.add_argument("file", metavar="FILE", help="where to write; - = standard output")
    add_store_arguments(parser)
    parser.add_argument("--namespace", metavar="NAME", help="only entries of exactly this namespace")
    parser.add_argument(
        "--cache", metavar="NAME", help="the cache; needed where the store has entries of several"
    )
    parser.add_argument("--force", action="store_true", help="replace a file that exists")


def run(options: Namespace) -> int:
    """Export entries."""
    store = open_store(options)
    cache = RefCache(options.cache or _only_cache(store), backend=store.backend)
    is_piped = options.file == "-"
    if not is_piped:
        _make(options.file, force=options.force)
    try:
        with screen.counted("exporting") as progress:
            target = sys.stdout.buffer if is_piped else options.file
            done = cache.export(target, namespace=options.namespace, progress=progress)
    except Exception as error:
        if not is_piped:
            Path(options.file).unlink(missing_ok=True)  # half an export is none
        raise CliError(f"the export stopped: {error}") from error
    if options.json and not is_piped:
        screen.print_json({"store": store.location, "file": options.file, "entries": done.entries})
    else:
        screen.note(f"{done.entries} entries of {cache.name} written to {options.file}")
    return 0


def _only_cache(store: Store) -> str:
    names = sorted({ref.partition(":")[0] for ref in store.refs()})
    if len(names) != 1:
        said = (
            f"entries of several caches, choose one with --cache: {', '.join(names)}"
            if names
            else "no entries"
        )
        raise UsageError(f"{store.location} has {screen.plain(said)}")
    return names[0]


def _make(file: str, *, force: bool) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | (0 if force else os.O_EXCL), 0o600)
    except FileExistsError:
        raise CliError(f"{file} exists; replace it with --force") from None
    except OSError as error:
        raise CliError(f"{file} cannot be written: {error.strerror}") from None
    os.close(descriptor)
    Path(file).chmod(0o600)  # one that was there before may have been open to others
