"""Hostile and unlucky values: an error or an answer, never a crash, a hang or half an entry."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hostile import circle, nested

from mcp_refcache import (
    AccessPolicy,
    CacheEntry,
    MemoryBackend,
    PreviewConfig,
    PreviewStrategy,
    RefCache,
    resolve_refs,
)

# -- values that have no text: an error, and nothing is stored ------------------------------------------


class Silent:
    def __str__(self) -> str:
        raise OSError("no text")


class Numeric:
    def __str__(self) -> str:
        return 5  # pyright: ignore


class Interrupting:
    def __str__(self) -> str:
        raise KeyboardInterrupt


REFUSED = [
    ({(1, 2): "x"}, TypeError), ([{b"x": 1}], TypeError), (circle(), ValueError), (nested(100_000), RecursionError),
    (nested(100_000, dict), RecursionError), ([Silent()], OSError), ([Numeric()], TypeError), ([Interrupting()], KeyboardInterrupt), (10**5000, ValueError),
]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "error"),
    REFUSED,
    ids=["tuple key", "bytes key", "circle", "deep", "deep dicts", "str", "no str", "ctrl-c", "digits"],
)
def test_a_value_without_text_is_refused_and_nothing_is_stored(
    cache: RefCache, value: Any, error: type[BaseException]
) -> None:
    old = cache.set("k", "old").ref_id
    with pytest.raises(error):
        cache.set("k", value)
    assert cache._backend.keys() == [old]
    assert cache.resolve("k") == "old"


@pytest.mark.parametrize(
    "value",
    [{(1, 2): "x"}, circle(), [Silent()], nested(100_000)],
    ids=["tuple key", "circle", "str", "deep"],
)
def test_a_tool_may_return_what_has_no_text(cache: RefCache, value: Any) -> None:
    answer: Any = cache.cached()(lambda: value)()
    assert cache.exists(answer["ref_id"])
    cache.resolve(answer["ref_id"])


def test_an_interrupt_in_a_value_is_not_swallowed_by_a_tool(cache: RefCache) -> None:
    with pytest.raises(KeyboardInterrupt):
        cache.cached()(lambda: [Interrupting()])()


@pytest.mark.parametrize("depth", [500, 900])
@pytest.mark.parametrize("kind", [list, dict])
def test_deep_values_are_stored_shown_and_given_back(cache: RefCache, depth: int, kind: type) -> None:
    value = nested(depth, kind)
    ref = cache.set("k", value).ref_id
    assert (cache.get(ref).preview_size or 0) <= 100
    assert (cache.get(ref, page=1).preview_size or 0) <= 100
    back = cache.resolve(ref)
    for _ in range(depth):
        back = back[0] if kind is list else back["a"]
    assert back == 1


def test_resolving_deep_and_circular_arguments_is_an_error(cache: RefCache) -> None:
    for value in (nested(100_000), circle()):
        with pytest.raises((RecursionError, ValueError)):
            resolve_refs(cache, value)


def test_deep_arguments_of_a_tool_are_an_error_or_run(cache: RefCache) -> None:
    tool: Any = cache.cached()(lambda x: 1)
    for value in (nested(100_000), circle()):
        try:
            assert tool(value)["value"] == 1
        except (RecursionError, ValueError):
            pass


# -- values that change while they are looked at ---------------------------------------------------------


class Changing:
    """Changes its container each time somebody asks for its text."""

    container: Any = None
    how: Any = None

    def __str__(self) -> str:
        self.how(self.container)
        return "changing"

    def __deepcopy__(self, memo: Any) -> Any:
        self.how(self.container)
        return self


def replace_all(container: dict[Any, Any]) -> None:
    items = list(container.items())
    container.clear()
    container.update(items)


@pytest.mark.parametrize(
    ("make", "how"),
    [
        (lambda x: {"a": 1, "x": x, "z": 2}, lambda c: c.clear()), (lambda x: {"a": 1, "x": x, "z": 2}, lambda c: c.update({object(): 1})),
        (lambda x: {"a": 1, "x": x, "z": 2}, lambda c: c.pop("z", None)), (lambda x: {"x": x} | dict.fromkeys(range(100)), replace_all),
        (lambda x: {"a": 1, "x": x, "z": 2}, lambda c: c.__setitem__("x", 5)),
        (lambda x: [1, x, 2], lambda c: c.clear()), (lambda x: [x, 1, 2], lambda c: c.pop() if len(c) > 1 else None),
        (lambda x: [1, x], lambda c: c.append(3) if len(c) < 1000 else None), (lambda x: [1, x, 2], lambda c: c.__setitem__(slice(None), [9])),
    ],
    ids=["clear", "add", "remove", "replace", "assign", "clear list", "shorten", "lengthen", "replace list"],
)  # fmt: skip
@pytest.mark.parametrize("copy_values", [True, False])
def test_a_container_that_changes_while_it_is_stored(make: Any, how: Any, copy_values: bool) -> None:
    cache = RefCache(copy_values=copy_values)
    changing = Changing()
    changing.container, changing.how = make(changing), how
    try:
        ref = cache.set("k", changing.container).ref_id
    except (RuntimeError, IndexError):
        assert cache._backend.keys() == []
        return
    for call in (cache.get, cache.resolve):
        try:
            call(ref)
        except (RuntimeError, IndexError):
            pass


class Lying(dict[str, Any]):
    def __len__(self) -> int:
        return 10**9


class LyingList(list[int]):
    def __len__(self) -> int:
        return 10**9


class Failing(dict[str, Any]):
    def items(self) -> Any:
        raise LookupError("items")

    def keys(self) -> Any:
        raise LookupError("keys")

    def __iter__(self) -> Any:
        raise LookupError("iter")


class Liar(list[int]):
    def __iter__(self) -> Any:
        raise LookupError("iter")


@pytest.mark.parametrize("value", [Lying(a=1), LyingList([1, 2]), Failing(a=1), Liar([1])])
def test_subclasses_that_lie_do_no_harm(cache: RefCache, value: Any) -> None:
    try:
        ref = cache.set("k", [value]).ref_id
    except (LookupError, ValueError):
        assert cache._backend.keys() == []
        return
    for call in (cache.get, cache.resolve):
        try:
            call(ref)
        except LookupError:
            pass


class Odd:
    """Cannot be compared, hashed, copied or described."""

    def __eq__(self, other: object) -> bool:
        raise ArithmeticError("eq")

    def __hash__(self) -> int:
        raise ArithmeticError("hash")

    def __copy__(self) -> Any:
        raise ArithmeticError("copy")

    def __deepcopy__(self, memo: Any) -> Any:
        raise ArithmeticError("deepcopy")

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise ArithmeticError("reduce")

    def __bool__(self) -> bool:
        raise ArithmeticError("bool")

    def __len__(self) -> int:
        raise ArithmeticError("len")

    def __repr__(self) -> str:
        return "odd"


class Elusive:
    """Every attribute is an error."""

    def __getattribute__(self, name: str) -> Any:
        raise ArithmeticError(name)


@pytest.mark.parametrize("filler", ["", "x" * 80_000], ids=["small", "large"])
@pytest.mark.parametrize("kind", [Odd, Elusive])
def test_an_object_that_fails_at_everything_is_kept(cache: RefCache, kind: type, filler: str) -> None:
    odd = kind()
    ref = cache.set("k", [odd, filler]).ref_id
    assert cache.resolve(ref)[0] is odd
    assert cache.get(ref).original_size


def test_an_object_that_fails_at_everything_may_be_an_argument(cache: RefCache) -> None:
    tool: Any = cache.cached()(lambda x: 1)
    for kind in (Odd, Elusive):
        try:
            assert tool(kind())["value"] == 1
        except ArithmeticError:
            pass


def test_an_array_has_no_truth_and_no_equality(cache: RefCache) -> None:
    @cache.cached()
    def tool(a: Any) -> Any:
        return {"sum": a.sum()}

    answer: Any = tool(np.arange(10))
    assert answer["value"]["sum"] == 45
    assert tool(np.arange(10))["ref_id"] == answer["ref_id"]  # pyright: ignore


# -- texts that are no Unicode ---------------------------------------------------------------------------

LONELY = "a\ud800b"


def test_lone_surrogates_are_kept_in_values(cache: RefCache) -> None:
    value = {LONELY: [LONELY, {"x": LONELY}]}
    ref = cache.set("k", value).ref_id
    assert cache.resolve(ref) == value
    assert cache.get(ref).preview == value
    tool: Any = cache.cached()(lambda x: x)
    assert tool(LONELY)["value"] == LONELY


@pytest.mark.parametrize("argument", ["key", "namespace", "tool_name"])
def test_lone_surrogates_are_refused_in_names(cache: RefCache, argument: str) -> None:
    with pytest.raises(
        ValueError, match=rf"{argument} must be text without lone surrogates, not 'a\\ud800b'"
    ):
        cache.set(**{"key": "k", "value": 1, argument: LONELY})
    assert cache._backend.keys() == []


@pytest.mark.parametrize("call", ["get", "resolve", "exists", "delete"])
def test_a_lone_surrogate_is_no_reference(cache: RefCache, call: str) -> None:
    if call in ("get", "resolve"):
        with pytest.raises(KeyError, match=r"'a.+ud800b' not found"):
            getattr(cache, call)(LONELY)
    else:
        assert getattr(cache, call)(LONELY) is False


def test_a_lone_surrogate_is_no_key_of_the_backend() -> None:
    backend = MemoryBackend()
    with pytest.raises(ValueError, match="key must be text"):
        backend.set(LONELY, CacheEntry(1, "public", AccessPolicy(), 1.0))
    assert (backend.get(LONELY), backend.exists(LONELY), backend.delete(LONELY)) == (None, False, False)


@pytest.mark.parametrize("text", ["\x00", "\U0010ffff", "\ufeff", "e\u0301", "\u202e", "a" * 100_000])
def test_odd_but_legal_texts_are_kept(cache: RefCache, text: str) -> None:
    ref = cache.set(text, {text: text}, namespace=text)
    assert cache.resolve(ref.ref_id) == {text: text}
    assert cache.resolve(f"{text}:{text}") == {text: text}


# -- sizes at the edge -------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", list(PreviewStrategy))
@pytest.mark.parametrize("limit", [0, 1, 2**31, 2**62, 2**63 - 1])
def test_limits_at_the_edge_are_limits(strategy: PreviewStrategy, limit: int) -> None:
    cache = RefCache(preview_config=PreviewConfig(default_strategy=strategy))
    for value in ([1, 2, 3], {"a": [1]}, "text", 5, None, []):
        shown = cache.get(cache.set("k", value).ref_id, max_size=limit)
        assert (shown.preview_size or 0) <= limit or shown.preview is None


@pytest.mark.parametrize("ttl", [1e-300, 1e308, 5e-324, 10**18])
def test_ttls_at_the_edge_are_ttls(cache: RefCache, ttl: float) -> None:
    ref = cache.set("k", 1, ttl=ttl)
    assert ref.expires_at == ref.created_at + ttl


def test_a_million_items_and_a_megabyte_of_escapes(cache: RefCache) -> None:
    for value in (list(range(1_000_000)), "\x00" * 1_000_000, {str(i): None for i in range(100_000)}):
        ref = cache.set("k", value).ref_id
        assert (cache.get(ref).preview_size or 0) <= 100
        assert (cache.get(ref, page=2).preview_size or 0) <= 100
        assert cache.resolve(ref) == value


# -- the interpreter itself ------------------------------------------------------------------------------


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_small_stack_is_enough() -> None:
    ended = run(
        """
import threading
from mcp_refcache import RefCache
def work():
    cache = RefCache(preview_length=100)
    value = 1
    for _ in range(900): value = [value]
    ref = cache.set("k", value).ref_id
    cache.get(ref); cache.resolve(ref); cache.get(ref, page=1)
    value = 1
    for _ in range(100_000): value = [value]
    for call in (cache.set, lambda key, value: cache.cached()(lambda: value)()):
        try: call("k", value)
        except RecursionError: pass
    print("done")
threading.stack_size(1024 * 1024)
thread = threading.Thread(target=work); thread.start(); thread.join()
"""
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")


def test_parts_that_fail_at_the_end_of_the_interpreter_do_no_harm() -> None:
    ended = run(
        """
import logging, time
from mcp_refcache import RefCache
logging.disable()
class Thing:
    def __del__(self):
        cache.exists("k")
cache = RefCache()
cache.set("k", [Thing()], ttl=0.5)
cache.set("l", [Thing(), "x" * 100_000])
real = time.time
def broken(): raise RuntimeError("no clock")
time.time = broken
"""
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_ctrl_c_reaches_a_part_and_its_caller() -> None:
    ended = run(
        """
import os, signal, time
from mcp_refcache import AccessPolicy, CacheEntry, MemoryBackend, RefCache
class Slow(MemoryBackend):
    def get(self, key):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
cache = RefCache(backend=Slow())
try: cache.resolve("c:0123456789abcdef")
except KeyboardInterrupt: print("interrupted")
"""
    )
    assert (ended.stdout, ended.stderr) == ("interrupted\n", "")
