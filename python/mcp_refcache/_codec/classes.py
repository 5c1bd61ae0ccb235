"""Instances of the server's own classes: enums, namedtuples, dataclasses, pydantic models.

A class is found by its name among those that were registered; enums and namedtuples also in modules that
are imported already. Their code is not run: fields are put back as they were.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Mapping
from enum import Enum, Flag, IntFlag
from threading import Lock
from typing import Any, cast

from pydantic import BaseModel

from mcp_refcache._arguments import shown
from mcp_refcache._codec.tree import Pack, Packer, Tree, Unkept, Unpack, finds, unpacks
from mcp_refcache.exceptions import CodecError

_registered: dict[str, type[Any]] = {}
_lock = Lock()


def register_types(types: Iterable[type[Any]]) -> None:
    """Let instances of these classes be kept in stores that outlive the process, and be read from them.

    Args:
        types: Dataclasses, pydantic models, enums and namedtuples.

    Raises:
        TypeError: For anything else.
    """
    classes = list(types)
    for kind in classes:
        if not isinstance(kind, type) or not _is_known_kind(kind):  # pyright: ignore[reportUnnecessaryIsInstance]
            found = getattr(kind, "__qualname__", type(kind).__name__)
            raise TypeError(
                f"types must hold dataclasses, pydantic models, enums and namedtuples, not {shown(str(found))[1:-1]}"
            )
    with _lock:
        _registered.update((name_of(kind), kind) for kind in classes)


def _is_known_kind(kind: type[Any]) -> bool:
    return issubclass(kind, Enum | BaseModel) or is_namedtuple(kind) or dataclasses.is_dataclass(kind)


def is_namedtuple(kind: type[Any]) -> bool:
    """Whether a class is a namedtuple as `collections` or `typing` make them, or inherits from one."""
    fields = getattr(kind, "_fields", None)
    return (
        issubclass(kind, tuple)
        and isinstance(fields, tuple)
        and all(isinstance(name, str) for name in fields)  # pyright: ignore[reportUnknownVariableType]
    )


def name_of(kind: type[Any]) -> str:
    """The name that a class is found by."""
    return f"{kind.__module__}:{kind.__qualname__}"


def findable_name(kind: type[Any]) -> str:
    """The name of an enum or namedtuple that can be found again.

    Raises:
        Unkept: If it cannot.
    """
    name = name_of(kind)
    if _registered.get(name) is not kind and _imported(name) is not kind:
        raise Unkept(
            f"the class {kind.__module__}.{kind.__qualname__} cannot be found by its name; define it at the top of "
            "a module or register it with RefCache(types=[...])"
        )
    return name


def _registered_name(kind: type[Any]) -> str:
    name = name_of(kind)
    if _registered.get(name) is not kind:
        raise Unkept(
            f"{kind.__module__}.{kind.__qualname__} is kept in a store that outlives the process only if it is "
            "registered: RefCache(types=[...]); or store text in its place with RefCache(default=str)"
        )
    return name


def _imported(name: str) -> type[Any] | None:
    """The class of a name in an imported module, looked up without running code of that module."""
    module_name, _, qualname = name.partition(":")
    found: Any = sys.modules.get(module_name)
    try:
        for part in qualname.split("."):
            found = cast("Mapping[str, Any]", vars(found)).get(part)
    except TypeError:  # has no attributes
        return None
    return found if isinstance(found, type) else None


def _find(name: str) -> type[Any]:
    found = _registered.get(name) or _imported(name)
    if found is None:
        raise CodecError(
            f"a stored value cannot be read: it holds an instance of {_readable(name)}; import its module, or "
            "register it with RefCache(types=[...])"
        )
    return found


def _find_registered(name: str) -> type[Any]:
    found = _registered.get(name)
    if found is None:
        raise CodecError(
            f"a stored value cannot be read: it holds an instance of {_readable(name)}; register it with "
            "RefCache(types=[...])"
        )
    return found


def _readable(name: str) -> str:
    return name.replace(":", ".", 1)[:200]


def _changed(name: str) -> CodecError:
    return CodecError(
        f"a stored value cannot be read: the class {_readable(name)} is not what it was when the value was stored"
    )


# -- namedtuples -----------------------------------------------------------------------------------


def find_namedtuple(name: str) -> type[Any]:
    """The namedtuple class of a name."""
    found = _find(name)
    if not is_namedtuple(found):
        raise _changed(name)
    return found


def namedtuple_of(kind: type[Any], items: Iterable[Any]) -> Any:
    """An instance with these items, past a `__new__` of its own."""
    value: Any = tuple.__new__(kind, items)  # pyright: ignore[reportUnknownMemberType]
    if len(value) != len(kind._fields):
        raise _changed(name_of(kind))
    return value


def _pack_namedtuple(value: Any, pack: Pack) -> Tree:
    kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType]
    return {"namedtuple": [findable_name(kind), pack.all(value)]}


@unpacks("namedtuple")
def _namedtuple(payload: list[Any], unpack: Unpack) -> Any:
    name, items = payload
    return namedtuple_of(find_namedtuple(name), unpack.all(items))


# -- enums -----------------------------------------------------------------------------------------


def _pack_enum(value: Enum, pack: Pack) -> Tree:
    name = findable_name(type(value))
    if value._name_ in type(value).__members__:
        return {"enum": [name, value._name_]}
    return {"flags": [name, pack(value._value_)]}


@unpacks("enum")
def _enum(payload: list[str], unpack: Unpack) -> Enum:
    name, member = payload
    found = _find(name)
    if not issubclass(found, Enum) or member not in found._member_map_:
        raise _changed(name)
    return found._member_map_[member]


@unpacks("flags")
def _flags(payload: list[Any], unpack: Unpack) -> Flag:
    name, bits = payload
    found = _find(name)
    bits = unpack(bits)
    builtin = (Flag._missing_.__func__, IntFlag._missing_.__func__)
    # a `_missing_` of its own is code that a stored value must not run
    if not issubclass(found, Flag) or type(bits) is not int or found._missing_.__func__ not in builtin:
        raise _changed(name)
    return found(bits)


# -- dataclasses and models ------------------------------------------------------------------------


def _pack_dataclass(value: Any, pack: Pack) -> Tree:
    kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType]
    name = _registered_name(kind)
    try:
        object.__new__(kind)
    except TypeError:
        raise Unkept(
            "a dataclass that inherits from a builtin type cannot be kept; hold the value in a field"
        ) from None
    names = [field.name for field in dataclasses.fields(value)]
    fields = {name: getattr(value, name) for name in names if hasattr(value, name)}
    return {"dataclass": [name, pack.fields(fields)]}


@unpacks("dataclass")
def _dataclass(payload: list[Any], unpack: Unpack) -> Any:
    name, fields = payload
    found = _find_registered(name)
    if not dataclasses.is_dataclass(found) or not fields.keys() <= {
        field.name for field in dataclasses.fields(found)
    }:
        raise _changed(name)
    value = object.__new__(found)
    for field, item in unpack.fields(fields).items():
        object.__setattr__(value, field, item)  # also where the class is frozen
    return value


def _pack_model(value: BaseModel, pack: Pack) -> Tree:
    name = _registered_name(type(value))
    extra, private = value.__pydantic_extra__, value.__pydantic_private__
    return {
        "model": [
            name,
            pack.fields(
                {field: item for field, item in value.__dict__.items() if field in type(value).model_fields}
            ),
            sorted(value.__pydantic_fields_set__),
            None if extra is None else pack.fields(extra),
            None if private is None else pack.fields(private),
        ]
    }


@unpacks("model")
def _model(payload: list[Any], unpack: Unpack) -> BaseModel:
    name, fields, fields_set, extra, private = payload
    found = _find_registered(name)
    if (
        not issubclass(found, BaseModel)
        or not fields.keys() <= found.model_fields.keys()
        or (extra is not None and found.model_config.get("extra") != "allow")
        or not (private or {}).keys() <= found.__private_attributes__.keys()
    ):
        raise _changed(name)
    value = object.__new__(found)
    object.__setattr__(value, "__dict__", unpack.fields(fields))
    object.__setattr__(value, "__pydantic_fields_set__", set(fields_set))
    object.__setattr__(value, "__pydantic_extra__", None if extra is None else unpack.fields(extra))
    object.__setattr__(value, "__pydantic_private__", None if private is None else unpack.fields(private))
    return value


@finds
def _packer_of(kind: type[Any]) -> Packer | None:
    if issubclass(kind, Enum):
        return _pack_enum
    if is_namedtuple(kind):
        return _pack_namedtuple
    if issubclass(kind, BaseModel):
        return _pack_model
    if dataclasses.is_dataclass(kind):
        return _pack_dataclass
    return None
