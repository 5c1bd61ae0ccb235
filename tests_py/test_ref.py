"""`Ref[T]`: explicit references, in decorated and in plain tools."""

import importlib
import json
from typing import Annotated

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from mcp_refcache import POLICY_EXECUTE_ONLY, AccessPolicy, Permission, Ref, TakesRef

fastmcp = importlib.import_module("fastmcp")


class Inner(BaseModel):
    rows: Ref[list[int]]
    note: Ref[str] | None = None


class Query(BaseModel):
    inner: Inner
    limit: Ref[int] = 3


@pytest.fixture
def mcp(cache):
    mcp = fastmcp.FastMCP("s")
    cache.install(mcp)
    return mcp


async def call(mcp, name="f", **arguments):
    async with fastmcp.Client(mcp) as client:
        result = await client.call_tool(name, arguments, raise_on_error=False)
    return result.content[0].text


def register(mcp, cache, decorated, function):
    mcp.tool(cache.cached()(function) if decorated else function)


def value_of(text, decorated):
    return json.loads(text)["value"] if decorated else json.loads(text)


@pytest.mark.parametrize("decorated", [True, False])
async def test_it_takes_values_and_references(cache, mcp, decorated):
    def f(data: Ref[list[int]], n: Ref[int] = 1, more: Ref[list[str]] | None = None) -> str:
        return [sum(data) * n, more]

    f.__annotations__["return"] = list
    register(mcp, cache, decorated, f)
    data, n, more = (cache.set(str(value), value).ref_id for value in ([1, 2], 5, ["a"]))
    for given in ({"data": [1, 2]}, {"data": data}):
        assert value_of(await call(mcp, **given), decorated) == [3, None]
    assert value_of(await call(mcp, data=data, n=n, more=more), decorated) == [15, ["a"]]
    assert value_of(await call(mcp, data=[data, 1] if False else data, more=None), decorated) == [3, None]


@pytest.mark.parametrize("decorated", [True, False])
async def test_nested_ones_too(cache, mcp, decorated):
    def f(query: Query) -> list:
        return [sum(query.inner.rows[: query.limit]), query.inner.note]

    register(mcp, cache, decorated, f)
    rows, limit, note = (cache.set(str(value), value).ref_id for value in ([1, 2, 3, 4], 2, "hello"))
    query = {"inner": {"rows": rows, "note": note}, "limit": limit}
    assert value_of(await call(mcp, query=query), decorated) == [3, "hello"]
    if decorated:
        whole = cache.set("q", {"inner": {"rows": [5]}}).ref_id
        assert value_of(await call(mcp, query=whole), decorated) == [5, None]


@pytest.mark.parametrize("decorated", [True, False])
async def test_the_schema_says_it_once(cache, mcp, decorated):
    def f(data: Ref[list[int]] | None = None, n: Ref[int] = 1) -> int:
        return 1

    register(mcp, cache, decorated, f)
    async with fastmcp.Client(mcp) as client:
        tool = next(tool for tool in await client.list_tools() if tool.name == "f")
    schema = tool.model_dump(by_alias=True)["inputSchema"]
    assert json.dumps(schema["properties"]["data"]).count("pattern") == 1
    assert schema["properties"]["n"]["anyOf"][0] == {"type": "integer"}


@pytest.mark.parametrize("decorated", [True, False])
async def test_errors_show_the_reference_only(cache, mcp, decorated):
    def f(query: Ref[Query]) -> int:
        return 1

    register(mcp, cache, decorated, f)
    ref = cache.set("k", {"inner": {"rows": ["SECRET-1"]}}, policy=POLICY_EXECUTE_ONLY).ref_id
    text = await call(mcp, query=ref)
    assert "SECRET" not in text
    assert ref in text
    assert "failed with ValidationError" in text


@pytest.mark.parametrize("decorated", [True, False])
async def test_missing_and_forbidden_are_one_answer(cache, mcp, decorated):
    def f(data: Ref[list[int]]) -> int:
        return 1

    register(mcp, cache, decorated, f)
    forbidden = cache.set("k", [1], policy=AccessPolicy(agent_permissions=Permission.NONE)).ref_id
    texts = {(await call(mcp, data=ref)).replace(ref, "R") for ref in (forbidden, "c:" + "0" * 32)}
    assert len(texts) == 1
    assert "Invalid or inaccessible reference: R" in texts.pop()


@pytest.mark.parametrize("decorated", [True, False])
async def test_a_trusted_value_is_not_checked_again(cache, mcp, decorated):
    def f(data: Annotated[list[int], TakesRef(trust=True)]) -> list:
        return data

    register(mcp, cache, decorated, f)
    ref = cache.set("k", ["no int"]).ref_id
    assert value_of(await call(mcp, data=ref), decorated) in (["no int"], "no int")
    assert "validation error" in await call(mcp, data=["no int"])
    assert Ref(list[int], trust=True).__metadata__[0].trust


async def test_what_a_stored_value_points_at_needs_the_callers_own_right_to_read(cache, mcp):
    @mcp.tool
    def f(data: Ref[list]) -> list:
        return data

    secret = cache.set("s", "SECRET-1", policy=POLICY_EXECUTE_ONLY).ref_id
    ref = cache.set("k", [secret]).ref_id
    text = await call(mcp, data=ref)
    assert "SECRET" not in text
    assert "Invalid or inaccessible" in text


async def test_it_works_where_the_decorator_does_not_widen(cache, mcp):
    @mcp.tool
    @cache.cached(accept_refs=False)
    def f(data: Ref[list[int]], other: list[int]) -> int:
        return sum(data) + sum(other)

    ref = cache.set("k", [1, 2]).ref_id
    assert value_of(await call(mcp, data=ref, other=[1]), True) == 4
    assert "validation error" in await call(mcp, data=[1], other=ref)


def test_limits_hold_for_values(cache):
    adapter = TypeAdapter(Ref[Annotated[list[int], Field(max_length=2)]])
    assert adapter.validate_python(cache.set("k", [1, 2]).ref_id) == [1, 2]
    with pytest.raises(ValueError, match="too_long"):
        adapter.validate_python(cache.set("k", [1, 2, 3]).ref_id)


def test_text_that_is_no_reference_of_ours_stays(cache):
    assert TypeAdapter(Ref[str]).validate_python("md5:0123456789abcdef") == "md5:0123456789abcdef"


def test_the_wrong_order_says_how_it_is_right(cache, mcp):
    def f(x: int) -> int:
        return x

    with pytest.raises(TypeError, match=r"@mcp\.tool first"):
        cache.cached()(mcp.tool(f))
