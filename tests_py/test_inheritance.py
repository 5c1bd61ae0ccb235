"""A result is as restricted as the values that its tool used, on every way in and out."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import importlib
import json
import logging
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from dict_backend import FullBackend
from stores import Place, place  # noqa: F401 -- a fixture

from mcp_refcache import (
    POLICY_EXECUTE_ONLY,
    AccessPolicy,
    Declassified,
    DefaultActor,
    Permission,
    PreviewConfig,
    Ref,
    RefCache,
    WithheldError,
    resolve_refs,
)
from mcp_refcache.backends import MemoryTaskBackend

SECRET = "SECRET-123-45-6789"
Act = Callable[..., None]
fastmcp = importlib.import_module("fastmcp")


@pytest.fixture
def act(monkeypatch: pytest.MonkeyPatch) -> Act:
    """Makes the following calls come from somebody."""

    def become(user: str | None = None, session: str | None = None) -> None:
        context = SimpleNamespace(
            session_id=session, client_id=None, request_id=None, get_state={"user_id": user}.get
        )
        monkeypatch.setattr("mcp_refcache.cache.try_get_fastmcp_context", lambda: context)

    return become


def hide(cache: RefCache, value: Any = SECRET, **options: Any) -> str:
    return cache.set(
        "secret", value, policy=AccessPolicy(agent_permissions=Permission.EXECUTE), **options
    ).ref_id


def is_hidden(cache: RefCache, answer: Any) -> bool:
    """Whether an agent gets nothing of an answer, nor of what it refers to, and may still use it."""
    assert answer["preview"] is None
    assert SECRET not in json.dumps(answer)
    with pytest.raises(PermissionError):
        cache.get(answer["ref_id"])
    with pytest.raises(PermissionError):
        cache.resolve(answer["ref_id"], actor="agent")
    cache.resolve(answer["ref_id"])
    return True


# -- what a tool does with its input ---------------------------------------------------------------

LAUNDRY: dict[str, Callable[[Any], Any]] = {
    "identity": lambda data: data,
    "slice": lambda data: data[:3],
    "concat": lambda data: f"the value is {data}",
    "str": str,
    "len": len,
    "wrap": lambda data: {"a": [data]},
    "base64": lambda data: base64.b64encode(data.encode()).decode(),
    "generator": lambda data: (letter for letter in data),
    "bool": lambda data: data.startswith("S"),
}


@pytest.mark.parametrize(
    "wrap", [lambda ref: ref, lambda ref: [ref], lambda ref: {"x": ref}], ids=["ref", "list", "dict"]
)
@pytest.mark.parametrize("wash", LAUNDRY.values(), ids=LAUNDRY)
def test_no_cached_tool_launders_a_value(
    cache: RefCache, wash: Callable[[Any], Any], wrap: Callable[[str], Any]
) -> None:
    def tool(data: Any) -> Any:
        return wash(data["x"] if isinstance(data, dict) else data[0] if isinstance(data, list) else data)

    assert is_hidden(cache, cache.cached()(tool)(wrap(hide(cache))))


def test_a_chain_of_tools_stays_closed(cache: RefCache) -> None:
    tool: Any = cache.cached()(lambda data: data)
    ref = hide(cache)
    for _ in range(3):
        answer = tool(ref)
        assert is_hidden(cache, answer)
        ref = answer["ref_id"]
    assert cache.resolve(ref) == SECRET


def test_a_value_inside_a_stored_one_counts(cache: RefCache, act: Act) -> None:
    act("alice")
    inner = cache.set(
        "i", SECRET, policy=AccessPolicy(owner="user:alice", user_permissions=Permission.NONE)
    ).ref_id
    outer = cache.set("o", [inner]).ref_id
    tool: Any = cache.cached()(lambda data: data)
    answer = tool(outer)
    assert answer["value"] == [SECRET]
    policy = cache._backend.get(answer["ref_id"]).policy  # pyright: ignore
    assert (policy.owner, policy.user_permissions) == ("user:alice", Permission.NONE)


WAYS: dict[str, Callable[[RefCache, str], Any]] = {
    "resolve": lambda cache, ref: cache.resolve(ref),
    "resolve as": lambda cache, ref: cache.resolve(ref, actor="user"),
    "get as": lambda cache, ref: cache.get(ref, actor="user").preview,
    "resolve_refs": lambda cache, ref: resolve_refs(cache, [ref], actor=None).value[0],
    "key": lambda cache, ref: cache.resolve("secret"),
    "nested": lambda cache, ref: cache.resolve(cache.cached()(_same)(ref)["ref_id"]),
    "validated": lambda cache, ref: __import__("pydantic").TypeAdapter(Ref[str]).validate_python(ref),
}


def _same(data: Any) -> Any:
    return data


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_value_that_is_fetched_in_the_body_counts(
    cache: RefCache, way: Callable[[RefCache, str], Any]
) -> None:
    ref = hide(cache)

    def tool() -> Any:
        return way(cache, ref)

    decorated: Any = cache.cached()(tool)
    for _ in range(2):
        answer = decorated()
        assert is_hidden(cache, answer)
        assert cache.resolve(answer["ref_id"]) == SECRET


async def test_async_functions_generators_and_threads_count(cache: RefCache) -> None:
    anyio = importlib.import_module("anyio")
    ref = hide(cache)

    @cache.cached()
    async def awaited() -> Any:
        return await cache.aresolve(ref)

    @cache.cached()
    async def stream():
        yield await cache.aresolve(ref)

    @cache.cached()
    async def in_thread() -> Any:
        return await asyncio.to_thread(cache.resolve, ref)

    @cache.cached()
    async def in_anyio_thread() -> Any:
        return await anyio.to_thread.run_sync(cache.resolve, ref)

    @cache.cached()
    async def in_task() -> Any:
        return await asyncio.create_task(cache.aresolve(ref))

    @cache.cached()
    async def argument(data: Any) -> Any:
        return data

    for call in (awaited(), stream(), in_thread(), in_anyio_thread(), in_task(), argument(ref)):
        assert is_hidden(cache, await call)  # pyright: ignore


def test_a_value_of_another_cache_counts(cache: RefCache) -> None:
    other = RefCache("other")
    ref = hide(other)
    tool: Any = cache.cached()(lambda: other.resolve(ref))
    assert is_hidden(cache, tool())


def test_every_store_keeps_what_is_inherited(place: Place) -> None:  # noqa: F811
    cache = RefCache("c", backend=place.url)
    tool: Any = cache.cached()(lambda data: data)
    answer = tool(hide(cache))
    assert is_hidden(cache, answer)
    assert is_hidden(RefCache("c", backend=place.url), answer)


def test_open_values_restrict_nothing(cache: RefCache) -> None:
    tool: Any = cache.cached()(lambda data: data)
    assert tool(cache.set("k", "open").ref_id)["value"] == "open"


# -- hits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("literal_first", [True, False])
def test_the_same_content_as_a_literal_is_another_call(cache: RefCache, literal_first: bool) -> None:
    runs: list[int] = []

    def tool(data: Any) -> Any:
        runs.append(1)
        return data

    decorated: Any = cache.cached()(tool)
    ref = hide(cache)
    answers = [decorated(each) for each in ((SECRET, ref) if literal_first else (ref, SECRET))]
    literal, hidden = answers if literal_first else answers[::-1]
    assert literal["value"] == SECRET
    assert is_hidden(cache, hidden)
    assert len(runs) == 2
    assert decorated(ref)["ref_id"] == hidden["ref_id"]
    assert len(runs) == 2


def test_two_users_and_one_secret(cache: RefCache, act: Act) -> None:
    act("alice", "s1")
    ref = cache.set("k", SECRET, policy=AccessPolicy(bound_session="s1")).ref_id
    tool: Any = cache.cached()(lambda: cache.resolve(ref))
    answer = tool()
    assert answer["value"] == SECRET
    act("bob", "s2")
    with pytest.raises(PermissionError):
        tool()
    with pytest.raises(PermissionError):
        cache.resolve(answer["ref_id"])


def test_waiting_callers_get_no_more_than_the_first(cache: RefCache) -> None:
    ref = hide(cache)
    started = threading.Event()

    def slow() -> Any:
        started.set()
        time.sleep(0.2)
        raise ValueError(cache.resolve(ref))

    tool: Any = cache.cached()(slow)
    caught: list[BaseException] = []

    def call() -> None:
        try:
            tool()
        except BaseException as error:
            caught.append(error)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {type(error).__name__ for error in caught} == {"WithheldError"}
    assert all(SECRET not in str(error) for error in caught)


# -- what goes on around a call --------------------------------------------------------------------


def test_a_secret_as_a_literal_of_an_inner_call_is_no_way_out(cache: RefCache) -> None:
    inner: Any = cache.cached()(lambda text: text * 2)
    answers: list[Any] = []

    def outer(data: str) -> str:
        answers.append(inner(data))
        return answers[0]["value"]

    answer: Any = cache.cached()(outer)(hide(cache))
    assert is_hidden(cache, answer)
    # the code around it saw the value already; the agent does not
    assert answers[0]["value"] == SECRET * 2
    with pytest.raises(PermissionError):
        cache.get(answers[0]["ref_id"])


def test_what_the_body_stores_inherits(cache: RefCache) -> None:
    refs: list[str] = []

    def tool(data: str) -> None:
        refs.append(cache.set("kept", data).ref_id)

    cache.cached()(tool)(hide(cache))
    with pytest.raises(PermissionError):
        cache.get(refs[0])
    assert cache.resolve(refs[0]) == SECRET


# -- errors ----------------------------------------------------------------------------------------


def test_an_error_is_reduced_to_its_type(cache: RefCache, caplog: pytest.LogCaptureFixture) -> None:
    def fail(data: Any) -> Any:
        try:
            raise KeyError(data)
        except KeyError:
            raise ValueError(f"cannot use {data}")  # noqa: B904

    with caplog.at_level(logging.DEBUG), pytest.raises(WithheldError) as caught:
        cache.cached()(fail)(hide(cache))
    error = caught.value
    assert (error.tool, error.kind) == ("fail", "ValueError")
    assert SECRET not in f"{error} {error!r} {caplog.text}"
    assert (error.__cause__, error.__context__) == (None, None)


async def test_an_error_of_an_async_tool_is_reduced(cache: RefCache) -> None:
    @cache.cached()
    async def fail(data: Any) -> Any:
        raise ValueError(data)

    with pytest.raises(WithheldError) as caught:
        await fail(hide(cache))
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None


def test_an_error_about_open_values_is_the_tools_own(cache: RefCache) -> None:
    def fail(data: Any) -> Any:
        raise ValueError(data)

    with pytest.raises(ValueError, match="open"):
        cache.cached()(fail)(cache.set("k", "open").ref_id)


async def test_a_client_learns_the_type_and_no_more(cache: RefCache) -> None:
    mcp = fastmcp.FastMCP("s", mask_error_details=True)

    @mcp.tool
    @cache.cached()
    def fail(data: Any) -> Any:
        raise ValueError(data)

    @mcp.tool
    @cache.cached()
    def typed(data: list[int]) -> int:
        return sum(data)

    @mcp.tool
    @cache.cached()
    def picture(data: Any) -> Any:
        return fastmcp.utilities.types.Image(data=str(data).encode(), format="png")

    ref = hide(cache)
    async with fastmcp.Client(mcp) as client:
        for tool, said in (("fail", "ValueError"), ("typed", "ValidationError"), ("picture", "Image")):
            result = await client.call_tool(tool, {"data": ref}, raise_on_error=False)
            text = str(result.content)
            assert result.is_error
            assert tool in text
            assert said in text
            assert SECRET not in text
            assert base64.b64encode(SECRET.encode()).decode() not in text


# -- calls in the background -----------------------------------------------------------------------


def test_what_is_said_of_a_call_in_the_background_tells_nothing() -> None:
    cache = RefCache("c", task_backend=MemoryTaskBackend())
    ref, go = hide(cache), threading.Event()

    def tool(data: Any, progress_callback: Any = None) -> Any:
        progress_callback(1, 2, f"reading {data}")
        go.wait(5)
        raise ValueError(data)

    answer: Any = cache.cached(async_timeout=0.05)(tool)(ref)
    told: list[str] = []
    for _ in range(2):
        told += [json.dumps(answer, default=str), repr(cache.get_task_status(answer["ref_id"]))]
        told.append(repr(cache.get(answer["ref_id"])))
        go.set()
        time.sleep(0.2)
    assert "1" in told[1]
    assert "ValueError" in told[-2]
    assert SECRET not in str(told)


def test_a_result_that_was_made_in_the_background_inherits() -> None:
    cache = RefCache("c", task_backend=MemoryTaskBackend())
    ref = hide(cache)

    def tool() -> Any:
        time.sleep(0.2)
        return cache.resolve(ref)

    answer: Any = cache.cached(async_timeout=0.01)(tool)()
    time.sleep(0.5)
    assert cache.resolve(answer["ref_id"]) == SECRET
    with pytest.raises(PermissionError):
        cache.get(answer["ref_id"])


def test_without_a_store_nothing_is_shown_either() -> None:
    backend = FullBackend()
    cache = RefCache("c", backend=backend)
    ref = hide(cache)
    backend.is_full = True
    answer: Any = cache.cached()(lambda data: data)(ref)
    assert answer["preview"] is None
    assert SECRET not in json.dumps(answer)


# -- opening ---------------------------------------------------------------------------------------


def test_declassify_opens_results_under_their_own_policy(cache: RefCache) -> None:
    ref = hide(cache)
    assert cache.cached(declassify=True)(len)(ref)["value"] == len(SECRET)  # pyright: ignore
    closed: Any = cache.cached(declassify=True, policy=POLICY_EXECUTE_ONLY)(lambda data: data)
    assert is_hidden(cache, closed(ref))


def test_declassify_opens_no_errors(cache: RefCache) -> None:
    def fail(data: Any) -> Any:
        raise ValueError(data)

    with pytest.raises(WithheldError):
        cache.cached(declassify=True)(fail)(hide(cache))


def test_an_inner_call_that_declassifies_does_not_restrict_the_outer_one(cache: RefCache) -> None:
    ref = hide(cache)
    inner: Any = cache.cached(declassify=True)(len)
    outer: Any = cache.cached()(lambda: inner(ref)["value"] + 1)
    assert outer()["value"] == len(SECRET) + 1


def test_declassified_opens_the_whole(cache: RefCache) -> None:
    tool: Any = cache.cached()(lambda data: Declassified(len(data)))
    assert tool(hide(cache))["value"] == len(SECRET)
    assert tool("abc")["value"] == 3


@dataclasses.dataclass
class Report:
    """What a tool returns."""

    count: Any
    text: Any


@pytest.mark.parametrize(
    "make",
    [
        lambda data: {"count": Declassified(len(data)), "text": data},
        lambda data: [Declassified(len(data)), (data, [Declassified(1)])],
        lambda data: Report(Declassified(len(data)), data),
    ],
    ids=["dict", "list", "dataclass"],
)
def test_declassified_parts_are_stored_as_their_content(cache: RefCache, make: Callable[[Any], Any]) -> None:
    tool: Any = cache.cached()(make)
    answer = tool(hide(cache))
    assert SECRET not in json.dumps(answer)
    kept = cache.resolve(answer["ref_id"])
    assert "Declassified" not in repr(kept)
    assert str(len(SECRET)) in repr(kept)
    shown = tool("abc")
    assert "Declassified" not in repr(shown["value"])


def test_agents_see_the_declassified_parts_and_nothing_else(cache: RefCache) -> None:
    def make(data: Any) -> Any:
        rows = [{"id": Declassified(7), "text": data}]
        return {
            "count": Declassified({"of": len(data)}),
            "rows": rows,
            1: Declassified("one"),
            "a.b": (data, data),
        }

    tool: Any = cache.cached()(make)
    secret = hide(cache)
    expected = {
        "count": {"of": len(SECRET)},
        "rows": [{"id": 7, "text": "[masked]"}],
        1: "one",
        "a.b": "[masked]",
    }
    for _ in range(2):
        assert tool(secret)["value"] == expected
    ref = tool(secret)["ref_id"]
    assert cache.get(ref, max_size=1000).preview == expected
    # what is made of it again, no agent sees
    again: Any = cache.cached()(lambda data: data["count"])
    assert again(ref)["preview"] is None


def test_what_is_declassified_opens_nothing_of_a_tool_whose_results_agents_may_not_see(
    cache: RefCache,
) -> None:
    tool: Any = cache.cached(policy=POLICY_EXECUTE_ONLY)(lambda data: {"count": Declassified(len(data))})
    assert tool(hide(cache))["preview"] is None


async def test_a_plain_tool_answers_with_what_it_declassified() -> None:
    mcp = fastmcp.FastMCP("s")

    @mcp.tool
    def count(data: str) -> Any:
        return {"count": Declassified(len(data))}

    @mcp.tool
    def whole(data: str) -> Declassified[int]:
        return Declassified(len(data))

    async with fastmcp.Client(mcp) as client:
        result = await client.call_tool("count", {"data": "abc"})
        assert json.loads(result.content[0].text) == {"count": 3}
        result = await client.call_tool("whole", {"data": "abc"})
        assert json.loads(result.content[0].text) == 3


def test_a_declassified_value_shows_nothing_of_itself() -> None:
    assert SECRET not in f"{Declassified(SECRET)} {Declassified(SECRET)!r}"


# -- servers ---------------------------------------------------------------------------------------


async def test_cached_tools_of_a_server_inherit_with_everything_installed() -> None:
    cache = RefCache("c", preview_config=PreviewConfig(size_mode="character", max_size=200))
    mcp = fastmcp.FastMCP("s")
    ref = hide(cache)

    @mcp.tool
    @cache.cached(accept_refs=False, resolve_refs=False)
    def validated(data: Ref[str]) -> Any:
        return data

    @mcp.tool
    @cache.cached()
    def echo(data: Any) -> Any:
        return data

    cache.install(mcp)
    async with fastmcp.Client(mcp) as client:
        for tool in ("echo", "validated"):
            result = await client.call_tool(tool, {"data": ref}, raise_on_error=False)
            text = str(result.content)
            assert SECRET not in text
            listed = await client.call_tool("list_cached_results", {})
            for each in listed.structured_content.get("results", []):
                read = await client.call_tool(
                    "get_cached_result", {"ref_id": each["ref_id"], "full": True}, raise_on_error=False
                )
                assert SECRET not in str(read.content)


def test_a_user_in_person_may_see_what_is_theirs(cache: RefCache) -> None:
    answer: Any = cache.cached()(lambda data: data)(hide(cache))
    assert cache.get(answer["ref_id"], actor=DefaultActor.user("alice")).preview == SECRET
