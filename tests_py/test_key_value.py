"""A cache as the key-value store of FastMCP."""

from __future__ import annotations

import pytest
from fastmcp import Client, Context, FastMCP

from mcp_refcache import PermissionDenied, RefCache, SQLiteBackend


@pytest.fixture(params=["memory", "sqlite"])
def cache(request, tmp_path) -> RefCache:
    return RefCache("c", backend=SQLiteBackend(tmp_path / "c.db") if request.param == "sqlite" else None)


async def test_it_does_what_the_protocol_of_py_key_value_asks(cache: RefCache) -> None:
    protocol = pytest.importorskip("key_value.aio.protocols.key_value").AsyncKeyValue
    store = cache.as_key_value()
    assert isinstance(store, protocol)
    assert await store.get("k") is None
    assert await store.ttl("k") == (None, None)
    await store.put("k", {"a": [1, None]})
    await store.put("k", {"a": 2}, collection="other", ttl=60)
    assert await store.get("k") == {"a": [1, None]}
    assert await store.ttl("k") == ({"a": [1, None]}, None)
    value, left = await store.ttl("k", collection="other")
    assert value == {"a": 2}
    assert left is not None
    assert 50 < left <= 60
    await store.put("k", {"a": 3})
    assert await store.get("k") == {"a": 3}
    assert len(cache.keys("kv:default")) == 1, "what was replaced is gone at once"
    await store.put_many(["x", "y"], [{"n": 1}, {"n": 2}])
    assert await store.get_many(["x", "nothing", "y"]) == [{"n": 1}, None, {"n": 2}]
    assert [value for value, _ in await store.ttl_many(["y", "x"])] == [{"n": 2}, {"n": 1}]
    assert await store.delete("x")
    assert not await store.delete("x")
    assert await store.delete_many(["x", "y", "k"]) == 2


async def test_no_client_can_read_what_it_holds(cache: RefCache) -> None:
    await cache.as_key_value().put("secret", {"token": "hunter2"})
    (ref_id,) = cache.keys("kv:default")
    for actor in ("agent", "user", None):
        with pytest.raises(PermissionDenied):
            cache.get(ref_id, actor=actor)
        with pytest.raises(PermissionDenied):
            cache.resolve(ref_id, actor=actor)


async def test_fastmcp_keeps_its_session_state_in_it(cache: RefCache) -> None:
    server = FastMCP("s", session_state_store=cache.as_key_value())

    @server.tool
    async def count(ctx: Context) -> int:
        number = (await ctx.get_state("number") or 0) + 1
        await ctx.set_state("number", number)
        return number

    async with Client(server) as client:
        assert (await client.call_tool("count", {})).data == 1
        await client.call_tool("count", {})
    assert cache.keys(), "the state is in the cache"
