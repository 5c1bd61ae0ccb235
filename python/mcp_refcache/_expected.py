"""What the result of a tool will look like, as its return annotation says."""

import dataclasses
import inspect
import typing
from typing import Any, cast

from mcp_refcache.models import ExpectedSchema


def expected_schema(annotation: Any, hint: Any) -> ExpectedSchema | None:
    """Describe a return type.

    Args:
        annotation: The return annotation as it was written.
        hint: The same, evaluated; None if that is not possible.

    Returns:
        The description; None without an annotation.
    """
    if annotation is inspect.Signature.empty:
        return None
    kind = hint if isinstance(annotation, str) and hint is not None else annotation
    return ExpectedSchema(return_type=_name(annotation), fields=_fields(kind), description=_description(kind))


def _name(annotation: Any) -> str:
    if isinstance(annotation, str):
        return annotation
    name = getattr(annotation, "__name__", None)
    return name if isinstance(name, str) else str(annotation)


def _fields(kind: Any) -> dict[str, str] | None:
    if not inspect.isclass(kind):
        return None
    model_fields = getattr(kind, "model_fields", None)
    if isinstance(model_fields, dict):
        declared = cast("dict[str, Any]", model_fields)
        return {name: _name(field.annotation) for name, field in declared.items()}
    if dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
        return {name: _name(each) for name, each in inspect.get_annotations(kind).items()}
    return None


def _description(kind: Any) -> str | None:
    # of other classes it is that of the class they are made from
    text = kind.__doc__ if inspect.isclass(kind) and hasattr(kind, "model_fields") else None
    return inspect.cleandoc(text).partition("\n")[0] or None if text else None
