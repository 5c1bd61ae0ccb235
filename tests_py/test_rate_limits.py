"""How often callers may come: `RefCache(rate_limits=)`."""

import subprocess
import sys
import threading

import pytest
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError

from mcp_refcache import (
    DefaultActor,
    Namespace,
    PermissionDenied,
    RateLimitExceeded,
    RefCache,
    SQLiteBackend,
    resolve_refs,
)
from mcp_refcache.events import EventKind
from mcp_refcache.metrics import CacheMetrics

ALICE = DefaultActor.user("alice")
BOB = DefaultActor.user("bob")
UNKNOWN = "demo:" + "0" * 32


def granted(act, most=50):
    """How often something may be done until it is refused, and the refusal."""
    for number in range(most):
        try:
            act()
        except RateLimitExceeded as refused:
            return number, refused
    return most, None


@pytest.fixture
def now(monkeypatch):
    moment = [1_000_000.0]
    monkeypatch.setattr("time.time", lambda: moment[0])
    return moment


def test_a_refusal_says_when_to_come_back_and_keeps_its_word(now):
    cache = RefCache("demo", rate_limits={"actor:user:*": "6/min burst 2"})
    ref = cache.set("k", 1).ref_id
    number, refused = granted(lambda: cache.get(ref, actor=ALICE))
    assert number == 2
    assert refused.retry_after == 10.0
    assert str(refused) == "rate limit of 6/min burst 2 for actor:user:* is reached; try again in 10 s"
    now[0] += 9.9
    assert granted(lambda: cache.get(ref, actor=ALICE))[0] == 0
    now[0] += 0.1
    assert granted(lambda: cache.get(ref, actor=ALICE))[0] == 1


def test_each_actor_namespace_and_reference_has_its_own():
    cache = RefCache("demo", rate_limits={"actor:*": "3/h", "room:*": "5/h", "ref:*": "4/h"})
    refs = [cache.set(str(n), n, namespace=f"room:{n % 2}").ref_id for n in range(4)]
    users = [DefaultActor.user(f"u{n}") for n in range(9)]
    assert granted(lambda: cache.get(refs[0], actor=users[0]))[0] == 3  # the actor
    assert granted(lambda: cache.get(refs[0], actor=users[1]))[0] == 1  # the reference: 4
    assert granted(lambda: cache.get(refs[2], actor=users[2]))[0] == 1  # the namespace: 5
    assert granted(lambda: cache.get(refs[1], actor=users[3]))[0] == 3  # another of all


@pytest.mark.parametrize(
    "ask",
    [
        lambda cache, ref: cache.get(ref, actor=BOB),
        lambda cache, ref: cache.resolve(ref, actor=BOB),
        lambda cache, ref: cache.delete(ref, actor=BOB),
        lambda cache, ref: resolve_refs(cache, [ref], actor=BOB),
        lambda cache, ref: resolve_refs(cache, [ref], actor=BOB, fail_on_missing=False),
    ],
)
@pytest.mark.parametrize("forbidden", [False, True])
def test_guessing_counts_whether_wrong_or_forbidden(ask, forbidden):
    cache = RefCache("demo", rate_limits={"actor:user:*": "3/h", "user:alice": "1/h", "ref:*": "1/h"})
    ref = cache.set("k", 1, namespace=Namespace.user("alice")).ref_id
    asked = ref if forbidden else UNKNOWN

    def guess():
        try:
            ask(cache, asked)
        except (KeyError, PermissionDenied):
            pass

    assert granted(guess)[0] == 3
    assert cache.get(ref, actor=ALICE).preview == 1  # nobody exhausts what is not theirs


def test_storing_by_an_actor_counts_and_the_server_itself_does_not():
    cache = RefCache("demo", rate_limits={"actor:*": "2/h", "public": "1/h"})
    for n in range(20):
        ref = cache.set(str(n), n).ref_id
        assert cache.resolve(ref) == n
        assert cache.get(ref).preview == n
        assert cache.delete(ref)
    assert granted(lambda: cache.set("x", 1, actor=ALICE))[0] == 1


def test_the_system_does_not_count():
    cache = RefCache("demo", rate_limits={"actor:*": "1/h"})
    ref = cache.set("k", 1).ref_id
    assert granted(lambda: cache.get(ref, actor=DefaultActor.system()))[0] == 50


@pytest.mark.parametrize(
    "limits",
    [
        {"a": "60 per minute"}, {"a": "0/s"}, {"a": "-1/s"}, {"a": "1/week"}, {"a": ""}, {"a": "1/s burst"},
        {"a": "1/s burst 0"}, {"a": "99999999999999999999/s"}, {"a": "1.5/s"}, {"a": "+1/s"}, {"": "1/s"},
        {"actor:": "1/s"}, {"actor:agnet:*": "1/s"}, {"actor:user:": "1/s"}, {"ref:": "1/s"},
    ],
)  # fmt: skip
def test_a_bad_limit_is_refused_with_what_would_be_one(limits):
    with pytest.raises(ValueError, match="such as '60/min'|'session:\\*'"):
        RefCache(rate_limits=limits)


@pytest.mark.parametrize("limits", [{"a": 60}, {1: "60/min"}])
def test_a_limit_is_text(limits):
    with pytest.raises(TypeError, match="rate_limits"):
        RefCache(rate_limits=limits)


def test_refusals_are_told_as_denials():
    cache = RefCache("demo", rate_limits={"actor:*": "1/h"})
    metrics, denied = CacheMetrics(cache), []
    cache.events.subscribe(denied.append, kinds=[EventKind.DENIED])
    ref = cache.set("k", 1).ref_id
    granted(lambda: cache.get(ref, actor=ALICE))
    assert [(event.reason, event.ref_id, event.actor) for event in denied] == [
        ("rate_limited", ref, "user:alice")
    ]
    assert metrics.snapshot()["denials"] == 1


def test_eight_threads_get_no_more_than_one():
    cache = RefCache("demo", rate_limits={"actor:*": "100/day"})
    ref = cache.set("k", 1).ref_id
    counts = []
    threads = [
        threading.Thread(
            target=lambda: counts.append(granted(lambda: cache.get(ref, actor=ALICE), most=200)[0])
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 100


CHILD = """
import sys
from mcp_refcache import DefaultActor, RateLimitExceeded, RefCache
cache = RefCache("demo", backend=sys.argv[1], rate_limits={"actor:*": "20/day"})
number = 0
try:
    while number < 50:
        try:
            cache.get("demo:" + "0" * 32, actor=DefaultActor.user("alice"))
        except KeyError:
            number += 1
except RateLimitExceeded:
    pass
print(number)
"""


def of_processes(url):
    children = [
        subprocess.Popen([sys.executable, "-c", CHILD, url], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    return sum(int(child.communicate(timeout=120)[0]) for child in children)


def test_two_processes_share_what_a_file_keeps(tmp_path):
    assert of_processes(f"sqlite:///{tmp_path / 'cache.db'}") == 20
    # and a file that knows limits is still one for a cache without
    assert RefCache("demo", backend=SQLiteBackend(tmp_path / "cache.db")).keys() == []


def test_two_processes_share_what_redis_keeps(redis):
    assert of_processes(redis.url) == 20


@pytest.fixture
def server():
    cache = RefCache("demo", rate_limits={"actor:*": "3/day"})
    mcp = FastMCP("demo", mask_error_details=True)
    cache.install(mcp)
    runs = []

    @mcp.tool
    @cache.cached(shared=True)
    def rows(n: int) -> list[int]:
        runs.append(n)
        return list(range(n))

    @mcp.tool
    @cache.cached(shared=True)
    def total(data: list[int]) -> int:
        return sum(data)

    @mcp.tool
    def plain(ref: str) -> int:
        return len(cache.resolve(ref))

    mcp.runs = runs
    return mcp


async def calls(client, tool, arguments, most=10):
    for number in range(most):
        try:
            await client.call_tool(tool, arguments)
        except ToolError as error:
            if "try again in" in str(error):
                return number, str(error)
    return most, None


async def test_a_client_learns_when_to_come_back_to_a_result(server):
    async with Client(server) as client:
        ref = (await client.call_tool("rows", {"n": 3})).data["ref_id"]
        number, text = await calls(client, "get_cached_result", {"ref_id": ref})
    assert number == 3
    assert "rate limit of 3/day for actor:* is reached; try again in 28800 s" in text


async def test_hits_count_and_fresh_results_do_not(server):
    async with Client(server) as client:
        for n in range(10):
            await client.call_tool("rows", {"n": n})
        number, text = await calls(client, "rows", {"n": 1})
    assert number == 3
    assert "try again in" in text
    assert server.runs == list(range(10))


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_cached_result", {"ref_id": UNKNOWN}),
        ("total", {"data": UNKNOWN}),
        ("plain", {"ref": UNKNOWN}),
        ("list_cached_results", {}),
    ],
)
async def test_guessing_through_tools_is_slowed_down(server, tool, arguments):
    async with Client(server) as client:
        assert (await calls(client, tool, arguments))[0] == 3


async def test_a_resource_says_it_as_well(server):
    async with Client(server) as client:
        ref = (await client.call_tool("rows", {"n": 3})).data["ref_id"]
        address = f"refcache://{ref.replace(':', '/')}"
        for _ in range(3):
            await client.read_resource(address)
        with pytest.raises(Exception, match="try again in 28800 s"):
            await client.read_resource(address)
