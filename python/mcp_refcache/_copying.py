"""How objects that are no JSON are kept in memory: copied where that is meaningful, else shared."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence, Set
from dataclasses import is_dataclass
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from types import FunctionType, ModuleType
from typing import Any
from uuid import UUID
from weakref import WeakSet

from pydantic import BaseModel

logger = logging.getLogger("mcp_refcache")

_IMMUTABLE = (
    date, time, timedelta, tzinfo, Decimal, Enum, Fraction, PurePath, UUID, complex, range, slice, type, FunctionType,
    ModuleType, type(...), type(NotImplemented),
)  # fmt: skip
_COPIED = (BaseModel, Mapping, Sequence, Set)
_COPIED_MODULES = ("numpy", "pandas", "polars", "array", "collections")
#: Weak, as a class may refer to whatever surrounds it.
_reported: WeakSet[type[Any]] = WeakSet()


def copy_object(value: Any) -> Any:
    """Copy an object so that later changes to it do not change what is stored.

    Args:
        value: Any object but the JSON types themselves.

    Returns:
        The object itself if its type is immutable; a deep copy of collections, dataclasses, pydantic
        models, numpy arrays and pandas or polars frames; else the object itself, with one warning in
        the log per type.
    """
    kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType]
    if issubclass(kind, _IMMUTABLE):
        return value
    module = kind.__module__.partition(".")[0]
    # the object itself is asked for nothing: its attributes may be anybody's code
    if issubclass(kind, _COPIED) or is_dataclass(kind) or module in _COPIED_MODULES:
        try:
            return copy.deepcopy(value)
        except Exception:  # noqa: S110 - a foreign __deepcopy__ may fail in any way; then it is shared
            pass
    _report(type(value))  # pyright: ignore[reportUnknownArgumentType]
    return value


def _report(kind: type[Any]) -> None:
    if kind not in _reported:
        _reported.add(kind)
        logger.warning(
            "%s.%s cannot be copied: the cache shares the object with its caller, changes to it show",
            kind.__module__,
            kind.__qualname__,
        )
