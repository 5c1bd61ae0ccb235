"""Every public function and method, with a hostile value for each of its parameters.

What is called is found by introspection, so that a new function is covered on the day it is written. An answer is
fine, and so is a short error of a documented kind; a panic, a crash, a hang, or a value's text in a message is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import public_api
import pytest
from hostile import HOSTILE, complaint
from redis_server import RedisServer

from mcp_refcache import RedisBackend
from mcp_refcache.fastmcp import AdminToolError

EVERYTHING = public_api.everything()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that a call makes are made in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("MCP_REFCACHE_DB_PATH", raising=False)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def used(answer: Any, loop: asyncio.AbstractEventLoop) -> Any:
    """Does with an answer what it is for: awaits it, enters it, decorates and calls a function with it."""
    if inspect.iscoroutinefunction(answer):
        return used(public_api.invoke(answer), loop)
    if inspect.isawaitable(answer):
        return loop.run_until_complete(asyncio.wait_for(answer, 5))
    if isinstance(answer, contextlib.AbstractContextManager):
        with answer:
            return None
    if inspect.isfunction(answer) and "<locals>" in answer.__qualname__:
        return used(answer(public_api.function) if inspect.signature(answer).parameters else answer(), loop)
    return answer


@pytest.mark.parametrize("name", EVERYTHING)
def test_sane_arguments_get_an_answer(name: str, loop: asyncio.AbstractEventLoop) -> None:
    """Else the others would be refused before the hostile one is looked at."""
    with contextlib.suppress(FileNotFoundError, KeyError, PermissionError, AdminToolError):
        used(public_api.invoke(EVERYTHING[name]()), loop)


@pytest.mark.parametrize("name", EVERYTHING)
def test_hostile_arguments_get_an_answer_or_a_documented_error(
    name: str, loop: asyncio.AbstractEventLoop
) -> None:
    assert not list(complaints(name, EVERYTHING[name], loop))


@pytest.mark.parametrize("name", public_api.methods_of(RedisBackend))
def test_so_do_the_methods_of_a_backend_that_needs_a_server(
    name: str, redis: RedisServer, loop: asyncio.AbstractEventLoop
) -> None:
    def make() -> public_api.Call:
        backend = RedisBackend(redis.url)
        backend.set("k", public_api.entry())
        return getattr(backend, name)

    with contextlib.suppress(KeyError):
        used(public_api.invoke(make()), loop)
    assert not list(complaints(name, make, loop))


def complaints(
    name: str, make: Callable[[], public_api.Call], loop: asyncio.AbstractEventLoop
) -> Iterator[str]:
    """Calls with each hostile value for each parameter, and gives what is wrong with an outcome."""
    for parameter in public_api.parameters(make()):
        for label, value in HOSTILE.items():
            wrong = complaint(
                f"{name}({parameter}={label})",
                lambda p=parameter, v=value: used(public_api.invoke(make(), p, v()), loop),
            )
            if wrong:
                yield wrong
