"""Namespaces: their names, and who may enter them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Protocol, runtime_checkable

from mcp_refcache import _core
from mcp_refcache._arguments import text

if TYPE_CHECKING:
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.permissions import AccessPolicy

__all__ = ["DefaultNamespaceResolver", "Namespace", "NamespaceInfo", "NamespaceResolver"]


class Namespace(str):
    """The name of a namespace, and what a declaration of it brings along.

    It is a str and can be used wherever a namespace is asked for. The constructors refuse ids that are
    empty or hold a colon. For declarations (`RefCache(namespaces=[...])`) an id may be a pattern
    (`Namespace.session("*")`).

    Args:
        name: The whole name.
        ttl: Seconds that entries live there unless the call says otherwise; None for the cache's default.
        policy: The policy of entries there unless the call says otherwise.

    Example:
        ```python
        cache = RefCache(namespaces=[Namespace.PUBLIC, Namespace.session("*", ttl=900)])
        cache.set("k", 1, namespace=Namespace.session("conv-123"))
        ```
    """

    PUBLIC: ClassVar[Namespace]
    """The namespace that is open to everybody."""

    ttl: float | None
    policy: AccessPolicy | None

    def __new__(cls, name: str, *, ttl: float | None = None, policy: AccessPolicy | None = None) -> Namespace:
        """Keep the name and what it brings along."""
        namespace = super().__new__(cls, text("name", name))
        namespace.ttl = ttl
        namespace.policy = policy
        return namespace

    @classmethod
    def session(cls, id: str, *, ttl: float | None = None, policy: AccessPolicy | None = None) -> Namespace:
        """One session's namespace.

        Args:
            id: The session.
            ttl: See `Namespace`.
            policy: See `Namespace`.

        Raises:
            ValueError: The id is empty or holds a colon; so for all of these constructors.
        """
        return cls(_core.namespace_name([("session", text("id", id))]), ttl=ttl, policy=policy)

    @classmethod
    def user(cls, id: str, *, ttl: float | None = None, policy: AccessPolicy | None = None) -> Namespace:
        """One user's namespace; arguments as for `session`."""
        return cls(_core.namespace_name([("user", text("id", id))]), ttl=ttl, policy=policy)

    @classmethod
    def user_session(
        cls, user_id: str, session_id: str, *, ttl: float | None = None, policy: AccessPolicy | None = None
    ) -> Namespace:
        """The namespace of one user in one session; arguments as for `session`."""
        parts = [("user", user_id), ("session", session_id)]
        return cls(_core.namespace_name(parts), ttl=ttl, policy=policy)

    @classmethod
    def org(cls, id: str, *, ttl: float | None = None, policy: AccessPolicy | None = None) -> Namespace:
        """One organisation's namespace; arguments as for `session`."""
        return cls(_core.namespace_name([("org", text("id", id))]), ttl=ttl, policy=policy)

    @classmethod
    def custom(cls, name: str, *, ttl: float | None = None, policy: AccessPolicy | None = None) -> Namespace:
        """A namespace that only groups, open to everybody; arguments as for `session`."""
        return cls(_core.namespace_name([("custom", name)]), ttl=ttl, policy=policy)

    @classmethod
    def agent(cls, id: str, *, ttl: float | None = None, policy: AccessPolicy | None = None) -> Namespace:
        """One agent's namespace; arguments as for `session`."""
        return cls(_core.namespace_name([("agent", text("id", id))]), ttl=ttl, policy=policy)

    @classmethod
    def shared(cls, group: str, *, ttl: float | None = None, policy: AccessPolicy | None = None) -> Namespace:
        """A namespace that a group shares, open to everybody; arguments as for `session`."""
        return cls(_core.namespace_name([("shared", group)]), ttl=ttl, policy=policy)


Namespace.PUBLIC = Namespace("public")


class NamespaceInfo:
    """What the name of a namespace says. Two are equal if their names are.

    Args:
        raw: The whole name.
        prefix: What stands before the first colon.
        identifier: What follows, up to the next identity: `alice` in `user:alice:session:s1`.
        is_public: Whether it is open to everybody by name.
        is_session_scoped: Whether one has to be in a session.
        is_user_scoped: Whether it belongs to a user.
        is_agent_scoped: Whether it belongs to an agent.
        implied_owner: Label of the actor it belongs to.
    """

    __slots__ = (
        "identifier",
        "implied_owner",
        "is_agent_scoped",
        "is_public",
        "is_session_scoped",
        "is_user_scoped",
        "prefix",
        "raw",
    )
    __hash__ = None  # type: ignore[assignment]  # it can be changed

    def __init__(
        self,
        raw: str,
        prefix: str,
        identifier: str | None = None,
        is_public: bool = False,
        is_session_scoped: bool = False,
        is_user_scoped: bool = False,
        is_agent_scoped: bool = False,
        implied_owner: str | None = None,
    ) -> None:
        self.raw = raw
        self.prefix = prefix
        self.identifier = identifier
        self.is_public = is_public
        self.is_session_scoped = is_session_scoped
        self.is_user_scoped = is_user_scoped
        self.is_agent_scoped = is_agent_scoped
        self.implied_owner = implied_owner

    def __eq__(self, other: object) -> bool:
        return self.raw == other.raw if isinstance(other, NamespaceInfo) else NotImplemented

    def __repr__(self) -> str:
        return f"NamespaceInfo(raw={self.raw!r}, prefix={self.prefix!r}, identifier={self.identifier!r})"


@runtime_checkable
class NamespaceResolver(Protocol):
    """Decides which namespaces an actor may enter. Write your own to bring your own rules.

    For a `Delegate` the checker asks about the model first and, if that is refused, about its user.
    """

    def validate_access(self, namespace: str, actor: Actor) -> bool:
        """Whether the actor may enter the namespace. It is called with positional arguments."""
        ...

    def get_owner(self, namespace: str) -> str | None:
        """Label of the actor whom the namespace belongs to."""
        ...

    def get_required_session(self, namespace: str) -> str | None:
        """The session one has to be in."""
        ...

    def parse(self, namespace: str) -> NamespaceInfo:
        """What the name of the namespace says."""
        ...


class DefaultNamespaceResolver:
    """The rules of this package.

    | namespace | who may enter |
    | --- | --- |
    | `session:S` | actors in session S |
    | `user:U` | user U, and models that act for U |
    | `agent:A` | agent A |
    | `org:O` | members of O; unless `strict` also actors of whom no organisation is known |
    | `user:U:session:S`, `org:O:user:U`, ... | who meets every part |
    | `public` and all other names | everybody |

    Ids are compared as a whole, prefixes exactly; a prefix without an id (`user`) admits nobody. The system
    may enter everything. A subclass may give other names to the prefixes, or override any method: what
    `parse` says is what the others go by.

    Args:
        strict: Whether `org:O` is closed to actors without an `org_id`. If not, the first one that enters
            is told of in a warning, once per process.

    Example:
        ```python
        checker = DefaultPermissionChecker(DefaultNamespaceResolver(strict=True))
        cache = RefCache(permission_checker=checker)
        ```
    """

    PREFIX_PUBLIC: str = "public"
    PREFIX_SESSION: str = "session"
    PREFIX_USER: str = "user"
    PREFIX_AGENT: str = "agent"
    PREFIX_SHARED: str = "shared"

    #: What the constructor was told; here for subclasses that do not call it.
    strict: bool = False

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict

    def parse(self, namespace: str) -> NamespaceInfo:
        """What the name of the namespace says.

        Args:
            namespace: Any text.

        Returns:
            Its parts; without a colon the identifier is None.
        """
        prefix, colon, rest = text("namespace", namespace).partition(":")
        if namespace == self.PREFIX_PUBLIC:
            return NamespaceInfo(namespace, prefix, is_public=True)
        scopes = {self.PREFIX_SESSION: "session", self.PREFIX_USER: "user", self.PREFIX_AGENT: "agent"}
        scope = scopes.get(prefix) or ("org" if prefix == "org" else "")
        identifier, owner = _core.parse_namespace(scope + colon + rest)
        return NamespaceInfo(
            namespace,
            prefix,
            identifier,
            is_session_scoped=scope == "session",
            is_user_scoped=scope == "user",
            is_agent_scoped=scope == "agent",
            implied_owner=owner,
        )

    def validate_access(self, namespace: str, actor: Actor) -> bool:
        """Whether the actor may enter the namespace.

        Args:
            namespace: Any text.
            actor: Any actor.
        """
        return _core.namespace_admits(_canonical(self.parse(namespace)), actor, self.strict)

    def get_owner(self, namespace: str) -> str | None:
        """Label of the actor whom a `user:` or `agent:` namespace belongs to; else None."""
        return self.parse(namespace).implied_owner

    def get_required_session(self, namespace: str) -> str | None:
        """The session one has to be in; None if any will do."""
        return _core.required_session(_canonical(self.parse(namespace)))


_SCOPES: Final = {
    "session": "is_session_scoped",
    "user": "is_user_scoped",
    "agent": "is_agent_scoped",
}


def _canonical(info: NamespaceInfo) -> str:
    """The name as the core's rules read it, whatever a subclass calls its prefixes."""
    if info.is_public:
        return "public"
    for scope, flag in _SCOPES.items():
        if getattr(info, flag):
            own = f"{info.prefix}:{info.identifier}"
            further = info.raw[len(own) :] if info.raw.startswith(own) else ""
            return scope if info.identifier is None else f"{scope}:{info.identifier}{further}"
    return info.raw if info.prefix == "org" else "public"
