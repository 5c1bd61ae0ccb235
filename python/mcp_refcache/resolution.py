"""Putting values in the place of references, recursively."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mcp_refcache import _core
from mcp_refcache._arguments import having

if TYPE_CHECKING:
    from mcp_refcache.access.actor import ActorLike

__all__ = [
    "REF_ID_PATTERN",
    "CircularReferenceError",
    "RefResolver",
    "ResolutionResult",
    "is_ref_id",
    "resolve_args_and_kwargs",
    "resolve_kwargs",
    "resolve_refs",
]

#: A cache name, a colon, and 8 or more lower-case hex digits.
REF_ID_PATTERN = re.compile(r"^[a-zA-Z][a-zA-Z0-9_-]*:[a-f0-9]{8,}\Z")


def is_ref_id(value: Any) -> bool:
    """Tell whether a value is a str with the form of a reference, of whatever cache.

    Args:
        value: Anything.

    Returns:
        True for texts such as `calculator:0123456789abcdef`.
    """
    return _core.is_ref_id(value)


class CircularReferenceError(Exception):
    """A reference leads back to itself.

    Attributes:
        ref_id: The reference that was met again.
        chain: The references being resolved at that point.
    """

    def __init__(self, ref_id: str, chain: Sequence[str]) -> None:
        self.ref_id = ref_id
        self.chain = chain
        super().__init__(f"Circular reference detected: {' -> '.join([*chain, ref_id])}")


@dataclass
class ResolutionResult:
    """What became of a value.

    Attributes:
        value: The value with references replaced.
        resolved_count: Number of replacements, repeats included.
        resolved_refs: The replaced references, outer before inner.
        errors: For each reference that was left in place, why.
    """

    value: Any
    resolved_count: int = 0
    resolved_refs: list[str] = field(default_factory=list[str])
    errors: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def has_errors(self) -> bool:
        """Whether any reference was left in place."""
        return bool(self.errors)

    @property
    def success(self) -> bool:
        """Whether every reference was replaced."""
        return not self.errors


class RefResolver:
    """Replaces references in values by what a cache resolves them to.

    Looks into lists, tuples, dicts (keys too), sets, dataclasses and pydantic models. References in
    stored values are followed, too.

    Args:
        cache: A `RefCache`, or anything with `resolve(ref_id, *, actor=...)`.
        actor: Who resolves; needs READ. None is the server's own call on behalf of the current caller:
            READ or EXECUTE, and READ for references that stand in stored values.
        fail_on_missing: Whether a missing or forbidden reference is a `KeyError` (the same for both);
            else it stays and is listed in `errors`.
        follow: Whether references in stored values are followed.
    """

    def __init__(
        self,
        cache: Any,
        *,
        actor: ActorLike | None = "agent",
        fail_on_missing: bool = True,
        follow: bool = True,
    ) -> None:
        self.cache = cache
        self.actor = actor
        self.fail_on_missing = fail_on_missing
        self._follow = follow

    def resolve(self, value: Any) -> ResolutionResult:
        """Replace the references in a value.

        Args:
            value: Any value; containers are rebuilt, not changed.

        Returns:
            The result.

        Raises:
            CircularReferenceError: If a reference leads back to itself.
            KeyError: If `fail_on_missing` and a reference is missing or forbidden.
        """
        cache, actor = self.cache, self.actor
        # asked of the class: a mock has any attribute
        kind: type[Any] = type(cache)  # pyright: ignore[reportUnknownVariableType]
        knows: Callable[[str], bool] | None = cache._knows if hasattr(kind, "_knows") else None

        of_cache = _resolving(cache, kind)

        def resolve(ref_id: str) -> Any:
            return of_cache(ref_id, actor=actor)

        def follow(ref_id: str) -> Any:
            return of_cache(ref_id, actor=cache._caller())

        inner = (resolve if actor is not None else follow) if self._follow else None
        replaced, refs, errors = _core.resolve_refs(value, resolve, inner, knows, self.fail_on_missing)
        return ResolutionResult(replaced, len(refs), refs, errors)


def _resolving(cache: Any, kind: type[Any]) -> Callable[..., Any]:
    """How a cache resolves: ours, unless a subclass does it otherwise, as if what is forbidden were missing."""
    from mcp_refcache.cache import RefCache

    if getattr(kind, "resolve", None) is RefCache.resolve:
        return cache._resolve_alike
    return having(
        "cache", cache, "a RefCache, or anything with resolve(ref_id, *, actor=...)", "resolve"
    ).resolve


def resolve_refs(
    cache: Any, value: Any, *, actor: ActorLike | None = "agent", fail_on_missing: bool = True
) -> ResolutionResult:
    """Replace the references in a value; see `RefResolver`."""
    return RefResolver(cache, actor=actor, fail_on_missing=fail_on_missing).resolve(value)


def resolve_kwargs(
    cache: Any, kwargs: Mapping[str, Any], *, actor: ActorLike | None = "agent", fail_on_missing: bool = True
) -> ResolutionResult:
    """Replace the references in keyword arguments; see `RefResolver`."""
    return RefResolver(cache, actor=actor, fail_on_missing=fail_on_missing).resolve(kwargs)


def resolve_args_and_kwargs(
    cache: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    actor: ActorLike | None = "agent",
    fail_on_missing: bool = True,
    follow: bool = True,
) -> tuple[ResolutionResult, ResolutionResult]:
    """Replace the references in positional and keyword arguments; see `RefResolver`.

    Returns:
        One result for `args` (a tuple or list, as given) and one for `kwargs`.
    """
    resolver = RefResolver(cache, actor=actor, fail_on_missing=fail_on_missing, follow=follow)
    return resolver.resolve(args), resolver.resolve(kwargs)


#: How a decorated tool treats references in its arguments.
ResolveRefs = bool | Literal["shallow"]
