"""`get_cached_result`: what a model reads by reference, through a real client."""

import importlib
import json

import pytest

from mcp_refcache import POLICY_EXECUTE_ONLY, AccessPolicy, Permission, PreviewConfig, RefCache
from mcp_refcache.fastmcp.cache_tools import register_cache_tools

fastmcp = importlib.import_module("fastmcp")


@pytest.fixture
def mcp(cache):
    mcp = fastmcp.FastMCP("s")
    assert register_cache_tools(mcp, cache) == ["get_cached_result"]
    return mcp


async def read(mcp, ref_id, **arguments):
    """The structured answer, or the text of the error."""
    async with fastmcp.Client(mcp) as client:
        result = await client.call_tool(
            "get_cached_result", {"ref_id": ref_id, **arguments}, raise_on_error=False
        )
    if result.is_error:
        return result.content[0].text
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content


async def test_a_preview(cache, mcp):
    ref = cache.set("k", list(range(1000)), ttl=60).ref_id
    answer = await read(mcp, ref)
    assert list(answer) == [
        "ref_id", "cache_name", "namespace", "total_items", "total_tokens", "original_size", "preview_size",
        "preview", "preview_strategy", "page", "total_pages", "available_actions", "has_more",
        "expires_in_s",
    ]  # fmt: skip
    assert (answer["ref_id"], answer["total_items"], answer["preview_strategy"]) == (ref, 1000, "sample")
    assert answer["preview_size"] <= 100
    assert answer["has_more"] is True
    assert 55 <= answer["expires_in_s"] <= 60


async def test_a_whole_value_has_no_more(cache, mcp):
    answer = await read(mcp, cache.set("k", [1, 2]).ref_id)
    assert (answer["preview"], answer["has_more"]) == ([1, 2], False)


async def test_pages_hold_everything_once(cache, mcp):
    ref = cache.set("k", list(range(45))).ref_id
    seen, page = [], 1
    while True:
        answer = await read(mcp, ref, page=page, page_size=20)
        seen += answer["preview"]
        if not answer["has_more"]:
            break
        page += 1
    assert seen == list(range(45))
    assert (page, answer["total_pages"]) == (3, 3)
    past = await read(mcp, ref, page=9, page_size=20)
    assert (past["preview"], past["page"], past["has_more"]) == ([], 9, False)


async def test_a_larger_preview(cache, mcp):
    ref = cache.set("k", list(range(1000))).ref_id
    assert 100 < (await read(mcp, ref, max_size=500))["preview_size"] <= 500
    assert (await read(mcp, ref, max_size=100_000))["preview"] == list(range(1000))


async def test_a_full_value(cache, mcp):
    ref = cache.set("k", {"rows": list(range(1000))}).ref_id
    assert await read(mcp, ref, full=True) == {
        "ref_id": ref,
        "value": {"rows": list(range(1000))},
        "is_complete": True,
    }


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ({1, 2}, [1, 2]),
        ((1, (2,)), [1, [2]]),
        ({1: 2}, {"1": 2}),
        (1j, "1j"),
        (None, None),
        ("é", "é"),
        (b"\xff", "b'\\xff'"),
        ("\ud800", '"\\ud800"'),
    ],
)
async def test_full_values_of_any_kind(cache, mcp, value, sent):
    ref = cache.set("k", value).ref_id
    assert (await read(mcp, ref, full=True))["value"] == sent


async def test_full_arrays(cache, mcp):
    np = importlib.import_module("numpy")
    assert "1" in str((await read(mcp, cache.set("k", np.arange(3)).ref_id, full=True))["value"])


async def test_a_value_above_the_limit_says_what_to_do(cache):
    mcp = fastmcp.FastMCP("s")
    register_cache_tools(mcp, cache, full_limit=200)
    ref = cache.set("k", list(range(1000))).ref_id
    answer = await read(mcp, ref, full=True)
    assert answer["is_complete"] is False
    assert answer["preview_size"] <= 100
    assert "page=1" in answer["message"]
    assert ref in answer["message"]
    assert (await read(mcp, ref, max_size=100_000))["preview_size"] <= 200


async def test_the_limit_counts_what_the_cache_counts():
    cache = RefCache(preview_config=PreviewConfig(max_size=10))
    mcp = fastmcp.FastMCP("s")
    register_cache_tools(mcp, cache)
    small, large = cache.set("k", ["word"] * 5_000).ref_id, cache.set("l", ["word"] * 30_000).ref_id
    assert (await read(mcp, small, full=True))["is_complete"] is True
    assert (await read(mcp, large, full=True))["is_complete"] is False


async def test_everything_that_cannot_be_read_gets_one_answer(cache, mcp, clock):
    nobody = AccessPolicy(agent_permissions=Permission.NONE)
    expired = cache.set("e", 1, ttl=1).ref_id
    clock.now += 2
    refs = [
        "c:" + "0" * 32,
        "other:" + "0" * 32,
        "nonsense",
        "",
        "k",
        expired,
        cache.set("k", 1, policy=nobody).ref_id,
        cache.set("u", 1, namespace="user:alice").ref_id,
        cache.set("x", "secret", policy=POLICY_EXECUTE_ONLY).ref_id,
    ]
    answers = {
        (await read(mcp, ref, **options)) for ref in refs for options in ({}, {"full": True}, {"page": 1})
    }
    assert len(answers) == 1
    text = answers.pop()
    assert text.startswith("ref_not_found")
    assert "again" in text


@pytest.mark.parametrize(
    "arguments", [{"page": 0}, {"page": -1}, {"page_size": 0}, {"page_size": 1001}, {"max_size": 0}]
)
async def test_nonsense_is_refused(cache, mcp, arguments):
    assert "validation error" in await read(mcp, cache.set("k", [1]).ref_id, **arguments)


async def test_the_tool_as_a_model_sees_it(mcp):
    async with fastmcp.Client(mcp) as client:
        (tool,) = await client.list_tools()
    hints = tool.annotations.model_dump(exclude_none=True)
    assert set(hints.values()) == {"Read cached result", True, False}
    assert len(hints) == 5
    schema = getattr(tool, "input_schema", None) or tool.inputSchema
    assert schema["required"] == ["ref_id"]
    assert schema["properties"]["ref_id"]["pattern"].startswith("^[a-zA-Z]")
    assert "ctx" not in schema["properties"]
    assert "pass its ref_id" in tool.description


async def test_it_reads_as_the_current_caller(cache, mcp, monkeypatch):
    import mcp_refcache.cache

    class Context:
        session_id, client_id, request_id = "s1", None, None

        async def get_state(self, key):
            return user if key == "user_id" else None

    monkeypatch.setattr(mcp_refcache.cache, "try_get_fastmcp_context", Context)
    ref = cache.set("k", [1], namespace="user:alice").ref_id
    user = "alice"
    assert (await read(mcp, ref))["preview"] == [1]
    user = "bob"
    assert (await read(mcp, ref)).startswith("ref_not_found")


async def test_with_a_decorated_tool(cache, mcp):
    @mcp.tool
    @cache.cached()
    async def numbers(n: int) -> list[int]:
        """Count."""
        return list(range(n))

    async with fastmcp.Client(mcp) as client:
        answer = (await client.call_tool("numbers", {"n": 1000})).structured_content
        assert answer["is_complete"] is False
        page = await client.call_tool(
            "get_cached_result", {"ref_id": answer["ref_id"], "page": 2, "page_size": 5}
        )
    assert page.structured_content["preview"] == [5, 6, 7, 8, 9]


def test_limits_must_be_positive(cache):
    with pytest.raises(ValueError, match="full_limit"):
        register_cache_tools(fastmcp.FastMCP("s"), cache, full_limit=0)
