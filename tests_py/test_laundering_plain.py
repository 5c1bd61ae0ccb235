"""Agents try to make tools launder that know nothing of references: guarded ones, and ones behind a middleware or proxy.

The egress guard is a net: it looks for a value as it is, and in JSON escapes, base64 and URL encoding.
"""

from __future__ import annotations

import base64
import importlib
import inspect
import json
import sys
import textwrap
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_laundering import CANARY, HIDDEN, Agent, agent

from mcp_refcache import AccessPolicy, Declassified, Permission, Ref, RefCache
from mcp_refcache.fastmcp import RefCacheMiddleware

fastmcp = importlib.import_module("fastmcp")
media = importlib.import_module("fastmcp.utilities.types")
compat = importlib.import_module("mcp_refcache._compat")
VALUE = {"name": CANARY, "count": 3}


@pytest.fixture
def ref(cache: RefCache) -> str:
    return cache.set("secret", VALUE, policy=HIDDEN).ref_id


def fail(name: str) -> Any:
    try:
        raise KeyError(name)
    except KeyError as error:
        raise ValueError(f"no {name}") from error


def returned_error(name: str) -> Any:
    kind = compat.tool_result_type()
    fields = {**inspect.signature(kind.__init__).parameters, **getattr(kind, "model_fields", {})}
    if "is_error" not in fields:
        pytest.skip("this FastMCP returns no errors")
    return kind(content=[compat.text_content(name)], is_error=True)


def encoded(name: str) -> str:
    return base64.b64encode(name.encode()).decode()


LEAKS: dict[str, Callable[[str], Any]] = {
    "identity": lambda name: name,
    "slice": lambda name: [name][:1],
    "concat": lambda name: "it is " + name,
    "f-string": lambda name: f"<{name!s:>60}>",
    "base64": encoded,
    "base64-off-by-one": lambda name: encoded("x" + name + "y"),
    "base64-urlsafe": lambda name: base64.urlsafe_b64encode(name.encode()).decode().rstrip("="),
    "urlencode": lambda name: "https://example.org/?" + urllib.parse.urlencode({"q": name}),
    "quote": lambda name: urllib.parse.quote(name, safe=""),
    "json": lambda name: json.dumps({"name": name}),
    "json-escapes": lambda name: "".join(f"\\u{ord(letter):04x}" for letter in name),
    "dict-key": lambda name: {name: 1},
    "deep": lambda name: {"a": [{"b": {"c": [name]}}]},
    "error": fail,
    "returned-error": returned_error,
    "result": lambda name: compat.make_result(
        content=[compat.text_content("see there")], structured={"n": {"x": name}}, meta=None
    ),
    "text-only-result": lambda name: compat.make_result(
        content=[compat.text_content(name)], structured={"n": 1}, meta=None
    ),
    "block": lambda name: [compat.text_content("one"), compat.text_content(name)],
    "image": lambda name: media.Image(data=b"\x89PNG" + name.encode(), format="png"),
    "audio": lambda name: media.Audio(data=name.encode(), format="wav"),
    "file": lambda name: media.File(data=name.encode(), format="txt", name="file"),
    "file-name": lambda name: media.File(data=b"-", format="txt", name=urllib.parse.quote(name)),
}
TEXTS = ["identity", "concat", "f-string", "base64", "quote", "json", "json-escapes", "error"]


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("way", ["resolve", "Ref", "key", "read as a user"])
async def test_no_plain_tool_launders(
    cache: RefCache, server: Any, ref: str, leak: Callable[[str], Any], way: str
) -> None:
    def tool(of: str) -> Any:
        read = {
            "resolve": lambda: cache.resolve(of),
            "key": lambda: cache.resolve("secret"),
            "read as a user": lambda: cache.get(of, actor="user").preview,
        }
        return leak(read[way]()["name"])

    def validated(of: Ref[Any]) -> Any:
        return leak(of["name"])

    server.tool(validated if way == "Ref" else tool, name="tool")
    async with agent(server) as spy:
        result = await spy.call("tool", of=ref)
        await spy.follow()
    assert result.is_error
    assert not spy.knows


@pytest.mark.parametrize("name", TEXTS)
async def test_no_resource_or_prompt_launders(cache: RefCache, server: Any, ref: str, name: str) -> None:
    leak = LEAKS[name]
    server.resource("secret://it")(lambda: leak(cache.resolve(ref)["name"]))

    @server.resource("secret://{of}/name", mime_type="application/json")
    def of_it(of: str) -> Any:
        return leak(cache.resolve(of.replace("-", ":"))["name"])

    @server.resource("secret://bytes")
    def as_bytes() -> bytes:
        return str(leak(cache.resolve(ref)["name"])).encode()

    @server.prompt
    def ask(of: str) -> str:
        return leak(cache.resolve(of)["name"])

    @server.prompt
    def ask_in_messages(of: str) -> list[str]:
        return ["first", leak(cache.resolve(of)["name"])]

    async with agent(server) as spy:
        for uri in ("secret://it", f"secret://{ref.replace(':', '-')}/name", "secret://bytes"):
            await spy.read(uri)
        for prompt in ("ask", "ask_in_messages"):
            await spy.prompt(prompt, of=ref)
        await spy.follow()
    assert not spy.knows


async def test_a_plain_tool_around_cached_ones_does_not_launder(
    cache: RefCache, server: Any, ref: str
) -> None:
    other = RefCache("other")  # not installed anywhere
    same: Any = cache.cached()(lambda data: data["name"])
    elsewhere: Any = other.cached()(lambda data: data)

    @server.tool
    def tool(of: str, how: int) -> Any:
        if how == 0:
            return cache.resolve(same(of)["ref_id"])
        if how == 1:
            return elsewhere(cache.resolve(of)["name"])
        return other.resolve(other.set("k", cache.resolve(of)["name"]).ref_id)

    async with agent(server) as spy:
        for how in range(3):
            assert (await spy.call("tool", of=ref, how=how)).is_error
        await spy.follow()
    assert not spy.knows


async def test_repeating_the_reference_itself_is_no_leak(cache: RefCache, server: Any, ref: str) -> None:
    @server.tool
    def check(of: str, name: str) -> Any:
        return {"of": of, "is_right": cache.resolve(of)["name"] == name, "count": cache.resolve(of)["count"]}

    @server.tool
    def opened(of: str) -> Any:
        return {"count": Declassified(len(cache.resolve(of)["name"]))}

    async with agent(server) as spy:
        right = await spy.call("check", of=ref, name="somebody else")
        assert right.structured_content == {"of": ref, "is_right": False, "count": 3}
        assert "16" not in str((await spy.call("opened", of=ref)).content) or len(CANARY) == 16


# -- masks: some parts hidden --------------------------------------------------------------------------


async def test_masked_parts_do_not_leave_a_plain_tool(cache: RefCache, server: Any) -> None:
    policy = AccessPolicy(masked_paths={"[*].name"})
    ref = cache.set("rows", [{"name": CANARY, "city": "Lausanne-Ouchy"}], policy=policy).ref_id

    @server.tool
    def names(of: str) -> list[str]:
        return [row["name"] for row in cache.resolve(of)]

    @server.tool
    def cities(of: str) -> list[str]:
        return [row["city"] for row in cache.resolve(of)]

    @server.tool
    @cache.cached()
    def copy(of: list[dict[str, str]]) -> Any:
        return of

    async with agent(server) as spy:
        assert (await spy.call("names", of=ref)).is_error
        assert (await spy.call("cities", of=ref)).structured_content == {"result": ["Lausanne-Ouchy"]}
        await spy.call("copy", of=ref)
        await spy.follow()
    assert not spy.knows


# -- behind `RefCacheMiddleware` -----------------------------------------------------------------------


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("is_installed", [True, False])
async def test_no_tool_behind_the_middleware_launders(
    cache: RefCache, leak: Callable[[str], Any], is_installed: bool
) -> None:
    mcp = fastmcp.FastMCP("s")
    if is_installed:
        cache.install(mcp)
    mcp.add_middleware(RefCacheMiddleware(cache))

    @mcp.tool
    def tool(data: dict[str, Any]) -> Any:
        return leak(data["name"])

    @mcp.tool
    def tool_of_text(data: str) -> Any:
        return leak(data)

    @mcp.tool
    def strict(data: list[int]) -> int:
        return 1

    ref = cache.set("secret", VALUE, policy=HIDDEN).ref_id
    async with agent(mcp) as spy:
        for name in ("tool", "tool_of_text", "strict"):
            result = await spy.call(name, data=ref)
            made = (result.structured_content or {}).get("ref_id")
            if made:
                await spy.call("tool_of_text", data=made)
        if is_installed:
            await spy.follow()
    assert not spy.knows


async def test_what_goes_through_the_middleware_can_be_used(cache: RefCache) -> None:
    mcp, sent = fastmcp.FastMCP("s"), list[Any]()
    cache.install(mcp)
    mcp.add_middleware(RefCacheMiddleware(cache))

    @mcp.tool
    def pick(data: dict[str, Any]) -> str:
        return data["name"]

    @mcp.tool
    def send(text: str) -> str:
        sent.append(text)
        return "sent"

    ref = cache.set("secret", VALUE, policy=HIDDEN).ref_id
    async with agent(mcp) as spy:
        picked = (await spy.call("pick", data=ref)).structured_content["ref_id"]
        assert not (await spy.call("send", text=picked)).is_error
        await spy.follow()
    assert sent == [CANARY]
    assert not spy.knows


# -- behind the proxy ----------------------------------------------------------------------------------

UPSTREAM = """
    import base64, sys
    from pathlib import Path
    from typing import Any
    import fastmcp
    from fastmcp.utilities.types import Image

    mcp = fastmcp.FastMCP("upstream")

    @mcp.tool
    def echo(data: Any) -> Any:
        return data

    @mcp.tool
    def shout(text: str) -> str:
        return text[::-1] + text.encode().hex()

    @mcp.tool
    def wrap(data: Any) -> dict[str, Any]:
        return {"n": data, str(data): 1}

    @mcp.tool
    def encode(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    @mcp.tool
    def fail(data: Any) -> str:
        raise ValueError(data)

    @mcp.tool
    def strict(data: list[int]) -> int:
        return sum(data)

    @mcp.tool
    def picture(text: str) -> Image:
        return Image(data=text.encode(), format="png")

    @mcp.tool
    def save(text: str, path: str) -> str:
        Path(path).write_text(text)
        return "saved"

    mcp.run(show_banner=False)
"""
UPSTREAM_TOOLS = {
    "echo": "data", "shout": "text", "wrap": "data", "encode": "text", "fail": "data", "strict": "data", "picture": "text",
}  # fmt: skip


@pytest.mark.parametrize("secret", [CANARY, VALUE], ids=["text", "structure"])
async def test_no_proxied_tool_launders(tmp_path: Path, secret: Any) -> None:
    transports = importlib.import_module("fastmcp.client.transports")
    program, store, saved = tmp_path / "upstream.py", f"sqlite:///{tmp_path / 'c.db'}", tmp_path / "saved"
    program.write_text(textwrap.dedent(UPSTREAM))
    ref = RefCache("refcache", backend=store).set("secret", secret, policy=HIDDEN).ref_id
    command = [
        "-W",
        "ignore",
        "-m",
        "mcp_refcache",
        "proxy",
        "--store",
        store,
        "--",
        sys.executable,
        str(program),
    ]
    with (tmp_path / "errors.txt").open("w") as errors:
        transport = transports.StdioTransport(sys.executable, command, keep_alive=False, log_file=errors)
        async with fastmcp.Client(transport, timeout=60) as client:
            spy = Agent(client)
            made = []
            for tool, parameter in UPSTREAM_TOOLS.items():
                for wrapped in (ref, [ref], {"x": ref}):
                    result = await spy.call(tool, **{parameter: wrapped})
                    made += [(result.structured_content or {}).get("ref_id")]
            assert any(made)
            for each in filter(None, set(made)):
                await spy.call("echo", data=each)
            assert not (await spy.call("save", text=ref, path=str(saved))).is_error
            await spy.follow()
    assert not spy.knows
    text = saved.read_text()
    assert (text if isinstance(secret, str) else json.loads(text)) == secret
    assert Permission.READ not in HIDDEN.agent_permissions
