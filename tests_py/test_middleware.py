"""`RefCacheMiddleware` on tools that know nothing of it, through a real client."""

import asyncio
import importlib
import json

import pytest
from pydantic import BaseModel

from mcp_refcache import (
    POLICY_EXECUTE_ONLY,
    AccessPolicy,
    MemoryBackend,
    Permission,
    PreviewConfig,
    RefCache,
    _compat,
)
from mcp_refcache.fastmcp import RefCacheMiddleware

fastmcp = importlib.import_module("fastmcp")
ResponseCachingMiddleware = importlib.import_module(
    "fastmcp.server.middleware.caching"
).ResponseCachingMiddleware
ROWS = [{"id": n, "name": f"name {n}"} for n in range(200)]


class Query(BaseModel):
    limit: int
    names: list[str]


@pytest.fixture
def cache():
    return RefCache(name="c", preview_config=PreviewConfig(max_size=100))


def make_server(cache, **options):
    mcp = fastmcp.FastMCP("s")
    cache.install(mcp)
    mcp.add_middleware(RefCacheMiddleware(cache, **options))

    @mcp.tool
    def rows(n: int) -> list[dict]:
        return ROWS[:n]

    @mcp.tool
    async def total(data: list[int], note: str = "") -> int:
        return sum(data)

    @mcp.tool
    def ask(query: Query) -> list[str]:
        return query.names[: query.limit]

    @mcp.tool
    def text(n: int) -> str:
        return "words " * n

    return mcp


@pytest.fixture
def mcp(cache):
    return make_server(cache)


async def call(mcp, name, **arguments):
    async with fastmcp.Client(mcp) as client:
        return await client.call_tool(name, arguments, raise_on_error=False)


def said(result):
    return result.content[0].text


async def test_a_large_result_comes_by_reference_in_both_channels(cache, mcp):
    async with fastmcp.Client(mcp) as client:
        result = await client.call_tool("rows", {"n": 200})
        answer = result.structured_content
        assert json.loads(said(result)) == answer
        assert answer["is_complete"] is False
        assert answer["original_size"] > 100 >= answer["preview_size"]
        assert "name 137" not in said(result) or answer["preview_size"] <= 100
        ref = answer["ref_id"]
        read = await client.call_tool("get_cached_result", {"ref_id": ref, "full": True})
        assert read.structured_content["value"] == ROWS
        page = await client.call_tool("get_cached_result", {"ref_id": ref, "page": 2, "page_size": 3})
        assert page.structured_content["preview"] == ROWS[3:6]


async def test_a_small_result_passes_as_it_is(cache, mcp):
    plain = fastmcp.FastMCP("plain")

    @plain.tool
    def rows(n: int) -> list[dict]:
        return ROWS[:n]

    ours, theirs = await call(mcp, "rows", n=2), await call(plain, "rows", n=2)
    assert (ours.content, ours.structured_content) == (theirs.content, theirs.structured_content)
    assert cache._backend.keys() == []


async def test_text_is_stored_as_text(cache, mcp):
    answer = (await call(mcp, "text", n=1000)).structured_content
    assert cache._backend.get(answer["ref_id"]).value == "words " * 1000


async def test_a_reference_is_an_argument_of_a_strictly_typed_tool(cache, mcp):
    ref = cache.set("k", [1, 2, 3]).ref_id
    assert said(await call(mcp, "total", data=ref)) == "6"
    query = cache.set("q", {"limit": 1, "names": ["a", "b"]}).ref_id
    assert json.loads((await call(mcp, "ask", query=query)).content[0].text) in ("a", ["a"])
    names = cache.set("n", ["x", "y"]).ref_id
    assert (await call(mcp, "ask", query={"limit": 2, "names": names})).structured_content == {
        "result": ["x", "y"]
    }


async def test_the_list_says_that_references_are_taken(mcp):
    async with fastmcp.Client(mcp) as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
    schema = tools["total"].model_dump(by_alias=True)["inputSchema"]["properties"]
    assert schema["data"]["anyOf"][0]["type"] == "array"
    assert schema["data"]["anyOf"][1]["pattern"].startswith("^[a-zA-Z]")
    assert "anyOf" not in schema["note"]
    assert tools["rows"].model_dump(by_alias=True).get("outputSchema") is None


@pytest.mark.parametrize(
    "secret", [["SECRET-123"], {"a": "SECRET-123"}, "SECRET-123", [1, {"x": "SECRET-123"}]]
)
async def test_no_error_shows_a_referenced_value(cache, mcp, secret):
    ref = cache.set("k", secret, policy=POLICY_EXECUTE_ONLY).ref_id
    for name, arguments in (
        ("total", {"data": ref}),
        ("ask", {"query": ref}),
        ("ask", {"query": {"limit": ref, "names": []}}),
    ):
        result = await call(mcp, name, **arguments)
        assert result.is_error
        assert "SECRET" not in said(result)
        assert ref in said(result)


async def test_a_dead_reference_says_what_to_do(cache, mcp):
    texts = set()
    private = cache.set("k", [1], policy=AccessPolicy(agent_permissions=Permission.NONE)).ref_id
    for ref in (private, "c:" + "0" * 32):
        result = await call(mcp, "total", data=ref)
        assert result.is_error
        texts.add(said(result).replace(ref, "REF"))
    (text,) = texts
    assert text.startswith("Invalid or inaccessible reference: REF")
    assert "again" in text


async def test_tools_can_be_chosen(cache):
    for options in ({"tools": ["text"]}, {"exclude": ["rows"]}):
        mcp = make_server(cache, **options)
        assert (await call(mcp, "rows", n=200)).structured_content == {"result": ROWS}
        assert (await call(mcp, "text", n=1000)).structured_content["is_complete"] is False
    for options in ({"tools": "rows"}, {"exclude": "rows"}):
        with pytest.raises(TypeError, match="list of names"):
            RefCacheMiddleware(cache, **options)
    with pytest.raises(ValueError, match="max_tokens"):
        RefCacheMiddleware(cache, max_tokens=0)


async def test_the_limit_is_in_tokens_whatever_the_cache_counts():
    cache = RefCache(name="c", preview_config=PreviewConfig(size_mode="character", max_size=100))
    mcp = make_server(cache, max_tokens=300)
    assert (await call(mcp, "text", n=250)).structured_content == {"result": "words " * 250}
    assert (await call(mcp, "text", n=1000)).structured_content["is_complete"] is False


async def test_mounted_servers_are_included(cache, mcp):
    child = fastmcp.FastMCP("child")

    @child.tool
    def many(n: int) -> list[int]:
        return list(range(n))

    @child.tool
    def total(data: list[int]) -> int:
        return sum(data)

    try:
        mcp.mount(child, namespace="child")
    except TypeError:
        mcp.mount(child, prefix="child")
    cache.install(child)
    async with fastmcp.Client(mcp) as client:
        answer = (await client.call_tool("child_many", {"n": 500})).structured_content
        assert answer["is_complete"] is False
        assert (await client.call_tool("child_total", {"data": answer["ref_id"]})).content[0].text == "124750"
        read = {"ref_id": answer["ref_id"], "page": 2, "page_size": 2}
        assert (await client.call_tool("child_get_cached_result", read)).structured_content["preview"] == [
            2,
            3,
        ]
        listed = (await client.call_tool("child_list_cached_results", {})).structured_content["results"]
        assert [each["tool"] for each in listed] == ["child_many"]


async def test_decorated_tools_answer_for_themselves(cache, mcp):
    @mcp.tool
    @cache.cached()
    async def made(n: int) -> list[int]:
        return list(range(n))

    @mcp.tool
    @cache.cached()
    def size(data: list[int]) -> int:
        return len(data)

    answer = (await call(mcp, "made", n=500)).structured_content
    assert len(cache._backend.keys()) == 1
    assert (await call(mcp, "size", data=answer["ref_id"])).structured_content["value"] == 500


async def test_pictures_and_links_pass_beside_stored_text(cache, mcp):
    from fastmcp.utilities.types import Image

    @mcp.tool
    def picture() -> Image:
        return Image(data=b"x" * 5000, format="png")

    @mcp.tool
    def both():
        text, image = _compat.text_content("words " * 1000), Image(data=b"x", format="png")
        return _compat.tool_result_type()(content=[text, image.to_image_content()])

    assert [block.type for block in (await call(mcp, "picture")).content] == ["image"]
    result = await call(mcp, "both")
    assert sorted(block.type for block in result.content) == ["image", "text"]
    assert len(json.dumps([block.model_dump() for block in result.content])) < 3000


async def test_results_of_the_protocol_keep_both_channels(cache, mcp):
    result_type = _compat.tool_result_type()

    @mcp.tool
    def made():
        return result_type(
            content=[_compat.text_content("a story " * 500)], structured_content={"rows": ROWS}, meta={"m": 1}
        )

    result = await call(mcp, "made")
    stored = cache._backend.get(result.structured_content["ref_id"]).value
    assert stored == {"text": "a story " * 500, "structured_content": {"rows": ROWS}}
    assert result.meta["m"] == 1


async def test_errors_pass(mcp):
    @mcp.tool
    def fail(n: int) -> list:
        raise fastmcp.exceptions.ToolError("no such thing " * 500)

    result = await call(mcp, "fail", n=1)
    assert result.is_error
    assert "no such thing" in said(result)


async def test_a_failing_store_loses_nothing(caplog):
    class Full(MemoryBackend):
        def set(self, key, entry):
            raise OSError("no space left")

    mcp = make_server(RefCache("c", Full(), preview_length=100))
    assert (await call(mcp, "rows", n=200)).structured_content == {"result": ROWS}
    assert "could not be stored" in caplog.text


async def test_a_reference_belongs_to_the_session(cache, mcp):
    async with fastmcp.Client(mcp) as alice, fastmcp.Client(mcp) as bob:
        ref = (await alice.call_tool("rows", {"n": 200})).structured_content["ref_id"]
        for _ in range(2):
            assert (await alice.call_tool("get_cached_result", {"ref_id": ref})).structured_content
        answer = await bob.call_tool("get_cached_result", {"ref_id": ref}, raise_on_error=False)
        assert answer.is_error
        assert (await alice.call_tool("list_cached_results", {})).structured_content["results"]
        assert (await bob.call_tool("list_cached_results", {})).structured_content["results"] == []


@pytest.mark.parametrize("caching", ["outside", "inside"])
@pytest.mark.parametrize("decorated", [True, False])
async def test_no_dead_reference_comes_out_of_response_caching(cache, caching, decorated, clock):
    mcp = fastmcp.FastMCP("s")
    if caching == "outside":
        mcp.add_middleware(ResponseCachingMiddleware())
    cache.install(mcp)
    mcp.add_middleware(RefCacheMiddleware(cache))
    if caching == "inside":
        mcp.add_middleware(ResponseCachingMiddleware())

    def many(n: int) -> list[int]:
        return list(range(n))

    mcp.tool(cache.cached(ttl=10)(many) if decorated else many)
    cache.default_ttl = 10
    async with fastmcp.Client(mcp) as client:
        for _ in range(4):
            answer = (await client.call_tool("many", {"n": 500})).structured_content
            read = await client.call_tool("get_cached_result", {"ref_id": answer["ref_id"], "page": 1})
            assert read.structured_content["preview"][:3] == [0, 1, 2]
            clock.now += 11
            dead = await client.call_tool(
                "get_cached_result", {"ref_id": answer["ref_id"], "page": 1}, raise_on_error=False
            )
            assert dead.is_error
            assert "Call many again" in said(dead)


async def test_a_thousand_interleaved_calls_never_cross(cache):
    mcp = make_server(cache)

    @mcp.tool
    async def mine(who: str, n: int) -> list[str]:
        await asyncio.sleep(0)
        return [f"{who} {n} {i}" for i in range(60)]

    async with fastmcp.Client(mcp) as alice, fastmcp.Client(mcp) as bob:
        refs = {"alice": [], "bob": []}
        clients = {"alice": alice, "bob": bob}

        async def one(who, n):
            answer = (await clients[who].call_tool("mine", {"who": who, "n": n})).structured_content
            assert {item.split()[0] for item in answer["preview"]} == {who}
            refs[who].append(answer["ref_id"])

        for start in range(0, 200, 20):
            await asyncio.gather(*(one(who, n) for n in range(start, start + 20) for who in clients))
        for who, other in (("alice", "bob"), ("bob", "alice")):
            for ref in refs[other]:
                read = await clients[who].call_tool(
                    "get_cached_result", {"ref_id": ref}, raise_on_error=False
                )
                assert read.is_error
            listed = (await clients[who].call_tool("list_cached_results", {"limit": 100})).structured_content
            assert {result["ref_id"] for result in listed["results"]} <= set(refs[who])


@pytest.mark.parametrize("decorated", [True, False])
async def test_a_question_to_the_user_passes_and_is_asked_each_time(cache, mcp, decorated):
    try:
        types = importlib.import_module("mcp_types")
        asking = types.InputRequiredResult
    except (ImportError, AttributeError):
        pytest.skip("this SDK asks in another way")
    from fastmcp import Context

    asked = []

    async def book(ctx: Context) -> list[int]:
        if not ctx.input_responses:
            request = types.ElicitRequest(
                params=types.ElicitRequestFormParams(
                    message="How many?",
                    requested_schema={"type": "object", "properties": {"n": {"type": "integer"}}},
                )
            )
            return asking(input_requests={"n": request})
        return list(range(ctx.input_responses["n"].content["n"]))

    mcp.tool(cache.cached()(book) if decorated else book)

    async def answer(message, response_type, params, context):
        asked.append(message)
        return {"n": 300 + len(asked)}

    async with fastmcp.Client(mcp, elicitation_handler=answer) as client:
        for n in (1, 2):
            result = (await client.call_tool("book", {})).structured_content
            assert result["is_complete"] is False
            assert result["total_items"] == 300 + n or decorated
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("made", "stored"),
    [
        ({"result": ROWS}, {"result": ROWS}),
        (ROWS, ROWS),
        ([f"line {n}" for n in range(100)], [f"line {n}" for n in range(100)]),
        (json.dumps(ROWS, indent=3), json.dumps(ROWS, indent=3)),
        ({"a": {"b": list(range(300))}}, {"a": {"b": list(range(300))}}),
    ],
)
async def test_what_is_stored_is_what_the_tool_made(cache, mcp, made, stored):
    def make():
        return made

    make.__annotations__["return"] = type(made)
    mcp.tool(make)
    answer = (await call(mcp, "make")).structured_content
    assert cache._backend.get(answer["ref_id"]).value == stored


@pytest.mark.parametrize("indent", [None, 2])
async def test_text_that_is_data_is_stored_as_data(cache, mcp, indent):
    @mcp.tool
    def make():
        text = json.dumps(ROWS, indent=indent)
        return _compat.tool_result_type()(content=[_compat.text_content(text)])

    answer = (await call(mcp, "make")).structured_content
    assert cache._backend.get(answer["ref_id"]).value == ROWS
    assert answer["total_items"] == 200
