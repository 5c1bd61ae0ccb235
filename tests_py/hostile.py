"""Hostile values, and what a call that is given one may do: answer, or fail with a short error of a documented kind."""

from __future__ import annotations

import contextlib
import signal
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcp_refcache import RefCacheError
from mcp_refcache.fastmcp import AdminToolError

SECONDS = 10
CANARY = "canary-7f3a91"
LONGEST = 600

#: `KeyError` and `PermissionError` are how a cache says no; `OSError` is a file that is not there.
KINDS = (TypeError, ValueError, LookupError, PermissionError, RefCacheError, AdminToolError, OSError)


class HostileError(Exception):
    """What hostile objects raise themselves: it must come out as it is."""


def raising(*_: Any, **__: Any) -> Any:
    """A hook that fails."""
    raise HostileError


class Odd:
    """Fails at everything that one may do with an object."""

    __eq__ = __hash__ = __str__ = __repr__ = __bool__ = __len__ = __iter__ = __getitem__ = raising
    __deepcopy__ = __copy__ = __reduce_ex__ = __contains__ = __index__ = __float__ = __fspath__ = raising
    __lt__ = __gt__ = __le__ = __ge__ = __add__ = __radd__ = raising


class Nonsense:
    """Has every method, and each answers what nobody expects."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: {"\ud800": float("nan")}  # pyright: ignore[reportUnknownLambdaType]


class Telling:
    """Its text is a secret: no message may have it."""

    def __repr__(self) -> str:
        return CANARY


class Growing(dict[str, Any]):
    """Changes while it is read."""

    def __iter__(self) -> Iterator[str]:
        for key in list(super().keys()):
            self.pop(key, None)
            yield key

    def items(self) -> Any:
        for number, key in enumerate(self):
            super().__setitem__(f"new{number}", 1)
            yield key, 1


def nested(depth: int, kind: type = list) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value] if kind is list else {"a": value}
    return value


def circle() -> list[Any]:
    items: list[Any] = [1]
    items.append({"a": items})
    return items


DEEP_LISTS, DEEP_DICTS = nested(100_000, list), nested(100_000, dict)  # they take long to make
HUGE = "x" * 1_000_000

HOSTILE: dict[str, Callable[[], Any]] = {
    "deep lists": lambda: DEEP_LISTS,
    "deep dicts": lambda: DEEP_DICTS,
    "circle": circle,
    "huge key": lambda: {HUGE: 1},
    "huge text": lambda: HUGE,
    "huge list": lambda: ["x" * 100_000] * 10,
    "many": lambda: [CANARY] * 10_000,
    "surrogate": lambda: "a\ud800b",
    "nul": lambda: "\x00",
    "empty": lambda: "",
    "brackets": lambda: "[" * 1000,
    "stars": lambda: "*" * 1000,
    "star letters": lambda: "*a" * 500 + "b",
    "braces": lambda: "{" * 1000 + "}",
    "dots": lambda: "." * 1000,
    "bangs": lambda: "!" * 1000 + "[*]",
    "reference": lambda: "c:0123456789abcdef",
    "nan": lambda: float("nan"),
    "infinity": lambda: float("-inf"),
    "negative": lambda: -1,
    "huge number": lambda: 10**400,
    "huge digits": lambda: 10**5000,
    "64 bits": lambda: 2**63,
    "none": lambda: None,
    "true": lambda: True,
    "bytes": lambda: b"\xff\x00",
    "odd": Odd,
    "odd list": lambda: [Odd()],
    "odd dict": lambda: {"a": Odd()},
    "nonsense": Nonsense,
    "telling": Telling,
    "telling list": lambda: [Telling()],
    "telling dict": lambda: {"a": CANARY, "b": Telling()},
    "growing": lambda: Growing(a=1, b=2),
    "hook": lambda: raising,
    "class": lambda: Odd,
    "texts": lambda: {"[[[", "*" * 1000, "!", "a[", "a[-1]", 'a["', "[99999999999999999999]"},
    "number keys": lambda: {1: 2, None: 3, (1, 2): 4},
    "generator": lambda: (i for i in range(3)),
}


@contextlib.contextmanager
def time_limit(what: str) -> Iterator[None]:
    """Fails when the block takes long."""

    def stop(*_: Any) -> None:
        pytest.fail(f"{what} takes longer than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def is_documented(error: BaseException) -> bool:
    """Whether an error is one of those that the documentation names."""
    if isinstance(error, RecursionError):  # as `json.dumps` says it; the interpreter's own has other words
        return "nests deeper than" in str(error)
    return isinstance(error, (*KINDS, HostileError))


def complaint(what: str, call: Callable[[], Any]) -> str | None:
    """What is wrong with the outcome of a call, if anything is."""
    with time_limit(what), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
        except (KeyboardInterrupt, pytest.fail.Exception):
            raise
        except BaseException as error:
            return _about(what, error)
    return None


def _about(what: str, error: BaseException) -> str | None:
    kind = type(error).__name__
    try:
        message = str(error)
    except HostileError:
        return f"{what}: the message of {kind} fails"
    if not is_documented(error):
        return f"{what}: {kind}: {message[:200]}"
    if CANARY in message:
        return f"{what}: {kind} tells the value: {message[:200]}"
    if len(message) > LONGEST:
        return f"{what}: {kind} has {len(message)} characters: {message[:200]}"
    return None
