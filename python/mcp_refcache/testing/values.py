"""Values to try a store with."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any, Final, cast
from uuid import UUID

__all__ = ["ANY_VALUES", "JSON_VALUES", "described"]

#: Values that plain JSON keeps as they are.
JSON_VALUES: Final[Mapping[str, Any]] = {
    "nothing": None,
    "truth": True,
    "numbers": [0, -1, 2**63, -(10**400), 0.1, -0.0, 1e300],
    "no numbers": [math.nan, math.inf, -math.inf],
    "text": "é \x00 \x7f \u2028 😀",
    "lone surrogates": ["\ud800", {"\udfff": "\udc00\ud800"}],
    "empty ones": ["", [], {}],
    "nested": {"a": {"b": [{"c": [[]]}]}},
    "what looks like a reference": "cache:0123456789abcdef",
    "long text": "word " * 50_000,
    "many rows": [{"id": number, "name": f"row {number}", "score": number / 7} for number in range(3_000)],
}

#: Values of many types. The stores of this package give them back equal and of the same type.
ANY_VALUES: Final[Mapping[str, Any]] = {
    **JSON_VALUES,
    "tuples": [(), (1, (2,)), {"a": (1,)}],
    "keys": {1: "int", 1.5: "float", None: "none", False: "bool", "1": "str"},
    "sets": [{1, 2}, frozenset({"a"}), set()],
    "bytes": [b"\x00\xff", bytearray(b"abc")],
    "moments": [
        datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        date(2026, 1, 2),
        time(3, 4, 5),
        timedelta(days=-1, microseconds=7),
    ],
    "exact numbers": [Decimal("1.10"), Fraction(1, 3), 1 + 2j],
    "names": [UUID(int=7), PurePosixPath("a/b")],
    "collections": [OrderedDict(b=1, a=2), deque([1, 2], maxlen=3), range(1, 9, 2)],
}


def described(value: Any) -> Any:
    """What a value is, types included; NaN is itself."""
    kind = cast("type[Any]", type(value))
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value).items()
        return kind, [(described(key), described(item)) for key, item in items]
    if isinstance(value, list | tuple | deque):
        inner = cast("Iterable[Any]", value)
        return kind, getattr(inner, "maxlen", None), [described(item) for item in inner]
    if isinstance(value, set | frozenset):
        return kind, sorted(map(repr, cast("Iterable[Any]", value)))
    return kind, value if isinstance(value, int | str) else repr(value)
