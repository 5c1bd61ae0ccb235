"""Values in the place of references, as a server takes them for its caller."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mcp_refcache import _core
from mcp_refcache._provenance import current_uses

if TYPE_CHECKING:
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.cache import RefCache

Resolve = Callable[[Any], Any]


def resolve_for(cache: "RefCache", value: Any, actor: "Actor", *, uses: "_core.Uses | None" = None) -> Any:
    """Put values in the place of the references in a value.

    Args:
        cache: The cache.
        value: The value.
        actor: Who resolves.
        uses: Where to note what is used. None = what the running call notes it in, if anything does.

    Raises:
        KeyError: If a reference is missing or not for this caller.
    """
    use, follow = as_caller(cache, actor, uses)
    return _core.resolve_refs(value, use, follow, cache._knows, True)[0]


def as_caller(cache: "RefCache", actor: "Actor", uses: "_core.Uses | None" = None) -> tuple[Resolve, Resolve]:
    """Return how an argument's references are resolved, and how those inside stored values.

    What is forbidden is answered as what is missing.
    """
    own = cache._is_own()

    def use(ref_id: str) -> Any:
        # the server's own use on behalf of the caller: READ or EXECUTE
        given = current_uses() if uses is None else uses
        return cache._core.resolve(ref_id, actor=actor, use=True, own=own, uses=given, alike=True)

    def follow(ref_id: str) -> Any:
        # a stored value may be anybody's text: what it points at needs the caller's own READ
        given = current_uses() if uses is None else uses
        return cache._core.resolve(ref_id, actor=actor, own=own, uses=given, alike=True)

    return use, follow
