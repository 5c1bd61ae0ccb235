"""Permissions and policies: what each role, the owner and listed actors may do with an entry."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from mcp_refcache import _core
from mcp_refcache._arguments import shown
from mcp_refcache._model import Model

__all__ = [
    "POLICY_EXECUTE_ONLY",
    "POLICY_PUBLIC",
    "POLICY_READ_ONLY",
    "POLICY_USER_ONLY",
    "AccessPolicy",
    "Permission",
]


class Permission(enum.Flag):
    """What may be done with an entry; combine with `|`.

    `EXECUTE` without `READ` is private computation: the server computes with a value that the agent
    never sees.
    """

    NONE = 0
    READ = 1
    WRITE = 2
    UPDATE = 4
    DELETE = 8
    EXECUTE = 16
    CRUD = READ | WRITE | UPDATE | DELETE
    FULL = CRUD | EXECUTE

    @classmethod
    def _missing_(cls, value: object) -> Any:
        if not isinstance(value, int):
            # Python 3.10 raises TypeError here, which pydantic does not turn into a ValidationError
            raise ValueError(f"{value!r} is not a valid {cls.__name__}")
        return super()._missing_(value)


class AccessPolicy(Model):
    """Who may do what with an entry.

    The checker asks in this order: denied actors, the bound session, the namespace, allowed actors, the
    owner, the role. Whoever is on the allow-list has `allowed_permissions` whatever the role: unless you
    narrow them, **listing an actor is a full grant**.

    Lists hold labels (`"user:alice"`) or patterns (`"agent:trusted-*"`); see `DefaultActor.matches`.
    `masked_paths` hides parts of the value from agents, whoever they act for, and though they may read it:
    previews, pages and whole values show `"[masked]"` there. Tools that are given the reference get all of
    it, and people and the system see all of it. A path names keys and items from the outermost in:
    `users[*].ssn`; `*` is any one key or item, `["any key"]` a key with other characters than a name, `$` the
    whole value. `!path` is an exception: what stands there is shown whatever masks cover it.

    Assignments after construction are not validated.

    Args:
        user_permissions: What people may do.
        agent_permissions: What models may do.
        owner: Label of the owner, such as `"user:alice"`.
        owner_permissions: What the owner may do, instead of what the role may.
        allowed_actors: Actors who are let in whatever their role.
        denied_actors: Actors who are refused before anything else is asked.
        bound_session: The one session that may use the entry.
        allowed_permissions: What `allowed_actors` are granted.
        masked_paths: The parts of the value that agents do not see.

    Raises:
        ValidationError: A permission is no `Permission` or int of one, or a list holds something else
            than str; a masked path is none: where, and what is allowed.
        TypeError: A list of actors or paths is not iterable.

    Example:
        ```python
        AccessPolicy(agent_permissions=Permission.EXECUTE, owner="user:alice", denied_actors={"agent:*-beta"})
        ```
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    user_permissions: Permission = Field(default=Permission.FULL, description="What people may do.")
    agent_permissions: Permission = Field(
        default=Permission.READ | Permission.EXECUTE, description="What models may do."
    )
    owner: str | None = Field(default=None, description="Label of the owner, such as 'user:alice'.")
    owner_permissions: Permission = Field(default=Permission.FULL, description="What the owner may do.")
    allowed_actors: frozenset[str] | None = Field(
        default=None, description="Labels or patterns of actors who are let in whatever their role."
    )
    denied_actors: frozenset[str] | None = Field(
        default=None, description="Labels or patterns of actors who are refused first of all."
    )
    bound_session: str | None = Field(default=None, description="The one session that may use the entry.")
    allowed_permissions: Permission = Field(
        default=Permission.FULL, description="What allowed_actors are granted."
    )
    masked_paths: frozenset[str] | None = Field(
        default=None,
        description="Paths of the parts of the value that agents do not see, such as 'users[*].ssn'.",
    )

    @field_validator("allowed_actors", "denied_actors", mode="before")
    @classmethod
    def _to_frozenset(cls, actors: Iterable[str] | None) -> frozenset[str] | None:
        return None if actors is None else frozenset(actors)

    @field_validator("masked_paths", mode="before")
    @classmethod
    def _to_paths(cls, paths: Iterable[str] | None) -> frozenset[str] | None:
        if paths is None:
            return None
        if isinstance(paths, str):
            raise ValueError(f"masked_paths must be a set of paths, such as {{{shown(paths)}}}, not a str")
        chosen = frozenset(paths)
        if any(not isinstance(path, str) for path in chosen):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError("masked_paths must hold str")
        _core.check_masked_paths(chosen)
        return chosen

    @model_serializer(mode="wrap")
    def _leave_out_what_says_nothing(self, handler: SerializerFunctionWrapHandler):  # type: ignore[no-untyped-def]  # noqa: ANN202
        # no return type: pydantic would take it for the JSON schema of a dump
        fields = handler(self)
        if self.allowed_permissions is Permission.FULL:
            fields.pop("allowed_permissions", None)
        if self.masked_paths is None:
            fields.pop("masked_paths", None)
        return fields

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            if not (
                (name == "allowed_permissions" and value is Permission.FULL)
                or (name == "masked_paths" and value is None)
            ):
                yield name, value

    def user_can(self, permission: Permission) -> bool:
        """Whether the user role has all of these permissions."""
        return permission in self.user_permissions

    def agent_can(self, permission: Permission) -> bool:
        """Whether the agent role has all of these permissions."""
        return permission in self.agent_permissions


POLICY_PUBLIC: Final = AccessPolicy(agent_permissions=Permission.FULL)
"""Users and agents may do everything."""

POLICY_USER_ONLY: Final = AccessPolicy(agent_permissions=Permission.NONE)
"""Users may do everything, agents nothing."""

POLICY_EXECUTE_ONLY: Final = AccessPolicy(agent_permissions=Permission.EXECUTE)
"""Users may do everything; agents may have the server compute with the value, unseen."""

POLICY_READ_ONLY: Final = AccessPolicy(user_permissions=Permission.READ, agent_permissions=Permission.READ)
"""Users and agents may read, nothing else."""
