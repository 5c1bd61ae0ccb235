"""`RefCache.install`: what one line gives a server, and what it costs."""

import importlib
import json

import pytest

from mcp_refcache import Namespace, PreviewConfig, RefCache, TiktokenAdapter
from mcp_refcache.backends import MemoryTaskBackend
from mcp_refcache.fastmcp.install import INSTRUCTION

fastmcp = importlib.import_module("fastmcp")
TOKENS = TiktokenAdapter()


@pytest.fixture
def cache():
    return RefCache(name="c", preview_config=PreviewConfig(max_size=50))


@pytest.fixture
def mcp(cache):
    mcp = fastmcp.FastMCP("s", instructions="Be kind.")
    assert cache.install(mcp) == ["get_cached_result", "list_cached_results"]
    return mcp


def tokens(model):
    return TOKENS.count_tokens(json.dumps(model.model_dump(mode="json", by_alias=True, exclude_none=True)))


async def offered(mcp):
    """What a client sees: tools, resource templates, prompts and instructions."""
    async with fastmcp.Client(mcp) as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
        templates = await client.list_resource_templates()
        prompts = await client.list_prompts()
        first = getattr(client, "initialize_result", None) or client
        return tools, templates, prompts, first.instructions


async def said(client, name, **arguments):
    result = await client.call_tool(name, arguments, raise_on_error=False)
    return result.content[0].text if result.is_error else result.structured_content


async def test_everything_is_there(mcp):
    tools, (template,), (prompt,), instructions = await offered(mcp)
    assert set(tools) == {"get_cached_result", "list_cached_results"}
    uri = getattr(template, "uri_template", None) or template.uriTemplate
    assert uri == "refcache://{cache}/{id}{?page,page_size}"
    assert prompt.name == "cache_guide_prompt"
    assert instructions == f"Be kind.\n\n{INSTRUCTION}"


@pytest.mark.parametrize("part", ["tools", "resources", "prompt", "instructions"])
async def test_each_part_can_be_left_out(cache, part):
    mcp = fastmcp.FastMCP("s")
    names = cache.install(mcp, **{part: False})
    tools, templates, prompts, instructions = await offered(mcp)
    assert (names == [], not tools) == ((True, True) if part == "tools" else (False, False))
    assert bool(templates) is (part != "resources")
    assert bool(prompts) is (part != "prompt")
    assert bool(instructions) is (part != "instructions")


@pytest.mark.parametrize("tasks", [None, MemoryTaskBackend], ids=["no tasks", "tasks"])
@pytest.mark.parametrize("admin", [None, lambda context: False], ids=["no admins", "admins"])
async def test_it_costs_few_tokens(tasks, admin):
    cache = RefCache(name="c", task_backend=tasks and tasks())
    mcp = fastmcp.FastMCP("s")
    cache.install(mcp, admin=admin)
    tools, *_ = await offered(mcp)
    assert sum(map(tokens, tools.values())) + TOKENS.count_tokens(INSTRUCTION) <= 500


def shown_to_the_model(tool):
    """What clients make of a tool for a model: annotations and metadata are for themselves."""
    told = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps({name: told[name] for name in ("name", "description", "inputSchema")})


async def test_an_admin_tool_costs_few_tokens(cache):
    mcp = fastmcp.FastMCP("s")
    names = set(cache.install(mcp, admin=lambda context: True))
    tools, *_ = await offered(mcp)
    assert set(tools) == names
    assert all(
        "outputSchema" not in tool.model_dump(by_alias=True, exclude_none=True) for tool in tools.values()
    )
    assert (
        sum(TOKENS.count_tokens(shown_to_the_model(tools[name])) for name in names if "admin" in name) <= 380
    )


@pytest.mark.parametrize("doc", ["Make rows.", "Make rows.\n\nArgs:\n    n: How many.", None])
@pytest.mark.parametrize("docs", [None, "short", "none"])
async def test_a_decorated_tool_costs_few_tokens(cache, mcp, doc, docs):
    plain = fastmcp.FastMCP("plain")

    def rows(n: int) -> list[int]:
        return list(range(n))

    rows.__doc__ = doc
    decorated = cache.cached(docs=docs)(rows)
    mcp.tool(decorated)
    plain.tool(rows)
    if docs is None:
        assert "get_cached_result(ref_id, full=True)" in decorated.__doc__
    base, ours = (await offered(plain))[0]["rows"], (await offered(mcp))[0]["rows"]
    grown = TOKENS.count_tokens(ours.description or "") - TOKENS.count_tokens(base.description or "")
    assert grown <= (0 if docs == "none" else 30)
    assert tokens(ours) - tokens(base) <= 60


async def test_the_whole_explanation_can_be_asked_for(cache, mcp):
    @mcp.tool
    @cache.cached(docs="full")
    def rows(n: int) -> list[int]:
        """Make rows."""
        return list(range(n))

    assert "Full retrieval" in (await offered(mcp))[0]["rows"].description
    with pytest.raises(ValueError, match="docs"):
        cache.cached(docs="long")


async def test_without_install_docs_decides(cache):
    mcp = fastmcp.FastMCP("s")
    for docs in ("short", "none", "full", None):

        def rows(n: int) -> list[int]:
            """Make rows."""
            return list(range(n))

        mcp.tool(cache.cached(docs=docs)(rows), name=f"rows_{docs}")
    tools, *_ = await offered(mcp)
    assert tools["rows_none"].description == "Make rows."
    assert tools["rows_short"].description == "Make rows.\n\nLarge results come as a ref_id with a preview."
    assert "Full retrieval" in tools["rows_full"].description
    assert "Full retrieval" in tools["rows_None"].description


async def test_installing_twice_changes_nothing(cache, mcp):
    cache.install(mcp)
    tools, templates, prompts, instructions = await offered(mcp)
    assert (len(tools), len(templates), len(prompts)) == (2, 1, 1)
    assert instructions.count(INSTRUCTION) == 1


async def test_caches_share_the_tools(cache, mcp):
    other = RefCache(name="other", preview_config=PreviewConfig(max_size=50))
    other.install(mcp)
    for each in (cache, other):

        def rows(n: int) -> list[int]:
            return list(range(n))

        mcp.tool(each.cached()(rows), name=each.name)
    assert len((await offered(mcp))[0]) == 4
    async with fastmcp.Client(mcp) as client:
        for each in (cache, other):
            ref = (await said(client, each.name, n=500))["ref_id"]
            assert (await said(client, "get_cached_result", ref_id=ref))["cache_name"] == each.name
            (content,) = await client.read_resource(f"refcache://{ref.replace(':', '/')}?page=2&page_size=2")
            assert json.loads(content.text)["preview"] == [2, 3]
        assert len((await said(client, "list_cached_results"))["results"]) == 2


async def test_resources_are_read_as_the_caller(cache, mcp):
    async with fastmcp.Client(mcp) as client:
        mine = cache.set("k", list(range(500))).ref_id
        (content,) = await client.read_resource(f"refcache://{mine.replace(':', '/')}")
        assert json.loads(content.text)["total_items"] == 500
        for ref in (cache.set("a", [1], namespace=Namespace.user("alice")).ref_id, "c:" + "0" * 32):
            with pytest.raises(Exception, match="ref_not_found"):
                await client.read_resource(f"refcache://{ref.replace(':', '/')}")


async def test_a_dead_reference_names_the_tool_to_call_again(cache, mcp, clock):
    @mcp.tool
    @cache.cached(ttl=10)
    def rows(n: int) -> list[int]:
        return list(range(n))

    @mcp.tool(name="lines")
    @cache.cached(ttl=10)
    def make(n: int) -> list[int]:
        return list(range(n))

    @mcp.tool
    @cache.cached()
    def total(data: list[int]) -> int:
        return sum(data)

    async with fastmcp.Client(mcp) as client:
        refs = [(await said(client, name, n=500))["ref_id"] for name in ("rows", "lines")]
        assert [each["tool"] for each in (await said(client, "list_cached_results"))["results"]]
        clock.now += 11
        for name, ref in zip(("rows", "lines"), refs, strict=True):
            assert f"Call {name} again" in await said(client, "get_cached_result", ref_id=ref)
            assert f"call {name} again" in await said(client, "total", data=ref)
        assert (await said(client, "list_cached_results"))["results"] == []


async def test_not_yours_and_dead_are_the_same_bytes(cache, mcp, clock):
    for name in ("rows", "lines"):

        def rows(n: int) -> list[int]:
            return list(range(n))

        mcp.tool(cache.cached(ttl=10, session_scoped=True)(rows), name=name)
    async with fastmcp.Client(mcp) as alice, fastmcp.Client(mcp) as bob:
        dead = (await said(alice, "rows", n=500))["ref_id"]
        clock.now += 11
        alive = (await said(alice, "rows", n=500))["ref_id"]
        texts = {await said(bob, "get_cached_result", ref_id=ref) for ref in (dead, alive, "c:" + "0" * 32)}
        assert len(texts) == 1


async def test_results_from_before_a_restart_are_listed(cache):
    before = RefCache(name="c", backend=cache._backend, identity=lambda context: {"user_id": "alice"})
    after = RefCache(name="c", backend=cache._backend, identity=lambda context: {"user_id": user})
    for each in (before, after):
        each.server = fastmcp.FastMCP("s")
        each.install(each.server)

    @before.server.tool
    @before.cached(namespace_template="user:{user_id}")
    def rows(n: int) -> list[int]:
        return list(range(n))

    async with fastmcp.Client(before.server) as client:
        ref = (await said(client, "rows", n=5))["ref_id"]
    async with fastmcp.Client(after.server) as client:
        user = "alice"
        (result,) = (await said(client, "list_cached_results"))["results"]
        assert (result["ref_id"], result["tool"]) == (ref, "rows")
        user = "bob"
        assert (await said(client, "list_cached_results"))["results"] == []


async def test_an_identity_that_fails_stops_only_those_who_ask(cache):
    def identify(context):
        raise fastmcp.exceptions.ToolError("sign in first")

    mcp = fastmcp.FastMCP("s")
    cache.install(mcp, identity=identify)

    @mcp.tool
    def ping() -> str:
        return "pong"

    @mcp.tool
    @cache.cached(namespace_template="user:{user_id}")
    async def mine() -> int:
        return 1

    async with fastmcp.Client(mcp) as client:
        assert (await said(client, "ping"))["result"] == "pong"
        assert await said(client, "mine") == "sign in first"


async def test_admin_tools_come_with_a_check(cache):
    mcp = fastmcp.FastMCP("s")
    names = cache.install(mcp, admin=lambda context: is_admin)
    assert "admin_list_references" in names
    async with fastmcp.Client(mcp) as client:
        for is_admin in (True, False):
            answer = await said(client, "admin_list_references")
            assert (isinstance(answer, dict) and "references" in answer) is is_admin


async def test_admin_tools_are_listed_for_admins_alone(cache):
    mcp = fastmcp.FastMCP("s")

    async def is_admin(context):
        assert isinstance(context, fastmcp.Context)
        return {"admin": True, "other": False}[who]  # a KeyError for everybody else

    cache.install(mcp, admin=is_admin)
    for who, count in (("admin", 7), ("other", 2), ("stranger", 2)):
        async with fastmcp.Client(mcp) as client:
            assert len(await client.list_tools()) == count
            answer = await said(client, "admin_get_cache_stats")
            assert isinstance(answer, dict) is (who == "admin")


async def test_after_a_restart_no_other_tool_is_named(clock):
    backend = RefCache("c")._backend

    def start():
        cache = RefCache("c", backend=backend)
        mcp = fastmcp.FastMCP("s")
        cache.install(mcp)

        @mcp.tool
        @cache.cached(ttl=60)
        def mine(n: int) -> list[int]:
            return list(range(n))

        @mcp.tool
        @cache.cached(ttl=60)
        def other(n: int) -> list[int]:
            return list(range(n))

        return mcp

    async with fastmcp.Client(start()) as client:
        ref = (await client.call_tool("mine", {"n": 9000})).structured_content["ref_id"]
    clock.now += 100
    async with fastmcp.Client(start()) as client:
        await client.call_tool("other", {"n": 1})
        gone = await client.call_tool("get_cached_result", {"ref_id": ref}, raise_on_error=False)
    assert "Call the tool that made it again" in gone.content[0].text
