"""What clients of a server try: stolen references everywhere, forged names, other people's tasks, talkative logs."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_laundering import REFERENCE, Agent

from mcp_refcache import (
    POLICY_EXECUTE_ONLY,
    POLICY_PUBLIC,
    AccessPolicy,
    DefaultActor,
    PermissionDenied,
    PreviewConfig,
    Ref,
    RefCache,
    TaskStatus,
)
from mcp_refcache._cli import main
from mcp_refcache.backends import MemoryTaskBackend
from mcp_refcache.fastmcp import Identity, RefCacheMiddleware, use_identity

fastmcp = importlib.import_module("fastmcp")
SECRET = "canary-5e8f1c90"
WRONG = "0" * 32
ALICE, BOB = Identity(user="alice", session="s1"), Identity(user="bob", session="s2")


@pytest.fixture
def backend() -> Iterator[MemoryTaskBackend]:
    backend = MemoryTaskBackend()
    yield backend
    backend.shutdown(wait=False)


@pytest.fixture
def cache(backend: MemoryTaskBackend) -> RefCache:
    return RefCache(
        "c", task_backend=backend, preview_config=PreviewConfig(size_mode="character", max_size=100)
    )


# -- stolen references ---------------------------------------------------------------------------------

STOLEN: dict[str, dict[str, Any]] = {
    "bound to a user": {"namespace": "user:alice", "bound": True},
    "bound to a session": {"namespace": "session:s1", "bound": True},
    "of both": {"namespace": "user:alice:session:s1", "bound": True},
    "of one session": {"policy": AccessPolicy(bound_session="s1")},
    "of an owner alone": {
        "policy": AccessPolicy(user_permissions=0, agent_permissions=0, owner="user:alice")
    },  # pyright: ignore
    "denied": {"policy": AccessPolicy(denied_actors={"user:bob"})},
}


def full_server(cache: RefCache, who: Callable[[], Identity]) -> Any:
    """A server with everything that a server can have."""
    mcp = fastmcp.FastMCP("s")
    cache.identity = lambda context: who()
    cache.install(mcp, admin=lambda context: False)
    mcp.add_middleware(RefCacheMiddleware(cache, tools=["plain*"]))

    @mcp.tool
    @cache.cached()
    def cached(data: Any) -> Any:
        return data

    @mcp.tool
    @cache.cached(declassify=True, namespace="custom:x")
    async def cached_open(data: Any) -> Any:
        return data

    @mcp.tool
    def resolving(ref_id: str) -> Any:
        return cache.resolve(ref_id)

    @mcp.tool
    async def validated(data: Ref[Any]) -> Any:
        return data

    @mcp.tool
    def plain(data: Any) -> Any:
        return data

    @mcp.tool
    def plain_text(text: str) -> str:
        return text

    @mcp.prompt
    def write(about: str) -> str:
        return str(cache.resolve(about))

    @mcp.resource("mine://{cached}/{id}")
    def mine(cached: str, id: str) -> str:
        return str(cache.resolve(f"{cached}:{id}"))

    return mcp


async def try_all(spy: Agent, ref: str) -> None:
    """Give a reference to every tool, resource and prompt, in each parameter."""
    for tool in await spy.client.list_tools():
        for parameter in tool.model_dump(by_alias=True)["inputSchema"].get("properties", {}):
            for given in (ref, [ref], {"x": ref}):
                await spy.call(tool.name, **{parameter: given})
                if parameter != "ref_id":
                    await spy.call(tool.name, ref_id=ref, **{parameter: given})
        for options in ({"full": True}, {"page": 1}, {"cancel": True}):
            await spy.call(tool.name, ref_id=ref, **options)
    for template in await spy.client.list_resource_templates():
        scheme = template.model_dump(by_alias=True)["uriTemplate"].partition(":")[0]
        await spy.read(f"{scheme}://{ref.replace(':', '/')}")
        await spy.read(f"{scheme}://{ref.replace(':', '/')}?page=1")
    for prompt in await spy.client.list_prompts():
        for argument in prompt.arguments or []:
            await spy.prompt(prompt.name, **{argument.name: ref})


@pytest.mark.parametrize("kind", STOLEN)
async def test_a_stolen_reference_opens_nothing_and_tells_nothing(cache: RefCache, kind: str) -> None:
    options = {"bound": False, **STOLEN[kind]}
    ref = cache._core.set("k", [SECRET], tool_name=None, ttl=None, **options).ref_id
    told: list[list[str]] = []
    for each in (ref, f"c:{WRONG}"):
        async with fastmcp.Client(full_server(cache, lambda: BOB)) as client:
            spy = Agent(client)
            await try_all(spy, each)
            told.append([REFERENCE.sub("<ref>", said) for said in spy.heard])
    assert SECRET not in str(told)
    assert cache.exists(ref)
    # but for how the author's own functions put it, which go on to tell what the methods of the cache raise
    stolen, wrong = ([said for said in heard if "ermission" not in said] for heard in told)
    shipped = [said for said in wrong if "ref_not_found" in said]
    assert shipped
    assert [said for said in stolen if "ref_not_found" in said] == shipped


async def test_the_owner_gets_it_by_the_same_ways(cache: RefCache) -> None:
    ref = cache._core.set("k", [SECRET], tool_name=None, ttl=None, namespace="user:alice", bound=True).ref_id
    async with fastmcp.Client(full_server(cache, lambda: ALICE)) as client:
        spy = Agent(client)
        await try_all(spy, ref)
    assert sum(SECRET in said for said in spy.heard) > 10


# -- keys ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["token", "user:alice:token", "alice:token", "*", "user:*:token", "user:alice:*", ":token", ""]
)
def test_no_key_leads_into_the_namespace_of_another(cache: RefCache, key: str) -> None:  # B6
    ref = cache._core.set(
        "token", SECRET, namespace="user:alice", bound=True, tool_name=None, ttl=None, policy=None
    ).ref_id
    with use_identity(BOB):
        for ask in (cache.get, cache.resolve, cache.cancel_task):
            try:
                told = str(ask(key))
            except (KeyError, PermissionDenied, ValueError) as error:
                told = str(error)
            assert SECRET not in told
            assert ref not in told
        try:
            assert cache.delete(key) is False
        except (KeyError, PermissionDenied, ValueError):
            pass
        assert ref not in cache.keys(actor=DefaultActor.agent())
    assert cache.exists(ref)


# -- what a client says of itself ----------------------------------------------------------------------


@pytest.mark.parametrize("namespace", ["user:alice", "agent:alice", "session:alice", "org:alice"])
def test_the_name_that_a_client_gives_itself_opens_nothing(cache: RefCache, namespace: str) -> None:
    stored = {"namespace": namespace, "bound": True, "tool_name": None, "ttl": None}
    owned = AccessPolicy(user_permissions=0, agent_permissions=0, owner="user:alice")  # pyright: ignore
    refs = [
        cache._core.set("k", SECRET, policy=None, **stored).ref_id,
        cache.set("o", SECRET, policy=owned).ref_id,
    ]
    with use_identity(Identity(client="alice", org="other")):
        for ask in (cache.get, cache.resolve, cache.delete):
            for ref in refs:
                with pytest.raises(PermissionDenied):
                    ask(ref)


def test_clearing_touches_no_other_cache_in_the_store(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'c.db'}"
    one, other = RefCache("one", backend=url), RefCache("other", backend=url)
    ref = one.set("k", SECRET, namespace="user:alice").ref_id
    assert other.clear() == other.clear("user:alice") == 0
    assert other.delete("k") is False
    assert one.resolve(ref) == SECRET


# -- names that forge others ---------------------------------------------------------------------------

FORGED = [
    "alice:session:s1", "acme:user:alice", "alice%3Asession%3As1", "%61lice", "*", "?lice", "[a]lice", "a*", "!alice",
    "alice\n", "\nalice", "alice ", " alice", "alice\x00", "ALICE", "Alice", "\u0430lice", "ali\u0301ce", "\uff41lice",
    "alice\u200b", "\u202ealice", "alice\u00ad", "..", "../alice", "alice/../alice", "user:alice", "{user_id}",
    "{org_id}", "%", "%%", "%2A", "alice,bob", "alice|bob", "a" * 5000, "\ud800",
]  # fmt: skip
TEMPLATES = ("user:{user_id}", "org:{org_id}:user:{user_id}", "user:{user_id}:session:{session_id}")


@pytest.mark.parametrize("name", FORGED, ids=ascii)
def test_no_name_forges_the_namespace_or_ownership_of_another(cache: RefCache, name: str) -> None:  # B9
    own = AccessPolicy(user_permissions=0, agent_permissions=17, owner_permissions=31)  # pyright: ignore
    tools: list[Any] = [cache.cached(namespace_template=each)(lambda: now) for each in TEMPLATES]
    tools.append(cache.cached(owner_template="user:{user_id}", session_scoped=True, policy=own)(lambda: now))
    now = SECRET
    with use_identity(Identity(user="alice", org="acme", session="s1")):
        victims = [tool() for tool in tools]
    now = "other"
    forgers = [
        Identity(user=name, org="acme", session="s2"), Identity(user="alice", org=name, session=name),
        Identity(user="alice", org="acme", session=name), Identity(user=name, org=name, session=name),
    ]  # fmt: skip
    for forger in forgers:
        with use_identity(forger):
            for victim, tool in zip(victims, tools, strict=True):
                try:
                    answer = tool()
                except (ValueError, PermissionDenied, UnicodeError):
                    continue
                # a user who is alice may share what is hers alone by her name
                if SECRET in str(answer):
                    assert forger.user == "alice"
                    assert victim["namespace"] in ("user:alice", "org:acme:user:alice")
                    assert "org" not in victim["namespace"] or forger.org == "acme"
            if forger.user != "alice":
                for victim in victims:
                    with pytest.raises((PermissionDenied, KeyError, UnicodeError)):
                        cache.get(victim["ref_id"])


# -- confused deputies ---------------------------------------------------------------------------------


def test_text_of_an_outsider_does_not_make_a_tool_publish_for_it(cache: RefCache) -> None:
    publish: Any = cache.cached(namespace="custom:board", policy=POLICY_PUBLIC)(lambda data: data)
    hers = cache.set("k", SECRET, policy=AccessPolicy(bound_session="s1")).ref_id
    used = cache.set("u", SECRET, policy=POLICY_EXECUTE_ONLY).ref_id
    with use_identity(BOB):
        texts = [cache.set("text", {"see": hers}).ref_id, cache.set("more", {"see": [used]}).ref_id]
    with use_identity(ALICE):
        answer = publish(texts[0])  # she may read what he named
        with pytest.raises(KeyError):  # what may only be used is not followed from data
            publish(texts[1])
    with use_identity(BOB):
        for ask in (lambda: cache.get(answer["ref_id"]), lambda: publish(texts[0])):
            try:
                told = str(ask())
            except (PermissionDenied, KeyError) as error:
                told = str(error)
            assert SECRET not in told


def test_a_reference_in_a_key_of_data_is_text(cache: RefCache) -> None:
    used = cache.set("u", SECRET, policy=POLICY_EXECUTE_ONLY).ref_id
    tool: Any = cache.cached()(lambda data: list(data))
    assert SECRET not in str(tool({used: 1}))


# -- two users, one after the other in every order -----------------------------------------------------


@pytest.mark.parametrize("size", [1, 200], ids=["small", "large"])
def test_interleaved_users_see_only_their_own(cache: RefCache, size: int) -> None:  # B2
    tool: Any = cache.cached(namespace_template="user:{user_id}")(lambda n: [f"of {now}"] * size)
    use: Any = cache.cached(namespace_template="user:{user_id}")(lambda data: data)
    for order in itertools.product([ALICE, BOB], repeat=4):
        made: dict[str, str] = {}
        for who in order:
            now = str(who.user)
            other = "bob" if now == "alice" else "alice"
            with use_identity(who):
                answer = tool(1)
                made[now] = answer["ref_id"]
                told = [str(answer), str(cache.get(made[now], page=1)), str(use(made[now]))]
                for ask in (cache.get, cache.resolve, use, cache.delete):
                    if other in made:
                        with pytest.raises((PermissionDenied, KeyError)):
                            ask(made[other])
            assert f"of {other}" not in str(told)
            assert f"of {now}" in told[0]
        cache.clear()


# -- tasks of others -----------------------------------------------------------------------------------


class Job:
    """A tool that runs until it is let go."""

    def __init__(self, cache: RefCache, **options: Any) -> None:
        self.go, self.runs = threading.Event(), 0

        @cache.cached(async_timeout=0.02, **options)
        def job(data: str = "", progress_callback: Any = None) -> Any:
            self.runs += 1
            progress_callback(1, 2, SECRET)
            while not self.go.wait(0.01):
                if progress_callback(1, 2, SECRET) is False:
                    break
            raise ValueError(SECRET)

        self.start: Any = job


@pytest.fixture
def job(cache: RefCache) -> Iterator[Job]:
    job = Job(cache)
    yield job
    job.go.set()


@pytest.mark.parametrize("other", [None, "s2"])
def test_without_a_name_a_task_is_stopped_from_its_session_only(
    cache: RefCache, job: Job, other: str | None
) -> None:  # B10
    with use_identity(Identity(session="s1")):
        ref = job.start()["ref_id"]
    with use_identity(Identity(session=other)), pytest.raises(PermissionDenied):
        cache.cancel_task(ref)
    with use_identity(Identity(session="s1")):
        assert cache.get(ref).status == TaskStatus.PROCESSING
        assert cache.cancel_task(ref) is True


def test_with_a_name_a_task_is_stopped_from_any_session_of_it(cache: RefCache, job: Job) -> None:
    with use_identity(ALICE):
        ref = job.start()["ref_id"]
    with use_identity(Identity(user="bob", session="s1")), pytest.raises(PermissionDenied):
        cache.cancel_task(ref)
    with use_identity(Identity(user="alice", session="s9")):
        assert cache.cancel_task(ref) is True


@pytest.mark.parametrize("namespace", ["user:{user_id}", "session:{session_id}"])
def test_a_task_of_another_is_as_one_that_is_not_there(cache: RefCache, namespace: str) -> None:  # B10
    job = Job(cache, namespace_template=namespace)
    with use_identity(ALICE):
        ref = job.start()["ref_id"]
    for _ in range(2):
        with use_identity(BOB):
            for ask in (cache.get, cache.resolve, cache.cancel_task):
                with pytest.raises((PermissionDenied, KeyError)) as caught:
                    ask(ref)
                assert SECRET not in str(caught.value)
        job.go.set()
        while cache._active_tasks:
            threading.Event().wait(0.01)


async def test_clients_cannot_stop_each_others_tasks(cache: RefCache, job: Job) -> None:  # B10
    mcp = fastmcp.FastMCP("s")
    cache.install(mcp)
    mcp.tool(job.start, name="job")
    async with fastmcp.Client(mcp) as one, fastmcp.Client(mcp) as other:
        ref = (await one.call_tool("job", {})).structured_content["ref_id"]
        for _ in range(2):
            await other.call_tool("get_cached_result", {"ref_id": ref, "cancel": True}, raise_on_error=False)
            told = (await one.call_tool("get_cached_result", {"ref_id": ref})).structured_content
            assert told["status"] == "processing"
        stopped = await one.call_tool("get_cached_result", {"ref_id": ref, "cancel": True})
        assert stopped.structured_content["status"] == "cancelled"
        await asyncio.sleep(0.05)
    assert job.runs == 1


# -- what is written about it --------------------------------------------------------------------------


async def test_logs_and_reprs_have_no_values(
    cache: RefCache, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Any] = []
    cache.events.subscribe(heard.append)
    with caplog.at_level(logging.DEBUG):
        ref = cache.set("k", SECRET, policy=POLICY_EXECUTE_ONLY).ref_id
        answer: Any = cache.cached()(lambda data: data)(ref)
        shown = [
            cache, cache._backend, cache._tasks, cache._core, cache._backend.get(ref), answer, job.start(ref),
            cache._core.find("k", "public"), cache._active_tasks, cache.get_task_status(ref),
        ]  # fmt: skip
        for ask in (
            cache.get,
            lambda each: cache.get(each, page=1),
            lambda each: cache.resolve(each, actor="agent"),
        ):
            with pytest.raises(PermissionDenied) as caught:
                ask(ref)
            shown += [caught.value, vars(caught.value)]
        async with fastmcp.Client(full_server(cache, lambda: BOB)) as client:
            await try_all(Agent(client), ref)
    ours = [record for record in caplog.records if record.name.startswith("mcp_refcache")]
    assert SECRET not in " ".join(f"{record.getMessage()} {record.exc_text}" for record in ours)
    assert SECRET not in " ".join(map(repr, heard))
    for each in shown:
        assert SECRET not in f"{each!r} {each!s}", type(each)


@pytest.mark.parametrize(
    "command",
    [["ls"], ["ls", "--json"], ["show"], ["show", "--json"], ["stats"], ["stats", "--json"], ["doctor"]],
)
def test_the_program_shows_no_values_unasked(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'c.db'}"
    ref = RefCache("c", backend=url).set("k", {"a": [SECRET]}, tool_name="t").ref_id
    main([*command, *([ref] if command[0] == "show" else []), "--store", url])
    printed = "".join(capsys.readouterr())
    assert printed
    assert SECRET not in printed
