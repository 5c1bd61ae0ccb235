"""What an agent is shown of a value: native generators behind one protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from mcp_refcache import _core
from mcp_refcache._arguments import having, whole
from mcp_refcache.context import SizeMeasurer
from mcp_refcache.models import PreviewStrategy

__all__ = [
    "PaginateGenerator",
    "PreviewGenerator",
    "PreviewResult",
    "SampleGenerator",
    "SummaryGenerator",
    "TruncateGenerator",
    "get_default_generator",
]


@dataclass
class PreviewResult:
    """A preview and what it leaves out.

    Attributes:
        preview: What is shown.
        strategy: How it was chosen.
        original_size: Size of the whole value, in the unit of the measurer.
        preview_size: Size of what is shown; never more than the limit that was asked for.
        total_items: Items of a list or dict, characters of a text, else None.
        sampled_items: How many of these are shown.
        page: The page that was asked for, from 1.
        total_pages: Number of pages.
    """

    preview: Any
    strategy: PreviewStrategy
    original_size: int
    preview_size: int
    total_items: int | None
    sampled_items: int | None
    page: int | None
    total_pages: int | None


@runtime_checkable
class PreviewGenerator(Protocol):
    """Makes previews; the cache calls it with all five arguments by keyword."""

    def generate(
        self,
        value: Any,
        max_size: int,
        measurer: SizeMeasurer,
        page: int | None = None,
        page_size: int | None = None,
    ) -> PreviewResult:
        """Return what to show of a value within `max_size`, as `measurer` counts."""
        ...


class _Generator:
    """A built-in generator."""

    _strategy: ClassVar[PreviewStrategy]

    def generate(
        self,
        value: Any,
        max_size: int,
        measurer: SizeMeasurer,
        page: int | None = None,
        page_size: int | None = None,
    ) -> PreviewResult:
        """Return what to show of a value.

        Args:
            value: Any value.
            max_size: The most that the preview may measure.
            measurer: What measures.
            page: The page to show, from 1, where the strategy has pages.
            page_size: Items (of a text: characters) on a page.

        Raises:
            ValueError: If `page` or `page_size` is below 1.
        """
        having("measurer", measurer, "a SizeMeasurer", "measure")
        whole("max_size", max_size, 0)
        fields = _core.generate(self._strategy.value, value, max_size, measurer, page, page_size)
        return PreviewResult(fields[0], PreviewStrategy(fields[1]), *fields[2:])


class SampleGenerator(_Generator):
    """Shows items evenly spaced over the whole, whole ones where they fit; texts are cut."""

    _strategy = PreviewStrategy.SAMPLE


class PaginateGenerator(_Generator):
    """Shows one page; every item is on exactly one page, shrunk in its place where it does not fit."""

    DEFAULT_PAGE_SIZE: ClassVar[int] = 20
    _strategy = PreviewStrategy.PAGINATE


class TruncateGenerator(_Generator):
    """Shows the beginning of the value's JSON text."""

    _strategy = PreviewStrategy.TRUNCATE


class SummaryGenerator(_Generator):
    """Shows the shape: types, counts, key names and their share of the size, ranges, three items."""

    _strategy = PreviewStrategy.SUMMARY


_GENERATORS: dict[str, type[_Generator]] = {
    "sample": SampleGenerator,
    "paginate": PaginateGenerator,
    "truncate": TruncateGenerator,
    "summary": SummaryGenerator,
}


def get_default_generator(strategy: PreviewStrategy | str) -> PreviewGenerator:
    """Return the built-in generator of a strategy; an unknown one samples."""
    name: object = getattr(strategy, "value", strategy)
    return _GENERATORS.get(name if isinstance(name, str) else "", SampleGenerator)()
