"""`TracedRefCache`, with the real Langfuse client; what it would send is read from its exporter."""

import importlib
import inspect
import json
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from mcp_refcache import POLICY_USER_ONLY, PermissionDenied, PreviewConfig, RefCache
from mcp_refcache.langfuse import TracedRefCache

langfuse = pytest.importorskip("langfuse", reason="needs langfuse")

SECRET = "top secret 4711"
LARGE = [f"{SECRET} {number}" for number in range(200)]


class World:
    """A traced cache and what was sent."""

    def __init__(self):
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        self.exporter, provider = InMemorySpanExporter(), TracerProvider()
        options = {"tracer_provider": provider, "host": "http://127.0.0.1:9"}  # a port that nobody serves
        if "span_exporter" in inspect.signature(langfuse.Langfuse).parameters:
            options["span_exporter"] = self.exporter
        else:
            provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        # there is one client for each key
        self.client = langfuse.Langfuse(
            public_key=f"pk-lf-{uuid.uuid4()}", secret_key="sk-lf-test", **options
        )
        config = PreviewConfig(size_mode="character", max_size=100)
        self.cache = TracedRefCache(RefCache(name="c", preview_config=config), self.client)

    def sent(self):
        """Name, attributes and metadata of each observation."""
        return [(span.name, dict(span.attributes)) for span in self.spans()]

    def spans(self):
        self.client.flush()
        return self.exporter.get_finished_spans()

    def metadata(self, place=-1):
        prefix = "langfuse.observation.metadata."
        attributes = self.sent()[place][1]
        return {
            name.removeprefix(prefix): _read(text)
            for name, text in attributes.items()
            if name.startswith(prefix)
        }


def _read(text):
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


@pytest.fixture
def world():
    return World()


@pytest.fixture
def cache(world):
    return world.cache


def test_operations_are_observations_with_what_was_kept_out(world, cache):
    ref = cache.set("k", LARGE).ref_id
    shown = cache.get(ref)
    assert cache.resolve(ref) == LARGE
    assert cache.delete(ref, actor="user") is True
    assert cache.clear() == 0
    assert [name for name, _ in world.sent()] == [
        "refcache.set", "refcache.get", "refcache.resolve", "refcache.delete", "refcache.clear",
    ]  # fmt: skip
    told = world.metadata(1)
    assert (told["ref_id"], told["cache"], told["events"]) == (ref, "c", ["previewed"])
    assert told["kept_out"] == shown.original_size - shown.preview_size


def test_a_tool_is_one_observation_that_says_whether_it_was_a_hit(world, cache):
    @cache.cached()
    def tool(n: int) -> list[str]:
        """Make a list."""
        return LARGE

    first, second = tool(1), tool(1)
    assert first == second
    assert [name for name, _ in world.sent()] == ["refcache.call tool"] * 2
    assert [world.metadata(place)["hit"] for place in (0, 1)] == [False, True]
    assert world.sent()[0][1]["langfuse.observation.type"] == "tool"
    assert tool.__name__ == "tool"
    assert "Make a list." in tool.__doc__
    assert list(inspect.signature(tool).parameters) == ["n"]


async def test_async_tools_and_operations_inside_them(world, cache):
    @cache.cached()
    async def tool(n):
        return cache.resolve(cache.set("k", n).ref_id)

    assert (await tool(5))["value"] == 5
    assert [name for name, _ in world.sent()] == ["refcache.set", "refcache.resolve", "refcache.call tool"]
    call = world.spans()[-1]
    assert {span.parent.span_id for span in world.spans()[:2]} == {call.context.span_id}
    assert inspect.iscoroutinefunction(tool)


def test_an_error_is_told_by_its_type_alone(world, cache):
    @cache.cached()
    def tool(text):
        raise ValueError(text)

    with pytest.raises(ValueError, match=SECRET):
        tool(SECRET)
    ref = cache.set("k", 1, policy=POLICY_USER_ONLY).ref_id
    with pytest.raises(PermissionDenied):
        cache.get(ref)
    attributes = world.sent()[0][1]
    assert attributes["langfuse.observation.status_message"] == "ValueError"
    assert world.metadata()["denied"] == "role_insufficient"
    assert all(not span.events for span in world.spans())


def test_no_value_argument_or_key_is_sent(world, cache):
    @cache.cached()
    def tool(data):
        return data

    tool(SECRET)
    tool(LARGE)
    cache.get(cache.set(SECRET, LARGE).ref_id)
    with pytest.raises(KeyError):
        cache.get(SECRET + "?")
    assert len(world.sent()) == 5
    assert SECRET not in " ".join(span.to_json() for span in world.spans())


async def test_in_a_server_traces_name_the_user(world, cache):
    fastmcp = importlib.import_module("fastmcp")
    from mcp_refcache.fastmcp import register_cache_tools

    middleware = importlib.import_module("fastmcp.server.middleware")

    class Who(middleware.Middleware):
        async def on_call_tool(self, context, call_next):
            set_state = context.fastmcp_context.set_state("user_id", "alice")
            if inspect.isawaitable(set_state):
                await set_state
            return await call_next(context)

    mcp = fastmcp.FastMCP("s")
    mcp.add_middleware(Who())
    register_cache_tools(mcp, cache)

    @mcp.tool
    @cache.cached()
    async def tool(n: int) -> list[str]:
        return LARGE

    async with fastmcp.Client(mcp) as client:
        answer = (await client.call_tool("tool", {"n": 1})).structured_content
        page = await client.call_tool("get_cached_result", {"ref_id": answer["ref_id"], "page": 1})
    assert page.structured_content["page"] == 1
    attributes = next(attributes for name, attributes in world.sent() if name == "refcache.call tool")
    assert "alice" in (attributes.get("user.id"), attributes.get("langfuse.user.id"))


def test_what_is_not_traced_is_the_cache_itself(world, cache):
    assert cache.name == "c"
    assert isinstance(cache.cache, RefCache)
    assert cache.exists("k") is False
    with pytest.raises(AttributeError):
        cache.nothing  # noqa: B018
    cache.close()
    cache.set("k", 1)
    cache.close()
    assert world.sent() == []
    assert cache.exists("k")


def test_without_langfuse_it_is_importable_and_says_what_to_install():
    code = (
        "import sys; sys.modules['langfuse'] = None\n"
        "from mcp_refcache import RefCache; from mcp_refcache.langfuse import TracedRefCache\n"
        "try: TracedRefCache(RefCache())\nexcept ImportError as error: print(error)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert "pip install 'mcp-refcache[langfuse]'" in told


def test_the_example_runs_and_tells_what_was_saved():
    example = Path(__file__).parent.parent / "examples" / "langfuse_server.py"
    ran = subprocess.run(
        [sys.executable, example, "--demo"], check=True, capture_output=True, text=True, timeout=120
    )
    assert "sum of the primes below 10,000: 5,736,396" in ran.stdout
    assert "2 runs, 1 saved" in ran.stdout
