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

__all__ = ["Collector", "collecting", "current", "current_uses", "note", "note_opened"]


class Collector:
    """What a request, or a call in it, has used so far.

    Args:
        outer: What goes on around it: it uses all that is used here.

    Attributes:
        uses: The entries whose values were given out.
        given: Those among them that came as arguments, put in their place before the function was called.
        opened: What the author declassified; it is no secret any more.
        answers: What cached tools answered in here.
    """

    __slots__ = ("answers", "given", "opened", "outer", "uses")

    def __init__(self, outer: "Collector | None" = None) -> None:
        self.outer = outer
        self.uses = _core.Uses() if outer is None else outer.uses.inner()
        self.given = self.uses.inner()
        self.opened: list[Any] = []
        self.answers: list[Mapping[str, Any]] = []

    @property
    def outermost(self) -> "Collector":
        """That of the request."""
        return self if self.outer is None else self.outer.outermost


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
