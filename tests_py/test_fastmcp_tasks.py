"""FastMCP's background tasks with cached tools: they work, and nothing crosses between callers."""

import asyncio
import importlib.util

import pytest
from servers import connect, served, token_verifier

from mcp_refcache import PreviewConfig, RefCache
from mcp_refcache.fastmcp import RefCacheMiddleware

fastmcp = importlib.import_module("fastmcp")
pytest.importorskip("docket", reason="comes with fastmcp[tasks]")

#: Tasks are part of FastMCP before 4, and an extension later.
IS_EXTENSION = importlib.util.find_spec("fastmcp_tasks") is not None

#: There a task has neither its caller's token nor a context; it is nobody's, and shares nothing.
knows_its_caller = pytest.mark.skipif(
    fastmcp.__version__.startswith("2."), reason="a task of FastMCP 2 does not know its caller"
)


@pytest.fixture
def cache():
    return RefCache(name="c", preview_config=PreviewConfig(max_size=50))


def make_server(cache, **options):
    mcp = fastmcp.FastMCP("s", **options)
    if IS_EXTENSION:
        mcp.add_extension(importlib.import_module("fastmcp_tasks").TasksExtension())
    cache.install(mcp)
    mcp.add_middleware(RefCacheMiddleware(cache, exclude=["mine", "talk"]))
    mcp.runs = []

    @mcp.tool(task=True)
    @cache.cached(namespace_template="user:{user_id}", owner_template="user:{user_id}")
    async def mine(n: int) -> list[int]:
        mcp.runs.append(n)
        return list(range(n))

    @mcp.tool(task=True)
    @cache.cached(session_scoped=True)
    async def talk(n: int) -> list[int]:
        mcp.runs.append(n)
        return list(range(n))

    @mcp.tool(task=True)
    async def plain(n: int) -> list[int]:
        return list(range(n))

    return mcp


async def start(client, name, **arguments):
    """Start a call in the background."""
    if IS_EXTENSION:
        start = importlib.import_module("fastmcp_tasks.client").call_tool_task
        return await start(client, name, arguments)
    return await client.call_tool(name, arguments, task=True)


async def done(client, name, **arguments):
    """What a call in the background gives."""
    return told(await (await start(client, name, **arguments)).result())


async def answer(client, name, **arguments):
    """What a call in the foreground gives."""
    return told(await client.call_tool(name, arguments, raise_on_error=False))


def told(result):
    return result.content[0].text if result.is_error else result.structured_content


async def test_a_task_has_no_session_and_shares_nothing(cache):
    mcp = make_server(cache)
    async with connect(mcp) as one, connect(mcp) as other:
        refs = {
            (await done(client, name, n=500))["ref_id"]
            for client in (one, other)
            for name in ("mine", "talk")
        }
        assert len(refs) == 4
        for ref in refs:
            assert "ref_not_found" in await answer(one, "get_cached_result", ref_id=ref)


@knows_its_caller
async def test_a_task_is_its_users(cache):
    mcp = make_server(cache, auth=token_verifier())
    async with (
        served(mcp) as url,
        connect(url, auth="alice-token") as alice,
        connect(url, auth="bob-token") as bob,
    ):
        hers = await done(alice, "mine", n=500)
        assert hers["namespace"] == "user:alice"
        assert (await done(alice, "mine", n=500))["ref_id"] == hers["ref_id"]
        assert (await answer(alice, "get_cached_result", ref_id=hers["ref_id"]))["preview"]
        assert (await done(bob, "mine", n=500))["namespace"] == "user:bob"
        assert "ref_not_found" in await answer(bob, "get_cached_result", ref_id=hers["ref_id"])


@knows_its_caller
async def test_a_task_tells_its_progress(cache):
    mcp = make_server(cache)
    goes_on = asyncio.Event()

    @mcp.tool(task=True)
    @cache.cached()
    async def slow(ctx: fastmcp.Context, n: int) -> list[int]:
        await ctx.report_progress(1, n, "step 1")
        await asyncio.wait_for(goes_on.wait(), 20)
        return list(range(n))

    async with connect(mcp) as client:
        task = await start(client, "slow", n=3)
        # FastMCP tells it to those who ask for the status, and sends none to a `progress_handler`
        async for status in statuses(task):
            if message_of(status) == "step 1":
                break
        goes_on.set()
        assert (await task.result()).structured_content["value"] == [0, 1, 2]


async def statuses(task):
    """What a client is told of a task that is not over, again and again."""
    while (status := await task.status()).status == "working":
        yield status
        await asyncio.sleep(0.02)
    pytest.fail(f"the task ended before it told its progress: {status.status}")


def message_of(status):
    return status.status_message if IS_EXTENSION else status.statusMessage


async def test_a_task_that_is_cancelled_stores_nothing_and_may_run_again(cache):
    mcp = make_server(cache)
    started, stopped = [], []

    @mcp.tool(task=True)
    @cache.cached()
    async def slow(n: int) -> int:
        started.append(n)
        try:
            await asyncio.sleep(0.2 if len(started) > 1 else 30)
        except asyncio.CancelledError:
            stopped.append(n)
            raise
        return n

    async with connect(mcp) as client:
        task = await start(client, "slow", n=7)
        while not started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await task.cancel()
        while not stopped:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not cache._backend.keys()
        assert (await done(client, "slow", n=7))["value"] == 7


async def test_results_of_plain_tasks_pass(cache):
    async with connect(make_server(cache)) as client:
        assert (await done(client, "plain", n=500))["result"] == list(range(500))
