"""An event loop is never blocked by a disk or a network, whoever waits for it."""

from __future__ import annotations

import asyncio
import importlib
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from stores import Place
from stores import place as place  # a fixture

from mcp_refcache import POLICY_PUBLIC, RefCache
from mcp_refcache.fastmcp import RefCacheMiddleware, register_cache_tools

#: Seconds for which the store keeps everybody waiting.
HELD = 1.0
#: The longest a loop may stand still meanwhile; a busy machine alone can take a third of a second.
STILL = 0.5


@asynccontextmanager
async def never_still() -> AsyncIterator[None]:
    """Hold that the event loop turns all the time."""
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            longest = max(longest, time.perf_counter() - before)

    heart = asyncio.create_task(beat())
    await asyncio.sleep(0.02)
    yield
    heart.cancel()
    assert longest < STILL


@pytest.fixture
def cache(place: Place) -> RefCache:
    return RefCache("one", backend=place.url, default_policy=POLICY_PUBLIC, preview_length=100)


OPERATIONS: dict[str, Callable[[RefCache, str], Awaitable[Any]]] = {
    "aset": lambda cache, ref: cache.aset("new", [1]),
    "aget": lambda cache, ref: cache.aget(ref),
    "aget of a page": lambda cache, ref: cache.aget(ref, page=2, page_size=5),
    "aresolve": lambda cache, ref: cache.aresolve(ref),
    "aresolve by key": lambda cache, ref: cache.aresolve("key"),
    "aexists": lambda cache, ref: cache.aexists("no such key"),
    "akeys": lambda cache, ref: cache.akeys(actor="agent"),
    "adelete": lambda cache, ref: cache.adelete(ref),
    "aclear": lambda cache, ref: cache.aclear("public"),
    "alock": lambda cache, ref: cache.alock("name").acquire(),
}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_operations_let_the_loop_turn(cache: RefCache, place: Place, name: str) -> None:
    ref = cache.set("key", list(range(1000))).ref_id
    place.hold(HELD)
    started = time.perf_counter()
    async with never_still():
        await OPERATIONS[name](cache, ref)
    # readers of SQLite do not wait for a writer
    is_held = place.url.startswith("redis") or name in ("aset", "adelete", "aclear", "alock")
    assert (time.perf_counter() - started > HELD / 2) == is_held


async def test_tools_let_the_loop_turn(cache: RefCache, place: Place) -> None:
    other = RefCache("other", backend=place.url)
    own, foreign = cache.set("k", [1, 2]).ref_id, other.set("k", [3, 4]).ref_id

    @cache.cached()
    async def total(data: Any, offset: int) -> int:
        return sum(data) + offset

    async def answer(data: Any, offset: int) -> Any:
        return (await total(data, offset))["value"]

    assert await answer(own, 0) == 3
    place.hold(HELD)
    async with never_still():
        answers = await asyncio.gather(answer(own, 0), answer(own, 1), answer([5], 1), answer(foreign, 1))
    assert answers == [3, 4, 6, 8]


async def test_tools_of_a_server_let_the_loop_turn(cache: RefCache, place: Place) -> None:
    fastmcp = importlib.import_module("fastmcp")
    foreign = RefCache("other", backend=place.url).set("k", [3, 4]).ref_id
    mcp = fastmcp.FastMCP("s")
    cache.install(mcp)
    register_cache_tools(mcp, cache)

    @mcp.tool
    @cache.cached()
    async def total(data: list[int], offset: int) -> int:
        return sum(data) + offset

    @mcp.tool
    @cache.cached()
    def rows(n: int) -> list[int]:
        return list(range(n))

    async with fastmcp.Client(mcp) as client:

        async def answer(name: str, **arguments: Any) -> Any:
            return (await client.call_tool(name, arguments)).structured_content

        large = await answer("rows", n=1000)
        place.hold(HELD)
        async with never_still():
            answers = await asyncio.gather(
                answer("total", data=foreign, offset=1),
                answer("total", data=large["ref_id"], offset=1),
                answer("rows", n=1000),
                answer("get_cached_result", ref_id=large["ref_id"], page=2, page_size=3),
                answer("list_cached_results"),
            )
            unknown = await client.call_tool(
                "get_cached_result", {"ref_id": "one:0123456789abcdef"}, raise_on_error=False
            )
    assert [each.get("value") for each in answers[:2]] == [8, 499_501]
    assert answers[2]["ref_id"] == large["ref_id"]
    assert answers[3]["preview"] == [3, 4, 5]
    assert unknown.is_error


async def test_the_middleware_lets_the_loop_turn(cache: RefCache, place: Place) -> None:
    fastmcp = importlib.import_module("fastmcp")
    foreign = RefCache("other", backend=place.url).set("k", [3, 4]).ref_id
    mcp = fastmcp.FastMCP("s")
    mcp.add_middleware(RefCacheMiddleware(cache))

    @mcp.tool
    async def total(data: list[int]) -> int:
        return sum(data)

    @mcp.tool
    async def rows(n: int) -> list[int]:
        return list(range(n))

    async with fastmcp.Client(mcp) as client:

        async def answer(name: str, **arguments: Any) -> Any:
            return (await client.call_tool(name, arguments)).structured_content

        await client.list_tools()
        place.hold(HELD)
        async with never_still():
            summed, stored = await asyncio.gather(answer("total", data=foreign), answer("rows", n=1000))
        assert summed == {"result": 7}
        assert await cache.aexists(stored["ref_id"])


async def test_five_hundred_callers_at_once_get_their_own_answers(cache: RefCache) -> None:
    runs: list[int] = []

    @cache.cached()
    async def double(n: int) -> list[int]:
        runs.append(n)
        await asyncio.sleep(0.001)
        return [n, n]

    first = await asyncio.gather(*[double(n % 100) for n in range(500)])
    again = await asyncio.gather(*[double(n % 100) for n in range(500)])
    assert [answer["value"] for answer in first] == [[n % 100] * 2 for n in range(500)]
    assert again == first
    assert sorted(runs) == list(range(100))


async def test_waiting_ends_when_its_task_is_cancelled(cache: RefCache, place: Place) -> None:
    place_is_sqlite = place.url.startswith("sqlite")
    cache.set("key", 1)
    place.hold(HELD)
    for wait in (cache.aset("other", 2), cache.aset("third", 3) if place_is_sqlite else cache.aget("key")):
        started = time.perf_counter()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(wait, timeout=0.1)
        assert time.perf_counter() - started < 0.1 + STILL
    assert await cache.aresolve("key") == 1
    await cache.aset("after", 4)
    assert await cache.aresolve("after") == 4


async def test_when_a_leader_is_cancelled_another_caller_takes_over(cache: RefCache) -> None:
    runs: list[int] = []

    @cache.cached()
    async def slow(n: int) -> list[int]:
        runs.append(n)
        await asyncio.sleep(0.1)
        return [n]

    leader = asyncio.create_task(slow(1))
    await asyncio.sleep(0.05)
    follower = asyncio.create_task(slow(1))
    await asyncio.sleep(0)
    leader.cancel()
    assert (await follower)["value"] == [1]
    assert runs == [1, 1]
    with pytest.raises(asyncio.CancelledError):
        await leader


def test_each_thread_may_have_its_own_loop(cache: RefCache) -> None:
    runs: list[int] = []
    failures: list[BaseException] = []

    @cache.cached()
    async def shared(n: int) -> list[int]:
        runs.append(n)
        await asyncio.sleep(0.05)
        return [n]

    async def work(number: int) -> None:
        assert (await shared(7))["value"] == [7]
        refs = [await cache.aset(f"{number} {turn}", [number, turn]) for turn in range(10)]
        values = await asyncio.gather(*[cache.aresolve(ref.ref_id) for ref in refs])
        assert values == [[number, turn] for turn in range(10)]

    def run(number: int) -> None:
        try:
            asyncio.run(work(number))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failures, runs) == ([], [7])
