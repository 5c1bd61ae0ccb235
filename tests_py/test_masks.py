"""What agents see of values with masked paths, by every way to them and in every store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import ValidationError
from redis_server import RedisServer

from mcp_refcache import (
    AccessPolicy,
    DefaultActor,
    PreviewConfig,
    RefCache,
)
from mcp_refcache.backends import SQLiteBackend
from mcp_refcache.context_integration import build_context_scoped_policy

MARKER = "[masked]"
USERS = [{"name": f"name {i}", "ssn": f"secret-{i:04}", "at": (i, i)} for i in range(30)]
POLICY = AccessPolicy(masked_paths={"users[*].ssn", "key"})
VALUE: dict[str, Any] = {"users": USERS, "key": {"hidden": "secret"}}
SEEN = {"users": [{**user, "ssn": MARKER} for user in USERS], "key": MARKER}
LARGE: dict[str, Any] = {"users": USERS * 100, "key": "secret"}


@pytest.fixture(params=["memory", "sqlite", "redis", "compressed"])
def masked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RefCache]:
    """A cache in each store, with small previews."""
    config = PreviewConfig(size_mode="character", max_size=300)
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis")
        yield RefCache(name="c", backend=server.url, preview_config=config)
    elif request.param == "sqlite":
        yield RefCache(name="c", backend=f"sqlite:///{tmp_path / 'c.db'}", preview_config=config)
    elif request.param == "compressed":
        yield RefCache(
            name="c", backend=SQLiteBackend(tmp_path / "c.db", compress=True), preview_config=config
        )
    else:
        yield RefCache(name="c", preview_config=config)


@pytest.mark.parametrize("value", [VALUE, LARGE], ids=["small", "large"])
def test_agents_see_the_marker_and_tools_get_the_whole(masked: RefCache, value: dict[str, Any]) -> None:
    ref = masked.set("k", value, policy=POLICY).ref_id
    for _ in range(2):  # made, then remembered
        assert "secret" not in str(masked.get(ref))
        assert "secret" not in str(masked.get(ref, page=1, page_size=1))
        assert "secret" not in str(masked.get(ref, page=2, page_size=1))
        assert "secret" in str(masked.get(ref, page=1, page_size=2, max_size=10**6, actor="user"))
    read = masked.resolve(ref, actor="agent")
    assert (read["key"], read["users"][3]) == (MARKER, SEEN["users"][3])
    assert masked.resolve(ref, actor="user") == masked.resolve(ref) == value


def test_a_model_for_a_user_and_one_on_the_allow_list_see_the_marker(cache: RefCache) -> None:
    policy = AccessPolicy(masked_paths=["b"], allowed_actors={"agent:*"}, owner="agent:m")
    ref = cache.set("k", {"a": 1, "b": 2}, policy=policy).ref_id
    assert cache.resolve(ref, actor=DefaultActor.agent(id="m")) == {"a": 1, "b": MARKER}
    assert cache.resolve(ref, actor=DefaultActor.system()) == {"a": 1, "b": 2}


def test_a_small_result_and_its_hit_are_masked(masked: RefCache) -> None:
    seen: list[Any] = []

    @masked.cached(policy=AccessPolicy(masked_paths={"b"}))
    def make() -> dict[str, Any]:
        return {"a": (1, 2), "b": "secret" * 1000}

    @masked.cached(declassify=True)
    def use(value: Any) -> int:
        seen.append(value)
        return len(value["b"])

    made, hit = make(), make()
    assert made["value"] == hit["value"] == {"a": (1, 2), "b": MARKER}
    assert (made["is_complete"], made["size"]) == (True, len('{"a": [1, 2], "b": "[masked]"}'))
    assert use(made["ref_id"])["value"] == 6000
    assert seen[0]["b"] == "secret" * 1000


def test_a_preview_says_that_parts_are_masked(masked: RefCache) -> None:
    @masked.cached(policy=POLICY)
    def make() -> dict[str, Any]:
        return LARGE

    for answer in (make(), make()):
        assert "[masked]" in answer["message"]
        assert "secret" not in str(answer)


def test_what_references_inside_of_values_lead_to_is_masked(cache: RefCache) -> None:
    inner = cache.set("inner", {"a": 1, "b": 2}, policy=AccessPolicy(masked_paths={"b"})).ref_id
    outer = cache.set("outer", [inner]).ref_id
    got: list[Any] = []

    @cache.cached()
    def use(value: Any) -> None:
        got.append(value)

    use(inner)
    use(outer)
    assert got == [{"a": 1, "b": 2}, [{"a": 1, "b": MARKER}]]


def test_parts_of_what_is_no_json_are_hidden_with_it(cache: RefCache) -> None:
    class Point(NamedTuple):
        x: int
        y: int

    policy = AccessPolicy(masked_paths={"*.y", "*[1]"})
    ref = cache.set("k", {"set": {"secret"}, "point": Point(1, 2), "d": {"x": 1}}, policy=policy).ref_id
    read = cache.resolve(ref, actor="agent")
    assert read == {"set": MARKER, "point": [1, MARKER], "d": {"x": 1}}
    assert cache.resolve(ref)["point"] == Point(1, 2)


def test_a_generator_of_the_users_own_gets_what_the_reader_sees() -> None:
    from mcp_refcache.preview import PreviewResult, PreviewStrategy

    class Own:
        def generate(self, value: Any, max_size: int, measurer: Any, **_: Any) -> PreviewResult:
            return PreviewResult(str(value), PreviewStrategy.SAMPLE, 1, 1, None, None, None, None)

    cache = RefCache(name="c", preview_generator=Own(), copy_values=False)  # type: ignore[arg-type]
    ref = cache.set("k", {"b": "secret"}, policy=AccessPolicy(masked_paths={"b"})).ref_id
    assert "secret" not in str(cache.get(ref).preview)
    assert "secret" in str(cache.get(ref, actor="user").preview)
    assert "secret" not in str(cache.resolve(ref, actor="agent"))


def test_the_tools_show_the_marker(masked: RefCache) -> None:
    pytest.importorskip("fastmcp")
    from fastmcp import Client, FastMCP

    server = FastMCP("s")
    masked.install(server)
    ref = masked.set("k", VALUE, policy=POLICY).ref_id

    async def read() -> str:
        async with Client(server) as client:
            shown = [
                await client.call_tool("get_cached_result", {"ref_id": ref, **options})
                for options in ({}, {"full": True}, {"page": 1, "page_size": 1})
            ]
            return str([result.content for result in shown])

    text = asyncio.run(read())
    assert "secret" not in text
    assert MARKER in text


def test_the_admin_tools_show_the_marker(cache: RefCache) -> None:
    pytest.importorskip("fastmcp")
    from mcp_refcache.fastmcp._reference_info import entry_of, format_reference_info, shown_value

    ref = cache.set("k", VALUE, policy=POLICY).ref_id
    entry = entry_of(cache, ref)
    assert entry is not None
    assert "secret" not in str(format_reference_info(ref, entry, include_preview=True))
    assert shown_value(entry) == SEEN


def test_bad_paths_are_refused_at_construction() -> None:
    for paths in ({"a["}, {""}, {"**"}, {"a b"}, "users", {1}):
        with pytest.raises(ValidationError, match="masked_paths"):
            AccessPolicy(masked_paths=paths)  # type: ignore[arg-type]


def test_masks_are_left_out_where_there_are_none_and_go_along_with_copies() -> None:
    assert "masked_paths" not in repr(AccessPolicy()) + str(AccessPolicy().model_dump())
    dumped = POLICY.model_dump(mode="json")
    assert AccessPolicy(**dumped) == POLICY
    scoped = build_context_scoped_policy(POLICY, {"user_id": "a"}, owner_template="user:{user_id}")
    assert scoped.masked_paths == POLICY.masked_paths
