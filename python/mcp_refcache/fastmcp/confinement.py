"""What a tool makes of values that its caller may use and not read: kept from the caller as well.

Else any tool that repeats its input, in its result or in an error, would show them.
"""

import json
from collections.abc import Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from mcp_refcache import _core
from mcp_refcache.permissions import AccessPolicy, Permission

if TYPE_CHECKING:
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.cache import RefCache

__all__ = ["confining_policy", "withheld"]


def withheld(arguments: Mapping[str, Any]) -> str:
    """Say that a call failed, or answered with nothing that a reference could stand for, and nothing more."""
    return (
        f"the call gave no result that can be kept: {json.dumps(arguments, default=str)[:500]}. What the tool said is "
        "kept from you, as it ran with a result that you may use but not read. See that the tool takes what the "
        "reference holds."
    )


def confining_policy(cache: "RefCache", arguments: Any, actor: "Actor") -> AccessPolicy | None:
    """Return who may do what with a result made of these arguments; None if the caller may read them all.

    Args:
        cache: The cache that the references in the arguments are of.
        arguments: What the caller sent.
        actor: The caller.
    """
    refs = _core.resolve_refs(arguments, _as_it_is, None, cache._knows, False)[1]
    policies = [
        entry.policy
        for ref_id in dict.fromkeys(refs)
        if not _may_read(cache, ref_id, actor) and (entry := cache._backend.get(ref_id)) is not None
    ]
    return reduce(_stricter, policies, _USE_ONLY) if policies else None


_USE_ONLY: Final = AccessPolicy(agent_permissions=Permission.EXECUTE)


def _as_it_is(ref_id: str) -> str:
    return ref_id


def _may_read(cache: "RefCache", ref_id: str, actor: "Actor") -> bool:
    try:
        cache._core.get(ref_id, actor=actor, max_size=1)
    except (KeyError, PermissionError):  # a missing one is told as such when it is resolved
        return False
    return True


def _stricter(one: AccessPolicy, other: AccessPolicy) -> AccessPolicy:
    sessions = {session for session in (one.bound_session, other.bound_session) if session is not None}
    # two sessions: nobody but the server
    is_split = len(sessions) > 1
    return AccessPolicy(
        user_permissions=Permission.NONE if is_split else one.user_permissions & other.user_permissions,
        agent_permissions=Permission.NONE if is_split else one.agent_permissions & other.agent_permissions,
        denied_actors=(one.denied_actors or frozenset()) | (other.denied_actors or frozenset()) or None,
        bound_session=next(iter(sessions), None),
    )
