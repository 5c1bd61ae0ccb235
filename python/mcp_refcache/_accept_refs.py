"""Typed parameters that take references, too: what their schema says, and how a value gets its type.

Frameworks check arguments against the annotations before the decorator sees them. The marker lets
references pass that check; the decorator resolves them, for its own caller, and only then is the value
checked against the real type. Nothing of a value is ever part of an error, only the reference is.
"""

import collections.abc
import enum
import inspect
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Final, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, core_schema

from mcp_refcache import _core
from mcp_refcache._ref import TakesRef, offer_reference, resolved_already, unfit
from mcp_refcache._signatures import union_members

#: Collections in Python's eyes, single values for callers.
_SCALARS: Final = (str, bytes, bytearray, enum.Enum)


#: The title of errors about referenced values; they show what was sent, and nothing of the value.
NOT_FITTING: Final = "arguments"


class AcceptRef:
    """Marks a parameter that also takes references: `Annotated[list[int], AcceptRef(...)]`.

    Args:
        name: The name of the parameter.
        hint: Its type.
        knows: Tells references that can be followed from other text of the same form; asked on the event loop.
        trust: Whether resolved values are taken as they are.
    """

    def __init__(self, name: str, hint: Any, knows: Callable[[str], bool], *, trust: bool = False) -> None:
        self._name = name
        self._hint = hint
        self._knows = knows
        self._trust = trust
        self._adapter: TypeAdapter[Any] | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate everything but values with references in them, which come through as `Pending`."""
        return core_schema.no_info_wrap_validator_function(self._pass_references, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Offer the real type first: its complaints are the ones that help."""
        return offer_reference(handler(schema))

    def _pass_references(self, value: Any, validate: Callable[[Any], Any]) -> Any:
        return Pending(value, self) if _core.contains_refs(value, self._knows) else validate(value)

    def validate(self, value: Any, given: Any) -> Any:
        """Give a resolved value the type of the parameter.

        Args:
            value: The value with its references replaced.
            given: What the caller sent.

        Returns:
            The value as the function expects it.

        Raises:
            ValidationError: If it does not fit; shows what was sent, nothing of the value.
        """
        if self._trust:
            return value
        if self._adapter is None:
            self._adapter = TypeAdapter(self._hint)
        try:
            with resolved_already():
                return self._adapter.validate_python(value)
        except ValidationError as error:
            problem = unfit(error)
        details = InitErrorDetails(type=problem, loc=(self._name,), input=given)
        raise ValidationError.from_exception_data(NOT_FITTING, [details])


class Pending:
    """An argument that holds references and awaits its check."""

    __slots__ = ("accept", "given")

    def __init__(self, given: Any, accept: AcceptRef) -> None:
        self.given = given
        self.accept = accept

    def __repr__(self) -> str:
        return f"Pending({self.given!r})"


def widen(
    signature: inspect.Signature,
    hints: dict[str, Any],
    injected: frozenset[str],
    knows: Callable[[str], bool],
    *,
    only_marked: bool = False,
) -> dict[str, Any]:
    """Let the parameters that hold structures take references.

    Numbers, dates and the like are left as they are: their schema would double for little. What takes text
    takes references anyway.

    Args:
        signature: The signature of a function.
        hints: Its evaluated annotations.
        injected: Parameters that no caller fills in.
        knows: Tells references that can be followed from other text of the same form.
        only_marked: Whether only those change that are marked with `Ref`.

    Returns:
        New annotations, of those parameters that change.
    """
    widened: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        hint = hints.get(name, Any)
        is_variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        marker = _marker(hint)
        takes_refs = marker is not None or (not only_marked and _holds_structure(hint))
        if is_variable or name in injected or not takes_refs:
            continue
        if isinstance(parameter.default, FieldInfo):
            # `data: list[int] = Field(min_length=1)`: the limits hold for referenced values, too
            checked: Any = Annotated[hint, parameter.default]
        else:
            checked = hint
        widened[name] = Annotated[
            hint, AcceptRef(name, checked, knows, trust=marker is not None and marker.trust)
        ]
    return widened


def _marker(hint: Any) -> TakesRef | None:
    """The mark of a type, or of a member of a union."""
    marks = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, TakesRef)]
    if marks or not typing.get_args(hint):
        return marks[0] if marks else None
    if typing.get_origin(hint) in (Annotated, typing.Union, types.UnionType):
        return next((mark for mark in map(_marker, typing.get_args(hint)) if mark is not None), None)
    return None


def _holds_structure(hint: Any) -> bool:
    members = [typing.get_origin(member) or member for member in union_members(hint)]
    return not any(map(_admits_text, members)) and any(map(_is_structure, members))


def _admits_text(kind: Any) -> bool:
    if kind is typing.Literal:
        return False
    # a type variable or the like: unknown, so left alone
    return kind is Any or kind is object or not isinstance(kind, type) or issubclass(kind, str)


def _is_structure(kind: Any) -> bool:
    if not isinstance(kind, type) or issubclass(kind, _SCALARS):
        return False
    kind = cast("type[Any]", kind)
    is_model = hasattr(kind, "__pydantic_validator__") or hasattr(kind, "__dataclass_fields__")
    return is_model or issubclass(kind, collections.abc.Iterable)
