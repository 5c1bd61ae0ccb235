"""Collections of the standard library."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any

from mcp_refcache._codec.tree import Pack, Tree, Unkept, Unpack, packs, unpacks

_SEQUENCES: dict[str, type[Any]] = {kind.__name__: kind for kind in (tuple, set, frozenset)}
_DICTS: dict[str, type[Any]] = {"dict": dict, "ordereddict": OrderedDict, "counter": Counter}
_FACTORIES: dict[str, Callable[[], Any] | None] = {
    "None": None,
    **{
        kind.__name__: kind
        for kind in (list, dict, set, int, float, str, tuple, bool, bytes, frozenset, complex)
    },
}
_FACTORY_NAMES = {factory: name for name, factory in _FACTORIES.items()}


@packs(*_SEQUENCES.values())
def _pack_sequence(value: Iterable[Any], pack: Pack) -> Tree:
    return {type(value).__name__: pack.all(value)}


@unpacks("tuple")
def _tuple(items: list[Tree], unpack: Unpack) -> tuple[Any, ...]:
    return tuple(unpack.all(items))


@unpacks("set")
def _set(items: list[Tree], unpack: Unpack) -> set[Any]:
    return set(unpack.all(items))


@unpacks("frozenset")
def _frozenset(items: list[Tree], unpack: Unpack) -> frozenset[Any]:
    return frozenset(unpack.all(items))


@packs(deque)
def _pack_deque(value: deque[Any], pack: Pack) -> Tree:
    return {"deque": [pack.all(value), value.maxlen]}


@unpacks("deque")
def _deque(payload: list[Any], unpack: Unpack) -> deque[Any]:
    items, maxlen = payload
    return deque(unpack.all(items), maxlen)


def pack_items(items: dict[Any, Any], pack: Pack) -> list[list[Tree]]:
    """Pack the pairs of a dict."""
    packed: list[list[Tree]] = []
    for key, value in items.items():
        try:
            packed.append([pack(key), pack(value)])
        except Unkept as why:
            step = f"[{key!r:.60}]" if type(key) is str or type(key) is int else f"[item {len(packed)}]"
            raise why.inside(step) from None
    return packed


def unpack_items(items: list[list[Tree]], unpack: Unpack) -> list[tuple[Any, Any]]:
    """Unpack the pairs of a dict."""
    return [(unpack(key), unpack(value)) for key, value in items]


@packs(*_DICTS.values())
def _pack_dict(value: dict[Any, Any], pack: Pack) -> Tree:
    return {type(value).__name__.lower(): pack_items(value, pack)}


@unpacks("dict")
def _dict(items: list[list[Tree]], unpack: Unpack) -> dict[Any, Any]:
    return dict(unpack_items(items, unpack))


@unpacks("ordereddict")
def _ordereddict(items: list[list[Tree]], unpack: Unpack) -> OrderedDict[Any, Any]:
    return OrderedDict(unpack_items(items, unpack))


@unpacks("counter")
def _counter(items: list[list[Tree]], unpack: Unpack) -> Counter[Any]:
    return Counter(dict(unpack_items(items, unpack)))


@packs(defaultdict)
def _pack_defaultdict(value: defaultdict[Any, Any], pack: Pack) -> Tree:
    name = factory_name(value.default_factory)
    if name is None:
        raise Unkept(
            "a defaultdict with a factory of its own cannot be kept in a store that outlives the process; "
            "use a builtin type as its factory, or convert it to a dict"
        )
    return {"defaultdict": [name, pack_items(value, pack)]}


@unpacks("defaultdict")
def _defaultdict(payload: list[Any], unpack: Unpack) -> defaultdict[Any, Any]:
    name, items = payload
    return defaultdict(factory_named(name), unpack_items(items, unpack))


def factory_name(factory: Callable[[], Any] | None) -> str | None:
    """The name of a factory that can be kept, else None."""
    try:
        return _FACTORY_NAMES.get(factory)
    except TypeError:  # not hashable
        return None


def factory_named(name: str) -> Callable[[], Any] | None:
    """The factory of a name."""
    return _FACTORIES[name]
