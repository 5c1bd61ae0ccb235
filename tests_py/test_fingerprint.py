"""What a value is decides its fingerprint, never how it is printed or where it lives."""

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import gc
import importlib
import ipaddress
import pathlib
import re
import subprocess
import sys
import types
import uuid
import zoneinfo

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_refcache._core import Unkeyable, fingerprint, identity_of


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1


class Flags(enum.Flag):
    A = 1
    B = 2


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


@dataclasses.dataclass(frozen=True)
class Fixed:
    x: object


@dataclasses.dataclass(slots=True)
class Slotted:
    x: int


class Model(pydantic.BaseModel):
    x: int | None = None
    _private: int = 1


class Loose(pydantic.BaseModel, extra="allow"):
    x: int = 0


class Named(collections.namedtuple("Named", "a b")):
    __slots__ = ()


class Words(list):
    pass


class Plain:
    pass


def double(x):
    return 2 * x


def digest(value):
    return fingerprint(value)[0]


def by_identity(value):
    return fingerprint(value)[1]


ZONE = zoneinfo.ZoneInfo("UTC")
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 6)

#: Values of which no two may share a fingerprint.
DISTINCT = [
    None, True, False, 1, 0, -1, 1.0, 0.0, -0.0, float("nan"), float("inf"), 1j, complex(0, -0.0), 2**63,
    -(2**63), 2**64, -(2**64), 10**5000, 10**5000 + 1, "1", "", "True", "é", "e\u0301", "\ud800", "\udc00",
    b"1", b"", bytearray(b"1"), memoryview(b"1"), array.array("i", [1]), array.array("f", [1]), [], (), {},
    set(), frozenset(), [1], (1,), {1}, frozenset({1}), {1: 1}, {"1": 1}, {"1": "1"}, [[]], [[], []],
    ["ab", "c"], ["a", "bc"], {"a": {"b": 1}}, {"a": [{"b": 1}]}, {"a": None}, {"a": 1, "b": 2},
    {"a": 2, "b": 1}, {True: 1}, {(1, 2): 3}, collections.OrderedDict(a=1, b=2),
    collections.OrderedDict(b=2, a=1), collections.Counter("ab"), collections.defaultdict(int, a=1),
    collections.defaultdict(list, a=1), collections.deque([1]), collections.deque([1], maxlen=3),
    types.MappingProxyType({"a": 1}), types.SimpleNamespace(a=1), Words([1]), Named(1, 2), (1, 2), range(3),
    range(0, 3, 2), slice(3), slice(0, 3), slice(None), ..., NotImplemented, decimal.Decimal("1"),
    decimal.Decimal("1.5"), fractions.Fraction(1, 2), uuid.UUID(int=1), uuid.UUID(int=2), pathlib.Path("a"),
    pathlib.PureWindowsPath("a"), re.compile("a"), re.compile("a", re.IGNORECASE),
    ipaddress.ip_address("1.1.1.1"), ipaddress.ip_network("1.1.1.0/24"), dt.date(2026, 1, 2),
    dt.datetime(2026, 1, 2), MOMENT, MOMENT.replace(fold=1), MOMENT.replace(tzinfo=dt.timezone.utc),
    MOMENT.replace(tzinfo=ZONE), MOMENT.replace(tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")), dt.time(1),
    dt.time(1, tzinfo=ZONE), dt.timedelta(1), dt.timedelta(0, 1), dt.timezone.utc, ZONE,
    dt.timezone(dt.timedelta(hours=1)), Color.RED, Color.BLUE, Level.LOW, Flags.A, Flags.A | Flags.B,
    Point(1), Point(2), Point(1, 1), Fixed(1), Slotted(1), Model(), Model(x=None), Model(x=1), Loose(x=1),
    Loose(x=1, y=2), pydantic.SecretStr("a"), pydantic.SecretStr("b"), Point, Fixed, int, double, len,
    "abc".upper, "abd".upper, str.upper, Plain().__init__, functools.partial(double, 1),
    functools.partial(double, x=1), lambda x: x, lambda x: x + 1, lambda x=1: x, np.zeros(3),
    np.zeros(3, "f4"), np.zeros((3, 1)), np.zeros(3, "i8"), np.array([0, 0, -0.0]),
    np.array([1, "a"], dtype=object), np.array(["a"]), np.array(["2026-01-01"], dtype="M8[D]"),
    np.array(["2026-01-01"], dtype="M8[s]"), np.float64(1), np.float32(1), np.int64(1), np.bool_(True),
    np.str_("a"), np.datetime64("2026-01-01"), np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]),
    np.ma.masked_array([1, 2], [0, 1]), np.ma.masked_array([1, 2], [1, 0]), pd.DataFrame({"a": [1, 2]}),
    pd.DataFrame({"a": [1, 3]}), pd.DataFrame({"b": [1, 2]}), pd.DataFrame({"a": [1.0, 2.0]}),
    pd.DataFrame({"a": [1, 2]}, index=[1, 2]), pd.DataFrame({"a": ["1", "2"]}),
    pd.DataFrame({"a": pd.Categorical([1, 2])}),
    pd.DataFrame({"a": pd.Categorical([1, 2], categories=[2, 1])}),
    pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}), pd.Series([1, 2]), pd.Series([1, 2], name="a"),
    pd.Index([1, 2]), pd.RangeIndex(3), pd.Timestamp(1), pd.Timestamp(2), pd.Timestamp(1, tz="UTC"),
    pd.Timedelta(1), pd.NaT, pd.NA, pd.Period("2026"), pd.Interval(0, 1),
    pd.MultiIndex.from_tuples([(1, 2)]), pd.Series(pd.date_range("2026", periods=2, tz="UTC")),
    pd.Series(pd.date_range("2026", periods=2)),
]  # fmt: skip


def test_different_values_have_different_fingerprints():
    seen = {}
    for place, value in enumerate(DISTINCT):
        other = seen.setdefault(digest(value), place)
        assert other == place, f"{DISTINCT[other]!r} and {value!r} share a fingerprint"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1: "a", "b": (2,)}, {"b": (2,), 1: "a"}),
        (set("abcdef"), set("fedcba")),
        (float("nan"), -float("nan")),
        ([float("nan")], [float("inf") - float("inf")]),
        (10**30, 10**29 * 10),
        (Point(1, [2]), Point(1, [2])),
        (Slotted(1), Slotted(1)),
        (Model(x=1), Model(x=1)),
        (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))),
        (np.arange(10)[::2], np.array([0, 2, 4, 6, 8])),
        (np.array([{"a": 1}], dtype=object), np.array([{"a": 1}], dtype=object)),
        (pd.DataFrame({"a": [1, None]}), pd.DataFrame({"a": [1, None]})),
        (pd.DataFrame({"a": ["x", None]}), pd.DataFrame({"a": ["x", None]})),
        (pd.Series([1, 2], name="s"), pd.DataFrame({"s": [1, 2]})["s"]),
        (MOMENT.replace(tzinfo=ZONE), MOMENT.replace(tzinfo=zoneinfo.ZoneInfo("UTC"))),
        (functools.partial(double, 1), functools.partial(double, 1)),
        (collections.deque([1, 2], maxlen=4), collections.deque([1, 2], maxlen=4)),
    ],
)
def test_equal_content_has_one_fingerprint(one, other):
    assert fingerprint(one) == fingerprint(other)
    assert not by_identity(one)


def test_large_arrays_differ_by_any_element():
    zeros = np.zeros(5000)
    other = zeros.copy()
    other[2500] = 7
    assert digest(zeros) != digest(other)
    assert digest(zeros) == digest(np.zeros(5000))


def test_lambdas_of_equal_code_are_one_function():
    functions = [(lambda x: x + 1) for _ in range(2)]
    assert digest(functions[0]) == digest(functions[1])
    assert not by_identity(functions[0])


def test_closures_count_by_identity():
    functions = [(lambda x, k=k: x + k) for k in range(2)] + [
        functools.partial(lambda a: lambda: a)(1) for _ in range(2)
    ]
    assert len({digest(function) for function in functions}) == 4
    assert [by_identity(function) for function in functions] == [False, False, True, True]


def test_classes_that_share_a_name_are_told_apart():
    def make():
        @dataclasses.dataclass
        class Local:
            x: int = 1

        return Local

    one, other = make(), make()
    assert digest(one()) == digest(one())
    assert digest(one()) != digest(other())
    assert by_identity(one())


def test_an_object_without_content_is_itself_while_it_lives():
    first, second = Plain(), Plain()
    assert digest(first) == digest(first)
    assert digest(first) != digest(second)
    assert by_identity(first)
    assert by_identity([first])


def test_an_address_that_is_used_again_is_another_object():
    seen = set()
    for _ in range(5000):
        seen.add(digest(Plain()))
    gc.collect()
    assert len(seen) == 5000


def test_watching_an_object_does_not_keep_it_alive():
    import weakref

    value = Plain()
    digest(value)
    watch = weakref.ref(value)
    del value
    gc.collect()
    assert watch() is None


@pytest.mark.parametrize("value", [object(), (x for x in ()), iter([]), open(__file__)], ids=repr)  # noqa: SIM115
def test_what_has_neither_content_nor_identity_is_refused(value):
    with pytest.raises(Unkeyable):
        fingerprint(value)
    with pytest.raises(Unkeyable):
        fingerprint({"a": [value]})


def test_a_value_that_contains_itself_is_refused():
    loop = []
    loop.extend([loop, loop])
    with pytest.raises(Unkeyable, match="1000 levels"):
        fingerprint(loop)


def test_deep_values_are_fine_up_to_the_limit():
    deep = 1
    for _ in range(990):
        deep = [deep]
    assert digest(deep)


def test_frozen_content_is_only_what_cannot_change():
    assert fingerprint((1, "a", (2.5, None), frozenset({1}), double, Fixed(1)), frozen=True)[1] is False
    assert fingerprint(Point(1), frozen=True)[1] is True
    assert fingerprint(Fixed(Plain()), frozen=True)[1] is True
    for value in ([1], {"a": 1}, ([],), Fixed([1])):
        with pytest.raises(Unkeyable):
            fingerprint(value, frozen=True)


def test_a_function_with_a_changing_default_counts_by_identity():
    def collect(item, items=[]):  # noqa: B006
        return items

    assert by_identity(collect)


def test_identity_is_text_of_its_own():
    one, other = Plain(), Plain()
    assert identity_of(one) == identity_of(one) != identity_of(other)
    with pytest.raises(Unkeyable):
        identity_of(1)


def test_errors_of_the_value_reach_the_caller():
    class Broken(pydantic.BaseModel):
        @property
        def model_extra(self):
            raise ValueError

    @dataclasses.dataclass
    class Lazy:
        x: int

        def __getattribute__(self, name):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fingerprint(Lazy(1))


def test_content_is_the_same_in_another_process():
    code = (
        "import datetime, decimal, numpy, pandas\n"
        "from mcp_refcache._core import fingerprint\n"
        "value = {'b': {1, 'x', 2.5}, 'a': [datetime.date(2026, 1, 1), decimal.Decimal('1.0')],"
        " 'd': numpy.arange(3),"
        " 'c': pandas.DataFrame({'q': ['a', None]}), 'f': (lambda x: x + 1).__code__}\n"
        "print(fingerprint(value))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in "123"
    }
    assert len(answers) == 1


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


def typed(value):
    """A text that two values share exactly when they are equal and of equal types all through."""
    if isinstance(value, dict):
        return "{" + ",".join(sorted(f"{typed(k)}:{typed(v)}" for k, v in value.items())) + "}"
    if isinstance(value, (list, tuple)):
        return type(value).__name__ + "(" + ",".join(map(typed, value)) + ")"
    return f"{type(value).__name__} {value!r}"


@given(json_like, json_like)
def test_fingerprints_agree_exactly_when_typed_values_do(one, other):
    assert (digest(one) == digest(other)) == (typed(one) == typed(other))


def test_polars_by_content():
    pl = importlib.import_module("polars")
    frames = [
        pl.DataFrame({"a": [1, 2]}),
        pl.DataFrame({"a": [1, 3]}),
        pl.DataFrame({"b": [1, 2]}),
        pl.DataFrame({"a": [1.0, 2.0]}),
        pl.Series("a", [1, 2]),
        pl.Series("b", [1, 2]),
    ]
    assert len({digest(frame) for frame in frames}) == len(frames)
    assert digest(pl.concat([frames[0][:1], frames[0][1:]], rechunk=False)) == digest(frames[0])
    assert not by_identity(frames[0])
