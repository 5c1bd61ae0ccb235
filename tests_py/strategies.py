"""Random values, for the tests of laws."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from enum import Enum, IntEnum
from typing import Any

from hypothesis import strategies as st


class Color(IntEnum):
    RED = 1
    GREEN = 2


class Word(str, Enum):
    YES = "ja"
    NO = "n\u00e4"


class Shape(Enum):
    ROUND = "round"


class Meters(float):
    """A float of another type."""

    def __repr__(self) -> str:
        return f"{float(self)} m"


class Name(str):
    """A str of another type."""

    __slots__ = ()

    def __str__(self) -> str:
        return "somebody"


class Table(dict[Any, Any]):
    """A dict of another type."""


Point = namedtuple("Point", "x y")

#: Any text, lone surrogates included.
texts = st.text(st.characters(exclude_categories=()), max_size=12)
integers = st.integers() | st.integers(-(10**60), 10**60)
numbers = integers | st.floats()
scalars = st.none() | st.booleans() | numbers | texts
keys = scalars
foreign = (
    st.datetimes()
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.decimals()
    | st.fractions()
    | st.uuids()
    | st.complex_numbers()
    | st.binary(max_size=8)
    | st.frozensets(st.integers(), max_size=4)
    | st.sets(st.integers(), max_size=4)
    | st.sampled_from([Color.RED, Word.NO, Shape.ROUND, Meters(1.5), Name("Ada"), Exception("x"), range(3)])
)


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    items = st.lists(inner, max_size=6)
    dicts = st.dictionaries(keys, inner, max_size=6)
    return (
        items
        | items.map(tuple)
        | dicts
        | dicts.map(OrderedDict)
        | dicts.map(Table)
        | st.builds(Point, inner, inner)
    )


#: What JSON knows, with str keys.
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(texts, inner, max_size=8),
    max_leaves=40,
)
#: What `json.dumps(value, default=str)` takes.
python_values = st.recursive(scalars | foreign, _containers, max_leaves=30)
#: What comes back equal: no NaN (unequal to itself), no keys that mean the same text, no exceptions.
lasting_values = st.recursive(
    st.none()
    | st.booleans()
    | integers
    | st.floats(allow_nan=False)
    | texts
    | st.datetimes()
    | st.dates()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.binary(max_size=8)
    | st.frozensets(st.integers(), max_size=4)
    | st.sets(texts, max_size=4)
    | st.sampled_from([Color.RED, Word.NO, Shape.ROUND, Name("Ada")]),
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.lists(inner, max_size=6).map(tuple)
        | st.dictionaries(texts, inner, max_size=6)
        | st.dictionaries(st.integers(), inner, max_size=6)
        | st.dictionaries(texts, inner, max_size=6).map(OrderedDict)
        | st.builds(Point, inner, inner)
    ),
    max_leaves=30,
)
