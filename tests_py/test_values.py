"""Stored values: what comes back is equal, of the same type, and nobody else's object."""

from __future__ import annotations

import copy
import dataclasses
import logging
import math
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from strategies import Color, Meters, Name, Point, Shape, Table, Word, lasting_values

from mcp_refcache import RefCache

CACHE = RefCache(name="values", preview_length=100)
LARGE = 80_000


@dataclasses.dataclass
class Row:
    id: int
    tags: list[str]


class Model(BaseModel):
    id: int
    tags: list[str]


def described(value: Any) -> Any:
    """What a value is, to the last bit: the order of a set means nothing, that of a dict does."""
    if isinstance(value, dict):
        return type(value), [(described(key), described(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [described(item) for item in value]
    if isinstance(value, set | frozenset):
        return type(value), sorted(map(repr, value))
    return type(value), repr(value)


@given(lasting_values, st.booleans())
def test_json_and_more_comes_back_equal_and_of_the_same_types(value: Any, large: bool) -> None:
    stored = {"value": value, "filler": "x" * LARGE * large}
    back = CACHE.resolve(CACHE.set("k", stored).ref_id)
    assert back == stored
    assert described(back) == described(stored)


VALUES: list[Any] = [
    None, True, 5, -(10**40), 1.5, math.inf, "é\ud800", [1, [2]], {"a": {"b": []}}, (1, (2,)), Point(1, [2]), {2: "a", None: "b", True: 2, 1.5: 3},
    {1, 2}, frozenset({"a"}), b"x\xff", bytearray(b"x"), date(2026, 1, 2), datetime(2026, 1, 2, 3, tzinfo=timezone.utc), time(1), timedelta(1, 2, 3),
    Decimal("1.10"), Fraction(1, 3), UUID(int=5), 1 + 2j, Color.RED, Word.NO, Shape.ROUND, Name("Ada"), Table(a=[1]), OrderedDict(b=[1], a=2),
    defaultdict(list, a=[1]), Counter("aab"), deque([1, [2]]), range(3), PurePosixPath("/x"), Row(1, ["a"]), Model(id=1, tags=["a"]),
]  # fmt: skip
KEYS = [Color.RED, Name("Ada"), Word.NO, Meters(2.0), True, None, 1.5, "plain"]
SIZES = pytest.mark.parametrize("filler", ["", "x" * LARGE], ids=["below 64 KB", "above"])
KINDS = pytest.mark.parametrize(
    "value", VALUES, ids=lambda value: f"{type(value).__name__} {str(value)[:12]!a}"
)


@SIZES
@KINDS
def test_a_value_comes_back_equal_and_of_the_same_type(value: Any, filler: str) -> None:
    stored = [copy.deepcopy(value), filler]
    back = CACHE.resolve(CACHE.set("k", stored).ref_id)[0]
    assert back == value
    assert type(back) is type(value)
    assert repr(back) == repr(value)


@KINDS
def test_a_value_alone_comes_back_equal_and_of_the_same_type(value: Any) -> None:
    back = CACHE.resolve(CACHE.set("k", copy.deepcopy(value)).ref_id)
    assert (back, type(back)) == (value, type(value))


@SIZES
@pytest.mark.parametrize("key", KEYS, ids=lambda key: type(key).__name__)
def test_a_key_comes_back_of_the_same_type(key: Any, filler: str) -> None:
    back = CACHE.resolve(CACHE.set("k", [{key: 1}, filler]).ref_id)[0]
    assert back == {key: 1}
    assert type(next(iter(back))) is type(key)


@SIZES
def test_nan_comes_back(filler: str) -> None:
    back = CACHE.resolve(CACHE.set("k", [math.nan, {"a": math.nan}, filler]).ref_id)
    assert math.isnan(back[0])
    assert math.isnan(back[1]["a"])


CHANGES: dict[str, tuple[Any, Any]] = {
    "list": ([1, [2]], lambda value: value[1].append(9)),
    "dict": ({"a": {"b": 1}}, lambda value: value["a"].update(c=9)),
    "tuple": (([1],), lambda value: value[0].append(9)),
    "namedtuple": (Point([1], 2), lambda value: value.x.append(9)),
    "set": ({1}, lambda value: value.add(9)),
    "set inside": ([{1}], lambda value: value[0].add(9)),
    "bytearray": (bytearray(b"x"), lambda value: value.extend(b"9")),
    "ordered": (OrderedDict(a=[1]), lambda value: value["a"].append(9)),
    "subclass": (Table(a=[1]), lambda value: value["a"].append(9)),
    "deque": (deque([[1]]), lambda value: value[0].append(9)),
    "dataclass": (Row(1, ["a"]), lambda value: value.tags.append("9")),
    "model": (Model(id=1, tags=["a"]), lambda value: value.tags.append("9")),
    "array": (np.arange(4), lambda value: value.__setitem__(0, 9)),
    "array inside": ({"a": np.arange(4)}, lambda value: value["a"].__setitem__(0, 9)),
    "frame": (pd.DataFrame({"a": [1, 2]}), lambda value: value.loc.__setitem__((0, "a"), 9)),
    "frame inside": ([pd.DataFrame({"a": [1, 2]})], lambda value: value[0].loc.__setitem__((0, "a"), 9)),
}


def change(value: Any, how: Any) -> None:
    """Change an object, unless it refuses to be changed, which is as good."""
    try:
        how(value)
    except (ValueError, TypeError):
        pass


@SIZES
@pytest.mark.parametrize("name", CHANGES)
def test_what_callers_do_to_their_objects_does_not_change_what_is_stored(name: str, filler: str) -> None:
    value, how = CHANGES[name]
    given_in, before = copy.deepcopy(value), repr(value)
    ref = CACHE.set("k", [given_in, filler]).ref_id
    how(given_in)
    assert repr(CACHE.resolve(ref)[0]) == before
    change(CACHE.resolve(ref)[0], how)
    assert repr(CACHE.resolve(ref)[0]) == before


@pytest.mark.parametrize("name", CHANGES)
def test_a_value_alone_is_nobody_elses_object(name: str) -> None:
    value, how = CHANGES[name]
    given_in, before = copy.deepcopy(value), repr(value)
    ref = CACHE.set("k", given_in).ref_id
    how(given_in)
    change(CACHE.resolve(ref), how)
    assert repr(CACHE.resolve(ref)) == before


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_read_again_and_again_is_each_time_somebody_elses(name: str) -> None:
    value, how = CHANGES[name]
    ref = CACHE.set("k", [copy.deepcopy(value)]).ref_id
    for _ in range(4):
        back = CACHE.resolve(ref)
        assert repr(back) == repr([value])
        change(back[0], how)
        back.append("mine")


def test_readers_at_the_same_time_have_nothing_in_common() -> None:
    def read(ref: str) -> list[list[int]]:
        start.wait()
        back = CACHE.resolve(ref)
        back[0].append(9)
        return back

    start = threading.Barrier(8)
    refs = [CACHE.set(f"k {number}", [[number]]).ref_id for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        for number, ref in enumerate(refs):
            assert list(pool.map(read, [ref] * 8)) == [[[number, 9]]] * 8


@SIZES
@pytest.mark.parametrize("name", CHANGES)
def test_what_is_done_to_a_preview_does_not_change_what_is_stored(name: str, filler: str) -> None:
    value, how = CHANGES[name]
    ref = CACHE.set("k", [copy.deepcopy(value), filler]).ref_id
    for page in (None, 1):
        shown = CACHE.get(ref, page=page, max_size=200_000).preview
        change(shown[0], how)
    assert repr(CACHE.resolve(ref)[0]) == repr(value)


@pytest.mark.parametrize("rows", [3, 50_000])
def test_arrays_and_frames_come_back_whole(rows: int) -> None:
    array = np.arange(rows * 2, dtype="int32").reshape(rows, 2)
    frame = pd.DataFrame({"a": range(rows), "b": ["x"] * rows})
    back = CACHE.resolve(CACHE.set("k", {"array": array, "frame": frame, "rows": list(range(rows))}).ref_id)
    assert back["array"].dtype == array.dtype
    assert np.array_equal(back["array"], array)
    pd.testing.assert_frame_equal(back["frame"], frame)


def test_rows_share_nothing_when_they_come_back() -> None:
    row = {"a": [1]}
    back = CACHE.resolve(CACHE.set("k", [row, row]).ref_id)
    back[0]["a"].append(2)
    assert back == [{"a": [1, 2]}, {"a": [1]}]


def test_objects_that_cannot_be_copied_are_shared_with_one_warning(
    cache: RefCache, caplog: pytest.LogCaptureFixture
) -> None:
    class Connection:
        pass

    connection = Connection()
    with caplog.at_level(logging.WARNING, "mcp_refcache"):
        ref = cache.set("k", [connection]).ref_id
        assert cache.resolve(ref)[0] is connection
        cache.set("k", [Connection()])
    assert [record.getMessage().count("Connection") for record in caplog.records] == [1]


def test_copying_may_be_switched_off() -> None:
    cache = RefCache(copy_values=False)
    value = {"rows": [1]}
    ref = cache.set("k", value).ref_id
    assert cache.resolve(ref) is value


def test_an_object_in_a_value_is_shown_as_its_text(cache: RefCache) -> None:
    ref = cache.set("k", {"when": date(2026, 1, 2), "who": SimpleNamespace(a=1)}).ref_id
    shown = cache.get(ref)
    assert shown.original_size == len('{"when": "2026-01-02", "who": "namespace(a=1)"}')
    assert cache.resolve(ref)["when"] == date(2026, 1, 2)
