"""Objects that can be made again of what JSON text shows of them: `str()`, or the value of the base type."""

from __future__ import annotations

import json
import re
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import partial
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any
from uuid import UUID

from mcp_refcache._codec import classes
from mcp_refcache._codec.collections import factory_name, factory_named
from mcp_refcache._codec.tree import NOT_KNOWN, load
from mcp_refcache.exceptions import CodecError

Describe = Callable[[Any], str | None]
Restore = Callable[..., Any]

_TIMEDELTA = re.compile(r"(?:(-?\d{1,9}) days?, )?(\d{1,2}):(\d\d):(\d\d)(?:\.(\d{6}))?", re.ASCII)

_PATHS = {kind.__name__: kind for kind in (PosixPath, PurePosixPath, PureWindowsPath, WindowsPath)}


def has_plain_zone(value: datetime | time) -> bool:
    """Whether its text tells all about its time zone: there is none, or a fixed offset without a name."""
    zone = value.tzinfo
    if zone is None:
        return True
    return type(zone) is timezone and zone.tzname(None) == timezone(zone.utcoffset(None)).tzname(None)


def _moment(name: str) -> Describe:
    described = json.dumps(name)
    return lambda value: described if value.fold == 0 and has_plain_zone(value) else None


def _defaultdict(value: defaultdict[Any, Any]) -> str | None:
    name = factory_name(value.default_factory)
    return None if name is None else json.dumps(["defaultdict", name])


def _restore_defaultdict(name: str, shown: dict[Any, Any]) -> defaultdict[Any, Any]:
    return defaultdict(factory_named(name), shown)


def _restore_namedtuple(name: str, shown: list[Any]) -> Any:
    return classes.namedtuple_of(classes.find_namedtuple(name), shown)


def _restore_timedelta(shown: str) -> timedelta:
    found = _TIMEDELTA.fullmatch(shown)
    if found is None:
        raise ValueError
    days, hours, minutes, seconds, microseconds = (int(number or 0) for number in found.groups())
    return timedelta(days, seconds, microseconds, minutes=minutes, hours=hours)


def _always(name: str) -> Describe:
    described = json.dumps(name)
    return lambda value: described


#: Types, and what describes an instance (None: it has to be described whole).
describers: dict[type[Any], Describe] = {
    datetime: _moment("datetime"),
    time: _moment("time"),
    date: _always("date"),
    timedelta: _always("timedelta"),
    Decimal: _always("decimal"),
    UUID: _always("uuid"),
    OrderedDict: _always("ordereddict"),
    Counter: _always("counter"),
    defaultdict: _defaultdict,
    **{kind: _always(name) for name, kind in _PATHS.items()},
}
#: What makes objects, by name: called with the arguments of the description and with what is shown.
restorers: dict[str, Restore] = {
    "datetime": datetime.fromisoformat,
    "time": time.fromisoformat,
    "date": date.fromisoformat,
    "timedelta": _restore_timedelta,
    "decimal": Decimal,
    "uuid": UUID,
    "ordereddict": OrderedDict,
    "counter": Counter,
    "defaultdict": _restore_defaultdict,
    "namedtuple": _restore_namedtuple,
    **_PATHS,
}


def describe(value: Any) -> str | None:
    """Describe an object that what is shown of it tells, else None."""
    kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType]
    describer = describers.get(kind)
    if describer is not None:
        return describer(value)
    if isinstance(value, tuple) and classes.is_namedtuple(kind):
        return json.dumps(["namedtuple", classes.findable_name(kind)])
    if kind.__module__ == "numpy":
        load("numpy")
        describer = describers.get(kind)
    return None if describer is None else describer(value)


def named_reader(name: Any = None, *arguments: Any) -> Callable[[Any], Any]:
    """Return the function that makes objects of what is shown of them.

    Raises:
        CodecError: If there is none of that name.
    """
    if not isinstance(name, str):
        raise CodecError(NOT_KNOWN)
    load(name)
    restore = restorers.get(name)
    if restore is None:
        raise CodecError(NOT_KNOWN)
    return partial(restore, *arguments) if arguments else restore
