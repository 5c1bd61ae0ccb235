"""What it costs to write down who did what: a `resolve` of 1 KB in memory, by where the records go; ours alone."""

from __future__ import annotations

from collections.abc import Callable

from benches import data
from benches.row import Below, Contestants, Side, row
from benches.rows.caches import cache


def _resolving(audit: object = None) -> Callable[[], object]:
    here = cache(audit=audit)
    ref_id = here.set("key", data.small()).ref_id
    return lambda: here.resolve(ref_id)


@row("memory `resolve`, audited by JSON lines", Below(50e-6), compared=False)
def resolve_audited(side: Side) -> Contestants:
    """Resolves 1 KB and writes a chained line of JSON; beside it with no log, with a function, and with SQLite."""
    return {
        side.mine: _resolving(side.folder / "audit.jsonl"),
        "no log": _resolving(),
        "a function": _resolving(lambda record: None),
        "SQLite": _resolving(side.folder / "audit.db"),
    }
