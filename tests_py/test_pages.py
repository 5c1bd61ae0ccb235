"""Pages: every item on exactly one page, in order; text is paged, too."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_values, texts

from mcp_refcache import (
    CharacterFallback,
    CharacterMeasurer,
    PaginatedResponse,
    PaginateGenerator,
    PreviewStrategy,
    RefCache,
    SizeMeasurer,
    TiktokenAdapter,
    TokenMeasurer,
)

CHARACTERS = CharacterMeasurer()
MEASURERS: list[SizeMeasurer] = [
    CHARACTERS,
    TokenMeasurer(TiktokenAdapter()),
    TokenMeasurer(CharacterFallback()),
]
ROOMY = 10**9


def pages_of(
    value: Any, limit: int, measurer: SizeMeasurer = CHARACTERS, page_size: int | None = None
) -> list[Any]:
    generator = PaginateGenerator()
    total = generator.generate(value, limit, measurer, page=1, page_size=page_size).total_pages or 0
    return [
        generator.generate(value, limit, measurer, page=page, page_size=page_size)
        for page in range(1, total + 1)
    ]


@given(st.lists(json_values, max_size=30), st.integers(1, 9), st.sampled_from([list, tuple]))
def test_pages_concatenate_to_the_list(items: list[Any], page_size: int, kind: type) -> None:
    pages = pages_of(kind(items), ROOMY, page_size=page_size)
    assert len(pages) == math.ceil(len(items) / page_size)
    assert repr([item for page in pages for item in page.preview]) == repr(items)


@given(st.dictionaries(texts, json_values, max_size=30), st.integers(1, 9))
def test_pages_concatenate_to_the_dict(table: dict[str, Any], page_size: int) -> None:
    pages = pages_of(table, ROOMY, page_size=page_size)
    assert repr([pair for page in pages for pair in page.preview.items()]) == repr(list(table.items()))


@given(
    st.lists(st.integers() | st.text(max_size=300), min_size=1, max_size=25),
    st.integers(1, 9),
    st.integers(200, 600),
    st.sampled_from(MEASURERS),
)
def test_every_item_is_in_its_place_whole_or_shortened(
    items: list[Any], page_size: int, limit: int, measurer: SizeMeasurer
) -> None:
    shown = [item for page in pages_of(items, limit, measurer, page_size) for item in page.preview]
    assert len(shown) == len(items)
    for whole, part in zip(items, shown, strict=True):
        assert part == whole or (isinstance(part, str) and part[:1] in (str(whole)[:1], "."))


@given(st.lists(json_values, max_size=30), st.integers(1, 9), st.integers(0, 300), st.sampled_from(MEASURERS))
def test_pages_keep_their_limit(items: list[Any], page_size: int, limit: int, measurer: SizeMeasurer) -> None:
    for page in pages_of(items, limit, measurer, page_size):
        assert page.preview_size == measurer.measure(page.preview)
        assert page.preview_size <= limit or page.preview is None
        assert page.strategy == PreviewStrategy.PAGINATE


@given(
    st.text(st.characters(exclude_categories=()), max_size=600),
    st.integers(20, 200),
    st.sampled_from(MEASURERS),
)
def test_text_pages_concatenate_to_the_text(text: str, limit: int, measurer: SizeMeasurer) -> None:
    pages = pages_of(text, limit, measurer)
    assert "".join(page.preview for page in pages) == text
    assert all(page.preview_size <= limit for page in pages)


def test_a_text_page_is_about_as_long_as_the_limit_allows() -> None:
    pages = pages_of("word " * 1000, 200)
    assert all(150 <= page.preview_size <= 200 for page in pages[:-1])


@pytest.mark.parametrize(("page", "shown"), [(1, "abcd"), (2, "efgh"), (3, "ij"), (4, "")])
def test_a_page_size_counts_characters_of_a_text(cache: RefCache, page: int, shown: str) -> None:
    answer = cache.get(cache.set("k", "abcdefghij").ref_id, page=page, page_size=4)
    assert (answer.preview, answer.page, answer.total_pages, answer.total_items) == (shown, page, 3, 10)


def test_a_long_text_is_paged_within_the_limit(cache: RefCache) -> None:
    ref = cache.set("k", "z" * 100_000).ref_id
    first = cache.get(ref, page=1)
    assert (first.preview_size or 0) <= 100
    shown = [cache.get(ref, page=page).preview for page in range(1, (first.total_pages or 0) + 1)]
    assert "".join(shown) == "z" * 100_000


@pytest.mark.parametrize(
    ("page", "page_size", "shown", "total_pages"),
    [(1, 5, [0, 1, 2, 3, 4], 20), (20, 5, [95, 96, 97, 98, 99], 20), (2, 30, list(range(30, 60)), 4), (4, 30, list(range(90, 100)), 4),
     (1, None, list(range(20)), 5), (5, None, list(range(80, 100)), 5), (999, 5, [], 20), (10**9, 10**9, [], 1)],
)  # fmt: skip
def test_pages_are_numbered_from_one(
    page: int, page_size: int | None, shown: list[int], total_pages: int
) -> None:
    cache = RefCache()
    answer = cache.get(cache.set("k", list(range(100))).ref_id, page=page, page_size=page_size)
    assert (answer.preview, answer.page, answer.total_pages, answer.total_items) == (
        shown,
        page,
        total_pages,
        100,
    )


@pytest.mark.parametrize("argument", ["page", "page_size"])
@pytest.mark.parametrize("number", [0, -1, -(10**9), 2**63, 10**30])
def test_a_page_below_one_or_beyond_numbers_is_refused(cache: RefCache, argument: str, number: int) -> None:
    ref = cache.set("k", [1, 2, 3]).ref_id
    with pytest.raises(ValueError, match=rf"(?s)^{argument} .*{number}"):
        cache.get(ref, **{"page": 1, argument: number})


@pytest.mark.parametrize("argument", ["page", "page_size"])
@pytest.mark.parametrize("number", ["1", 1.5, [1]])
def test_a_page_that_is_no_number_is_refused(cache: RefCache, argument: str, number: Any) -> None:
    ref = cache.set("k", [1, 2, 3]).ref_id
    with pytest.raises(TypeError, match=argument):
        cache.get(ref, **{"page": 1, argument: number})


def test_generators_refuse_a_page_below_one() -> None:
    with pytest.raises(ValueError, match="page must be"):
        PaginateGenerator().generate([1], 10, CHARACTERS, page=0)


@pytest.mark.parametrize(("value", "total"), [([], 0), ({}, 0), ((), 0)])
def test_an_empty_collection_has_no_pages(cache: RefCache, value: Any, total: int) -> None:
    answer = cache.get(cache.set("k", value).ref_id, page=1)
    assert (answer.preview, answer.total_pages) == (list(value) if value != {} else {}, total)


@pytest.mark.parametrize("value", [5, None, True, 1.5])
def test_a_single_value_is_one_page(cache: RefCache, value: Any) -> None:
    answer = cache.get(cache.set("k", value).ref_id, page=1)
    assert (answer.preview, answer.page, answer.total_pages) == (value, 1, 1)


def test_a_page_size_alone_asks_for_no_page(cache: RefCache) -> None:
    assert cache.get(cache.set("k", list(range(100))).ref_id, page_size=3).preview_strategy == "sample"


@pytest.mark.parametrize("limit", [30, 100, 300])
def test_a_page_that_is_too_large_says_what_is_missing(limit: int) -> None:
    items = [f"item number {i:04d}" for i in range(40)]
    pages = pages_of(items, limit)
    assert len(pages) == 2
    for page in pages:
        assert page.preview_size <= limit
        assert page.total_items == 40
    if limit == 300:
        shown = [item for page in pages for item in page.preview]
        assert len(shown) == 40
        assert all(item.startswith("item") for item in shown)


def test_a_large_item_is_shortened_in_its_place(cache: RefCache) -> None:
    preview = cache.get(cache.set("k", [1, "y" * 500, 3]).ref_id, page=1).preview
    assert (preview[0], preview[2], len(preview)) == (1, 3, 3)
    begin, missing = re.fullmatch(r"(y+)\.\.\. and (\d+) more characters", preview[1]).groups()  # pyright: ignore
    assert len(begin) + int(missing) == 500


def test_a_smaller_page_with_more_room_shows_the_item(cache: RefCache) -> None:
    ref = cache.set("k", [1, "y" * 500, 3]).ref_id
    assert cache.get(ref, page=2, page_size=1, max_size=1000).preview == ["y" * 500]


@pytest.mark.parametrize(
    ("page", "items", "has_next", "has_previous"), [(1, [1, 2], True, False), (2, [3], False, True)]
)
def test_a_response_is_cut_from_a_list(
    page: int, items: list[int], has_next: bool, has_previous: bool
) -> None:
    response = PaginatedResponse.from_list([1, 2, 3], page=page, page_size=2)
    assert (response.items, response.total_pages, response.has_next, response.has_previous) == (
        items,
        2,
        has_next,
        has_previous,
    )


@pytest.mark.parametrize("arguments", [{"page": 0}, {"page_size": 0}, {"page_size": -5}])
def test_a_response_with_impossible_pages_is_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        PaginatedResponse.from_list([1], **arguments)
