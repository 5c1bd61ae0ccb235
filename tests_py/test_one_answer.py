"""A wrong reference and a forbidden one are one answer: the same bytes, in the same time."""

from __future__ import annotations

import importlib
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from mcp_refcache import AccessPolicy, DefaultActor, Ref, RefCache
from mcp_refcache.fastmcp import Identity, RefCacheMiddleware
from mcp_refcache.resolution import resolve_refs

fastmcp = importlib.import_module("fastmcp")
CALLS = 2_000
NEARLY = 0.10
BOB = DefaultActor.user("bob", session_id="s2")

FORBIDDEN: dict[str, dict[str, Any]] = {
    "another's namespace": {"namespace": "user:alice"},
    "another's session": {"policy": AccessPolicy(bound_session="s1")},
    "no permission": {"policy": AccessPolicy(user_permissions=0, agent_permissions=0)},
    "denied": {"policy": AccessPolicy(denied_actors={"user:bob", "agent:*"})},
}


@pytest.fixture
def cache() -> RefCache:
    return RefCache("c", identity=lambda context: Identity(user="bob", session="s2"))


def stored(cache: RefCache, kind: str) -> str:
    """The reference of an entry in a namespace that counts for the server's own use, too."""
    options = {"namespace": None, "policy": None, "tool_name": None, "ttl": None} | FORBIDDEN[kind]
    return cache._core.set("k", "v" * 1_000, bound=True, **options).ref_id


def told(ref_id: str, shown: Any) -> str:
    return str(shown).replace(ref_id, "REF").replace(ref_id.partition(":")[2], "ID")


def pairs(forbidden: str) -> Iterator[list[str]]:
    """Give wrong references and the forbidden one by turns, now one first, now the other: what comes at every second
    call anyway (a collection of garbage, a line of a log) would else be laid to one of them."""
    order = random.Random(0)
    for number in range(CALLS):
        pair = [f"c:{number:032x}", forbidden]
        order.shuffle(pair)
        yield pair


def assert_alike(wrong: list[float], forbidden: list[float]) -> None:
    ratio = statistics.median(forbidden) / statistics.median(wrong)
    assert 1 - NEARLY <= ratio <= 1 + NEARLY, f"forbidden takes {ratio:.3f} of the time of wrong"


def timed(ask: Callable[[str], Any], ref_id: str, taken: list[float]) -> str:
    started = time.perf_counter()
    answer = ask(ref_id)
    taken.append(time.perf_counter() - started)
    return told(ref_id, answer)


def error_of(call: Callable[[], Any]) -> str:
    try:
        return f"{call()!r}"
    except KeyError as error:
        return f"{type(error).__name__}: {error} {error.__cause__!r}"


RESOLVERS: dict[str, Callable[[RefCache, str], Any]] = {
    "resolve_refs": lambda cache, ref_id: error_of(lambda: resolve_refs(cache, {"x": [ref_id]}, actor=BOB)),
    "resolve_refs, as the caller": lambda cache, ref_id: error_of(
        lambda: resolve_refs(cache, {"x": [ref_id]}, actor=None)
    ),
    "resolve_refs, keeping what is missing": lambda cache, ref_id: resolve_refs(
        cache, [ref_id], actor=BOB, fail_on_missing=False
    ),
}


@pytest.mark.parametrize("kind", FORBIDDEN)
@pytest.mark.parametrize("path", RESOLVERS)
def test_of_a_resolver(cache: RefCache, path: str, kind: str) -> None:
    def ask(ref_id: str) -> Any:
        return RESOLVERS[path](cache, ref_id)

    forbidden = stored(cache, kind)
    unlike: list[float] = []
    like: list[float] = []
    for pair in pairs(forbidden):
        first, second = (timed(ask, ref_id, like if ref_id == forbidden else unlike) for ref_id in pair)
        assert first == second
    assert_alike(unlike, like)


def server(cache: RefCache) -> Any:
    mcp = fastmcp.FastMCP("s")
    cache.install(mcp)
    mcp.add_middleware(RefCacheMiddleware(cache, tools=["plain"]))

    @mcp.tool
    @cache.cached()
    def cached(data: Any) -> Any:
        return data

    @mcp.tool
    def explicit(data: Ref[Any]) -> Any:
        return data

    @mcp.tool
    def plain(data: Any) -> Any:
        return data

    @mcp.prompt
    def write(about: Ref[Any]) -> str:
        return str(about)

    return mcp


PATHS: dict[str, Callable[[Any, str], Awaitable[Any]]] = {
    "get_cached_result": lambda client, ref: client.call_tool_mcp("get_cached_result", {"ref_id": ref}),
    "a page": lambda client, ref: client.call_tool_mcp("get_cached_result", {"ref_id": ref, "page": 2}),
    "cancelling": lambda client, ref: client.call_tool_mcp(
        "get_cached_result", {"ref_id": ref, "cancel": True}
    ),
    "an argument of a cached tool": lambda client, ref: client.call_tool_mcp("cached", {"data": ref}),
    "within an argument": lambda client, ref: client.call_tool_mcp("cached", {"data": {"x": [ref]}}),
    "Ref[T]": lambda client, ref: client.call_tool_mcp("explicit", {"data": ref}),
    "the middleware": lambda client, ref: client.call_tool_mcp("plain", {"data": ref}),
    "the resource": lambda client, ref: client.read_resource_mcp(f"refcache://{ref.replace(':', '/')}"),
}


@pytest.mark.parametrize("path", PATHS)
async def test_of_a_server(cache: RefCache, path: str) -> None:
    forbidden = stored(cache, "no permission")
    unlike: list[float] = []
    like: list[float] = []

    async def ask(client: Any, ref_id: str, taken: list[float]) -> str:
        started = time.perf_counter()
        try:
            answer = await PATHS[path](client, ref_id)
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        taken.append(time.perf_counter() - started)
        return told(ref_id, answer)

    async with fastmcp.Client(server(cache)) as client:
        for pair in pairs(forbidden):
            first, second = [
                await ask(client, ref_id, like if ref_id == forbidden else unlike) for ref_id in pair
            ]
            assert first == second
    assert_alike(unlike, like)
