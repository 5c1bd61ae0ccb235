"""JSON Schemas of tools that take references: which parameters hold structures, and how they are widened."""

from collections.abc import Mapping
from typing import Any, Final, cast

from mcp_refcache import _core
from mcp_refcache._ref import REF_ID_SCHEMA, offer_reference

__all__ = ["as_text", "fits", "takes_reference_itself", "wants_text", "widen_parameters"]

Schema = Mapping[str, Any]

_STRUCTURES: Final = frozenset({"array", "object"})
_ANYTHING: Final = frozenset({"any"})


def widen_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    """Let the parameters that hold structures take references, the real type first.

    Args:
        parameters: The input schema of a tool.

    Returns:
        A new schema; the same one if nothing is to be widened.
    """
    properties = cast("Mapping[str, Schema]", parameters.get("properties", {}))
    widened = {
        name: offer_reference(dict(schema))
        for name, schema in properties.items()
        if not takes_reference_itself(name, schema) and _is_strict_structure(schema, parameters)
    }
    return {**parameters, "properties": {**properties, **widened}} if widened else parameters


def takes_reference_itself(name: str, schema: Schema) -> bool:
    """Tell a parameter that is about a reference, such as that of `get_cached_result`."""
    return name in ("ref_id", "ref_ids") or schema.get("pattern") == REF_ID_SCHEMA["pattern"]


def fits(value: object, schema: Schema, parameters: Schema) -> bool:
    """Tell whether a structure has the kind that a parameter wants; what is no plain structure may."""
    kinds = _kinds(schema, parameters)
    if not kinds <= {*_STRUCTURES, "null"}:
        return True
    if isinstance(value, dict):
        return "object" in kinds
    if isinstance(value, (list, tuple, set, frozenset)):
        return "array" in kinds
    return not isinstance(value, (str, int, float, bytes))


def wants_text(schema: Schema, parameters: Schema) -> bool:
    """Tell a parameter that takes nothing but text."""
    return {"string"} <= _kinds(schema, parameters) <= {"string", "null"}


def as_text(value: Any) -> Any:
    """Return a structure as its JSON text: what a tool is given that wants text."""
    return _core.json_text(value) if isinstance(value, (dict, list)) else value


def _is_strict_structure(schema: Schema, parameters: Schema) -> bool:
    kinds = _kinds(schema, parameters)
    return bool(kinds & _STRUCTURES) and not kinds & {"string", "any"}


def _kinds(schema: Schema, root: Schema, depth: int = 0) -> frozenset[str]:
    """The JSON types that a schema admits; `any` where that cannot be told."""
    if depth > 8:  # a schema that contains itself
        return _ANYTHING
    if "$ref" in schema:
        return _kinds(_target(str(schema["$ref"]), root), root, depth + 1)
    if "type" in schema:
        kind = schema["type"]
        return frozenset([kind] if isinstance(kind, str) else cast("list[str]", kind))
    for name in ("anyOf", "oneOf"):
        if name in schema:
            options = cast("list[Schema]", schema[name])
            return frozenset(kind for option in options for kind in _kinds(option, root, depth + 1))
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return _kinds(schema["allOf"][0], root, depth + 1)
    return _ANYTHING


def _target(reference: str, root: Schema) -> Schema:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = cast("Schema", found).get(part, {}) if isinstance(found, Mapping) else {}
    return found
