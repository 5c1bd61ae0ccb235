"""Tools for the people who run a server; each call is checked, and without a check nothing is allowed."""

import asyncio
import inspect
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from mcp_refcache._arguments import a_cache, having, text, wrong_type
from mcp_refcache._caller import aread_caller
from mcp_refcache._results import as_sent
from mcp_refcache.access.actor import DefaultActor
from mcp_refcache.fastmcp._reference_info import entries_of, entry_of, shown_value
from mcp_refcache.fastmcp._reference_info import format_reference_info as _format_reference_info
from mcp_refcache.models import PreviewStrategy, SizeMode

if TYPE_CHECKING:
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.cache import RefCache

__all__ = [
    "AdminChecker",
    "AdminToolError",
    "PermissionDeniedError",
    "create_clear_namespace_tool",
    "create_delete_reference_tool",
    "create_get_cache_stats_tool",
    "create_get_reference_info_tool",
    "create_list_references_tool",
    "register_admin_tools",
]

_MOST_LISTED: Final = 100

Tool = Callable[..., Awaitable[dict[str, Any]]]


@runtime_checkable
class AdminChecker(Protocol):
    """Decides who is an admin; asked at every call of an admin tool."""

    def __call__(self, ctx: Any) -> bool | Awaitable[bool]:
        """Tell whether the caller in this FastMCP context is an admin."""
        ...


class AdminToolError(Exception):
    """An admin tool cannot do what it was asked."""


class PermissionDeniedError(AdminToolError):
    """The caller is no admin.

    Attributes:
        message: Why.
    """

    def __init__(self, message: str = "Admin access required") -> None:
        self.message = message
        super().__init__(message)


def register_admin_tools(
    mcp: Any,
    cache: "RefCache",
    admin_check: AdminChecker | None = None,
    prefix: str = "admin_",
    include_dangerous: bool = False,
) -> list[str]:
    """Give the admins of a server tools to look into a cache and clear it.

    Args:
        mcp: A FastMCP server.
        cache: The cache they are for.
        admin_check: Decides who is an admin. None = nobody.
        prefix: What the names of the tools begin with.
        include_dangerous: Whether admins may read stored values.

    Returns:
        The names of the registered tools.
    """
    make_info = create_get_reference_info_tool if include_dangerous else _create_plain_info_tool
    having("mcp", mcp, "a FastMCP server", "tool")
    names: list[str] = []
    for make in (
        create_list_references_tool,
        make_info,
        create_delete_reference_tool,
        create_clear_namespace_tool,
        create_get_cache_stats_tool,
    ):
        tool: Any = make(cache, admin_check)
        tool.__name__ = tool.__qualname__ = text("prefix", prefix) + tool.__name__
        mcp.tool(tool)
        names.append(tool.__name__)
    return names


def create_list_references_tool(cache: "RefCache", admin_check: AdminChecker | None = None) -> Tool:
    """Make the tool that lists references."""

    async def list_references(
        namespace: str | None = None,
        include_expired: bool = False,
        include_preview: bool = False,
        limit: int = 50,
        offset: int = 0,
        ctx: Any = None,
    ) -> Any:
        """List references, oldest first; of a namespace and below, or all."""
        admin = await _admitted(cache, ctx, admin_check)
        limit, offset = min(max(limit, 1), _MOST_LISTED), max(offset, 0)

        def read() -> tuple[list[dict[str, Any]], int]:
            now = time.time()
            # without the values: all of them at once may be more than there is memory for
            found = [
                (entry.created_at, ref_id)
                for ref_id, entry in entries_of(cache)
                if (namespace is None or _is_within(entry.namespace, namespace))
                and (include_expired or not entry.is_expired(now))
            ]
            wanted = [ref_id for _, ref_id in sorted(found)[offset : offset + limit]]
            shown: list[dict[str, Any]] = []
            for ref_id in wanted:
                entry = entry_of(cache, ref_id)
                if entry is None:
                    continue
                if include_preview:
                    cache._core.record("read", ref_id=ref_id, namespace=entry.namespace, actor=admin)
                shown.append(_format_reference_info(ref_id, entry, include_preview))
            return shown, len(found)

        references, total_count = await asyncio.to_thread(read)
        return {
            "references": references,
            "total_count": total_count,
            "limit": limit,
            "offset": offset,
            "has_more": offset + limit < total_count,
            "namespace_filter": namespace,
        }

    return _for_admins(list_references, cache, admin_check)


def create_get_reference_info_tool(cache: "RefCache", admin_check: AdminChecker | None = None) -> Tool:
    """Make the tool that tells all about a reference, on request with its value."""

    async def get_reference_info(ref_id: str, include_value: bool = False, ctx: Any = None) -> Any:
        """Tell place, owner, expiry and type of a reference."""
        admin = await _admitted(cache, ctx, admin_check)
        entry = await asyncio.to_thread(entry_of, cache, ref_id)
        if entry is None:
            return {"error": "Not found", **_not_found(ref_id)}
        record, where = cache._core.record, entry.namespace
        await asyncio.to_thread(record, "read", ref_id=ref_id, namespace=where, actor=admin)
        info = _format_reference_info(ref_id, entry, include_preview=True)
        if include_value:
            info["value"] = as_sent(shown_value(entry))
        return info

    return _for_admins(get_reference_info, cache, admin_check)


def _create_plain_info_tool(cache: "RefCache", admin_check: AdminChecker | None = None) -> Tool:
    tool = create_get_reference_info_tool(cache, admin_check)

    async def get_reference_info(ref_id: str, ctx: Any = None) -> Any:
        return await tool(ref_id, ctx=ctx)

    get_reference_info.__doc__ = tool.__doc__
    return _for_admins(get_reference_info, cache, admin_check)


def create_delete_reference_tool(cache: "RefCache", admin_check: AdminChecker | None = None) -> Tool:
    """Make the tool that removes one reference."""

    async def delete_reference(ref_id: str, ctx: Any = None) -> Any:
        """Delete a reference."""
        admin = await _admitted(cache, ctx, admin_check)

        def delete() -> bool:
            # a key is no reference, and other caches of the store are no business of this one
            return entry_of(cache, ref_id) is not None and cache._core.delete(ref_id, caller=admin)

        if await asyncio.to_thread(delete):
            return {"success": True, "message": f"Reference '{ref_id}' deleted", "ref_id": ref_id}
        return {"success": False, "error": "Not found", **_not_found(ref_id)}

    return _for_admins(delete_reference, cache, admin_check)


def create_clear_namespace_tool(cache: "RefCache", admin_check: AdminChecker | None = None) -> Tool:
    """Make the tool that removes the references of a namespace."""

    async def clear_namespace(namespace: str, include_children: bool = True, ctx: Any = None) -> Any:
        """Delete the references of a namespace."""
        admin = await _admitted(cache, ctx, admin_check)
        if not namespace:
            message = "Namespace cannot be empty"
            return {"success": False, "error": "Invalid namespace", "message": message}

        def clear() -> int:
            below: set[str] = set()
            if include_children:
                below = {entry.namespace for _, entry in entries_of(cache)} - {namespace}
            return cache._core.clear(namespace, caller=admin) + sum(
                cache._core.clear(each, caller=admin) for each in below if _is_within(each, namespace)
            )

        deleted_count = await asyncio.to_thread(clear)
        return {
            "success": True,
            "message": f"Cleared {deleted_count} references from namespace '{namespace}'",
            "namespace": namespace,
            "deleted_count": deleted_count,
            "include_children": include_children,
        }

    return _for_admins(clear_namespace, cache, admin_check)


def create_get_cache_stats_tool(cache: "RefCache", admin_check: AdminChecker | None = None) -> Tool:
    """Make the tool that counts references."""

    async def get_cache_stats(ctx: Any = None) -> Any:
        """Show settings, count references."""
        await _admitted(cache, ctx, admin_check)

        def count() -> tuple[Counter[str], Counter[str], int]:
            now = time.time()
            namespaces, types, expired = Counter[str](), Counter[str](), 0
            for _, entry in entries_of(cache):
                namespaces[entry.namespace] += 1
                types[type(entry.value).__name__] += 1
                expired += entry.is_expired(now)
            return namespaces, types, expired

        namespaces, types, expired = await asyncio.to_thread(count)
        config, policy, ttl = cache.preview_config, cache.default_policy, cache.default_ttl
        return {
            "cache_name": cache.name,
            "default_ttl_seconds": ttl if isinstance(ttl, (int, float)) else None,
            "preview_config": {
                "size_mode": SizeMode(config.size_mode).value,
                "max_size": config.max_size,
                "default_strategy": PreviewStrategy(config.default_strategy).value,
            },
            "default_policy": {
                "user_permissions": str(policy.user_permissions),
                "agent_permissions": str(policy.agent_permissions),
            },
            "total_references": namespaces.total(),
            "references_by_namespace": dict(namespaces),
            "expired_references": expired,
            "active_references": namespaces.total() - expired,
            "references_by_type": dict(types),
        }

    return _for_admins(get_cache_stats, cache, admin_check)


async def _admitted(cache: "RefCache", ctx: Any, admin_check: AdminChecker | None) -> "Actor | None":
    """Let admins in; return who it is where that is written down."""
    who = await _caller(cache) if cache._is_audited else None
    try:
        await _check_admin(ctx, admin_check)
    except PermissionDeniedError:
        await asyncio.to_thread(cache._core.record, "denied", actor=who, reason="not_admin")
        raise
    return who


async def _caller(cache: "RefCache") -> "Actor":
    try:
        return (await aread_caller(cache)).actor
    except Exception:  # an `identity` that fails: then it is nobody, and the check decides
        return DefaultActor.agent()


async def _check_admin(ctx: Any, admin_check: AdminChecker | None) -> None:
    if admin_check is None:
        raise PermissionDeniedError("No admin check configured")
    if ctx is None:
        raise PermissionDeniedError("Context required for admin verification")
    answer = admin_check(ctx)
    if inspect.isawaitable(answer):
        answer = await answer
    if not answer:
        raise PermissionDeniedError


def _for_admins(tool: Any, cache: "RefCache", admin_check: AdminChecker | None) -> Tool:
    """Let FastMCP fill in `ctx`; its type is looked up here, so that nobody else has to import FastMCP."""
    a_cache(cache)
    if admin_check is not None and not callable(admin_check):  # pyright: ignore[reportUnnecessaryComparison]
        raise wrong_type("admin_check", "a function of the context", admin_check)
    try:
        from fastmcp import Context
    except ImportError:  # another framework's server, or a test
        return tool
    tool.__annotations__["ctx"] = Context | None
    return tool


def _is_within(namespace: str, parent: str) -> bool:
    return namespace == parent or namespace.startswith(f"{parent}:")


def _not_found(ref_id: str) -> dict[str, str]:
    return {"message": f"Reference '{ref_id}' not found", "ref_id": ref_id}
