"""numpy: arrays as their bytes, scalars as numbers."""

# numpy is not typed in full
# pyright: basic
from __future__ import annotations

import json
from math import prod
from typing import Any

import numpy as np

from mcp_refcache._codec.scalars import bytes_text, text_bytes
from mcp_refcache._codec.shown import Describe, describers, restorers
from mcp_refcache._codec.tree import Pack, Packer, Tree, Unkept, Unpack, finds, packs, unpacks
from mcp_refcache.exceptions import CodecError

_STRINGS: Any = getattr(getattr(np, "dtypes", None), "StringDType", None)


def _pack_dtype(dtype: np.dtype[Any], pack: Pack) -> Tree:
    described = np.lib.format.dtype_to_descr(dtype)
    if np.lib.format.descr_to_dtype(described) != dtype:
        raise Unkept(f"the numpy dtype {dtype!s:.80} cannot be kept; use another one")
    return pack(described)


def _read_dtype(tree: Tree, unpack: Unpack) -> np.dtype[Any]:
    dtype = np.lib.format.descr_to_dtype(unpack(tree))
    if dtype.hasobject:
        raise CodecError("a stored value cannot be read: the description of an array is damaged")
    return dtype


@packs(np.ndarray)
def _pack_array(value: np.ndarray[Any, Any], pack: Pack) -> Tree:
    dtype, shape = value.dtype, list(value.shape)
    if dtype.char == "O":
        return {"numpy.objects": [shape, pack.all(value.ravel().tolist())]}
    if _STRINGS is not None and isinstance(dtype, _STRINGS):
        if dtype != _STRINGS():
            raise Unkept("a numpy array of strings with an na_object of its own cannot be kept")
        return {"numpy.strings": [shape, pack.all(value.ravel().tolist())]}
    if dtype.hasobject or (dtype.itemsize == 0 and value.size):
        raise Unkept(f"the numpy dtype {dtype!s:.80} cannot be kept; use another one")
    return {"numpy.array": [_pack_dtype(dtype, pack), shape, bytes_text(value.tobytes())]}


@unpacks("numpy.array")
def _array(payload: list[Any], unpack: Unpack) -> np.ndarray[Any, Any]:
    dtype_tree, shape, text = payload
    dtype, data = _read_dtype(dtype_tree, unpack), text_bytes(text)
    if not data:
        if prod(shape) != 0:
            raise ValueError
        return np.empty(shape, dtype)
    return np.frombuffer(data, dtype).reshape(shape).copy()


@unpacks("numpy.objects")
def _objects(payload: list[Any], unpack: Unpack) -> np.ndarray[Any, Any]:
    shape, items = payload
    array = np.empty(len(items), object)
    # one by one: numpy takes items that are sequences for more dimensions
    for i, item in enumerate(items):
        array[i] = unpack(item)
    return array.reshape(shape)


@unpacks("numpy.strings")
def _strings(payload: list[Any], unpack: Unpack) -> np.ndarray[Any, Any]:
    shape, items = payload
    return np.array(unpack.all(items), _STRINGS()).reshape(shape)


# -- scalars ---------------------------------------------------------------------------------------


def _dtype_name(kind: type[np.generic]) -> str:
    dtype = np.dtype(kind)
    # two C types may have one size; the character tells them apart
    return dtype.str if np.dtype(dtype.str).type is kind else dtype.char


def _number_describer(kind: type[np.generic]) -> Describe:
    described = json.dumps(["numpy.number", _dtype_name(kind)])
    return lambda value: described


_NUMBERS: list[type[np.generic]] = [np.dtype(char).type for char in "?bBhHiIlLqQefdg"]
describers.update({kind: _number_describer(kind) for kind in _NUMBERS})


def _number(name: str, shown: Any) -> np.generic:
    kind: Any = np.dtype(name).type
    if kind is np.bool_:
        return np.bool_({"True": True, "False": False}[shown])
    if issubclass(kind, np.integer):
        return kind(int(shown))
    if issubclass(kind, np.floating):
        return kind(shown)
    raise TypeError(name)


restorers["numpy.number"] = _number


@finds
def _packer_of(kind: type[Any]) -> Packer | None:
    if issubclass(kind, np.generic) and np.dtype(kind).type is kind and not issubclass(kind, np.object_):
        return _pack_scalar
    if issubclass(kind, np.dtype):
        return _pack_dtype_alone
    return None


def _pack_scalar(value: np.generic, pack: Pack) -> Tree:
    dtype = value.dtype
    if dtype.hasobject or dtype.itemsize == 0:
        raise Unkept(f"the numpy dtype {dtype!s:.80} cannot be kept; use another one")
    described = _dtype_name(type(value)) if type(value) in _NUMBERS else _pack_dtype(dtype, pack)
    return {"numpy.scalar": [described, bytes_text(value.tobytes())]}


@unpacks("numpy.scalar")
def _scalar(payload: list[Any], unpack: Unpack) -> np.generic:
    dtype, text = payload
    [value] = np.frombuffer(text_bytes(text), _read_dtype(dtype, unpack)).copy()
    return value


def _pack_dtype_alone(value: np.dtype[Any], pack: Pack) -> Tree:
    return {"numpy.dtype": _pack_dtype(value, pack)}


@unpacks("numpy.dtype")
def _dtype(tree: Tree, unpack: Unpack) -> np.dtype[Any]:
    return np.lib.format.descr_to_dtype(unpack(tree))
