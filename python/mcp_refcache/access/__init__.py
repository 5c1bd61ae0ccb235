"""Who asks (`actor`), where (`namespace`), and whether they may (`checker`)."""

from mcp_refcache.access.actor import Actor, ActorLike, ActorType, DefaultActor, Delegate, resolve_actor
from mcp_refcache.access.checker import DefaultPermissionChecker, PermissionChecker, PermissionDenied
from mcp_refcache.access.namespace import (
    DefaultNamespaceResolver,
    Namespace,
    NamespaceInfo,
    NamespaceResolver,
)

__all__ = [
    "Actor",
    "ActorLike",
    "ActorType",
    "DefaultActor",
    "DefaultNamespaceResolver",
    "DefaultPermissionChecker",
    "Delegate",
    "Namespace",
    "NamespaceInfo",
    "NamespaceResolver",
    "PermissionChecker",
    "PermissionDenied",
    "resolve_actor",
]
