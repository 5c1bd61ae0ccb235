"""`Declassified`: what a tool's author opens of a result that was made of restricted values."""

import copy
import dataclasses
import json
import typing
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NamedTuple, TypeVar, cast

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, SchemaSerializer, core_schema

from mcp_refcache._provenance import current, note_opened
from mcp_refcache.permissions import Permission

if TYPE_CHECKING:
    from mcp_refcache.permissions import AccessPolicy

__all__ = ["Declassified", "Opened", "open_parts", "opening"]

T = TypeVar("T")

#: Deeper in a result nothing is opened.
_DEEPEST: Final = 100

#: Whether one was made where no call collects: then every result has to be looked through.
_strays: list[bool] = []


class Declassified(Generic[T]):
    """A value that its author opens, although it was made of values that the caller may use and not read.

    Returned by a tool it opens the whole result; inside the dicts, lists and tuples of a result, that part: agents
    see it among `[masked]` ones. The stored value has the content in its place, and so has the answer of a tool
    without a cache.

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
        paths: Where the open parts are, each as the keys and places on the way to it.
    """

    result: Any
    is_whole: bool
    paths: list[tuple[Any, ...]]


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


def opening(policy: "AccessPolicy", own: "AccessPolicy", paths: Sequence[tuple[Any, ...]]) -> "AccessPolicy":
    """Return a policy under which agents see the open parts of a result, and nothing else.

    Args:
        policy: What the result inherited.
        own: What the author gave it: agents see open parts only where this lets them see the result.
        paths: Where the open parts are.
    """
    inherits_nothing = policy is own or policy.agent_can(Permission.READ)
    if not paths or inherits_nothing or not own.agent_can(Permission.READ) or _is_nobodys(policy):
        return policy
    changes: dict[str, Any] = {
        "masked_paths": frozenset({"$", *(f"!{''.join(map(_step, path))}" for path in paths)}),
        "agent_permissions": policy.agent_permissions | Permission.READ,
    }
    if policy.owner is not None and Permission.READ not in policy.owner_permissions:
        # models that act for the owner are not to see less than others
        changes |= {"owner": None, "user_permissions": policy.user_permissions & policy.owner_permissions}
    return policy.model_copy(update=changes)


def _is_nobodys(policy: "AccessPolicy") -> bool:
    return not (policy.user_permissions or policy.agent_permissions or policy.owner or policy.allowed_actors)


def _step(step: Any) -> str:
    if isinstance(step, _Place):
        return f"[{step.number}]"
    key = next(iter(json.loads(json.dumps({step: None}))))
    return f"[{json.dumps(key)}]"


class _Place(NamedTuple):
    """The place of an item in a list; a number by itself is a key."""

    number: int


class _Walk:
    def __init__(self) -> None:
        self.paths: list[tuple[Any, ...]] = []
        self._done: dict[int, tuple[Any, Any]] = {}

    def visit(self, value: Any, path: tuple[Any, ...]) -> Any:
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

    def _container(self, value: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(value, dict):
            items = cast("dict[Any, Any]", value)
            changed = {
                key: new for key, old in items.items() if (new := self.visit(old, (*path, key))) is not old
            }
            return {**items, **changed} if changed else items
        items = cast("list[Any]", value)
        visited = [self.visit(item, (*path, _Place(place))) for place, item in enumerate(items)]
        if all(new is old for new, old in zip(visited, items, strict=True)):
            return value
        if isinstance(value, list):
            return visited
        return type(value)(*visited) if hasattr(value, "_fields") else tuple(visited)

    def _record(self, value: Any, path: tuple[Any, ...]) -> Any:
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
