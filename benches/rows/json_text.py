"""Python values to JSON text in `json.dumps` format and back, beside `json` and orjson; ours alone among caches."""

from __future__ import annotations

import json

import orjson

from benches import data
from benches.row import AtMost, Contestants, Side, row
from mcp_refcache import _core

KINDS = {
    "10,000 rows": data.rows,
    "10,000 nested rows": data.nested,
    "1 KB": data.small,
    "100,000 floats": lambda: [number * 1.37 for number in range(100_000)],
    "20,000 strings": lambda: [f"sentence {number} of some sixty characters that ASCII has" for number in range(20_000)],
}  # fmt: skip


def _encode(kind: str) -> Contestants:
    value = KINDS[kind]()
    assert _core.json_text(value) == json.dumps(value)
    return {
        "ours": lambda: _core.json_text(value),
        "json": lambda: json.dumps(value),
        "orjson": lambda: orjson.dumps(value),
    }


def _size(kind: str) -> Contestants:
    value = KINDS[kind]()
    assert _core.count_characters(value) == len(json.dumps(value))
    return {
        "ours": lambda: _core.count_characters(value),
        "json": lambda: len(json.dumps(value)),
        "orjson": lambda: len(orjson.dumps(value)),
    }


def _decode(kind: str) -> Contestants:
    value = KINDS[kind]()
    text = json.dumps(value)
    assert _core.from_stored(text) == value
    return {
        "ours": lambda: _core.from_stored(text),
        "json": lambda: json.loads(text),
        "orjson": lambda: orjson.loads(text),
    }


def _rows_for(kind: str) -> None:
    def encode(side: Side) -> Contestants:
        """Writes the text that `json.dumps` gives, as a str: its spaces, its escapes, its floats; orjson writes less, as bytes."""
        return _encode(kind)

    def size(side: Side) -> Contestants:
        """Counts the characters of that text without writing it; the others have to write it."""
        return _size(kind)

    def decode(side: Side) -> Contestants:
        """Makes the objects from that text."""
        return _decode(kind)

    for name, limit, make in (("encode", 1.9, encode), ("size", 1.4, size), ("decode", 1.3, decode)):
        row(f"JSON {name}, {kind}", AtMost(limit, of="orjson"), compared=False, floor="orjson")(make)


for _kind in KINDS:
    _rows_for(_kind)
