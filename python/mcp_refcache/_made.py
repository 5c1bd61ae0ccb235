"""Which tool made a result and who was given it: for lists, and for what is said of references that ended."""

import itertools
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from mcp_refcache.context_integration import escape_template_value
from mcp_refcache.permissions import Permission

if TYPE_CHECKING:
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.cache import RefCache
    from mcp_refcache.permissions import AccessPolicy

#: What is remembered at most; the oldest goes first.
_MOST: Final = 10_000

#: What the core says of a reference that cannot be used.
DEAD_REFERENCE: Final = re.compile(r"Invalid or inaccessible reference: (\S+)\Z")

#: Whom results are counted to: `("user", "alice")`.
Holder = tuple[str, str]


#: The tool that the client called, by the name that it knows.
_called: ContextVar[str | None] = ContextVar("mcp_refcache_called", default=None)

#: The decorated function that runs, for servers that do not say which tool was called.
_running: ContextVar[str | None] = ContextVar("mcp_refcache_running", default=None)


def running_tool() -> str | None:
    """Return the tool that the client called, else the decorated function that runs."""
    return _called.get() or _running.get()


def running_as(name: str) -> AbstractContextManager[None]:
    """Say which decorated function runs; of nested ones it is the outer one."""
    return _said_first(_running, name)


def called_as(name: str) -> AbstractContextManager[None]:
    """Say which tool was called; of servers one behind the other the first one's name is the client's."""
    return _said_first(_called, name)


@contextmanager
def _said_first(variable: ContextVar[str | None], name: str) -> Generator[None, None, None]:
    before = variable.set(variable.get() or name)
    try:
        yield
    finally:
        variable.reset(before)


@dataclass(slots=True)
class Made:
    """One result.

    Attributes:
        tool: The name of the tool that made it.
        namespace: Where it was stored.
        policy: Who could do what with it.
        at: When it was made, in seconds since 1970.
        holders: Who was given the reference.
    """

    tool: str
    namespace: str
    policy: "AccessPolicy"
    at: float
    holders: set[Holder] = field(default_factory=set[Holder])


class Ledger:
    """What the tools of one process made lately; references stay in it when their entries have ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: OrderedDict[str, Made] = OrderedDict()
        self._tools: set[str] = set()
        self._makers: set[str | None] = set()

    def expect(self, tool: str | None) -> None:
        """Note that a tool may make results; None = any tool of a server."""
        self._makers.add(tool)

    def note(self, ref_id: str, tool: str, namespace: str, policy: "AccessPolicy", actor: Any) -> None:
        """Remember that a tool, if no other name is known, answered this actor with a reference."""
        holder, tool = holder_of(actor), _called.get() or tool
        with self._lock:
            made = self._made.get(ref_id)
            if made is None:
                self._tools.add(tool)
                made = self._made[ref_id] = Made(tool, namespace, policy, time.time())
                if len(self._made) > _MOST:
                    self._made.popitem(last=False)
            if holder is not None:
                made.holders.add(holder)

    def held_by(self, holder: Holder) -> Iterator[tuple[str, Made]]:
        """The references that somebody was given, the latest first."""
        with self._lock:
            held = [(ref_id, made) for ref_id, made in self._made.items() if holder in made.holders]
        return reversed(held)

    def maker(self, cache: "RefCache", ref_id: str, actor: Any) -> str:
        """Name the tool to call again, as far as this actor may know of the result."""
        made = self._made.get(ref_id)
        if made is not None and _may_know(cache, made, actor):
            return made.tool
        # where there can be but one, its name gives nothing away
        is_sole = len(self._tools) == 1 and len(self._makers) <= 1 and None not in self._makers
        return next(iter(self._tools)) if is_sole else "the tool that made it"


def holder_of(actor: "Actor") -> Holder | None:
    """Return whom an actor's results are counted to: its user, else its session, else its agent."""
    user = getattr(actor, "on_behalf_of", None)
    if user is not None:
        return "user", user.id
    if actor.session_id is not None and actor.type.value != "user":
        return "session", actor.session_id
    return None if actor.id is None else (actor.type.value, actor.id)


def own_results(cache: "RefCache", actor: Any, limit: int) -> list[dict[str, Any]]:
    """List what an actor was given and may still see or use, the latest first.

    Args:
        cache: The cache.
        actor: Whose results; one that nothing tells from others has none.
        limit: The most to list.

    Returns:
        `ref_id`, `tool`, `age_s` and `expires_in_s` (seconds; None = never) of each.
    """
    holder = holder_of(actor)
    if holder is None:
        return []
    results: dict[str, dict[str, Any]] = {}
    for ref_id, made in itertools.chain(cache._made.held_by(holder), _stored(cache, actor)):
        if len(results) == limit:
            break
        if ref_id not in results and cache.exists(ref_id) and _may_know(cache, made, actor):
            results[ref_id] = {
                "ref_id": ref_id,
                "tool": made.tool,
                "age_s": max(0, round(time.time() - made.at)),
                "expires_in_s": expires_in(cache, ref_id),
            }
    return sorted(results.values(), key=lambda result: result["age_s"])


def expires_in(cache: "RefCache", ref_id: str) -> int | None:
    """Return the seconds until an entry ends; None = never."""
    expires_at = cache._core.expires_at(ref_id)
    return None if expires_at is None else max(0, round(expires_at - time.time()))


def _stored(cache: "RefCache", actor: Any) -> Iterator[tuple[str, Made]]:
    """What the namespaces of the actor hold, from before this process started, too."""
    user = getattr(actor, "on_behalf_of", None) or actor
    namespaces: list[str] = []
    if user.id is not None:
        own = f"{user.type.value}:{escape_template_value(user.id)}"
        namespaces += [own, f"{own}:session:{escape_template_value(user.session_id or '')}"]
    if actor.session_id is not None:
        namespaces.append(f"session:{escape_template_value(actor.session_id)}")
    for namespace in namespaces:
        for ref_id in reversed(cache._backend.keys(namespace)):
            entry = cache._backend.get(ref_id) if ref_id.startswith(f"{cache.name}:") else None
            if entry is not None:
                tool = entry.metadata.get("tool_name") or ""
                yield ref_id, Made(tool, namespace, entry.policy, entry.created_at)


def not_found(cache: "RefCache", ref_id: str, actor: Any) -> str:
    """Say what to do about a reference that cannot be read: the same whatever the reason."""
    maker = cache._made.maker(cache, ref_id, actor)
    return (
        "ref_not_found: no result that you may read has this ref_id. It is unknown, has expired or is not "
        f"yours. Call {maker} again; if you may use the result without seeing it, pass the ref_id to another "
        "tool."
    )


def not_usable(cache: "RefCache", ref_id: str, actor: Any) -> str:
    """Say what to do about a reference in an argument that cannot be used: likewise."""
    maker = cache._made.maker(cache, ref_id, actor)
    return (
        f"Invalid or inaccessible reference: {ref_id}. It is unknown, has expired or is not yours: call "
        f"{maker} again and pass the new ref_id."
    )


def _may_know(cache: "RefCache", made: Made, actor: Any) -> bool:
    checker = cache._permission_checker
    with suppress(Exception):  # a checker that fails tells nothing
        return any(
            checker.has_permission(made.policy, permission, actor, made.namespace)
            for permission in (Permission.READ, Permission.EXECUTE)
        )
    return False
