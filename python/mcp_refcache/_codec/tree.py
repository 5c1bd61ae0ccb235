"""Any Python object as a tree of JSON values, and back; the families of types register what they know.

JSON's own values stand for themselves, `{"set": [...]}` for everything else: a tag and what it needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from mcp_refcache.exceptions import CodecError

#: A JSON value.
Tree = Any
Packer = Callable[[Any, "Pack"], Tree]
Unpacker = Callable[[Any, "Unpack"], Any]
F = TypeVar("F", bound=Callable[..., Any])

#: Deepest nesting of objects that are described whole.
MAX_DEPTH = 100
#: Ints of more bits are written as hexadecimal: decimal digits take time, and Python refuses many.
MAX_BITS = 2000

_PLAIN = frozenset({bool, float, type(None)})
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
#: Modules of this package that know the types of another; imported when one of those is met. Their tags
#: begin with the name of that package.
_LATE = {"numpy": "arrays", "pandas": "frames", "polars": "polars_frames"}

NOT_KNOWN = "a stored value cannot be read: it holds an object of a kind that this version does not know"

_packers: dict[type[Any], Packer] = {}
_unpackers: dict[str, Unpacker] = {}
_finders: list[Callable[[type[Any]], Packer | None]] = []


class Unkept(Exception):  # noqa: N818 -- an answer to the walker, which makes a CodecError of it
    """An object that cannot be kept: where it is inside the value, and what to do."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path

    def inside(self, step: str) -> Unkept:
        """The same seen from the container that holds it."""
        return Unkept(self.reason, step + self.path)

    def at(self, path: str) -> str:
        """The message, for a value that has the object at this path."""
        return f"{path}{self.path}: {self.reason}"


def packs(*types: type[Any]) -> Callable[[F], F]:
    """Register a function that packs instances of exactly these types."""

    def register(function: F) -> F:
        _packers.update(dict.fromkeys(types, function))
        return function

    return register


def finds(function: Callable[[type[Any]], Packer | None]) -> Callable[[type[Any]], Packer | None]:
    """Register a function that finds the packer of a type that nobody has registered."""
    _finders.append(function)
    return function


def unpacks(tag: str) -> Callable[[F], F]:
    """Register the function that reads what stands behind a tag."""

    def register(function: F) -> F:
        _unpackers[tag] = function
        return function

    return register


def unknown(kind: type[Any]) -> Unkept:
    """The answer for an object of a type that nobody knows."""
    return Unkept(
        f"{kind.__module__}.{kind.__qualname__} cannot be kept in a store that outlives the process; "
        "convert it, register its class (a dataclass or pydantic model) with RefCache(types=[...]), "
        "or store text in its place with RefCache(default=str)"
    )


class Pack:
    """Packs objects; what cannot be kept is replaced by `default`, if there is one."""

    def __init__(self, default: Callable[[Any], Any] | None = None) -> None:
        self._default = default
        self._depth = 0

    def __call__(self, value: Any) -> Tree:
        """Pack one object, or what the default gives in its place."""
        try:
            return self.known(value)
        except Unkept:
            if self._default is None:
                raise
        return self.known(self._default(value))

    def known(self, value: Any) -> Tree:
        """Pack one object that is not to be replaced itself; what is in it may be."""
        kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType]
        if kind is str:
            if not value.isascii() and _SURROGATE_PAIR.search(value):
                # as text of JSON they would be the one character that they encode
                return {"str": [ord(character) for character in value]}
            return value
        if kind in _PLAIN:
            return value
        if kind is int:
            return value if value.bit_length() <= MAX_BITS else {"int": hex(value)}
        if self._depth == MAX_DEPTH:
            raise Unkept(f"objects nest deeper than {MAX_DEPTH} levels, or contain themselves")
        self._depth += 1
        try:
            packer = _packers.get(kind) or _find(kind)
            if packer is None:
                raise unknown(kind)
            return packer(value, self)
        finally:
            self._depth -= 1

    def all(self, values: Any) -> list[Tree]:
        """Pack objects in their order."""
        packed: list[Tree] = []  # its length tells where it failed
        try:
            for value in values:
                packed.append(self(value))
        except Unkept as why:
            raise why.inside(f"[{len(packed)}]") from None
        return packed

    def fields(self, fields: dict[str, Any]) -> dict[str, Tree]:
        """Pack what stands under names."""
        packed: dict[str, Tree] = {}
        for name, value in fields.items():
            try:
                packed[name] = self(value)
            except Unkept as why:
                raise why.inside(f".{name}") from None
        return packed


def _find(kind: type[Any]) -> Packer | None:
    load(str(kind.__module__))
    if kind in _packers:
        return _packers[kind]
    for find in _finders:
        packer = find(kind)
        if packer is not None:
            return packer
    return None


class Unpack:
    """Makes objects of trees that may have been written by anybody."""

    def __init__(self) -> None:
        self._depth = 0

    def __call__(self, tree: Tree) -> Any:
        """Unpack one tree."""
        kind: Any = type(tree)  # pyright: ignore[reportUnknownVariableType]
        if kind is not dict and kind is not list:
            return tree
        if self._depth == 2 * MAX_DEPTH:
            raise CodecError("a stored value cannot be read: the description of an object is nested too deep")
        self._depth += 1
        try:
            return self.all(tree) if kind is list else self._tagged(tree)
        finally:
            self._depth -= 1

    def _tagged(self, tree: dict[str, Tree]) -> Any:
        if len(tree) != 1:
            raise CodecError("a stored value cannot be read: the description of an object has not one tag")
        [(tag, payload)] = tree.items()
        load(tag)
        unpacker = _unpackers.get(tag)
        if unpacker is None:
            raise CodecError(NOT_KNOWN)
        return unpacker(payload, self)

    def all(self, trees: list[Tree]) -> list[Any]:
        """Unpack trees in their order."""
        if type(trees) is not list:
            raise TypeError("a list is due")
        return [self(tree) for tree in trees]

    def fields(self, trees: dict[str, Tree]) -> dict[str, Any]:
        """Unpack what stands under names."""
        return {name: self(tree) for name, tree in trees.items()}


def load(name: str) -> None:
    """Make the types of the package known that a dotted name begins with, if it is numpy, pandas or polars.

    Raises:
        CodecError: If that package is not installed.
    """
    package = name.partition(".")[0]
    if package not in _LATE:
        return
    try:
        import_module(f"mcp_refcache._codec.{_LATE[package]}")
    except ImportError as missing:
        raise CodecError(
            f"a stored value cannot be read: it holds an object of {package}; install {package}"
        ) from missing


@packs(list)
def _pack_list(value: list[Any], pack: Pack) -> Tree:
    return pack.all(value)


@unpacks("plain")
def _plain(tree: Tree, unpack: Unpack) -> Any:
    return unpack(tree)


@unpacks("str")
def _str(characters: list[int], unpack: Unpack) -> str:
    return "".join(map(chr, characters))


@unpacks("int")
def _int(digits: str, unpack: Unpack) -> int:
    return int(digits, 16)
