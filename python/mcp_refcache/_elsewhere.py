"""Work handed to another thread as if it went on in this one."""

import sys
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any, Final

#: What a worker thread of AnyIO knows of the request that it works for; the work outlives that one.
_OF_THE_REQUEST: Final = "current_cancel_scope"


def as_here(work: Callable[..., Any]) -> Callable[..., Any]:
    """Let work see, in another thread, the context variables of this one, and the event loop that it may call.

    FastMCP runs sync tools in threads of AnyIO; `anyio.from_thread.run(context.get_state, ...)` is how they reach
    what is async. The thread of a task backend is none of these, unless it is told the same.

    Args:
        work: What is to run elsewhere.

    Returns:
        The same, to be called there.
    """
    anyio: Any = sys.modules.get("anyio._core._eventloop")  # it has no public way to say so
    home = getattr(anyio, "threadlocals", None)
    known: dict[str, Any] = {} if home is None else {**home.__dict__}
    if known:
        known[_OF_THE_REQUEST] = None
        work = partial(_knowing, home, known, work)
    return partial(copy_context().run, work)


def _knowing(home: Any, known: dict[str, Any], work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    there: dict[str, Any] = home.__dict__
    before = {**there}
    there.update(known)
    try:
        return work(*args, **kwargs)
    finally:
        there.clear()
        there.update(before)
