"""Actors: who asks. The checker trusts what an actor says of itself."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from pydantic import BaseModel, ConfigDict

from mcp_refcache import _core
from mcp_refcache._model import Model

__all__ = ["Actor", "ActorLike", "ActorType", "DefaultActor", "Delegate", "resolve_actor"]


class ActorType(str, enum.Enum):
    """What sort of actor asks: a person, a model or the server itself."""

    USER = "user"
    AGENT = "agent"
    SYSTEM = "system"


@runtime_checkable
class Actor(Protocol):
    """What the checker needs to know of whoever asks. Write your own to bring your own identities.

    An actor may also have an `org_id`; namespaces `org:<id>` then admit only members.
    """

    @property
    def type(self) -> ActorType:
        """The type, which decides about the role."""
        ...

    @property
    def id(self) -> str | None:
        """The identity; None for an anonymous actor."""
        ...

    @property
    def session_id(self) -> str | None:
        """The session the request belongs to."""
        ...

    def matches(self, pattern: str) -> bool:
        """Whether this actor matches a pattern of an allow-list or deny-list."""
        ...

    def to_string(self) -> str:
        """The label that owners and lists are compared with, such as `user:alice`."""
        ...


class DefaultActor(Model):
    """The actor of this package: a type, an id and a session. It is frozen and hashable.

    Args:
        actor_type: What sort of actor it is.
        actor_id: The identity; None for an anonymous actor.
        actor_session_id: The session the request belongs to.

    Example:
        ```python
        alice = DefaultActor.user(id="alice", session_id="session-1")
        assert str(alice) == "user:alice"
        ```
    """

    model_config = ConfigDict(frozen=True)

    actor_type: ActorType
    actor_id: str | None = None
    actor_session_id: str | None = None

    @classmethod
    def user(cls, id: str | None = None, session_id: str | None = None) -> DefaultActor:
        """A person.

        Args:
            id: The identity; None for anybody.
            session_id: The session the request belongs to.
        """
        return cls(actor_type=ActorType.USER, actor_id=id, actor_session_id=session_id)

    @classmethod
    def agent(cls, id: str | None = None, session_id: str | None = None) -> DefaultActor:
        """A model.

        Args:
            id: The identity; None for any.
            session_id: The session the request belongs to.
        """
        return cls(actor_type=ActorType.AGENT, actor_id=id, actor_session_id=session_id)

    @classmethod
    def system(cls) -> DefaultActor:
        """The server itself, `system:internal`: every namespace and role permission is open to it."""
        return cls(actor_type=ActorType.SYSTEM, actor_id="internal")

    @classmethod
    def from_literal(cls, actor: Literal["user", "agent"], session_id: str | None = None) -> DefaultActor:
        """The anonymous actor that a literal stands for.

        Args:
            actor: `"user"` for a user; anything else is an agent.
            session_id: The session the request belongs to.
        """
        return cls.user(session_id=session_id) if actor == "user" else cls.agent(session_id=session_id)

    @property
    def type(self) -> ActorType:
        """The type, which decides about the role."""
        return self.actor_type

    @property
    def id(self) -> str | None:
        """The identity; None for an anonymous actor."""
        return self.actor_id

    @property
    def session_id(self) -> str | None:
        """The session the request belongs to."""
        return self.actor_session_id

    def matches(self, pattern: str) -> bool:
        """Whether this actor matches a pattern such as `agent:trusted-*`.

        Args:
            pattern: Type and id, divided by the first colon. The type has to be equal; the id is compared
                like a file name (`*`, `?`, `[seq]`). Only an id of just `*` matches an anonymous actor.

        Returns:
            Whether it matches; False for a pattern without a colon.
        """
        return _core.actor_matches(pattern, self.actor_type, self.actor_id)

    def to_string(self) -> str:
        """The label that owners and lists are compared with: `user:alice`, anonymous `agent:*`."""
        return _label(self.actor_type, self.actor_id)

    def __str__(self) -> str:
        return self.to_string()

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield "type", self.actor_type.value
        yield from _present(id=self.actor_id, session_id=self.actor_session_id)


class Delegate(BaseModel):
    """A model that acts for a user: it gets to what is the user's, and does there what agents may do.

    - A deny-list that names the model or the user denies.
    - Namespaces and bound sessions open by the user's id, the model's id, their session and their
      organisation.
    - What it may do is `agent_permissions`. In an entry that the user or the model owns it is what both
      `owner_permissions` and `agent_permissions` allow, READ including EXECUTE.
    - An allow-list that names the model grants `allowed_permissions`; one that names only the user grants
      of these what `agent_permissions` allow, READ including EXECUTE.

    Without a user it is an agent like any other. It is frozen and hashable.

    Args:
        agent_id: The model's identity; None for any.
        user_id: The user it acts for.
        session_id: The session of both.
        org_id: The organisation of both.

    Example:
        ```python
        model = Delegate(agent_id="claude", user_id="alice", session_id="session-1")
        assert str(model) == "agent:claude"
        ```
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    agent_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    org_id: str | None = None

    @property
    def type(self) -> ActorType:
        """Always `ActorType.AGENT`."""
        return ActorType.AGENT

    @property
    def id(self) -> str | None:
        """The model's identity."""
        return self.agent_id

    @property
    def on_behalf_of(self) -> DefaultActor | None:
        """The user it acts for, in the same session."""
        if self.user_id is None:
            return None
        return DefaultActor.user(id=self.user_id, session_id=self.session_id)

    def matches(self, pattern: str) -> bool:
        """Whether the model itself matches a pattern; see `DefaultActor.matches`."""
        return _core.actor_matches(pattern, "agent", self.agent_id)

    def to_string(self) -> str:
        """The model's label, such as `agent:claude`."""
        return _label(ActorType.AGENT, self.agent_id)

    def __str__(self) -> str:
        return self.to_string()

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield from _present(
            agent_id=self.agent_id, user_id=self.user_id, session_id=self.session_id, org_id=self.org_id
        )


class Person(DefaultActor):
    """A user who reads in person, with an organisation.

    Args:
        org_id: The organisation.
    """

    actor_type: ActorType = ActorType.USER
    org_id: str | None = None


ActorLike: TypeAlias = Actor | Literal["user", "agent"]
"""An actor, or the literal for an anonymous one."""


def resolve_actor(actor: ActorLike, session_id: str | None = None) -> Actor:
    """Make an actor of a literal; an actor stays the same object.

    Args:
        actor: An actor, or `"user"` or `"agent"`.
        session_id: The session of the actor that a literal becomes.

    Returns:
        The actor.
    """
    return DefaultActor.from_literal(actor, session_id) if isinstance(actor, str) else actor


def _label(actor_type: ActorType, actor_id: str | None) -> str:
    return f"{actor_type.value}:{'*' if actor_id is None else actor_id}"


def _present(**parts: str | None) -> Iterator[tuple[str, str]]:
    return ((name, part) for name, part in parts.items() if part is not None)
