"""What is said in place of a text or a picture that may tell of a value which the caller may not see."""

from collections.abc import Callable
from types import TracebackType
from typing import cast

from mcp_refcache import _compat
from mcp_refcache.exceptions import WithheldError

__all__ = ["Instead", "withheld_error", "withheld_result"]


class Instead:
    """Keeps an error from those who must not read it: another one is raised after the block.

    Out there nothing of the error is attached to the other one, and no frame keeps either of them.

    Args:
        tell: What is told instead; the error itself if it may be read.

    Example:
        ```python
        with Instead(tell) as instead:
            value = work()
        instead.raise_told()
        ```
    """

    __slots__ = ("_tell", "_told")

    def __init__(self, tell: Callable[[Exception], Exception]) -> None:
        self._tell = tell
        self._told: list[Exception] = []

    def __enter__(self) -> "Instead":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        if not isinstance(error, Exception):
            return None
        told = self._tell(error)
        if told is error:
            return None
        self._told.append(told)
        return True

    def raise_told(self) -> None:
        """Raise what is told instead, if there is anything."""
        if self._told:
            raise self._told.pop()


def withheld_error(tool: str, error: BaseException, *, about: object = "") -> WithheldError:
    """Return what stands for an error that a tool raised: it names the tool and the type, nothing else.

    Args:
        tool: The name of the tool.
        error: What it raised; one that was reduced before stays as it is.
        about: What the caller sent that does not fit.
    """
    if isinstance(error, WithheldError):
        return error
    kind = type(error).__name__
    return _withheld(
        tool,
        kind,
        f"failed with {kind}{about}. The rest of the error is kept back, as the call used a result that you may use "
        "but not read. See that the tool takes what the reference holds.",
    )


def withheld_result(tool: str, result: object) -> WithheldError:
    """Return what stands for a result that cannot be stored, so that no reference can stand for it."""
    kind = type(result).__name__
    return _withheld(
        tool,
        kind,
        f"succeeded, but its result ({kind}) is kept back: the call used a result that you may use but not read, "
        "and what it made of it cannot be stored.",
    )


def _withheld(tool: str, kind: str, said: str) -> WithheldError:
    # in the class that FastMCP hands to the model with its text
    error = cast("WithheldError", _compat.telling(WithheldError)(f"{tool} {said}"))
    error.tool, error.kind = tool, kind
    return error
