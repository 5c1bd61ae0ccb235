"""The caller's identity: the ids of a request, with placeholders for "nobody" taken out."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from mcp_refcache._arguments import mapping
from mcp_refcache.access.actor import Actor, DefaultActor, Delegate, Person
from mcp_refcache.context_integration import DEFAULT_FALLBACKS

__all__ = ["Identity", "use_identity"]

_ANONYMOUS: Final = DefaultActor.agent()


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
        is_person: Whether the user reads the answers in person, no model does: then `user_permissions`
            decide in place of `agent_permissions`.
    """

    user: str | None = None
    org: str | None = None
    client: str | None = None
    session: str | None = None
    agent: str | None = None
    is_person: bool = False

    @classmethod
    def from_values(cls, values: Mapping[str, str], *, is_person: bool = False) -> "Identity":
        """Gather an identity from context values.

        Args:
            values: What `get_context_values` answered.
            is_person: See the attribute.

        Returns:
            The identity; empty texts and the placeholders of `DEFAULT_FALLBACKS` count as none.
        """
        mapping("values", values)
        ids = {field: known_value(values, name) for field, name in ID_NAMES.items()}
        return cls(**ids, is_person=is_person)

    @property
    def is_anonymous(self) -> bool:
        """Whether nothing tells this caller from any other."""
        return self.values() == {}

    def values(self) -> dict[str, str]:
        """Return the ids by the names that templates use, without those that are None."""
        ids = {name: getattr(self, field) for field, name in ID_NAMES.items()}
        return {name: value for name, value in ids.items() if value}

    def actor(self) -> Actor:
        """Return who reads: the model, as an agent on behalf of the user, or the user in person."""
        if self.is_person and self.user is not None:
            return Person(actor_id=self.user, actor_session_id=self.session, org_id=self.org)
        if self.is_anonymous:
            return _ANONYMOUS
        return Delegate(agent_id=self.agent, session_id=self.session, org_id=self.org, user_id=self.user)


#: The ids of an identity by the names that contexts and templates have for them.
ID_NAMES: Final = {
    "user": "user_id",
    "org": "org_id",
    "client": "client_id",
    "session": "session_id",
    "agent": "agent_id",
}

_used: ContextVar[Identity | None] = ContextVar("mcp_refcache_identity", default=None)


@contextmanager
def use_identity(identity: Identity) -> Generator[None, None, None]:
    """Say who calls, for everything inside the block: for middleware that knows it better than the context.

    Tools in worker threads and of mounted servers are inside, too. It goes before the access token and the
    state of the context. Without a session in it, the request's own counts.

    Args:
        identity: Who calls.

    Example:
        ```python
        class Login(Middleware):
            async def on_call_tool(self, context, call_next):
                with use_identity(Identity(user="alice")):
                    return await call_next(context)
        ```
    """
    before = _used.set(identity)
    try:
        yield
    finally:
        _used.reset(before)


#: Returns what `use_identity` said; asked at each call of a cache.
used_identity: Final = _used.get


def known_value(values: Mapping[str, str], name: str) -> str | None:
    """Return a value that names somebody: not empty, and not what stands for nobody."""
    value = values.get(name)
    return None if not value or value == DEFAULT_FALLBACKS.get(name) else value
