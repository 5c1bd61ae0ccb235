"""The description of one object of a value: by what is shown of it where that will do, else whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mcp_refcache._codec import classes, collections, scalars
from mcp_refcache._codec.shown import describe, named_reader
from mcp_refcache._codec.tree import NOT_KNOWN, Pack, Tree, Unkept, Unpack
from mcp_refcache.exceptions import CodecError

__all__ = ["encode", "reader"]

_FAMILIES = (classes, collections, scalars)
_JSON_BASES = (str, int, float, dict, list, tuple)


def encode(value: Any, as_json: bool = False, default: Callable[[Any], Any] | None = None) -> str | None:
    """Describe an object.

    Args:
        value: What is no JSON value itself, as an item of a value.
        as_json: Whether it is shown as the JSON value that its base type is; else as its `str()`.
        default: Gives what is stored in place of an object that cannot be kept.

    Returns:
        JSON text for `reader`; None if what the value's JSON text shows of it is what is to be kept.

    Raises:
        Unkept: If it cannot be kept and there is no `default`.
    """
    pack = Pack(default)
    try:
        described = describe(value) if as_json or not isinstance(value, _JSON_BASES) else None
        return described or _whole(pack.known(value))
    except Unkept:
        if default is None:
            raise
    if as_json or default is str:
        return None
    return _whole(pack.known(default(value)))


def _whole(tree: Tree) -> str:
    return json.dumps(tree if type(tree) is dict else {"plain": tree})


def reader(description: str) -> Callable[[Any], Any]:
    """Return the function that makes the described object of what is shown of it, afresh each time.

    Raises:
        CodecError: If the description is none, or of what this process does not know.
    """
    try:
        tree = json.loads(description)
    except (ValueError, RecursionError):
        raise CodecError("a stored value cannot be read: the description of an object is no JSON") from None
    if isinstance(tree, str):
        return named_reader(tree)
    if isinstance(tree, list):
        return named_reader(*tree)
    if not isinstance(tree, dict):
        raise CodecError(NOT_KNOWN)
    value = Unpack()(tree)
    if isinstance(value, scalars.IMMUTABLE):
        return lambda shown: value
    made = [value]  # the first one is there already
    return lambda shown: made.pop() if made else Unpack()(tree)
