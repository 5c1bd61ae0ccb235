"""What the running call has used: collected, so that its result, its errors and its request can be as restricted.

A context variable holds the innermost collector. Tasks and worker threads (`asyncio.to_thread`, anyio) have the
context of the call that started them, and so collect for it; bare threads do not.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from mcp_refcache import _core

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_refcache._core import Found
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.permissions import AccessPolicy

__all__ = ["Collector", "call_collector", "collecting", "current", "current_uses", "note", "note_opened"]


class Collector:
    """What a request, or a call in it, has used so far.

    Args:
        outer: What goes on around it: it uses all that is used here.
        is_call: Whether it is a call of a cached function.

    Attributes:
        uses: The entries whose values were given out.
        given: Those among them that came as arguments, put in their place before the function was called.
        opened: What the author declassified; it is no secret any more.
        answers: What cached tools answered in here without showing anything.
    """

    __slots__ = ("answers", "given", "is_call", "opened", "outer", "uses")

    def __init__(self, outer: "Collector | None" = None, *, is_call: bool = False) -> None:
        self.outer = outer
        self.is_call = is_call
        self.uses: _core.Uses = _core.Uses() if outer is None else outer.uses.inner()
        self.given: _core.Uses = self.uses.inner()
        self.opened: list[Any] = []
        self.answers: list[Mapping[str, Any]] = []

    def inherited(self, own: "AccessPolicy", *, arguments_only: bool = False) -> "AccessPolicy":
        """Return the policy of a result that was made here; `own` itself if nothing restricts it.

        Args:
            own: The policy that the author gave the result.
            arguments_only: Whether only that counts of what goes on around which came as an argument: who sees
                such a result is the code around this call, which has seen the rest itself.
        """
        if not arguments_only:
            return _under(own, self.uses.inherited(own))
        policy = _under(own, self.uses.inherited(own, alone=True))
        outer = self.outer
        while outer is not None:
            policy = _under(policy, outer.given.inherited(policy, alone=True))
            outer = outer.outer
        return policy

    def hides_from(self, actor: "Actor") -> bool:
        """Tell whether something was used here, or came as an argument, that an actor may not see."""
        try:
            if self.uses.hidden_from(actor):
                return True
            return self.outer is not None and self.outer.gives_hidden(actor)
        except Exception:  # a checker that fails lets nobody see
            return True

    def gives_hidden(self, actor: "Actor") -> bool:
        """Tell whether an argument, here or around, is hidden from an actor."""
        return bool(self.given.hidden_from(actor)) or (
            self.outer is not None and self.outer.gives_hidden(actor)
        )


def _under(own: "AccessPolicy", inherited: "AccessPolicy | None") -> "AccessPolicy":
    if inherited is None:
        return own
    # a policy of the user's own class stays one
    return inherited if type(own) is type(inherited) else own.model_copy(update=dict(inherited))


_current: ContextVar[Collector | None] = ContextVar("mcp_refcache_collector", default=None)


def current() -> Collector | None:
    """Return the innermost collector; None where nothing is collected."""
    return _current.get()


def current_uses() -> "_core.Uses | None":
    """Return where to note what is used; None where nothing is collected."""
    collector = _current.get()
    return None if collector is None else collector.uses


@contextmanager
def collecting(collector: Collector | None) -> Generator[None, None, None]:
    """Collect here what the block uses."""
    before = _current.set(collector)
    try:
        yield
    finally:
        _current.reset(before)


def note(core: "_core.Cache", found: "Found") -> None:
    """Note that the value of an entry is given out."""
    collector = _current.get()
    if collector is not None:
        core.note(found, collector.uses)


def note_opened(value: Any) -> None:
    """Note that a value was declassified."""
    collector = _current.get()
    while collector is not None:
        collector.opened.append(value)
        collector = collector.outer


def call_collector(*, declassify: bool) -> Collector:
    """Return a collector for a call that is about to begin.

    Args:
        declassify: Whether the author opens the result: then what it was made of is no matter of calls around it.
    """
    outer = _current.get()
    if declassify:
        while outer is not None and outer.is_call:
            outer = outer.outer
    return Collector(outer, is_call=True)
