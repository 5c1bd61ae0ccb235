"""Remove entries from a store.

Say which: --namespace, --cache and --tool choose, --all takes every entry. Without --yes it asks first.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from mcp_refcache._cli import screen
from mcp_refcache._cli.entries import add_filter_arguments
from mcp_refcache._cli.errors import CliError, UsageError
from mcp_refcache._cli.store import add_store_arguments, open_store

HELP = "remove entries"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `clear`."""
    parser.add_argument("refs", metavar="REFERENCE", nargs="*", help="remove exactly these")
    add_store_arguments(parser)
    add_filter_arguments(parser)
    parser.add_argument("--all", action="store_true", help="remove every entry")
    parser.add_argument("--dry-run", action="store_true", help="only say how many it would be")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(options: Namespace) -> int:
    """Remove entries."""
    is_filtered = any((options.namespace, options.cache, options.tool))
    if sum((bool(options.refs), is_filtered, options.all)) != 1:
        raise UsageError("say what to remove: references, or --namespace, --cache and --tool, or --all")
    store = open_store(options)
    if is_filtered:
        refs = [stored.ref_id for stored in store.entries(options)]
    else:
        refs = options.refs or store.refs()
    if not options.dry_run and refs and not options.yes:
        _ask(f"Remove {len(refs)} entries from {store.location}?")
    removed = 0
    if not options.dry_run:
        try:
            removed = sum(store.backend.delete(ref) for ref in screen.tracked(refs, "removing"))
        except Exception as error:
            raise CliError(f"stopped: {error}") from error
    if options.json:
        screen.print_json({"store": store.location, "found": len(refs), "removed": removed})
    elif options.dry_run:
        print(f"{len(refs)} entries would be removed from {store.location}")
    else:
        print(f"{removed} entries removed from {store.location}")
    return 0


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody is there to ask: confirm with --yes")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise CliError("nothing was removed")
