"""Show what is known of one entry; its value only with --values.

With --values and without --json, standard output is the value as JSON and nothing else, so that it can be piped on.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from mcp_refcache import _core
from mcp_refcache._cli import screen
from mcp_refcache._cli.entries import Stored
from mcp_refcache._cli.errors import CliError
from mcp_refcache._cli.store import add_store_arguments, open_store
from mcp_refcache._results import as_json
from mcp_refcache.permissions import Permission

HELP = "show one entry"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `show`."""
    parser.add_argument("ref_id", metavar="REFERENCE")
    add_store_arguments(parser)
    parser.add_argument("--values", action="store_true", help="show the value, too")


def run(options: Namespace) -> int:
    """Show one entry."""
    store = open_store(options)
    store.refs()  # tells a store that is down from an entry that is not readable
    stored = store.read(options.ref_id)
    if stored is None:
        raise CliError(
            f"{store.location} has no live entry {screen.plain(options.ref_id)}; it may have expired"
        )
    if stored.entry is None:
        raise CliError(
            f"{stored.ref_id} cannot be read: {stored.problem}. If the store is encrypted, name the variable "
            "with its key: --key-env NAME"
        )
    if options.json:
        value = {"value": as_json(stored.entry.value)} if options.values else {}
        screen.print_json(stored.facts() | {"policy": _policy(stored), "metadata": _metadata(stored)} | value)
    elif options.values:
        print(_core.json_text(stored.entry.value))
    else:
        _print(stored)
    return 0


def _print(stored: Stored) -> None:
    entry = stored.entry
    assert entry is not None  # noqa: S101 -- the caller has looked
    facts: list[tuple[str, object]] = [
        ("namespace", entry.namespace),
        ("stored", screen.age(entry.created_at)),
        ("expires", screen.age(entry.expires_at)),
        ("items", stored.items),
        ("characters", stored.size),
        *_policy(stored).items(),
        *_metadata(stored).items(),
    ]
    screen.print_facts(stored.ref_id, facts)
    screen.note("--values shows the value")


def _policy(stored: Stored) -> dict[str, Any]:
    policy = stored.entry.policy if stored.entry else None
    fields = policy.model_dump() if policy else {}
    return {name: _text(value) for name, value in fields.items() if value is not None}


def _text(value: Any) -> Any:
    if isinstance(value, Permission):
        return value.name or str(value)
    return value if isinstance(value, str) else sorted(map(str, value))  # lists of actors


def _metadata(stored: Stored) -> dict[str, Any]:
    # what begins with an underscore is the store's own and may hold parts of the value
    metadata = stored.entry.metadata if stored.entry else {}
    return {name: as_json(value) for name, value in metadata.items() if not name.startswith("_")}
