"""The checker: may this actor do that with this entry?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mcp_refcache import _core
from mcp_refcache.access.namespace import DefaultNamespaceResolver

if TYPE_CHECKING:
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.access.namespace import NamespaceResolver
    from mcp_refcache.permissions import AccessPolicy, Permission

__all__ = ["DefaultPermissionChecker", "PermissionChecker", "PermissionDenied"]


class PermissionDenied(PermissionError):  # noqa: N818 - the name that users of the original catch
    """An actor may not do what it asked for.

    Args:
        message: What happened.
        actor: Who asked.
        required: What was asked for.
        reason: Which step denied it: `explicit_deny`, `session_mismatch`, `namespace_ownership`,
            `owner_insufficient` or `role_insufficient`.
        namespace: Where it was asked.
    """

    def __init__(
        self,
        message: str,
        *,
        actor: Actor | None = None,
        required: Permission | None = None,
        reason: str | None = None,
        namespace: str | None = None,
    ) -> None:
        super().__init__(message)
        self.actor = actor
        self.required = required
        self.reason = reason
        self.namespace = namespace


@runtime_checkable
class PermissionChecker(Protocol):
    """Decides about access. Write your own to bring your own rules.

    The cache calls `check` with positional arguments. To leave the namespace out of a decision (the
    server's own use of an entry) it asks with the namespace `public`.
    """

    def check(self, policy: AccessPolicy, required: Permission, actor: Actor, namespace: str) -> None:
        """Raise `PermissionDenied` (or another `PermissionError`) unless the actor may do all of that."""

    def has_permission(
        self, policy: AccessPolicy, required: Permission, actor: Actor, namespace: str
    ) -> bool:
        """Whether `check` would pass."""
        ...

    def get_effective_permissions(self, policy: AccessPolicy, actor: Actor, namespace: str) -> Permission:
        """Everything that the actor may do."""
        ...


class DefaultPermissionChecker:
    """The checker of this package.

    1. A denied actor is refused (`explicit_deny`),
    2. then who is not in the bound session (`session_mismatch`),
    3. then who may not enter the namespace (`namespace_ownership`).
    4. An allowed actor has `allowed_permissions`, that is everything unless the policy narrows it;
    5. the owner has `owner_permissions` (`owner_insufficient`),
    6. everybody else what the role has (`role_insufficient`).

    What 4 grants adds to 5 or 6. For a model that acts for a user see `Delegate`.

    Args:
        namespace_resolver: Decides step 3; None for a `DefaultNamespaceResolver`.

    Example:
        ```python
        checker = DefaultPermissionChecker()
        checker.check(POLICY_EXECUTE_ONLY, Permission.EXECUTE, DefaultActor.agent(), "public")
        ```
    """

    def __init__(self, namespace_resolver: NamespaceResolver | None = None) -> None:
        self._namespace_resolver = (
            DefaultNamespaceResolver() if namespace_resolver is None else namespace_resolver
        )

    def check(self, policy: AccessPolicy, required: Permission, actor: Actor, namespace: str) -> None:
        """Raise unless the actor has all of the required permissions.

        Args:
            policy: The entry's policy, or any object with its attributes.
            required: What is asked for; `Permission.NONE` asks only whether the actor is let in.
            actor: Who asks.
            namespace: The entry's namespace.

        Raises:
            PermissionDenied: The actor may not.
        """
        _core.check_permission(policy, required, actor, namespace, self._namespace_resolver)

    def has_permission(
        self, policy: AccessPolicy, required: Permission, actor: Actor, namespace: str
    ) -> bool:
        """Whether `check` passes; arguments as there."""
        try:
            self.check(policy, required, actor, namespace)
        except PermissionDenied:
            return False
        return True

    def get_effective_permissions(self, policy: AccessPolicy, actor: Actor, namespace: str) -> Permission:
        """Everything that the actor may do: exactly what `check` lets pass; arguments as there."""
        return _core.effective_permissions(policy, actor, namespace, self._namespace_resolver)
