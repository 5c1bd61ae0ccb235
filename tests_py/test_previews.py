"""What an agent is shown of a value: never more than the limit, and how much is missing."""

from __future__ import annotations

import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Color, Point, python_values

from mcp_refcache import (
    CharacterFallback,
    CharacterMeasurer,
    PaginateGenerator,
    PreviewConfig,
    PreviewGenerator,
    PreviewStrategy,
    RefCache,
    SampleGenerator,
    SizeMeasurer,
    TiktokenAdapter,
    TokenMeasurer,
    TruncateGenerator,
    get_default_generator,
)

STRATEGIES = ["sample", "paginate", "truncate", "summary"]
CHARACTERS = CharacterMeasurer()
MEASURERS: list[SizeMeasurer] = [
    CHARACTERS,
    TokenMeasurer(TiktokenAdapter()),
    TokenMeasurer(CharacterFallback()),
]
measurers = pytest.mark.parametrize("measurer", MEASURERS, ids=["characters", "tokens", "quarters"])
strategies = pytest.mark.parametrize("strategy", STRATEGIES)


def deep(levels: int) -> list[Any]:
    value: list[Any] = ["in the middle"]
    for level in range(levels):
        value = [level, value, "x" * 20]
    return value


USERS = [{"id": i, "name": f"user {i}", "tags": ["a", "b"]} for i in range(10_000)]
VALUES: dict[str, Any] = {
    "one huge item": ["x" * 100_000],
    "a huge item among small ones": [1, 2, "x" * 100_000, 4, 5],
    "a huge string": "word " * 50_000,
    "a string of escapes": "\x00\ud800\U0001f600" * 5_000,
    "a dict around users": {"users": USERS},
    "users": USERS,
    "deep": deep(300),
    "deep dicts": json.loads('{"a": ' * 300 + '"end"' + "}" * 300),
    "long keys": {"k" * 5000 + str(i): i for i in range(5)},
    "many keys": {f"key {i}": i for i in range(5000)},
    "one big entry": {"ok": True, "count": 3, "rows": USERS[:500], "more": None},
    "a tuple": tuple(range(5000)),
    "a set": set(range(5000)),
    "bytes": b"\xff" * 5000,
    "a large int": 10**4000,
    "numbers": [10**300, 1.5e-300] * 500,
    "dates": [date(2026, 1, 1)] * 500,
    "an ordered dict": OrderedDict((i, "é" * i) for i in range(200)),
    "special tokens": ["<|endoftext|>"] * 500,
    "empty list": [],
    "empty dict": {},
    "empty text": "",
    "none": None,
    "enums": [Color.RED, Point(1, 2)] * 300,
}
LIMITS = [0, 1, 2, 3, 5, 8, 13, 40, 100, 1000]


def keeps_its_limit(preview: Any, preview_size: int, limit: int, measurer: SizeMeasurer) -> bool:
    """Whether a preview keeps the promise, whose floor is: nothing at all."""
    return preview_size == measurer.measure(preview) and (preview_size <= limit or preview is None)


@strategies
@measurers
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_a_preview_keeps_its_limit(value: Any, strategy: str, measurer: SizeMeasurer) -> None:
    cache = RefCache(
        preview_config=PreviewConfig(default_strategy=PreviewStrategy(strategy)), measurer=measurer
    )
    ref = cache.set("k", value).ref_id
    for limit in LIMITS:
        shown = cache.get(ref, max_size=limit)
        assert keeps_its_limit(shown.preview, shown.preview_size or 0, limit, measurer), limit


@given(python_values, st.sampled_from(STRATEGIES), st.sampled_from(MEASURERS), st.integers(0, 120))
def test_every_generator_keeps_its_limit(
    value: Any, strategy: str, measurer: SizeMeasurer, limit: int
) -> None:
    result = get_default_generator(strategy).generate(value, limit, measurer)
    assert keeps_its_limit(result.preview, result.preview_size, limit, measurer)
    if strategy != "truncate":
        assert (result.sampled_items or 0) <= (result.total_items or 0)
        assert result.original_size == measurer.measure(value)


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_below_the_size_of_anything_nothing_is_shown(limit: int) -> None:
    assert SampleGenerator().generate([[]] * 9, 1, CHARACTERS).preview is None
    for value, empty in [(["x" * 99], []), ({"abc": 1, "d": [1] * 99}, {}), ("text" * 9, "")]:
        shown = SampleGenerator().generate(value, limit, CHARACTERS).preview
        assert shown == (empty if limit >= 2 else None)


def test_a_hidden_preview_names_the_least_limit(cache: RefCache) -> None:
    @cache.cached(max_size=1)
    def tool() -> list[str]:
        return ["x" * 1000]

    answer: Any = tool()
    assert answer["preview"] is None
    assert re.search(r"\d", answer["message"].replace(answer["ref_id"], "")), answer["message"]


# -- what the original shows is shown where it keeps the limit ----------------------------------------


def spaced(items: list[Any], count: int) -> list[Any]:
    if count >= len(items):
        return items
    if count <= 1:
        return items[:count]
    step = (len(items) - 1) / (count - 1)
    return [items[round(i * step)] for i in range(count)]


def search(fits: Callable[[int], bool], low: int, high: int, best: int) -> int:
    while low <= high:
        middle = (low + high) // 2
        if fits(middle):
            best, low = middle, middle + 1
        else:
            high = middle - 1
    return best


def test_a_sample_is_spaced_over_the_whole() -> None:
    result = SampleGenerator().generate(list(range(100)), 30, CHARACTERS)
    assert result.preview == [0, 16, 33, 50, 66, 82, 99]
    assert (result.total_items, result.sampled_items, result.strategy) == (100, 7, PreviewStrategy.SAMPLE)


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=60), st.integers(12, 200), st.sampled_from(MEASURERS)
)
def test_a_sample_of_small_items_is_the_one_of_the_contract(
    items: list[int], limit: int, measurer: SizeMeasurer
) -> None:
    count = search(lambda count: measurer.measure(spaced(items, count)) <= limit, 1, len(items), 1)
    expected = items if measurer.measure(items) <= limit else spaced(items, count)
    assert SampleGenerator().generate(items, limit, measurer).preview == expected


@given(st.lists(st.integers(0, 99), min_size=1, max_size=60), st.integers(25, 200))
def test_a_sample_of_a_dict_keeps_order_and_types(values: list[int], limit: int) -> None:
    table = dict(enumerate(values))
    pairs = list(table.items())
    count = search(lambda count: CHARACTERS.measure(dict(spaced(pairs, count))) <= limit, 1, len(pairs), 1)
    expected = pairs if CHARACTERS.measure(table) <= limit else spaced(pairs, count)
    assert list(SampleGenerator().generate(table, limit, CHARACTERS).preview.items()) == expected


@given(
    st.text(st.characters(exclude_categories=()), max_size=80),
    st.integers(5, 120),
    st.sampled_from(MEASURERS[:1]),
)
def test_a_text_is_cut_where_the_contract_cuts_it(text: str, limit: int, measurer: SizeMeasurer) -> None:
    kept = search(lambda kept: measurer.measure(text[:kept] + "...") <= limit, 0, len(text), 0)
    whole = measurer.measure(text) <= limit
    result = SampleGenerator().generate(text, limit, measurer)
    assert result.preview == (text if whole or kept == len(text) else text[:kept] + "...")
    assert result.strategy == PreviewStrategy.TRUNCATE
    assert result.total_items == len(text)


@pytest.mark.parametrize("value", [[1, [2]], {"a": {"b": 1}}, OrderedDict(a=1)])
def test_what_fits_is_the_same_object(value: Any) -> None:
    assert SampleGenerator().generate(value, 1000, CHARACTERS).preview is value


@pytest.mark.parametrize(
    ("value", "preview", "total", "sampled"),
    [
        ((1, 2), [1, 2], 2, 2), ([], [], 0, 0), ({}, {}, 0, 0), ("abc", "abc", 3, 3), (5, 5, None, None),
        (None, None, None, None), (date(2026, 1, 2), date(2026, 1, 2), None, None),
    ],
)  # fmt: skip
def test_small_values_are_shown_whole(
    value: Any, preview: Any, total: int | None, sampled: int | None
) -> None:
    result = SampleGenerator().generate(value, 100, CHARACTERS)
    assert (result.preview, result.total_items, result.sampled_items) == (preview, total, sampled)
    assert (result.page, result.total_pages) == (None, None)


@pytest.mark.parametrize(
    ("value", "limit", "preview", "original_size", "total"),
    [
        ([1, 2], 100, "[1, 2]", 8, 2),
        ({"a": "b"}, 100, '{"a": "b"}', 16, 1),
        ("plain", 100, "plain", 7, 5),
        (list(range(50)), 20, "[0, 1, 2, 3, 4,...", 192, 50),
        (12345, 100, "12345", 7, None),
    ],
)
def test_truncation_shows_the_beginning_of_the_text(
    value: Any, limit: int, preview: str, original_size: int, total: int | None
) -> None:
    result = TruncateGenerator().generate(value, limit, CHARACTERS)
    assert result.strategy == PreviewStrategy.TRUNCATE
    assert (result.original_size, result.total_items) == (original_size, total)
    assert result.preview == preview or (limit == 20 and json.dumps(value).startswith(result.preview[:-3]))


# -- what is cut says how much ------------------------------------------------------------------------


def test_a_large_dict_entry_is_sampled_inside(cache: RefCache) -> None:
    shown = cache.get(cache.set("k", {"users": USERS}).ref_id, max_size=400)
    *items, rest = shown.preview["users"]
    assert rest == f"... and {10_000 - len(items)} more"
    assert len(items) >= 2
    assert shown.total_items == 1


def test_a_long_text_in_a_list_says_how_many_characters_are_missing(cache: RefCache) -> None:
    shown = cache.get(cache.set("k", ["x" * 100_000]).ref_id).preview
    begin, missing = re.fullmatch(r"(x+)\.\.\. and (\d+) more characters", shown[0]).groups()  # pyright: ignore
    assert len(begin) + int(missing) == 100_000


def test_every_key_is_named_beside_a_large_entry() -> None:
    value = {"ok": True, "rows": [{"id": i} for i in range(1000)], "next": "page 2"}
    preview = SampleGenerator().generate(value, 100, CHARACTERS).preview
    assert preview.keys() == value.keys()
    assert (preview["ok"], preview["next"]) == (True, "page 2")
    assert re.search(r"\d+ more", str(preview["rows"]))


@pytest.mark.parametrize("strategy", ["sample", "truncate", "paginate"])
@pytest.mark.parametrize("name", ["a dict around users", "a huge string", "users", "many keys"])
def test_a_shortened_preview_counts_the_whole(cache: RefCache, name: str, strategy: str) -> None:
    result = get_default_generator(strategy).generate(VALUES[name], 200, CHARACTERS)
    assert result.preview_size < result.original_size
    assert result.total_items == len(VALUES[name])


def test_a_summary_counts_names_and_shows(cache: RefCache) -> None:
    result = get_default_generator("summary").generate({"users": USERS, "ok": True}, 600, CHARACTERS)
    text = json.dumps(result.preview)
    assert result.strategy == "summary"
    assert isinstance(result.preview, dict)
    for fact in ("users", "ok", "10000", "name", "user 0"):
        assert fact in text, fact


# -- sizes and strategies through the cache -----------------------------------------------------------


@pytest.mark.parametrize("limit", [20, 50, 100, 500])
def test_the_size_of_a_call_comes_first(cache: RefCache, limit: int) -> None:
    shown = cache.get(cache.set("k", list(range(1000))).ref_id, max_size=limit)
    assert limit * 0.7 < (shown.preview_size or 0) <= limit


def test_the_size_of_a_tool_is_that_of_its_previews(cache: RefCache) -> None:
    @cache.cached(max_size=20)
    def tool() -> list[int]:
        return list(range(1000))

    answer: Any = tool()
    assert answer["preview_size"] <= 20
    assert (cache.get(answer["ref_id"]).preview_size or 0) <= 20
    assert 20 < (cache.get(answer["ref_id"], max_size=50).preview_size or 0) <= 50


def test_a_value_between_the_sizes_of_server_and_tool_is_complete(cache: RefCache) -> None:
    @cache.cached(max_size=500)
    def tool() -> list[int]:
        return list(range(80))

    answer: Any = tool()
    assert answer["value"] == list(range(80))


def test_the_size_of_the_server_may_be_changed(cache: RefCache) -> None:
    ref = cache.set("k", list(range(1000))).ref_id
    before = cache.get(ref).preview_size or 0
    cache.preview_config.max_size = 30
    assert (cache.get(ref).preview_size or 0) <= 30 < before


def test_a_preview_length_counts_characters() -> None:
    cache = RefCache(preview_length=50)
    assert 40 <= (cache.get(cache.set("k", list(range(1000))).ref_id).preview_size or 0) <= 50


def test_a_preview_length_beside_a_config_is_refused() -> None:
    with pytest.raises(TypeError, match="preview_config"):
        RefCache(preview_length=50, preview_config=PreviewConfig())


@pytest.mark.parametrize(("kind", "strategy"), [(name, name) for name in STRATEGIES])
def test_a_tool_may_choose_the_strategy(cache: RefCache, kind: str, strategy: str) -> None:
    @cache.cached(preview_type=kind)
    def tool() -> list[int]:
        return list(range(1000))

    answer: Any = tool()
    assert answer["preview_strategy"] == strategy
    assert cache.get(answer["ref_id"]).preview_strategy == strategy


@strategies
def test_a_cache_may_choose_the_strategy(strategy: str) -> None:
    cache = RefCache(preview_config=PreviewConfig(default_strategy=PreviewStrategy(strategy), max_size=50))
    assert cache.get(cache.set("k", list(range(1000))).ref_id).preview_strategy == strategy


@pytest.mark.parametrize("strategy", ["sample", PreviewStrategy.SAMPLE, "no such strategy"])
def test_the_default_generator_samples(strategy: Any) -> None:
    assert type(get_default_generator(strategy)) is SampleGenerator


@pytest.mark.parametrize(
    "generator",
    [SampleGenerator(), PaginateGenerator(), TruncateGenerator(), get_default_generator("summary")],
)
def test_generators_keep_the_protocol(generator: object) -> None:
    assert isinstance(generator, PreviewGenerator)


def test_the_answer_names_the_reference_and_counts_tokens() -> None:
    cache = RefCache(name="c")
    ref = cache.set("k", list(range(5000)))
    shown = cache.get("k")
    assert (shown.ref_id, shown.cache_name, shown.namespace) == (ref.ref_id, "c", "public")
    assert (
        shown.total_tokens
        == shown.original_size
        == TokenMeasurer(TiktokenAdapter()).measure(list(range(5000)))
    )
    assert shown.available_actions == ["get_page", "resolve_full", "pass_to_tool"]


def test_characters_are_no_tokens(cache: RefCache) -> None:
    assert cache.get(cache.set("k", [1]).ref_id).total_tokens is None


def test_a_preview_of_many_items_is_made_quickly() -> None:
    cache = RefCache()
    ref = cache.set("l", [{"id": i, "name": f"user {i}"} for i in range(50_000)]).ref_id
    started = time.perf_counter()
    cache.get(ref)
    assert time.perf_counter() - started < 1.0


def test_a_repeated_preview_costs_nothing() -> None:
    cache = RefCache()
    ref = cache.set("l", [{"id": i, "name": f"user {i}"} for i in range(50_000)]).ref_id
    first = cache.get(ref)
    started = time.perf_counter()
    again = cache.get(ref)
    assert time.perf_counter() - started < 0.02
    assert again == first


def test_previews_are_the_callers_own(cache: RefCache) -> None:
    ref = cache.set("k", [[1], [2]]).ref_id
    cache.get(ref).preview[0].append("changed")
    assert cache.get(ref).preview == [[1], [2]]
