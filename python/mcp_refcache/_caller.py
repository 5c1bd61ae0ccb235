"""Who makes a request: one identity, from the author's function, middleware, the access token and the context.

The first that knows decides who it is. What decides is read anew where it is asked for, so that state that a
later middleware sets counts; on an event loop, which cannot wait for async state, what was read in this request
before is used.
"""

import asyncio
import hashlib
import inspect
import json
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from mcp_refcache import _compat
from mcp_refcache._identity import ID_NAMES, Identity, known_value, used_identity
from mcp_refcache.access.actor import DefaultActor
from mcp_refcache.context_integration import aget_context_values, get_context_values

if TYPE_CHECKING:
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.cache import RefCache

#: Claims of access tokens, by the placeholder they fill; the first that is there counts.
_CLAIMS: Final = {
    "user_id": ("sub",),
    "org_id": ("org_id", "organization_id", "org"),
    "tenant_id": ("tenant_id", "tid"),
    "agent_id": ("agent_id",),
}


class Caller(NamedTuple):
    """Who calls.

    Attributes:
        actor: In the agent role, with the ids of the request.
        values: The request's values by the names of placeholders; empty where nothing asked for them.
        in_context: Whether the call comes from a client, through a context.
        answers: Whether it goes on with what the user answered, which is no argument.
    """

    actor: "Actor"
    values: Mapping[str, str]
    in_context: bool
    answers: bool = False


_NOBODY: Final = Caller(DefaultActor.agent(), {}, False)

#: What was awaited in this request: of which context, for which cache; its state, and what `identity` said.
_awaited: ContextVar[tuple[Any, "RefCache", dict[str, str], Any] | None] = ContextVar(
    "mcp_refcache_awaited", default=None
)


def read_caller(cache: "RefCache", *, wants_values: bool = True) -> Caller:
    """Read who calls; on an event loop, what can only be awaited comes from an earlier reading, or is left out.

    Args:
        cache: The cache that is asked.
        wants_values: Whether the values of the request are needed beside the actor.
    """
    context = _context()
    if context is None and used_identity() is None:
        return _NOBODY
    if not wants_values:
        # a subclass may say in its own way who calls
        return Caller(cache._caller(), {}, True, _compat.answers_question(context))
    state, said = get_context_values(context), _ask(cache, context)
    awaited = _awaited_in(context, cache) if _is_on_loop() else None
    if awaited is not None:
        state = {**awaited[0], **state}
    if inspect.isawaitable(said):
        said = _await_in_worker_thread(said) if awaited is None else _instead(awaited[1], of=said)
    return _conclude(context, state, said)


async def aread_caller(cache: "RefCache") -> Caller:
    """Read who calls, all of it; remembers it for readers in the same request that cannot wait."""
    context = _context()
    if context is None and used_identity() is None:
        return _NOBODY
    state, said = await aget_context_values(context), _ask(cache, context)
    if inspect.isawaitable(said):
        said = await said
    _awaited.set((context, cache, state, said))
    return _conclude(context, state, said)


def _ask(cache: "RefCache", context: Any | None) -> Any:
    identify = cache.identity
    said = identify(context) if identify is not None and context is not None else None
    return used_identity() if said is None else said


def _conclude(context: Any | None, state: dict[str, str], said: Any) -> Caller:
    values = state
    if context is not None and _compat.is_real_context(context):
        token = _compat.access_token()
        values = {**state, **_token_values(token)}
        values.pop("session_id", None)
        if session := _compat.lasting_session(context) or _principal(token):
            values["session_id"] = session
    is_person = False
    if said is not None:
        if not isinstance(said, (Identity, Mapping)):
            raise TypeError(f"identity must answer an Identity, a mapping or None, not {type(said).__name__}")
        if isinstance(said, Identity):
            said, is_person = said.values(), said.is_person
        # who it is comes from one source; only a session is common to all
        kept = {name: value for name, value in values.items() if name not in ID_NAMES.values()}
        session = {"session_id": values["session_id"]} if "session_id" in values else {}
        values = {**kept, **session, **_texts(cast("Mapping[str, object]", said))}
    identity = Identity.from_values(values, is_person=is_person)
    return Caller(identity.actor(), values, True, _compat.answers_question(context))


def _token_values(token: Any | None) -> dict[str, str]:
    if token is None:
        return {}
    claims = _claims(token)
    values = {
        name: next((claims[claim] for claim in names if claims.get(claim)), None)
        for name, names in _CLAIMS.items()
    }
    values["user_id"] = values["user_id"] or getattr(token, "subject", None)
    values["client_id"] = getattr(token, "client_id", None)
    return _texts(values)


def _principal(token: Any | None) -> str | None:
    """The session of an authenticated caller where the protocol has none: as long as the account."""
    if token is None:
        return None
    claims = _claims(token)
    subject = claims.get("sub") or getattr(token, "subject", None)
    # users of a client that does not tell them apart differ in their tokens
    parts = [token.client_id, claims.get("iss"), subject or token.token]
    return f"principal-{hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:32]}"


def _claims(token: Any) -> Mapping[str, Any]:
    return getattr(token, "claims", None) or {}


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {
        name: str(value) for name, value in values.items() if isinstance(value, (str, int)) and value != ""
    }


def _awaited_in(context: Any | None, cache: "RefCache") -> tuple[dict[str, str], Any] | None:
    awaited = _awaited.get()
    if awaited is None or awaited[1] is not cache or not _is_same_request(context, awaited[0]):
        return None
    return awaited[2:]


def _instead(answer: Any, *, of: Any) -> Any:
    if inspect.iscoroutine(of):
        of.close()  # spares the "never awaited" warning
    return answer


def _is_same_request(context: Any | None, other: Any | None) -> bool:
    if context is None or other is None or context is other:
        return context is other
    # the context of a mounted server is another object of the same request
    try:
        ours, theirs = context.request_context, other.request_context
        return ours is not None and ours.session is theirs.session and context.request_id == other.request_id
    except Exception:  # an object that stands in for a context
        return False


def _await_in_worker_thread(said: Any) -> Any:
    async def wait() -> Any:
        return await said

    try:
        from anyio import from_thread

        return from_thread.run(wait)
    except RuntimeError:
        if inspect.iscoroutine(said):
            said.close()
        raise TypeError(
            "identity is async, which a sync call on an event loop cannot wait for; make the tool async"
        ) from None


def _is_on_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _context() -> Any | None:
    # looked up in that module at each call: there it is replaced to stand in for a context
    context = sys.modules["mcp_refcache.cache"].try_get_fastmcp_context()
    return _compat.background_context() if context is None else context


def in_request() -> bool:
    """Tell whether somebody calls, through a context or a known identity; else it is the server itself."""
    return used_identity() is not None or _context() is not None


def lacking_names(names: frozenset[str], values: Mapping[str, str]) -> list[str]:
    """Return those names that the values have nothing for, in order."""
    return sorted(name for name in names if known_value(values, name) is None)
