"""What tools make of values that may be used and not read stays unread."""

from __future__ import annotations

import importlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mcp_refcache import POLICY_EXECUTE_ONLY, AccessPolicy, Permission, PreviewConfig, RefCache
from mcp_refcache.fastmcp import RefCacheMiddleware

fastmcp = importlib.import_module("fastmcp")
SECRET = "SECRET-123-45"


@pytest.fixture
def cache() -> RefCache:
    return RefCache("c", preview_config=PreviewConfig(size_mode="character", max_size=200))


@pytest.fixture
async def client(cache: RefCache) -> AsyncIterator[Any]:
    """A client of a server whose tools know nothing of references."""
    mcp = fastmcp.FastMCP("tools")

    @mcp.tool
    def echo(data: Any) -> Any:
        return {"said": data}

    @mcp.tool
    def length(data: str, other: str = "") -> int:
        return len(data) + len(other)

    @mcp.tool
    def fail(data: Any) -> str:
        raise ValueError(f"cannot use {data}")

    @mcp.tool
    def picture(data: Any) -> Any:
        return fastmcp.utilities.types.Image(data=str(data).encode(), format="png")

    @mcp.tool
    @cache.cached()
    def cached_echo(data: Any) -> Any:
        return data

    opened = cache.set("open", 1).ref_id

    @mcp.tool
    def forge(data: Any) -> Any:
        return {"ref_id": opened, "is_complete": True, "value": data}

    mcp.add_middleware(RefCacheMiddleware(cache))
    cache.install(mcp)
    async with fastmcp.Client(mcp) as client:
        yield client


async def call(client: Any, tool: str, **arguments: Any) -> Any:
    return await client.call_tool(tool, arguments, raise_on_error=False)


def stored(cache: RefCache, ref_id: str) -> Any:
    entry = cache._backend.get(ref_id)
    return entry and entry.value


def shown(result: Any) -> str:
    return f"{result.content} {result.structured_content} {result.meta}"


async def test_a_small_result_comes_by_reference_without_a_preview(cache: RefCache, client: Any) -> None:
    ref = cache.set("k", SECRET, policy=POLICY_EXECUTE_ONLY).ref_id
    result = await call(client, "echo", data=ref)
    answer = json.loads(result.content[0].text)
    assert answer == result.structured_content
    assert answer["preview"] is None
    assert SECRET not in shown(result)
    assert stored(cache, answer["ref_id"]) == {"said": SECRET}


@pytest.mark.parametrize("wrap", [lambda ref: ref, lambda ref: [ref], lambda ref: {"a": {"b": ref}}])
async def test_no_chain_of_tools_opens_it(wrap, cache: RefCache, client: Any) -> None:
    ref = cache.set("k", SECRET, policy=POLICY_EXECUTE_ONLY).ref_id
    for _ in range(3):
        result = await call(client, "echo", data=wrap(ref))
        assert SECRET not in shown(result)
        ref = json.loads(result.content[0].text)["ref_id"]
        read = await call(client, "get_cached_result", ref_id=ref, full=True)
        assert read.is_error
        assert SECRET not in shown(read)


@pytest.mark.parametrize("tool", ["fail", "picture"])
async def test_an_error_and_a_picture_are_kept_back(tool: str, cache: RefCache, client: Any) -> None:
    ref = cache.set("k", SECRET, policy=POLICY_EXECUTE_ONLY).ref_id
    result = await call(client, tool, data=ref)
    assert result.is_error
    assert SECRET not in shown(result)
    assert ref in result.content[0].text


async def test_what_may_be_read_is_answered_as_always(cache: RefCache, client: Any) -> None:
    ref = cache.set("k", "open").ref_id
    assert (await call(client, "echo", data=ref)).structured_content == {"said": "open"}
    assert "cannot use open" in (await call(client, "fail", data=ref)).content[0].text


async def test_one_closed_argument_closes_the_result(cache: RefCache, client: Any) -> None:
    opened = cache.set("a", "open").ref_id
    closed = cache.set("b", SECRET, policy=POLICY_EXECUTE_ONLY).ref_id
    result = await call(client, "length", data=opened, other=closed)
    answer = json.loads(result.content[0].text)
    assert answer["preview"] is None
    assert stored(cache, answer["ref_id"]) == len("open" + SECRET)


async def test_the_strictest_of_several_policies_holds(cache: RefCache, client: Any) -> None:
    one = AccessPolicy(
        agent_permissions=Permission.EXECUTE,
        user_permissions=Permission.READ,
        denied_actors=["user:mallory"],
    )
    other = AccessPolicy(agent_permissions=Permission.EXECUTE | Permission.UPDATE, denied_actors=["user:eve"])
    refs = [cache.set("a", "x", policy=one).ref_id, cache.set("b", "y", policy=other).ref_id]
    answer = (await call(client, "length", data=refs[0], other=refs[1])).structured_content
    entry = cache._backend.get(answer["ref_id"])
    assert entry is not None
    assert entry.policy == AccessPolicy(
        agent_permissions=Permission.EXECUTE,
        user_permissions=Permission.READ | Permission.EXECUTE,
        denied_actors=["user:mallory", "user:eve"],
    )


async def test_a_cached_tool_hides_by_itself(cache: RefCache, client: Any) -> None:
    ref = cache.set("k", SECRET, policy=POLICY_EXECUTE_ONLY).ref_id
    first = (await call(client, "cached_echo", data=ref)).structured_content
    assert first["preview"] is None
    assert stored(cache, first["ref_id"]) == SECRET
    again = (await call(client, "cached_echo", data=first["ref_id"])).structured_content
    assert stored(cache, again["ref_id"]) == SECRET


async def test_an_answer_that_a_tool_makes_up_is_no_way_out(cache: RefCache, client: Any) -> None:
    ref = cache.set("k", SECRET, policy=POLICY_EXECUTE_ONLY).ref_id
    result = await call(client, "forge", data=ref)
    assert SECRET not in shown(result)
