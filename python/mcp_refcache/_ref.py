"""`Ref[T]`: a parameter or field that takes references because its author says so."""

import itertools
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_origin
from weakref import WeakValueDictionary

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from mcp_refcache import _core
from mcp_refcache._arguments import shown, wrong_type
from mcp_refcache._made import not_usable
from mcp_refcache._provenance import current
from mcp_refcache._use import resolve_for
from mcp_refcache.exceptions import BackendError

if TYPE_CHECKING:
    from mcp_refcache.cache import RefCache

__all__ = ["REF_ID_SCHEMA", "Ref", "TakesRef"]

#: The form of references in JSON Schema.
REF_ID_SCHEMA: dict[str, str] = {
    "type": "string",
    "pattern": "^[a-zA-Z][a-zA-Z0-9_-]*:[a-f0-9]{8,}$",
    "description": "ref_id of a stored result to use as this argument",
}

T = TypeVar("T")

#: The caches that are in use, by age: a type cannot be told which one its references are of.
_caches: "WeakValueDictionary[int, RefCache]" = WeakValueDictionary()
_numbers = itertools.count()

_is_resolved: ContextVar[bool] = ContextVar("mcp_refcache_is_resolved", default=False)


class TakesRef:
    """Marks a type that also takes references: `Annotated[list[int], TakesRef(trust=True)]`; see `Ref`.

    Args:
        trust: Whether referenced values are taken as they are, not checked against the type again: for
            large values that tools with this type stored.
    """

    def __init__(self, *, trust: bool = False) -> None:
        self.trust = trust

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Put values in the place of references, and check them; errors show the reference only."""
        return core_schema.no_info_wrap_validator_function(self._validate, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Offer the real type first: its complaints are the ones that help."""
        return offer_reference(handler(schema))

    def _validate(self, value: Any, validate: Any) -> Any:
        if _is_resolved.get() or not _core.contains_refs(value, _is_known):
            return validate(value)
        resolved = _resolve(value)
        if self.trust:
            return resolved
        try:
            with resolved_already():
                return validate(resolved)
        except ValidationError as error:
            problem = unfit(error)
        raise problem

    def __repr__(self) -> str:
        return f"TakesRef(trust={self.trust})"


if TYPE_CHECKING:
    Ref = Annotated[T, TakesRef()]
else:

    class Ref:
        """A type that also takes references: `data: Ref[list[int]]`.

        For parameters of tools that no decorator widens, fields of models, and numbers, which the decorator
        leaves alone. The schema says that a reference may be given; the value is put in its place for the
        current caller and checked against the type. `Ref(list[int], trust=True)` does not check it again.

        Example:
            ```python
            class Query(BaseModel):
                rows: Ref[list[int]]
            ```
        """

        def __new__(cls, kind: Any, *, trust: bool = False) -> Any:
            if (
                not callable(kind)
                and get_origin(kind) is None
                and not isinstance(kind, (str, TypeVar, type(None)))
            ):
                raise wrong_type("kind", "a type", kind)
            try:
                return Annotated[kind, TakesRef(trust=trust)]
            except SyntaxError:
                raise ValueError(f"kind must be a type or the name of one, not {shown(kind)}") from None

        def __class_getitem__(cls, kind: Any) -> Any:
            return Annotated[kind, TakesRef()]


def enlist(cache: "RefCache") -> None:
    """Let `Ref` find the references of a cache."""
    _caches[next(_numbers)] = cache


def offer_reference(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Add "or a reference" to a JSON Schema, once."""
    real = dict(schema)
    outer = {name: real.pop(name) for name in ("title", "description", "default") if name in real}
    options = real["anyOf"] if real.keys() == {"anyOf"} else [real]
    others = [option for option in options if option != REF_ID_SCHEMA]
    return {"anyOf": [*others, dict(REF_ID_SCHEMA)], **outer}


def unfit(error: ValidationError) -> PydanticCustomError:
    """Say what kinds of problems a referenced value has; where they are would tell its keys."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    kinds = ", ".join(sorted({problem["type"] for problem in problems})[:3])
    return PydanticCustomError(
        "reference_type", "the referenced value does not fit this parameter ({kinds})", {"kinds": kinds}
    )


@contextmanager
def resolved_already() -> Generator[None, None, None]:
    """Leave what looks like a reference in a value alone: it stands in somebody's data."""
    before = _is_resolved.set(True)
    try:
        yield
    finally:
        _is_resolved.reset(before)


def _youngest_first() -> "list[RefCache]":
    caches = [reference() for reference in reversed(_caches.valuerefs())]
    return [cache for cache in caches if cache is not None]


def _is_known(text: str) -> bool:
    return any(_knows(cache, text) for cache in _youngest_first())


def _knows(cache: "RefCache", text: str) -> bool:
    try:
        return cache._knows(text)
    except BackendError:  # its store is down; the reference may be that of another cache
        return False


def _resolve(value: Any) -> Any:
    def use(ref_id: str) -> Any:
        knowing = [cache for cache in _youngest_first() if _knows(cache, ref_id)]
        # of two caches with one name the one that has it, else the younger; all are asked, as the time would tell
        having = [cache for cache in knowing if cache.exists(ref_id)]
        cache = (having or knowing)[0]
        actor, around = cache._caller(), current()
        try:
            return resolve_for(cache, ref_id, actor, uses=None if around is None else around.given)
        except KeyError:
            message = not_usable(cache, ref_id, actor)
        raise PydanticCustomError("reference_missing", "{message}", {"message": message})

    return _core.resolve_refs(value, use, None, _is_known, True)[0]
