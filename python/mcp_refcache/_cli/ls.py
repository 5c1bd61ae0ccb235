"""List the entries of a store, newest first."""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace

from mcp_refcache import _core
from mcp_refcache._cli import screen
from mcp_refcache._cli.entries import Stored, add_filter_arguments
from mcp_refcache._cli.store import add_store_arguments, open_store

HELP = "list entries"
_SHOWN_CHARACTERS = 60


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `ls`."""
    add_store_arguments(parser)
    add_filter_arguments(parser)
    parser.add_argument("--limit", type=int, default=50, help="the most to list (default 50; 0 = all)")
    parser.add_argument("--sort", choices=("newest", "largest", "expiry"), default="newest")
    parser.add_argument("--values", action="store_true", help="show the beginning of each value, too")


def run(options: Namespace) -> int:
    """List entries."""
    store = open_store(options)
    found = sorted(store.entries(options), key=_ORDERS[options.sort])
    listed = found[: options.limit] if options.limit > 0 else found
    if options.json:
        entries = [
            stored.facts() | ({"value": _beginning(stored)} if options.values and stored.entry else {})
            for stored in listed
        ]
        screen.print_json({"store": store.location, "total": len(found), "entries": entries})
        return 0
    columns = ["reference", "namespace", "tool", "owner", "items#", "size#", "stored", "expires"]
    screen.print_table(
        f"{store.location}: {len(listed)} of {len(found)} entries",
        [*columns, "value"] if options.values else columns,
        (_row(stored, with_value=options.values) for stored in listed),
    )
    if len(listed) < len(found):
        screen.note(f"{len(found) - len(listed)} more: --limit 0 lists all")
    return 0


def _newest_first(stored: Stored) -> float:
    return -stored.entry.created_at if stored.entry else 0.0


def _largest_first(stored: Stored) -> float:
    return -(stored.size or 0)


def _soonest_first(stored: Stored) -> float:
    expires_at = stored.entry.expires_at if stored.entry else None
    return math.inf if expires_at is None else expires_at


_ORDERS = {"newest": _newest_first, "largest": _largest_first, "expiry": _soonest_first}


def _row(stored: Stored, *, with_value: bool) -> list[object]:
    if stored.entry is None:
        return [stored.ref_id, "(not readable)", *[None] * (7 if with_value else 6)]
    entry = stored.entry
    row: list[object] = [
        stored.ref_id,
        entry.namespace,
        stored.tool,
        entry.policy.owner,
        stored.items,
        None if stored.size is None else screen.amount(stored.size),
        screen.age(entry.created_at),
        screen.age(entry.expires_at),
    ]
    return [*row, _beginning(stored)] if with_value else row


def _beginning(stored: Stored) -> str:
    text = _core.json_text(stored.entry.value) if stored.entry else ""
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
