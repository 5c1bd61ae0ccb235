"""Sizes: the length of `json.dumps(value, default=str)`, in characters and in tokens."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections import OrderedDict
from datetime import date
from decimal import Decimal
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import Color, Meters, Name, Point, Shape, Table, Word, python_values

from mcp_refcache import (
    CharacterFallback,
    CharacterMeasurer,
    HuggingFaceAdapter,
    RefCache,
    SizeMeasurer,
    SizeMode,
    TiktokenAdapter,
    Tokenizer,
    TokenMeasurer,
    get_default_measurer,
    get_default_tokenizer,
)


def text_of(value: Any) -> str:
    return json.dumps(value, default=str)


class Recorder:
    """A tokenizer that keeps what it is asked to count."""

    model_name = "recorder"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, text: str) -> list[int]:
        return list(range(self.count_tokens(text)))

    def count_tokens(self, text: str) -> int:
        self.texts.append(text)
        return 7


@given(python_values)
@example({(None, 1)[0]: 1, True: 2, 1.5: 3, math.nan: 4, "None": 5})
@example(["\ud800", "\udc00\ud800", "\U0001f600", "\x7f\x00\u2028"])
def test_characters_are_those_of_the_json_text(value: Any) -> None:
    assert CharacterMeasurer().measure(value) == len(text_of(value))


@given(python_values)
def test_tokenizers_are_shown_the_json_text(value: Any) -> None:
    recorder = Recorder()
    assert TokenMeasurer(recorder).measure(value) == 7
    assert recorder.texts == [text_of(value)]


class Shouting(dict[str, int]):
    """Shows other items than it holds."""

    def items(self) -> Any:
        return [(key.upper() * 2, value * 1000) for key, value in super().items()]


class Hiding(dict[str, int]):
    def __getitem__(self, key: str) -> int:
        return super().__getitem__(key) + 10**9

    def keys(self) -> Any:
        return ["nothing"]


@pytest.mark.parametrize(
    "value",
    [
        "é", "\u007f", "\U0001f600", '"\\/\b\f\n\r\t', 10**4000, -(10**30), 1e16, 1e22, 1e-05, 123456789012345680.0, 5e-324, -0.0,
        math.inf, -math.inf, True, Color.RED, [Color.GREEN], {Color.RED: Word.YES}, Word.NO, Shape.ROUND, Meters(2.5), {Meters(2): 1},
        Name("Ada"), {Name("Ada"): 1}, Point(1, [2]), Table(a=1), OrderedDict(b=1, a=2), {1, 2}, frozenset(), b"bytes", bytearray(b"x"),
        date(2026, 1, 2), Decimal("1.10"), object, range(3), (), [], {}, "", None, {1: "a", "1": "b"}, Shouting(a=1), Hiding(a=1),
    ],
    ids=lambda value: f"{type(value).__name__} {str(value)[:20]!a}",
)  # fmt: skip
def test_unusual_values_are_measured_as_json_writes_them(value: Any) -> None:
    assert CharacterMeasurer().measure(value) == len(text_of(value))


def circle() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({(1, 2): 3}, TypeError), ({b"x": 1}, TypeError), (circle(), ValueError), ({"a": circle()}, ValueError),
        (nested(100_000), RecursionError), (10**5000, ValueError),
    ],
    ids=["tuple key", "bytes key", "circle", "circle inside", "depth", "digits"],
)  # fmt: skip
@pytest.mark.parametrize(
    "measurer", [CharacterMeasurer(), TokenMeasurer(TiktokenAdapter())], ids=["characters", "tokens"]
)
def test_what_has_no_json_text_raises_what_json_raises(
    measurer: SizeMeasurer, value: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        measurer.measure(value)


def test_the_error_of_a_str_method_comes_out_as_it_is() -> None:
    class Broken:
        def __str__(self) -> str:
            raise problem

    problem = OSError("disk")
    with pytest.raises(OSError, match="disk") as raised:
        CharacterMeasurer().measure([Broken()])
    assert raised.value is problem


# -- tokens -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "text", "tokens"),
    [
        ("gpt-4o", "hello world", [24912, 2375]),
        ("o200k_base", "hello world", [24912, 2375]),
        ("gpt-4", "hello world", [15339, 1917]),
        ("cl100k_base", "hello world", [15339, 1917]),
        ("some-unknown-model", "hello world", [15339, 1917]),
        ("gpt-4o", "", []),
    ],
)
def test_the_vocabularies_are_built_in(model: str, text: str, tokens: list[int]) -> None:
    adapter = TiktokenAdapter(model)
    assert adapter.encode(text) == tokens
    assert adapter.count_tokens(text) == len(tokens)
    assert adapter.model_name == model


@given(st.text(st.characters(exclude_categories=()), max_size=40), st.sampled_from(["gpt-4o", "gpt-4"]))
@example("\ud83d lonely", "gpt-4o")
def test_the_count_is_the_number_of_tokens(text: str, model: str) -> None:
    adapter = TiktokenAdapter(model)
    assert adapter.count_tokens(text) == len(adapter.encode(text))


@given(python_values)
def test_the_token_size_is_that_of_the_json_text(value: Any) -> None:
    adapter = TiktokenAdapter()
    assert TokenMeasurer(adapter).measure(value) == adapter.count_tokens(text_of(value))


@pytest.mark.parametrize("special", ["<|endoftext|>", "<|fim_prefix|>", "<|endofprompt|>", "<|im_start|>"])
def test_special_tokens_in_the_data_are_text(special: str) -> None:
    adapter = TiktokenAdapter()
    assert adapter.count_tokens(special) > 1
    cache = RefCache()
    assert cache.get(cache.set("page", f"see {special} here").ref_id).preview == f"see {special} here"


@pytest.mark.parametrize("text", ["a", " ", "^", "=-", "\n", "0", "é"])
def test_a_megabyte_of_one_letter_takes_no_longer_than_other_text(text: str) -> None:
    adapter = TiktokenAdapter()
    other = "The quick brown fox, 2026; jumps over {1: 'lazy'} dogs. " * 20_000

    def seconds(text: str) -> float:
        started = time.perf_counter()
        adapter.count_tokens(text)
        return time.perf_counter() - started

    usual = max(seconds(other[:1_000_000]) for _ in range(3))
    assert min(seconds(text * (1_000_000 // len(text))) for _ in range(3)) < 10 * usual + 0.1


def test_tokens_need_neither_tiktoken_nor_a_network() -> None:
    program = """
import sys, socket
for name in ("tiktoken", "transformers", "requests"):
    sys.modules[name] = None
def refuse(*args, **kwargs): raise AssertionError("network")
socket.socket.connect = refuse
from mcp_refcache import RefCache, TiktokenAdapter
cache = RefCache()
shown = cache.get(cache.set("k", [{"id": i} for i in range(10_000)]).ref_id)
assert shown.preview_size <= 1000 < shown.original_size
assert TiktokenAdapter("gpt-4o").count_tokens("hello world") == 2
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


@pytest.mark.parametrize(
    ("text", "per_token", "count"),
    [("", 4, 0), ("a", 4, 1), ("abcd", 4, 1), ("abcde", 4, 2), ("abc", 1, 3), ("é" * 9, 2, 5)],
)
def test_the_fallback_rounds_characters_up_to_tokens(text: str, per_token: int, count: int) -> None:
    fallback = CharacterFallback(per_token)
    assert (fallback.model_name, fallback.count_tokens(text)) == ("character-fallback", count)
    assert fallback.encode(text) == list(range(count))


@pytest.mark.parametrize("mode", [SizeMode.CHARACTER, "character"])
def test_the_measurer_of_the_character_mode_counts_characters(mode: Any) -> None:
    assert type(get_default_measurer(mode)) is CharacterMeasurer


@pytest.mark.parametrize("mode", [SizeMode.TOKEN, "token", "anything else"])
def test_every_other_mode_counts_tokens(mode: Any) -> None:
    recorder = Recorder()
    assert get_default_measurer(mode, recorder).measure("x") == 7
    assert isinstance(get_default_measurer(mode), TokenMeasurer)


def test_a_slash_makes_a_model_one_of_hugging_face() -> None:
    expected = HuggingFaceAdapter if find_spec("transformers") else TiktokenAdapter
    assert type(get_default_tokenizer("meta-llama/Llama-3.1-8B")) is expected
    assert get_default_tokenizer().model_name == "gpt-4o"


@pytest.mark.parametrize("part", [CharacterFallback(), TiktokenAdapter(), Recorder()])
def test_tokenizers_keep_the_protocol(part: object) -> None:
    assert isinstance(part, Tokenizer)


@pytest.mark.parametrize("part", [CharacterMeasurer(), TokenMeasurer(CharacterFallback())])
def test_measurers_keep_the_protocol(part: object) -> None:
    assert isinstance(part, SizeMeasurer)


@pytest.mark.parametrize("value", [{"a": "b"}, {"x": 1}, ["é"], "text", 5, None])
def test_the_size_of_a_small_answer_is_the_size_of_its_value(cache: RefCache, value: Any) -> None:
    @cache.cached()
    def tool() -> Any:
        return value

    answer: Any = tool()
    assert answer["is_complete"]
    assert answer["size"] == CharacterMeasurer().measure(value) == cache.get(answer["ref_id"]).original_size
