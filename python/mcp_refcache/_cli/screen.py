"""What is printed: tables and progress bars for people, JSON for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

from mcp_refcache._cli.errors import UsageError

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def print_json(document: Any) -> None:
    """Print a document for programs; keys and shapes are stable."""
    print(json.dumps(document, indent=2))


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, header: bool = True
) -> None:
    """Print a table for people; columns whose name ends with `#` are numbers."""
    cell = _rich("text").Text  # never markup: what is stored is anybody's text
    table = _rich("table").Table(header_style="bold", show_header=header)
    for column in columns:
        table.add_column(
            column.rstrip("#"), justify="right" if column.endswith("#") else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(cell("-" if value is None else plain(str(value))) for value in row))
    console = _console(sys.stdout)
    console.print(cell(plain(title), style="bold"))
    console.print(table)


def print_facts(title: str, facts: Iterable[tuple[str, object]]) -> None:
    """Print names and values below each other."""
    print_table(title, ("", ""), facts, header=False)


def note(text: str) -> None:
    """Tell the person something that is no part of the output."""
    print(plain(text), file=sys.stderr)


def tracked(items: Sequence[Any], label: str) -> Iterator[Any]:
    """Go through items with a progress bar, where there is a terminal to show one."""
    if not sys.stderr.isatty():
        yield from items
        return
    progress = _rich("progress")
    yield from progress.track(
        items, description=label, console=_console(sys.stderr), transient=True, total=len(items)
    )


@contextmanager
def counted(label: str) -> Generator[Callable[[int, int | None], None]]:
    """Give a function that is told how many entries are done, of how many if that is known."""
    with ExitStack() as stack:
        task: Any = None
        bar: Any = None
        if sys.stderr.isatty():
            bar = stack.enter_context(
                _rich("progress").Progress(console=_console(sys.stderr), transient=True)
            )
            task = bar.add_task(label, total=None)

        def show(done: int, total: int | None = None) -> None:
            if bar is not None:
                bar.update(task, completed=done, total=total)

        yield show


def plain(text: str) -> str:
    """Return text that cannot steer a terminal: what is not printable is written out."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def age(moment: float | None, now: float | None = None) -> str:
    """Say how far a moment (seconds since 1970) is away: `3 h ago`, `in 5 min`, `never`."""
    if moment is None:
        return "never"
    distance = moment - (time.time() if now is None else now)
    seconds = abs(distance)
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (1, "s"))
    text = f"{int(seconds // size)} {unit}"
    return f"in {text}" if distance > 0 else f"{text} ago"


def amount(number: float) -> str:
    """Write a large number short: `12.3 k`, `4.0 M`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f}"


def has_tables() -> bool:
    """Whether tables can be printed."""
    try:
        import_module("rich")
    except ImportError:
        return False
    return True


def _console(stream: Any) -> Any:
    # into a file or a pipe lines are not cut to a width that nobody looks at
    width = None if stream.isatty() else 200
    return _rich("console").Console(file=stream, highlight=False, markup=False, width=width)


def _rich(module: str) -> Any:
    try:
        return import_module(f"rich.{module}")
    except ImportError:
        raise UsageError(
            "tables need the package rich: pip install 'mcp-refcache[cli]', or ask for --json"
        ) from None
