"""What stores that outlive the process keep: plain JSON that anybody reads, and beside it what that loses."""

from __future__ import annotations

import dataclasses
import enum
import ipaddress
import json
import math
import subprocess
import sys
import time
from array import array
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from datetime import date, datetime, timedelta, timezone
from datetime import time as clock_time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal, assert_series_equal
from pydantic import BaseModel, ConfigDict, PrivateAttr
from strategies import Color, Meters, Name, Point, Shape, Table, Word, lasting_values

from mcp_refcache import CodecError, RefCache
from mcp_refcache._core import from_stored, to_stored

BERLIN = ZoneInfo("Europe/Berlin")
BIG = 7**20_000


class Access(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Bits(enum.IntFlag):
    A = 1
    B = 2


class Outer:
    class Inner(enum.Enum):
        ONE = (1, 2)


class Pair(NamedTuple):
    left: Any
    right: Any = 0


@dataclasses.dataclass
class Row:
    id: int
    tags: list[Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    when: date
    derived: int = dataclasses.field(init=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "derived", self.derived + 1)


class Model(BaseModel):
    model_config = ConfigDict(extra="allow")
    id: int
    when: date | None = None
    inner: Model | None = None
    _cached: dict[int, str] = PrivateAttr(default_factory=dict)


class Unknown:
    """Nobody registers this one."""


RefCache(types=[Row, Frozen, Model])


def model() -> Model:
    value = Model(id=1, inner=Model(id=2, when=date(2026, 1, 2)), more=(1, {2}))
    value._cached[1] = "x"
    return value


def kept(value: Any, **options: Any) -> Any:
    """A value as another process would read it."""
    return from_stored(*to_stored(value, **options))


def described(value: Any) -> Any:
    """What a value is, to the last bit."""
    if isinstance(value, dict):
        return type(value), [(described(key), described(item)) for key, item in value.items()]
    if isinstance(value, set | frozenset):
        return type(value), sorted(map(repr, value))
    if isinstance(value, list | tuple | deque):
        return type(value), [described(item) for item in value]
    if isinstance(value, Row):
        return Row, described(vars(value))
    return type(value), value if type(value) is int else repr(value)


VALUES: dict[str, list[Any]] = {
    "json": [None, True, 5, -(10**400), 1.5, -0.0, math.inf, -math.inf, "", "é\n\x7f", [1, [2]], {"a": {"b": []}}],
    "str": ["\ud800", "\udc00\ud800", "\ud83d\ude00", "😀", {"\ud83d\ude00": "\ud83d\ude00", "😀": 1}],
    "tuple": [(), (1,), [(), ((),)], {"a": (1, [(2,)])}],
    "keys": [{1: "a", "1": "b", 1.5: 2, None: 3, "null": 4}, {-0.0: 1}, {math.inf: 1}, {10**30: 1}, {Word.NO: 1, Color.RED: 2}],
    "set": [set(), {1, "a", (1, 2)}, frozenset({frozenset({1})}), {None}, [{date(2026, 1, 2)}]],
    "bytes": [b"", b"x\xff\x00", bytearray(b"x"), {b"x": 1}.keys() and [b"y"], array("d", [1.5, math.nan]), array("i", [1])],
    "datetime": [
        datetime(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, 6), datetime(1, 1, 1), datetime(2026, 1, 2, tzinfo=timezone.utc),
        datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN), datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN), datetime(2026, 1, 2, fold=1),
        datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=-5, minutes=-30))), datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=1), "CET")),
        datetime(2026, 1, 2, tzinfo=timezone(timedelta(seconds=1, microseconds=2))), {datetime(2026, 1, 2)},
    ],
    "date and time": [
        date(2026, 1, 2), date.max, clock_time(1), clock_time(1, 2, 3, 4, tzinfo=timezone.utc), clock_time(1, fold=1), clock_time(2, tzinfo=BERLIN),
        timedelta(), timedelta.min, timedelta(1, 2, 3), timezone.utc, timezone(timedelta(hours=1), "CET"), BERLIN, {date.min, clock_time.max, timedelta.max},
    ],
    "numbers": [
        Decimal("1.10"), Decimal("-0"), Decimal("NaN"), Decimal("sNaN12"), Decimal("Infinity"), Decimal("1E+999999"), Fraction(1, 3), Fraction(-7),
        1 + 2j, complex(-0.0, math.inf), complex(math.nan, -0.0), range(3), range(10, 0, -2), slice(1, None, 2), ..., [{Decimal("1.10"), Fraction(1, 3)}],
    ],
    "names": [
        UUID(int=5), PurePosixPath("/x/é"), PureWindowsPath("C:\\x"), Path("a"), ipaddress.ip_address("::1"), ipaddress.ip_network("10.0.0.0/8"),
        {UUID(int=6), PurePosixPath("y")},
    ],
    "enum": [
        Color.RED, Word.NO, Shape.ROUND, Access.READ, Access.READ | Access.WRITE, Access(0), Bits.A | Bits.B, Bits(8), Outer.Inner.ONE, {Shape.ROUND: 1}.values() and [{Color.RED}],
    ],
    "namedtuple": [Point(1, [2]), Pair({1}), [Pair(Pair(date(2026, 1, 2), ()))], {Pair(1, 2)}],
    "collections": [
        OrderedDict(b=[1], a=(2,)), OrderedDict([(1, date(2026, 1, 2))]), Counter("aab"), Counter({1: -1}), defaultdict(list, a=[1]), defaultdict(None, {1: 2}),
        deque([1, [2]], maxlen=3), deque(), {1: deque([OrderedDict(a={1})])}, deque([Counter(a=1), defaultdict(int, {(1, 2): 3}), {(1, 2): {"a": 1}}]),
    ],
    "classes": [Row(1, [(1,), {2}]), {"row": Row(1, [])}, Frozen(date(2026, 1, 2)), model(), [model(), {"m": (model(),)}], SimpleNamespace(a=1, b={2})],
    "numpy": [
        np.int8(1), np.uint64(2**63), np.longlong(5), np.float64(-0.0), np.float64("nan"), np.float32(0.1), np.float16(1.5), np.longdouble("1.1"), np.True_,
        np.complex64(1 + 2j), np.str_("é"), np.bytes_(b"x"), np.datetime64("2026-01-02T03:04:05.123456789"), np.datetime64("NaT"), np.timedelta64(5, "ms"),
        np.dtype("f8"), np.dtype([("a", "<i4"), ("b", "<f8", (2,))]), np.zeros(2, [("a", "<i4"), ("b", "<f8")])[0], {np.int64(1): np.float64(2.0)}.values() and {np.int64(5)},
    ],
    "pandas": [
        pd.Timestamp("2026-01-02"), pd.Timestamp("2026-01-02 03:04:05.123456789", tz="Europe/Berlin"), pd.Timestamp("2026-10-25T01:30Z").tz_convert("Europe/Berlin"),
        pd.Timedelta("1s"), pd.NaT, pd.NA, pd.Period("2026-01"), pd.Interval(0, 1.5, "both"), pd.array([1, None]), pd.Categorical(["a", "b"], ordered=True),
    ],
}  # fmt: skip
CASES = pytest.mark.parametrize(
    "value",
    [
        pytest.param(value, id=f"{kind} {number}")
        for kind, values in VALUES.items()
        for number, value in enumerate(values)
    ],
)


@CASES
@pytest.mark.parametrize("place", ["alone", "in a list", "in a dict", "in a set's neighbour"])
def test_a_value_comes_back_equal_and_of_the_same_type(value: Any, place: str) -> None:
    whole = {
        "alone": value,
        "in a list": [1, value, [value]],
        "in a dict": {"a": 1, "b": {"c": value, 2: value}},
        "in a set's neighbour": deque([value, {(1, 2): value}]),
    }[place]
    assert described(kept(whole)) == described(whole)


@pytest.mark.parametrize(
    "value", [BIG, [BIG], {"a": -BIG}, {BIG: 1}, {-BIG}, (Fraction(BIG, 3), range(BIG))], ids=type
)
def test_an_int_of_more_digits_than_python_writes_comes_back(value: Any) -> None:
    with pytest.raises(ValueError, match="limit"):
        to_stored(value)
    back = kept(value, any=True)
    assert type(back) is type(value)
    assert back == value


@CASES
def test_the_text_is_what_json_dumps_writes(value: Any) -> None:
    try:
        expected = json.dumps([value], default=str)
    except ValueError:
        pytest.skip("json.dumps does not write it")
    assert to_stored([value])[0] == expected


def test_a_value_of_json_alone_has_no_types() -> None:
    assert to_stored({"a": [1, "x", None, 1.5, {"b": True}]})[1] is None
    assert to_stored(lambda: 0, str)[1] is None


@given(lasting_values.filter(lambda value: "Ada" not in repr(value)))
def test_nested_values_come_back_equal_and_of_the_same_types(value: Any) -> None:
    back = kept(value)
    assert back == value
    assert described(back) == described(value)


keys = st.integers() | st.text(max_size=3) | st.dates() | st.tuples(st.integers(), st.booleans())
deep = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())) | st.datetimes(
        timezones=st.none() | st.timezones(), allow_imaginary=False
    ) | st.timedeltas() | st.decimals() | st.fractions() | st.complex_numbers() | st.binary() | st.uuids()
    | st.sampled_from([Shape.ROUND, Color.RED, np.int16(4), np.float32(0.1), pd.NaT]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.lists(inner, max_size=4).map(deque)
        | st.dictionaries(keys, inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4).map(OrderedDict)
        | st.dictionaries(keys, inner, max_size=4).map(lambda items: defaultdict(list, items))
        | st.builds(Point, inner, inner)
        | st.builds(Row, st.integers(), st.lists(inner, max_size=3))
        | st.frozensets(keys, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


@given(deep)
def test_any_mix_of_types_comes_back(value: Any) -> None:
    assert described(kept(value, any=True)) == described(value)


# -- arrays and frames ------------------------------------------------------------------------------

ARRAYS = [
    np.arange(4), np.arange(6).reshape(2, 3).T, np.zeros((0, 3)), np.array(5.0), np.array(["a", "bcé"]), np.array([b"x"]), np.array([1 + 2j]),
    np.array([True, False]), np.array(["2026-01-02", "NaT"], "M8[D]"), np.array([5], "m8[ms]"), np.array([[1, "a"], [None, (1, {2})]], object),
    np.zeros(2, [("a", "<i4"), ("b", "<f8", (2,))]), np.array([1, 2], ">i2"), np.array([1.5], np.float16), np.array([np.nan, -0.0]),
    np.array([], object), np.array(None, object), np.array([[1, 2], 3], object), np.array(["a", "bb"], np.dtypes.StringDType()),
]  # fmt: skip


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype} {array.shape}")
def test_arrays_come_back(array: Any) -> None:
    for back in (kept(array), kept({"a": [array]})["a"][0]):
        assert (type(back), back.dtype, back.shape) == (np.ndarray, array.dtype, array.shape)
        assert repr(back) == repr(array)
        assert back.flags.writeable


DAYS = pd.date_range("2026", periods=3, freq="D")
FRAMES = {
    "columns of all dtypes": pd.DataFrame({
        "int": [1, 2, 3], "str": ["x", "y", None], "float": [1.5, np.nan, 3], "day": DAYS, "moment": DAYS.tz_localize("Europe/Berlin"),
        "category": pd.Categorical(["u", "v", "u"], ordered=True), "Int64": pd.array([1, None, 3], dtype="Int64"),
        "boolean": pd.array([True, None, False], dtype="boolean"), "Float32": pd.array([1.5, None, 2], dtype="Float32"),
        "string": pd.array(["p", None, "q"], dtype="string"), "month": pd.period_range("2026", periods=3, freq="M"), "interval": pd.interval_range(0, 3),
        "delta": pd.to_timedelta([1, 2, 3], unit="s"), "object": pd.Series([(1,), {"a": {1}}, None], dtype=object, index=DAYS),
        "texts": pd.Series(["s", "t", "u"], dtype=object, index=DAYS),
    }, index=DAYS),
    "nothing": pd.DataFrame(), "no columns": pd.DataFrame(index=[1, 2]), "no rows": pd.DataFrame({"a": []}), "small": pd.DataFrame({"a": np.array([1], "i2")}),
    "equal names": pd.DataFrame([[1, 2], [3, 4]], columns=["x", "x"]), "equal labels": pd.DataFrame({"a": [1, 2]}, index=[7, 7]),
    "levels of columns": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["p", "q"])),
    "levels of rows": pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_product([["x", "y"], [1]])), "mixed names": pd.DataFrame({1: [1], "b": [2]}),
    "name of rows": pd.DataFrame({"a": [1]}, index=pd.Index(["r"], name=("t", 1))),
}  # fmt: skip
INDEXES = [
    DAYS, DAYS.tz_localize("UTC"), DAYS[::2], pd.RangeIndex(5, name="r"), pd.Index([1, 2]), pd.Index(["a"]), pd.CategoricalIndex(["a"]), pd.interval_range(0, 2),
    pd.period_range("2026", periods=2, freq="D"), pd.timedelta_range("1s", periods=3, freq="s"), pd.MultiIndex.from_tuples([("a", None)]), pd.DatetimeIndex([]),
]  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_pandas_frames_come_back(name: str) -> None:
    frame = FRAMES[name]
    for back in (kept(frame), kept([{"frame": frame}])[0]["frame"]):
        pd.testing.assert_frame_equal(back, frame, check_exact=True, check_freq=True)
        assert list(back.dtypes) == list(frame.dtypes)
        assert type(back.index) is type(frame.index)


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: f"{type(index).__name__} {len(index)}")
def test_pandas_indexes_come_back(index: Any) -> None:
    back = kept({"index": index})["index"]
    pd.testing.assert_index_equal(back, index, exact=True)
    assert getattr(back, "freq", None) == getattr(index, "freq", None)


@pytest.mark.parametrize("series", [
    pd.Series([1, 2], name="a"), pd.Series([], dtype=object), pd.Series(["a"], dtype=object), pd.Series(DAYS), pd.Series([1, None], dtype="Int8", name=("x", 1)),
], ids=lambda series: str(series.dtype))  # fmt: skip
def test_pandas_series_come_back(series: Any) -> None:
    series.attrs["unit"] = ("m", 1)
    back = kept([series])[0]
    pd.testing.assert_series_equal(back, series)
    assert back.attrs == series.attrs


def test_polars_frames_and_series_come_back() -> None:
    rows = {
        "a": [1, None], "b": ["x", "é"], "c": [[1], [2, 3]], "d": [date(2026, 1, 2), None], "e": [datetime(2026, 1, 2, tzinfo=timezone.utc)] * 2,
        "f": [{"p": 1}, {"p": 2}], "g": [b"x", b"y"], "h": [timedelta(1)] * 2, "i": [clock_time(1)] * 2, "j": [None, None],
        "k": pl.Series(["a", "b"], dtype=pl.Categorical), "l": pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])), "m": pl.Series([1, 2], dtype=pl.UInt8),
        "n": pl.Series(["1.10", None]).cast(pl.Decimal(10, 2)), "o": pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int8, 2)),
    }  # fmt: skip
    for frame in (pl.DataFrame(rows), pl.DataFrame(), pl.DataFrame({"a": []})):
        back = kept({"frame": frame})["frame"]
        assert_frame_equal(back, frame)
        assert back.schema == frame.schema
    series = pl.Series("x", [1, None], dtype=pl.Int8)
    assert_series_equal(kept(series), series)
    with pytest.raises(CodecError, match=r"^\$\.frame: a polars dtype"):
        to_stored({"frame": pl.DataFrame({"o": [object()]})})


# -- what cannot be kept ----------------------------------------------------------------------------


@dataclasses.dataclass
class Unregistered:
    id: int


def local_enum() -> Any:
    class Local(enum.Enum):
        A = 1

    return Local.A


REFUSED: list[tuple[Any, str, str]] = [
    ({"rows": [0, 1, 2, {"conn": Unknown()}]}, "$.rows[3].conn: test_codec.Unknown", "RefCache(default=str)"),
    ([Unregistered(1)], "$[0]: test_codec.Unregistered", "registered: RefCache(types=[...])"),
    ({"a b": {1, Unknown}}, '$["a b"][', "builtins.type"),
    ({"m": (Row(1, [0, Unknown()]),)}, "$.m[0].tags[1]: test_codec.Unknown", "types=[...]"),
    ({"m": model().model_copy(update={"inner": Unknown()})}, "$.m.inner: test_codec.Unknown", ""),
    ([deque([{"k": Unknown()}])], "$[0][0]['k']: test_codec.Unknown", ""),
    (Name("Ada"), "$: strategies.Name", ""),
    ({"x": Table(a=1)}, "$.x: strategies.Table", ""),
    ({"x": {Meters(2.0): 1}}, '$.x["2.0"]: strategies.Meters', ""),
    (local_enum(), "$: the class test_codec.local_enum.<locals>.Local", "top of a module"),
    (defaultdict(lambda: 0, a=1), "$: a defaultdict with a factory", "builtin type"),
    (pd.DataFrame({"ok": [1], "bad": [Unknown()]}), "$['bad'][0]: test_codec.Unknown", ""),
    ([iter([])], "$[0]: builtins.list_iterator", ""),
    ([pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])})], "$[0]['a']: the pandas dtype Sparse", "astype()"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "start", "advice"), REFUSED, ids=lambda item: str(item)[:30])
def test_what_cannot_be_kept_is_named_with_its_path(value: Any, start: str, advice: str) -> None:
    with pytest.raises(CodecError) as refused:
        to_stored(value)
    assert str(refused.value).startswith(start)
    assert advice in str(refused.value)


def test_an_object_that_contains_itself_is_refused() -> None:
    ring: deque[Any] = deque()
    ring.append(ring)
    with pytest.raises(CodecError, match="contain themselves"):
        to_stored({"ring": ring})


@pytest.mark.parametrize("value", [{(1, 2): 1}, {date(2026, 1, 2): 1}])
def test_keys_that_json_has_not_are_a_type_error_unless_any_value_is_taken(value: Any) -> None:
    with pytest.raises(TypeError, match="keys must be str, int, float, bool or None"):
        to_stored(value)
    assert kept(value, any=True) == value


@pytest.mark.parametrize("value", [value for value, *_ in REFUSED[:10]], ids=lambda item: str(item)[:30])
def test_with_a_default_text_stands_in_for_what_cannot_be_kept(value: Any) -> None:
    text, types = to_stored(value, str)
    assert text == json.dumps(value, default=str)
    from_stored(text, types)


def test_a_default_replaces_only_what_cannot_be_kept() -> None:
    unknown = Unknown()
    value = {"a": unknown, "b": {1}, "c": deque([unknown]), "d": Row(1, [unknown]), "e": Name("Ada")}
    assert kept(value, default=str) == {
        "a": str(unknown), "b": {1}, "c": deque([str(unknown)]), "d": Row(1, [str(unknown)]), "e": "Ada",
    }  # fmt: skip
    assert kept([unknown], default=lambda value: {"kind": type(value).__name__, "at": date(2026, 1, 2)}) == [
        {"kind": "Unknown", "at": date(2026, 1, 2)}
    ]
    with pytest.raises(CodecError):
        to_stored([unknown], lambda value: value)


def test_what_a_default_raises_comes_out_unchanged() -> None:
    def refuse(value: Any) -> Any:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        to_stored([Unknown()], refuse)


@pytest.mark.parametrize("wrong", [[Unknown], [1], [dict], ["Row"]])
def test_only_known_kinds_of_classes_are_registered(wrong: Any) -> None:
    with pytest.raises(TypeError, match="dataclasses, pydantic models, enums and namedtuples"):
        RefCache(types=wrong)
    with pytest.raises(TypeError, match="default must be a callable"):
        RefCache(default=5)  # type: ignore[arg-type]


# -- what may be stored by anybody ------------------------------------------------------------------


def opaque(described: str, shown: str = '"x"') -> tuple[str, str]:
    """Stored text of one object with this description."""
    kind = 6 if shown.startswith('"') else 5
    return shown, f'{{"v": 1, "notes": [[{kind}, 0]], "objects": [{described}]}}'


@pytest.mark.parametrize("described", [
    "1", "null", '"nothing"', "[]", "[1]", "{}", '{"nothing": 1}', '{"set": 1}', '{"set": [[1]]}', '{"set": [1], "list": [1]}', '"datetime"', '"decimal"',
    '"uuid"', '["datetime", "2026-01-02"]', '{"datetime": 1}', '{"datetime": ["x", 0, null]}', '{"datetime": ["2026-01-02", 7, null]}', '{"zone": "../../etc/passwd"}',
    '{"zone": "No/Where"}', '{"timezone": [5, null]}', '{"timedelta": [1e400, 0, 0]}', '{"timedelta": [999999999999, 0, 0]}', '{"int": "zz"}', '{"str": [1114112]}',
    '{"bytes": "*"}', '{"fraction": [1, 0]}', '{"range": [0, 1, 0]}', '{"deque": [[], -1]}', '{"defaultdict": ["eval", []]}', '["defaultdict", "eval"]',
    '{"path": ["Popen", "x"]}', '{"address": ["eval", "x"]}', '{"numbers": ["q", ["x"]]}', '{"enum": ["strategies:Shape", "SQUARE"]}',
    '{"enum": ["strategies:Name", "x"]}', '{"enum": ["os:system", "x"]}', '{"enum": ["subprocess:Popen", "x"]}', '{"enum": [1, 2]}', '{"flags": ["strategies:Color", 77]}',
    '{"namedtuple": ["strategies:Point", [1]]}', '{"namedtuple": ["builtins:tuple", [1]]}', '{"namedtuple": ["antigravity:x", [1]]}', '["namedtuple", "strategies:Point"]',
    '{"dataclass": ["subprocess:Popen", {"args": "x"}]}', '{"dataclass": ["test_codec:Unregistered", {"id": 1}]}', '{"dataclass": ["test_codec:Row", {"other": 1}]}',
    '{"dataclass": ["test_codec:Model", {"id": 1}]}', '{"model": ["test_codec:Row", {}, [], null, null]}', '{"model": ["test_codec:Model", {"other": 1}, [], null, null]}',
    '{"model": ["test_codec:Model", {"id": 1}, [], null, {"other": 1}]}', '{"numpy.array": ["|O", [1], "AAAAAAAAAAA="]}', '{"numpy.array": ["<i8", [2], "AAAAAAAAAAA="]}',
    '{"numpy.array": ["<i8", [1000000000000], ""]}', '{"numpy.array": ["|V0", [1000000000000], ""]}', '{"numpy.scalar": ["|O", "AAAAAAAAAAA="]}', '["numpy.number", "|O"]',
    '["numpy.number", "os"]', '{"numpy.objects": [[5], [1]]}', '{"pandas.masked": ["eval", 1, 1]}', '{"pandas.frame": [1, 2, 3, 4]}', '{"pandas.missing": "x"}',
    '{"pandas.categories": [{"set": []}, 1, false]}', '{"polars.frame": "QVJST1cx"}', '{"polars.series": "AAAA"}', '{"tuple": ' * 300 + "1" + "}" * 300,
    "[" * 900 + "]" * 900,
])  # fmt: skip
def test_damaged_descriptions_are_a_codec_error(described: str) -> None:
    with pytest.raises(CodecError):
        from_stored(*opaque(described))


def test_errors_do_not_show_what_is_stored() -> None:
    for described in ('"datetime"', '"decimal"', '{"timedelta": ["secret", 1, 1]}'):
        with pytest.raises(CodecError) as refused:
            from_stored(*opaque(described, '"secret"'))
        assert "secret" not in str(refused.value)
        assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "name", ["antigravity:x", "this:x", "os.path:x", "mcp_refcache:RefCache", "sys:modules"]
)
def test_reading_imports_nothing_that_is_stored(name: str) -> None:
    before = set(sys.modules)
    for tag in ("enum", "namedtuple", "dataclass"):
        with pytest.raises(CodecError):
            from_stored(*opaque(json.dumps({tag: [name, []]})))
    assert {module for module in set(sys.modules) - before if not module.startswith("mcp_refcache")} == set()


def test_reading_runs_no_code_of_a_class() -> None:
    ran: list[str] = []

    @dataclasses.dataclass
    class Eager:
        id: int

        def __post_init__(self) -> None:
            ran.append("post_init")

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            ran.append("new")
            return super().__new__(cls)

    RefCache(types=[Eager])
    text, types = to_stored([Eager(1)])
    ran.clear()
    assert from_stored(text, types) == [Eager(1)]
    assert ran == ["new", "post_init"]  # of the one that it is compared with


def test_a_class_that_is_not_there_is_named_with_what_to_do() -> None:
    text, types = to_stored([Shape.ROUND, model()])
    code = f"from mcp_refcache._core import from_stored\nfrom_stored({text!r}, {types!r})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "CodecError" in run.stderr
    assert "strategies.Shape; import its module, or register it with RefCache(types=[...])" in run.stderr


@given(st.text(st.sampled_from('[]{}":,.-0123456789abcdefinotuv '), max_size=60))
def test_any_description_is_read_or_refused(described: str) -> None:
    try:
        from_stored(*opaque(described, '"2026-01-02"'))
    except CodecError:
        pass


# -- cost -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "bytes_per_item"), [
    (lambda i: datetime(2026, 1, 2) + timedelta(seconds=i), 1),
    (lambda i: (i, "x"), 10),
    (lambda i: Decimal(i) / 100, 10),
    (lambda i: Point(i, i), 10),
    (lambda i: np.int64(i), 10),
    (lambda i: timedelta(seconds=i), 10),
    (lambda i: {i}, 60),
], ids=["datetime", "tuple", "Decimal", "namedtuple", "int64", "timedelta", "set"])  # fmt: skip
def test_a_hundred_thousand_objects_are_kept_quickly(make: Any, bytes_per_item: int) -> None:
    value = [make(i) for i in range(100_000)]
    begun = time.process_time()
    text, types = to_stored(value)
    written = time.process_time()
    back = from_stored(text, types)
    read = time.process_time()
    assert back == value
    assert types is not None
    assert len(types) < bytes_per_item * len(value) + 1000
    assert written - begun < 3
    assert read - written < 3


def test_a_page_of_kept_objects_shows_them_as_objects() -> None:
    cache = RefCache(name="pages", preview_length=10_000)
    value = [date(2026, 1, 2), (1, 2), Shape.ROUND]
    assert cache.get(cache.set("k", value).ref_id, page=1).preview == value


def test_namedtuples_made_by_either_factory_are_found() -> None:
    assert type(kept([Pair(1), Point(1, 2)])[0]) is Pair
    local = namedtuple("local", "a")
    with pytest.raises(CodecError, match="cannot be found by its name"):
        to_stored([local(1)])
