"""Typed parameters that take references, too: what their schema says, and how a value gets its type.

Frameworks check arguments against the annotations before the decorator sees them. The marker lets
references pass that check; the decorator resolves them, for its own caller, and only then is the value
checked against the real type. Nothing of a value is ever part of an error, only the reference is.
"""

import collections.abc
import enum
import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any, Final, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from mcp_refcache import _core
from mcp_refcache._signatures import union_members

#: The form of references in JSON Schema.
REF_ID_SCHEMA: Final = {
    "type": "string",
    "pattern": "^[a-zA-Z][a-zA-Z0-9_-]*:[a-f0-9]{8,}$",
    "description": "ref_id of a stored result to use as this argument",
}

#: Collections in Python's eyes, single values for callers.
_SCALARS: Final = (str, bytes, bytearray, enum.Enum)


class AcceptRef:
    """Marks a parameter that also takes references: `Annotated[list[int], AcceptRef(...)]`.

    Args:
        name: The name of the parameter.
        hint: Its type.
        knows: Tells references that can be followed from other text of the same form.
    """

    def __init__(self, name: str, hint: Any, knows: Callable[[str], bool]) -> None:
        self._name = name
        self._hint = hint
        self._knows = knows
        self._adapter: TypeAdapter[Any] | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate everything but values with references in them, which come through as `Pending`."""
        return core_schema.no_info_wrap_validator_function(self._pass_references, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Offer the real type first: its complaints are the ones that help."""
        real = dict(handler(schema))
        outer = {name: real.pop(name) for name in ("title", "description") if name in real}
        options = real["anyOf"] if real.keys() == {"anyOf"} else [real]
        return {"anyOf": [*options, dict(REF_ID_SCHEMA)], **outer}

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
        if self._adapter is None:
            self._adapter = TypeAdapter(self._hint)
        try:
            return self._adapter.validate_python(value)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
        # the places of the problems would tell keys of the value
        kinds = ", ".join(sorted({problem["type"] for problem in problems})[:3])
        problem = PydanticCustomError(
            "reference_type", "the referenced value does not fit this parameter ({kinds})", {"kinds": kinds}
        )
        details = InitErrorDetails(type=problem, loc=(self._name,), input=given)
        raise ValidationError.from_exception_data("arguments", [details])


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
) -> dict[str, Any]:
    """Let the parameters that hold structures take references.

    Numbers, dates and the like are left as they are: their schema would double for little. What takes text
    takes references anyway.

    Args:
        signature: The signature of a function.
        hints: Its evaluated annotations.
        injected: Parameters that no caller fills in.
        knows: Tells references that can be followed from other text of the same form.

    Returns:
        New annotations, of those parameters that change.
    """
    widened: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        hint = hints.get(name, Any)
        is_variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if is_variable or name in injected or not _holds_structure(hint):
            continue
        if isinstance(parameter.default, FieldInfo):
            # `data: list[int] = Field(min_length=1)`: the limits hold for referenced values, too
            checked: Any = Annotated[hint, parameter.default]
        else:
            checked = hint
        widened[name] = Annotated[hint, AcceptRef(name, checked, knows)]
    return widened


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
