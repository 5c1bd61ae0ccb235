"""Values to JSON text and back: what is written is what `json.dumps` writes, what is read is what `json.loads` reads."""

import asyncio
import json
import random
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_refcache import RefCache
from mcp_refcache._core import count_characters, from_stored, json_text
from mcp_refcache.exceptions import CodecError

TEXTS = st.text() | st.text('aé"\\\n\x7fō😀\ud800 ', max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(VALUES)
def test_a_value_is_written_and_read_as_by_json(value: Any) -> None:
    text = json.dumps(value)
    assert json_text(value) == text
    assert count_characters(value) == len(text)
    assert from_stored(text) == json.loads(text)
    assert repr(from_stored(text)) == repr(json.loads(text))  # 0.0 and -0.0, 1 and 1.0 and True


@pytest.mark.parametrize("layout", [{"separators": (",", ":")}, {"indent": 2}, {"ensure_ascii": False}])
@given(value=VALUES)
def test_any_layout_of_json_is_read(layout: dict[str, Any], value: Any) -> None:
    text = json.dumps(value, **layout).encode("utf-8", "replace").decode()
    assert from_stored(text) == json.loads(text)


def test_floats_and_ints_of_any_kind_are_read_exactly() -> None:
    source = random.Random(1)
    numbers: list[float | int] = [struct.unpack("d", source.randbytes(8))[0] for _ in range(20_000)]
    numbers = [number for number in numbers if number == number]
    numbers += [round(source.uniform(-1e6, 1e6), places) for places in range(18) for _ in range(200)]
    numbers += [source.randrange(10**digits) for digits in range(1, 60) for _ in range(20)]
    text = json.dumps(numbers)
    assert json_text(numbers) == text
    assert list(map(repr, from_stored(text))) == list(map(repr, numbers))


@pytest.mark.parametrize(
    "text",
    ["-0", "-0.0", "1E5", "1e-7", "1E400", "-1e400", "[ ]", "{ }", " [1 , 2]\n", '{"a":1,"a":2}', "NaN", "-Infinity",
     '"\\/\\b\\f\\u00E9\\uD83D\\uDE00\\ud800"', '"\\ud83d\\ud83d\\ude00"', '{"\\n":1}', "9" * 400, "0.1000000000000000055"],
)  # fmt: skip
def test_unusual_json_is_read_as_by_json(text: str) -> None:
    assert repr(from_stored(text)) == repr(json.loads(text))


@pytest.mark.parametrize(
    "text",
    ["", " ", "01", "-", "1.", ".5", "1e", "+1", "-01", "[1,]", "[1 2]", "[", '{"a":1,}', '{"a"}', "{1: 2}", '"a', '"\n"',
     '"\\x"', '"\\u12g4"', '"\\', "nul", "truefalse", "[1] 2", "-Inf", "1_000"],
)  # fmt: skip
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(CodecError):
        from_stored(text)


def test_values_are_read_up_to_the_depth_that_is_written() -> None:
    deepest = "[" * 1000 + "]" * 1000
    assert json_text(from_stored(deepest)) == deepest
    with pytest.raises(CodecError):
        from_stored("[" * 1001 + "]" * 1001)


def nested(levels: int, innermost: Any) -> Any:
    """Nest a value in lists and dicts by turns, with neighbours on both sides."""
    for level in range(levels):
        innermost = (
            [level, innermost, "after"] if level % 2 else {"before": level, "in": innermost, "after": None}
        )
    return innermost


@pytest.mark.parametrize("levels", [0, 1, 6, 7, 8, 9, 15, 16, 17, 40, 200])
@pytest.mark.parametrize(
    "odd",
    [2**70, "\ud800", {1: True, None: 2.5}, (1, ("two", {})), [[], {}, ()], list(range(3_000)), [{"a": [n]} for n in range(1_500)]],
    ids=["int", "surrogate", "keys", "tuple", "empty", "long", "rows"],
)  # fmt: skip
def test_what_is_not_plain_is_written_at_any_depth(levels: int, odd: Any) -> None:
    value = [nested(levels, odd), nested(levels, [odd, odd])]
    assert json_text(value) == json.dumps(value)
    assert count_characters(value) == len(json.dumps(value))


@pytest.mark.parametrize("levels", [0, 1, 7, 8, 9, 40])
def test_a_value_within_itself_is_refused_at_any_depth(levels: int) -> None:
    for loop in ([1], {"one": 1}):
        around = nested(levels, loop)
        loop.append(around) if isinstance(loop, list) else loop.update(two=around)
        with pytest.raises(ValueError, match="Circular"):
            json_text([around] * 100)


def test_no_value_is_written_that_is_too_deep() -> None:
    deepest = json_text(nested(999, []))
    assert json_text(from_stored(deepest)) == deepest
    for innermost in ([], {}, ()):
        with pytest.raises(RecursionError):
            json_text(nested(1000, innermost))


def test_keys_that_are_equal_but_other_objects_are_written_and_read() -> None:
    rows = [
        {f"key {number % 3}": number, "".join(["na", "me"]): 1, "": 2, "x" * 70: 3} for number in range(500)
    ]
    rows += [{"".join([chr(97 + number % 26), "y" * (number % 20)]): number} for number in range(500)]
    text = json.dumps(rows)
    assert json_text(rows) == text
    assert from_stored(text) == rows
    first, second = from_stored(text)[:2]
    assert [*first][1] is [*second][1]  # rows share their keys


def test_the_loop_has_its_turns_while_a_long_value_is_stored() -> None:
    cache = RefCache(name="sliced")
    rows = [{"id": number, "words": ["some", "text"]} for number in range(300_000)]
    turns = 0

    async def main() -> str:
        nonlocal turns
        storing = asyncio.ensure_future(cache.aset("rows", rows))
        while not storing.done():
            await asyncio.sleep(0)
            turns += 1
        return (await storing).ref_id

    ref_id = asyncio.run(main())
    assert turns > 4
    assert cache.resolve(ref_id) == rows


@pytest.mark.parametrize("change", ["clear", "append", "spoil"])
def test_what_is_stored_is_whole_though_the_value_changes_meanwhile(change: str) -> None:
    cache = RefCache(name=change)
    rows: list[Any] = [{"id": number} for number in range(300_000)]

    async def main() -> str:
        storing = asyncio.ensure_future(cache.aset("rows", rows))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not storing.done()
        if change == "clear":
            rows.clear()
        elif change == "append":
            rows.append("one more")
        else:
            rows[-1] = {(1, 2): 3}
        return (await storing).ref_id

    if change == "spoil":
        with pytest.raises(TypeError, match="keys must be str"):
            asyncio.run(main())
    else:
        assert cache.resolve(asyncio.run(main())) == rows
