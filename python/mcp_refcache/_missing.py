"""What becomes of a call whose templates name ids that its request does not have: it never shares."""

from collections.abc import Sequence
from typing import Final

from mcp_refcache import _compat
from mcp_refcache.access.actor import ActorType
from mcp_refcache.context_integration import build_context_scoped_policy
from mcp_refcache.permissions import AccessPolicy

#: Denied to all of these, an entry is out of reach for every call.
EVERYBODY: Final = frozenset({"user:*", "agent:*", "system:*"})


class Receiver:
    """Who is handed a result that nobody may read afterwards: an agent whom no deny-list names."""

    type: Final = ActorType.AGENT
    id: Final = None
    session_id: Final = None

    def matches(self, pattern: str) -> bool:
        """Never."""
        return False

    def to_string(self) -> str:
        """A label that no owner has."""
        return "receiver:"


def closed_policy(policy: AccessPolicy) -> AccessPolicy:
    """Return a policy that keeps an entry from everybody; the rest is as in the given one."""
    return build_context_scoped_policy(policy, {}).model_copy(update={"denied_actors": EVERYBODY})


def refusal(tool: str, lacking: Sequence[str]) -> Exception:
    """Return the error of a call that must not run; its text reaches the model."""
    message = (
        f"{tool} needs {' and '.join(lacking)}, which this request does not have. Sign in or connect with a "
        "session, then call again."
    )
    return _compat.telling(PermissionError)(message)
