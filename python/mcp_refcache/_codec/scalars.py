"""Single values of the standard library: numbers, moments, bytes, names."""

from __future__ import annotations

import array
import ipaddress
from base64 import b64decode, b64encode
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from types import SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from mcp_refcache._codec.tree import Pack, Tree, Unkept, Unpack, packs, unpacks

#: Types whose instances never change, so that one may be handed out many times.
IMMUTABLE = (date, time, timedelta, Decimal, Enum, Fraction, PurePath, UUID, bytes, complex, int, range, str)

_ADDRESSES = {
    kind.__name__: kind
    for kind in (
        ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network,
        ipaddress.IPv4Interface, ipaddress.IPv6Interface,
    )
}  # fmt: skip
_PATHS = {kind.__name__: kind for kind in (PosixPath, PurePosixPath, PureWindowsPath, WindowsPath)}


def bytes_text(data: bytes | bytearray | memoryview) -> str:
    """Bytes as text."""
    return b64encode(data).decode("ascii")


def text_bytes(text: str) -> bytes:
    """The bytes that a text stands for."""
    return b64decode(text, validate=True)


@packs(bytes)
def _pack_bytes(value: bytes, pack: Pack) -> Tree:
    return {"bytes": bytes_text(value)}


@unpacks("bytes")
def _bytes(text: str, unpack: Unpack) -> bytes:
    return text_bytes(text)


@packs(bytearray)
def _pack_bytearray(value: bytearray, pack: Pack) -> Tree:
    return {"bytearray": bytes_text(value)}


@unpacks("bytearray")
def _bytearray(text: str, unpack: Unpack) -> bytearray:
    return bytearray(text_bytes(text))


@packs(array.array)
def _pack_array(value: array.array[Any], pack: Pack) -> Tree:
    if value.typecode not in "bBhHiIlLqQfd":
        raise Unkept("an array.array of characters cannot be kept; convert it to a str")
    return {"numbers": [value.typecode, pack.all(value.tolist())]}


@unpacks("numbers")
def _array(payload: list[Any], unpack: Unpack) -> Any:
    code, items = payload
    if code not in "bBhHiIlLqQfd":
        raise ValueError
    return array.array(code, unpack.all(items))  # pyright: ignore[reportDeprecated, reportUnknownVariableType]


# -- moments ---------------------------------------------------------------------------------------


@packs(datetime)
def _pack_datetime(value: datetime, pack: Pack) -> Tree:
    text = value.replace(tzinfo=None).isoformat()
    return {"datetime": [text, value.fold, pack(value.tzinfo)]}


@unpacks("datetime")
def _datetime(payload: list[Any], unpack: Unpack) -> datetime:
    text, fold, zone = payload
    return datetime.fromisoformat(text).replace(fold=fold, tzinfo=unpack(zone))


@packs(date)
def _pack_date(value: date, pack: Pack) -> Tree:
    return {"date": value.isoformat()}


@unpacks("date")
def _date(text: str, unpack: Unpack) -> date:
    return date.fromisoformat(text)


@packs(time)
def _pack_time(value: time, pack: Pack) -> Tree:
    return {"time": [value.replace(tzinfo=None).isoformat(), value.fold, pack(value.tzinfo)]}


@unpacks("time")
def _time(payload: list[Any], unpack: Unpack) -> time:
    text, fold, zone = payload
    return time.fromisoformat(text).replace(fold=fold, tzinfo=unpack(zone))


@packs(timedelta)
def _pack_timedelta(value: timedelta, pack: Pack) -> Tree:
    return {"timedelta": [value.days, value.seconds, value.microseconds]}


@unpacks("timedelta")
def _timedelta(payload: list[int], unpack: Unpack) -> timedelta:
    days, seconds, microseconds = payload
    return timedelta(days, seconds, microseconds)


@packs(timezone)
def _pack_timezone(value: timezone, pack: Pack) -> Tree:
    offset = value.utcoffset(None)
    name = value.tzname(None)
    plain = name == timezone(offset).tzname(None)
    return {"timezone": [pack(offset), None if plain else name]}


@unpacks("timezone")
def _timezone(payload: list[Any], unpack: Unpack) -> timezone:
    offset, name = payload
    return timezone(unpack(offset)) if name is None else timezone(unpack(offset), name)


@packs(ZoneInfo)
def _pack_zone(value: ZoneInfo, pack: Pack) -> Tree:
    if value.key is None or ZoneInfo(value.key) is not value:  # pyright: ignore[reportUnnecessaryComparison]
        raise Unkept("a ZoneInfo without a key in the time zone database cannot be kept; use ZoneInfo(key)")
    return {"zone": value.key}


@unpacks("zone")
def _zone(key: str, unpack: Unpack) -> ZoneInfo:
    return ZoneInfo(key)


# -- numbers ---------------------------------------------------------------------------------------


@packs(Decimal)
def _pack_decimal(value: Decimal, pack: Pack) -> Tree:
    return {"decimal": str(value)}


@unpacks("decimal")
def _decimal(text: str, unpack: Unpack) -> Decimal:
    return Decimal(text)


@packs(Fraction)
def _pack_fraction(value: Fraction, pack: Pack) -> Tree:
    return {"fraction": [pack(value.numerator), pack(value.denominator)]}


@unpacks("fraction")
def _fraction(payload: list[Any], unpack: Unpack) -> Fraction:
    numerator, denominator = unpack.all(payload)
    return Fraction(numerator, denominator)


@packs(complex)
def _pack_complex(value: complex, pack: Pack) -> Tree:
    return {"complex": [value.real, value.imag]}


@unpacks("complex")
def _complex(payload: list[float], unpack: Unpack) -> complex:
    real, imag = payload
    return complex(real, imag)


@packs(range)
def _pack_range(value: range, pack: Pack) -> Tree:
    return {"range": [pack(value.start), pack(value.stop), pack(value.step)]}


@unpacks("range")
def _range(payload: list[Any], unpack: Unpack) -> range:
    start, stop, step = unpack.all(payload)
    return range(start, stop, step)


@packs(slice)
def _pack_slice(value: slice, pack: Pack) -> Tree:
    return {"slice": pack.all([value.start, value.stop, value.step])}


@unpacks("slice")
def _slice(payload: list[Any], unpack: Unpack) -> slice:
    start, stop, step = unpack.all(payload)
    return slice(start, stop, step)


# -- names -----------------------------------------------------------------------------------------


@packs(UUID)
def _pack_uuid(value: UUID, pack: Pack) -> Tree:
    return {"uuid": value.hex}


@unpacks("uuid")
def _uuid(text: str, unpack: Unpack) -> UUID:
    return UUID(text)


@packs(*_PATHS.values())
def _pack_path(value: PurePath, pack: Pack) -> Tree:
    return {"path": [type(value).__name__, pack(str(value))]}


@unpacks("path")
def _path(payload: list[Any], unpack: Unpack) -> PurePath:
    kind, text = payload
    return _PATHS[kind](unpack(text))


@packs(*_ADDRESSES.values())
def _pack_address(value: Any, pack: Pack) -> Tree:
    return {"address": [type(value).__name__, str(value)]}


@unpacks("address")
def _address(payload: list[str], unpack: Unpack) -> Any:
    kind, text = payload
    return _ADDRESSES[kind](text)


@packs(SimpleNamespace)
def _pack_namespace(value: SimpleNamespace, pack: Pack) -> Tree:
    return {"namespace": pack.fields(vars(value))}


@unpacks("namespace")
def _namespace(fields: dict[str, Any], unpack: Unpack) -> SimpleNamespace:
    return SimpleNamespace(**unpack.fields(fields))


@packs(type(...))
def _pack_ellipsis(value: Any, pack: Pack) -> Tree:
    return {"ellipsis": None}


@unpacks("ellipsis")
def _ellipsis(payload: None, unpack: Unpack) -> Any:
    return ...
