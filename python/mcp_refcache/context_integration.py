"""Who is calling: reads the FastMCP context and turns it into namespaces, owners and actors."""

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import suppress
from typing import Any, cast

from mcp_refcache import _core
from mcp_refcache._arguments import mapping, text
from mcp_refcache.access.actor import Actor, ActorLike, DefaultActor, resolve_actor
from mcp_refcache.permissions import AccessPolicy

__all__ = [
    "DEFAULT_FALLBACKS",
    "aget_context_values",
    "build_context_scoped_policy",
    "derive_actor_from_context",
    "escape_template_value",
    "expand_template",
    "get_context_values",
    "try_get_fastmcp_context",
]

DEFAULT_FALLBACKS: dict[str, str] = {
    "user_id": "anonymous",
    "org_id": "default",
    "tenant_id": "default",
    "session_id": "nosession",
    "client_id": "unknown",
    "request_id": "unknown",
    "agent_id": "anonymous",
}
"""What a placeholder becomes when the context has no value for it."""

_ATTRIBUTES = ("session_id", "client_id", "request_id")
_STATE_KEYS = ("user_id", "org_id", "tenant_id", "agent_id", "role", "scopes")


def escape_template_value(value: str) -> str:
    """Write a value so that it stays one part of a namespace or owner.

    Args:
        value: A user id, organisation, session or the like.

    Returns:
        The value with `%`, `:` and `*` as `%25`, `%3A` and `%2A`: no two values give the same text, none
        opens a further part, and none is the owner `user:*` of everybody without a name.
    """
    return _core.escape_template_value(value)


def expand_template(
    template: str, context_values: Mapping[str, object], fallbacks: Mapping[str, str] | None = None
) -> str:
    """Fill the placeholders of a namespace or owner template.

    Args:
        template: Text with placeholders such as `{user_id}`; other braces stay as they are.
        context_values: Values by placeholder name; they are written escaped (`escape_template_value`).
        fallbacks: Texts for names without a value, over `DEFAULT_FALLBACKS`; written as they are. A name
            without either becomes `unknown`.

    Returns:
        The filled text; an empty template unchanged.

    Raises:
        TypeError: A value is neither text nor None.
        ValueError: A value holds lone surrogates.
    """
    if not template:
        return template

    mapping("context_values", context_values)
    return _core.expand_template(
        text("template", template), context_values, {**DEFAULT_FALLBACKS, **(fallbacks or {})}
    )


def try_get_fastmcp_context() -> Any | None:
    """Find the FastMCP context of the current request.

    Returns:
        The context; None outside a request, or without FastMCP.
    """
    # no request is served before that module is loaded; a failing import each time would be slow
    dependencies = sys.modules.get("fastmcp.server.dependencies")
    if dependencies is None:
        return None
    try:
        return dependencies.get_context()
    except Exception:
        return None


def get_context_values(context: object) -> dict[str, str]:
    """Read the caller's ids from a FastMCP context.

    FastMCP 3 and later answer `get_state` with a coroutine. In a worker thread, where FastMCP runs sync
    tools, it is awaited on the server's event loop; anywhere else it cannot be awaited without blocking, and
    the key is left out (an async caller uses `aget_context_values`).

    Args:
        context: A FastMCP context, or None.

    Returns:
        Texts by name: `session_id`, `client_id` and `request_id` from the attributes of the context, then
        `user_id`, `org_id`, `tenant_id`, `agent_id`, `role` and `scopes` from its state. What is absent,
        None or fails to be read is left out.
    """
    raw, awaited = _read(context)
    return _as_text({**raw, **_await_from_worker_thread(awaited)})


async def aget_context_values(context: object) -> dict[str, str]:
    """Read the caller's ids from a FastMCP context whose state may be async.

    Args:
        context: A FastMCP context, or None.

    Returns:
        The same as `get_context_values`, with every async value awaited.
    """
    raw, awaited = _read(context)
    return _as_text({**raw, **await _settle(awaited)})


def derive_actor_from_context(context_values: Mapping[str, str], default_actor: ActorLike = "agent") -> Actor:
    """Name the caller that a context describes.

    Args:
        context_values: What `get_context_values` answered.
        default_actor: The actor for a caller without an id; `"user"` or `"agent"` gets the context's session.

    Returns:
        The user if there is a `user_id`, else the agent if there is an `agent_id`, each with the session;
        else the default.
    """
    session_id = mapping("context_values", context_values).get("session_id")
    user_id = context_values.get("user_id")
    if user_id and user_id != DEFAULT_FALLBACKS["user_id"]:
        return DefaultActor.user(id=user_id, session_id=session_id)
    agent_id = context_values.get("agent_id")
    if agent_id and agent_id != DEFAULT_FALLBACKS["agent_id"]:
        return DefaultActor.agent(id=agent_id, session_id=session_id)
    return resolve_actor(default_actor, session_id=session_id)


def build_context_scoped_policy(
    base_policy: AccessPolicy | None,
    context_values: Mapping[str, str],
    owner_template: str | None = None,
    session_scoped: bool = False,
) -> AccessPolicy:
    """Bind a policy to the caller that a context describes.

    Args:
        base_policy: The policy to start from; None starts from the defaults of `AccessPolicy`.
        context_values: What `get_context_values` answered.
        owner_template: Template of the owner, such as `user:{user_id}`; empty or None keeps the owner.
        session_scoped: Bind to the context's session, if it has one.

    Returns:
        A new policy; the base is not changed.
    """
    policy: dict[str, Any] = {}
    if base_policy is not None:
        policy = {
            name: getattr(base_policy, name)
            for name in AccessPolicy.model_fields
            if hasattr(base_policy, name)
        }
    mapping("context_values", context_values)
    if owner_template:
        policy["owner"] = expand_template(owner_template, context_values)
    session_id = context_values.get("session_id")
    if session_scoped and session_id and session_id != DEFAULT_FALLBACKS["session_id"]:
        policy["bound_session"] = session_id
    return AccessPolicy(**policy)


def _read(context: object) -> tuple[dict[str, object], dict[str, Awaitable[object]]]:
    """Ask a context for everything; what is there at once, in order, and what must be awaited."""
    raw: dict[str, object] = {}
    awaited: dict[str, Awaitable[object]] = {}
    for name in (*_ATTRIBUTES, *_STATE_KEYS) if context is not None else ():
        with suppress(Exception):  # a context outside a session raises; its other keys are still good
            value = getattr(context, name) if name in _ATTRIBUTES else cast("Any", context).get_state(name)
            raw[name] = None  # keeps the place of what must be awaited
            if inspect.isawaitable(value):
                awaited[name] = cast("Awaitable[object]", value)
            else:
                raw[name] = value
    return raw, awaited


async def _settle(awaited: Mapping[str, Awaitable[object]]) -> dict[str, object]:
    settled: dict[str, object] = {}
    try:
        for name, value in awaited.items():
            with suppress(Exception):
                settled[name] = await value
    finally:
        _discard(awaited.values())
    return settled


def _await_from_worker_thread(awaited: Mapping[str, Awaitable[object]]) -> dict[str, object]:
    if not awaited:
        return {}
    try:
        if not _runs_event_loop():
            from anyio import from_thread

            return from_thread.run(_settle, awaited)
    except Exception:  # noqa: S110 -- not a worker thread of AnyIO, or its loop has ended
        pass
    finally:
        _discard(awaited.values())
    return {}


def _runs_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _discard(awaitables: Iterable[Awaitable[object]]) -> None:
    for awaitable in awaitables:
        if inspect.iscoroutine(awaitable):
            awaitable.close()  # spares the "never awaited" warning
        elif isinstance(awaitable, asyncio.Future):
            awaitable.cancel()


def _as_text(raw: Mapping[str, object]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, value in raw.items():
        if value is not None and not inspect.isawaitable(value):
            with suppress(Exception):
                texts[name] = str(value)
    return texts
