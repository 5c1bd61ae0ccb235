"""Count what is in a store: entries, characters, caches, namespaces, tools."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterable
from typing import Any

from mcp_refcache._cli import screen
from mcp_refcache._cli.entries import Store, Stored, add_filter_arguments
from mcp_refcache._cli.store import add_store_arguments, open_store

HELP = "count what is in a store"
_SOON_SECONDS = 3600
_LISTED = 10


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `stats`."""
    add_store_arguments(parser)
    add_filter_arguments(parser)


def run(options: Namespace) -> int:
    """Count."""
    store = open_store(options)
    counts = _count(store, store.entries(options))
    if options.json:
        screen.print_json(counts)
        return 0
    groups = ("caches", "namespaces", "tools")
    screen.print_facts(
        store.location,
        [(name.replace("_", " "), _shown(name, counts[name])) for name in counts if name not in groups],
    )
    for group in groups:
        if counts[group]:
            largest = sorted(counts[group].items(), key=lambda item: -item[1]["characters"])
            title = group if len(largest) <= _LISTED else f"{group} (the {_LISTED} largest of {len(largest)})"
            rows = (
                (name, one["entries"], screen.amount(one["characters"])) for name, one in largest[:_LISTED]
            )
            screen.print_table(title, ("name", "entries#", "characters#"), rows)
    return 0


def _count(store: Store, entries: Iterable[Stored]) -> dict[str, Any]:
    totals: Counter[str] = Counter()
    groups: dict[str, dict[str, Counter[str]]] = {"caches": {}, "namespaces": {}, "tools": {}}
    moments: list[float] = []
    moment = time.time()
    for stored in entries:
        totals["entries"] += 1
        if stored.entry is None:
            totals["not_readable"] += 1
            continue
        expires_at, size = stored.entry.expires_at, stored.size or 0
        moments.append(stored.entry.created_at)
        totals["characters"] += size
        totals["never_expire"] += expires_at is None
        totals["expire_within_an_hour"] += expires_at is not None and expires_at - moment < _SOON_SECONDS
        names = {
            "caches": stored.cache,
            "namespaces": stored.entry.namespace,
            "tools": stored.tool or "(none)",
        }
        for group, name in names.items():
            groups[group].setdefault(name, Counter()).update(entries=1, characters=size)
    file_bytes = {"file_bytes": store.path.stat().st_size} if store.path and store.path.exists() else {}
    names = ("entries", "not_readable", "characters", "never_expire", "expire_within_an_hour")
    return {
        "store": store.location,
        **{name: totals[name] for name in names},
        "oldest": min(moments, default=None),
        "newest": max(moments, default=None),
        **file_bytes,
        **groups,
    }


def _shown(name: str, value: Any) -> object:
    if name in ("oldest", "newest"):
        return None if value is None else screen.age(value)
    return screen.amount(value) if isinstance(value, int) else value
