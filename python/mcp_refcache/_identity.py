"""The caller's identity: the ids of a context, with placeholders for "nobody" taken out."""

from collections.abc import Mapping
from dataclasses import dataclass

from mcp_refcache.access.actor import Actor, DefaultActor, Delegate
from mcp_refcache.context_integration import DEFAULT_FALLBACKS

_ANONYMOUS = DefaultActor.agent()


@dataclass(frozen=True, slots=True)
class Identity:
    """The ids under which a request is made; None where there is none.

    It is hashable, so that a result kept for one caller can be keyed by it.

    Attributes:
        user: The person on whose behalf the request is made.
        org: The organisation.
        client: The client program, as it names itself: not proof of anything.
        session: The session or conversation.
        agent: The agent that makes the request.
    """

    user: str | None = None
    org: str | None = None
    client: str | None = None
    session: str | None = None
    agent: str | None = None

    @classmethod
    def from_values(cls, values: Mapping[str, str]) -> "Identity":
        """Gather an identity from context values.

        Args:
            values: What `get_context_values` answered.

        Returns:
            The identity; empty texts and the placeholders of `DEFAULT_FALLBACKS` count as none.
        """
        return cls(
            user=_known(values, "user_id"),
            org=_known(values, "org_id"),
            client=_known(values, "client_id"),
            session=_known(values, "session_id"),
            agent=_known(values, "agent_id"),
        )

    @property
    def is_anonymous(self) -> bool:
        """Whether nothing tells this caller from any other."""
        return self == Identity()

    def actor(self) -> Actor:
        """Return who reads: the model, as an agent on behalf of the user."""
        if self.is_anonymous:
            return _ANONYMOUS
        return Delegate(agent_id=self.agent, session_id=self.session, org_id=self.org, user_id=self.user)


def _known(values: Mapping[str, str], name: str) -> str | None:
    value = values.get(name)
    return None if not value or value == DEFAULT_FALLBACKS[name] else value
