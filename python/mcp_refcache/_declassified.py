"""`Declassified`: what a tool's author opens of a result that was made of restricted values."""

import copy
import dataclasses
import typing
from collections.abc import Callable
from typing import Any, ClassVar, Final, Generic, NamedTuple, TypeVar, cast

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, SchemaSerializer, core_schema

from mcp_refcache._provenance import current, note_opened

__all__ = ["Declassified", "Opened", "open_parts"]

T = TypeVar("T")

#: Deeper in a result nothing is opened.
_DEEPEST: Final = 100

#: Whether one was made where no call collects: then every result has to be looked through.
_strays: list[bool] = []


class Declassified(Generic[T]):
    """A value that its author opens, although it was made of values that the caller may use and not read.

    Returned by a tool it opens the whole result; inside the dicts, lists, tuples and dataclasses of a result,
    that part. The stored value has the content in its place, and so has the answer of a tool without a cache.

    Args:
        value: What is opened.

    Example:
        ```python
        @cache.cached()
        def audit(accounts: list[dict]) -> dict:
            return {"count": Declassified(len(accounts)), "sum": sum(each["balance"] for each in accounts)}
        ```
    """

    __slots__ = ("value",)

    #: What pydantic writes of an object that no annotation told it about.
    __pydantic_serializer__: ClassVar[SchemaSerializer]

    def __init__(self, value: T) -> None:
        self.value = value
        note_opened(value)
        if current() is None and not _strays:
            _strays.append(True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Write the content as what it is, and promise no more."""
        kinds = typing.get_args(source)
        content = handler.generate_schema(kinds[0]) if kinds else core_schema.any_schema()
        return _transparent(content)

    def __repr__(self) -> str:
        return "Declassified(...)"


def _transparent(content: CoreSchema) -> CoreSchema:
    def write(declassified: Any, write_content: Callable[[Any], Any]) -> Any:
        return write_content(_unwrapped(declassified))

    return core_schema.no_info_before_validator_function(
        _unwrapped,
        content,
        serialization=core_schema.wrap_serializer_function_ser_schema(write, schema=content),
    )


class Opened(NamedTuple):
    """A result with its declassified parts in their places.

    Attributes:
        result: The result.
        is_whole: Whether all of it is open.
        paths: Where the open parts are, each as the names and numbers on the way to it.
    """

    result: Any
    is_whole: bool
    paths: list[tuple[str | int, ...]]


def open_parts(result: Any, *, opened: bool) -> Opened:
    """Unwrap what is declassified in a result.

    Args:
        result: What a tool returned.
        opened: Whether the tool declassified anything.
    """
    if not opened and not _strays:
        return Opened(result, False, [])
    if isinstance(result, Declassified):
        return Opened(_unwrapped(result), True, [()])
    walk = _Walk()
    return Opened(walk.visit(result, ()), False, walk.paths)


class _Walk:
    def __init__(self) -> None:
        self.paths: list[tuple[str | int, ...]] = []
        self._done: dict[int, tuple[Any, Any]] = {}

    def visit(self, value: Any, path: tuple[str | int, ...]) -> Any:
        kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
        if issubclass(kind, Declassified):
            self.paths.append(path)
            return _unwrapped(value)
        is_record = dataclasses.is_dataclass(kind)
        if len(path) == _DEEPEST or not (is_record or issubclass(kind, (dict, list, tuple))):
            return value
        if id(value) in self._done:  # it stands in two places, or in itself
            return self._done[id(value)][1]
        self._done[id(value)] = (value, value)
        rebuilt = self._record(value, path) if is_record else self._container(value, path)
        self._done[id(value)] = (value, rebuilt)
        return rebuilt

    def _container(self, value: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(value, dict):
            items = cast("dict[Any, Any]", value)
            changed = {
                key: new for key, old in items.items() if (new := self.visit(old, (*path, key))) is not old
            }
            return {**items, **changed} if changed else items
        items = cast("list[Any]", value)
        visited = [self.visit(item, (*path, place)) for place, item in enumerate(items)]
        if all(new is old for new, old in zip(visited, items, strict=True)):
            return value
        if isinstance(value, list):
            return visited
        return type(value)(*visited) if hasattr(value, "_fields") else tuple(visited)

    def _record(self, value: Any, path: tuple[str | int, ...]) -> Any:
        rebuilt = None
        for field in dataclasses.fields(value):
            old = getattr(value, field.name, None)
            new = self.visit(old, (*path, field.name))
            if new is not old:
                rebuilt = copy.copy(value) if rebuilt is None else rebuilt
                object.__setattr__(rebuilt, field.name, new)
        return value if rebuilt is None else rebuilt


def _unwrapped(value: Any) -> Any:
    while isinstance(value, Declassified):
        value = cast("Declassified[Any]", value).value
    return value


Declassified.__pydantic_serializer__ = SchemaSerializer(_transparent(core_schema.any_schema()))
