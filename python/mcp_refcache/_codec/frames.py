"""pandas: frames column by column, each with its dtype; indexes, series and single values."""

# pandas is not typed in full
# pyright: basic
from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mcp_refcache._codec import arrays  # noqa: F401 -- columns are made of arrays
from mcp_refcache._codec.tree import Pack, Packer, Tree, Unkept, Unpack, finds, packs, unpacks

_MASKED: dict[str, Any] = {
    **dict.fromkeys(
        ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"), pd.arrays.IntegerArray
    ),
    **dict.fromkeys(("Float32", "Float64"), pd.arrays.FloatingArray),
    "boolean": pd.arrays.BooleanArray,
}


# -- columns ---------------------------------------------------------------------------------------


def _pack_column(values: Any, pack: Pack) -> Tree:
    dtype: Any = values.dtype
    if type(values) is pd.arrays.NumpyExtensionArray:
        return pack(values.to_numpy())
    if isinstance(dtype, np.dtype):
        return pack(np.asarray(values))
    if isinstance(dtype, pd.CategoricalDtype):
        return {"pandas.categories": [pack(dtype.categories), pack(np.asarray(values.codes)), dtype.ordered]}
    if isinstance(dtype, pd.DatetimeTZDtype):
        return {"pandas.moments": [pack(np.asarray(values.asi8)), dtype.unit, pack(dtype.tz)]}
    if isinstance(dtype, pd.PeriodDtype):
        return {"pandas.periods": [pack(np.asarray(values.asi8)), dtype.name]}
    if isinstance(dtype, pd.IntervalDtype):
        return {"pandas.intervals": [pack(values.left), pack(values.right), dtype.closed]}
    if isinstance(dtype, pd.StringDtype):
        items = [None if missing else item for item, missing in zip(values, values.isna(), strict=True)]
        return {"pandas.strings": [dtype.storage, dtype.na_value is pd.NA, pack.all(items)]}
    if dtype.name in _MASKED:
        numbers = values.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        return {"pandas.masked": [dtype.name, pack(numbers), pack(np.asarray(values.isna()))]}
    raise Unkept(f"the pandas dtype {dtype!s:.80} cannot be kept; convert it with astype()")


@unpacks("pandas.categories")
def _categories(payload: list[Any], unpack: Unpack) -> Any:
    categories, codes, ordered = payload
    return pd.Categorical.from_codes(unpack(codes), unpack(categories), ordered=ordered)


@unpacks("pandas.moments")
def _moments(payload: list[Any], unpack: Unpack) -> Any:
    values, unit, zone = payload
    naive = pd.Series(unpack(values).view(f"M8[{unit}]"))
    return naive.dt.tz_localize("UTC").dt.tz_convert(unpack(zone)).array


@unpacks("pandas.periods")
def _periods(payload: list[Any], unpack: Unpack) -> Any:
    ordinals, name = payload
    return pd.arrays.PeriodArray(unpack(ordinals), dtype=pd.PeriodDtype.construct_from_string(name))


@unpacks("pandas.intervals")
def _intervals(payload: list[Any], unpack: Unpack) -> Any:
    left, right, closed = payload
    return pd.arrays.IntervalArray.from_arrays(unpack(left), unpack(right), closed=closed)


@unpacks("pandas.strings")
def _strings(payload: list[Any], unpack: Unpack) -> Any:
    storage, is_na, items = payload
    dtype = pd.StringDtype(storage, na_value=pd.NA if is_na else np.nan)
    return pd.array(unpack.all(items), dtype=dtype)


@unpacks("pandas.masked")
def _masked(payload: list[Any], unpack: Unpack) -> Any:
    name, values, mask = payload
    return _MASKED[name](unpack(values), unpack(mask))


@finds
def _array_packer(kind: type[Any]) -> Packer | None:
    return _pack_alone if issubclass(kind, pd.api.extensions.ExtensionArray) else None


def _pack_alone(value: Any, pack: Pack) -> Tree:
    return {"pandas.array": _pack_column(value, pack)}


@unpacks("pandas.array")
def _array(column: Tree, unpack: Unpack) -> Any:
    values = unpack(column)
    if isinstance(values, np.ndarray) and values.dtype.kind not in "mM":
        return pd.arrays.NumpyExtensionArray(values)
    return pd.array(values, dtype=values.dtype)


# -- indexes ---------------------------------------------------------------------------------------


@packs(pd.RangeIndex)
def _pack_range(value: pd.RangeIndex, pack: Pack) -> Tree:
    return {"pandas.range": [value.start, value.stop, value.step, pack(value.name)]}


@unpacks("pandas.range")
def _range(payload: list[Any], unpack: Unpack) -> pd.RangeIndex:
    start, stop, step, name = payload
    return pd.RangeIndex(start, stop, step, name=unpack(name))


@packs(pd.MultiIndex)
def _pack_multi(value: pd.MultiIndex, pack: Pack) -> Tree:
    codes = [pack(np.asarray(codes)) for codes in value.codes]
    return {"pandas.multiindex": [pack.all(value.levels), codes, pack.all(value.names)]}


@unpacks("pandas.multiindex")
def _multi(payload: list[Any], unpack: Unpack) -> pd.MultiIndex:
    levels, codes, names = map(unpack.all, payload)
    return pd.MultiIndex(levels, codes, names=names)


@packs(
    pd.Index, pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex, pd.CategoricalIndex, pd.IntervalIndex
)  # fmt: skip
def _pack_index(value: Any, pack: Pack) -> Tree:
    freq = value.freqstr if isinstance(value, pd.DatetimeIndex | pd.TimedeltaIndex) else None
    return {"pandas.index": [_pack_column(value.array, pack), pack(value.name), freq]}


@unpacks("pandas.index")
def _index(payload: list[Any], unpack: Unpack) -> Any:
    column, name, freq = payload
    values = unpack(column)
    index = pd.Index(values, dtype=values.dtype, name=unpack(name))
    if freq is not None:
        index.freq = freq  # pyright: ignore[reportAttributeAccessIssue]
    return index


# -- series and frames -----------------------------------------------------------------------------


@packs(pd.Series)
def _pack_series(value: pd.Series, pack: Pack) -> Tree:
    parts = [_pack_column(value.array, pack), pack(value.index), pack(value.name), pack(value.attrs)]
    return {"pandas.series": parts}


@unpacks("pandas.series")
def _series(payload: list[Any], unpack: Unpack) -> pd.Series:
    column, index, name, attrs = payload
    values = unpack(column)
    series = pd.Series(values, index=unpack(index), dtype=values.dtype, name=unpack(name))
    series.attrs = unpack(attrs)
    return series


@packs(pd.DataFrame)
def _pack_frame(value: pd.DataFrame, pack: Pack) -> Tree:
    columns: list[Tree] = []
    for number, name in enumerate(value.columns):
        try:
            columns.append(_pack_column(value.iloc[:, number].array, pack))
        except Unkept as why:
            raise why.inside(f"[{name!r:.60}]") from None
    return {"pandas.frame": [pack(value.columns), pack(value.index), columns, pack(value.attrs)]}


@unpacks("pandas.frame")
def _frame(payload: list[Any], unpack: Unpack) -> pd.DataFrame:
    names, index, columns, attrs = payload
    index = unpack(index)
    series: dict[int, Any] = {}
    for number, column in enumerate(columns):
        values = unpack(column)
        series[number] = pd.Series(values, index=index, dtype=values.dtype, copy=False)
    frame = pd.DataFrame(series, index=index)
    frame.columns = unpack(names)
    frame.attrs = unpack(attrs)
    return frame


# -- single values ---------------------------------------------------------------------------------


@packs(pd.Timestamp)
def _pack_timestamp(value: pd.Timestamp, pack: Pack) -> Tree:
    return {"pandas.timestamp": [int(value.asm8.view("i8")), value.unit, pack(value.tzinfo)]}


@unpacks("pandas.timestamp")
def _timestamp(payload: list[Any], unpack: Unpack) -> Any:
    number, unit, zone = payload
    moment = pd.Timestamp(np.datetime64(number, unit))
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(unpack(zone))


@packs(pd.Timedelta)
def _pack_timedelta(value: pd.Timedelta, pack: Pack) -> Tree:
    return {"pandas.timedelta": [int(value.asm8.view("i8")), value.unit]}


@unpacks("pandas.timedelta")
def _timedelta(payload: list[Any], unpack: Unpack) -> Any:
    number, unit = payload
    return pd.Timedelta(np.timedelta64(number, unit))


@packs(pd.Period)
def _pack_period(value: pd.Period, pack: Pack) -> Tree:
    return {"pandas.period": [value.ordinal, value.freqstr]}


@unpacks("pandas.period")
def _period(payload: list[Any], unpack: Unpack) -> Any:
    ordinal, freq = payload
    return pd.Period(ordinal=ordinal, freq=freq)


@packs(pd.Interval)
def _pack_interval(value: Any, pack: Pack) -> Tree:
    return {"pandas.interval": [pack(value.left), pack(value.right), value.closed]}


@unpacks("pandas.interval")
def _interval(payload: list[Any], unpack: Unpack) -> Any:
    left, right, closed = payload
    return pd.Interval(unpack(left), unpack(right), closed)


@packs(type(pd.NA), type(pd.NaT))
def _pack_missing(value: Any, pack: Pack) -> Tree:
    return {"pandas.missing": "NA" if value is pd.NA else "NaT"}


@unpacks("pandas.missing")
def _missing(name: str, unpack: Unpack) -> Any:
    return {"NA": pd.NA, "NaT": pd.NaT}[name]
