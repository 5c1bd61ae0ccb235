"""The rows of the table, a file per theme."""

from __future__ import annotations

from importlib import import_module

THEMES = (
    "decorated", "memory", "access", "sqlite", "redis", "redis_callers", "cost", "loop", "space", "startup", "tokens", "json_text", "audit",
)  # fmt: skip
#: Themes in which the original takes no part.
OURS_ALONE = ("redis_callers", "cost", "tokens", "json_text", "audit")


def load(*themes: str) -> None:
    """Register the rows of these themes."""
    for theme in themes:
        import_module(f"benches.rows.{theme}")
