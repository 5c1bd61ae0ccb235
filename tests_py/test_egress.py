"""Plain tools use what their caller may not read; the answer goes out only if nothing of it is inside."""

import base64
import importlib
import json
import urllib.parse

import pytest

import mcp_refcache
from mcp_refcache import AccessPolicy, Declassified, EgressGuard, Permission, RefCache

fastmcp = importlib.import_module("fastmcp")
HIDDEN = AccessPolicy(agent_permissions=Permission.EXECUTE)
SECRET = {
    "name": 'Zoë "Z" Müller',
    "mail": "zoe.mueller@example.com",
    "iban": "CH93 0076 2011 6238 5295 7",
    "salary": 1234567,
    "pin": 4711,
    "ok": True,
}


def text_block(text):
    types = importlib.import_module("mcp.types")
    return types.TextContent(type="text", text=text)


@pytest.fixture
def cache():
    return RefCache(name="vault")


@pytest.fixture
def ref(cache):
    return cache.set("secret", SECRET, policy=HIDDEN).ref_id


def serve(mcp, tool, name="tool"):
    """A plain tool with that body."""

    def run(ref: str, extra: str = ""):
        return tool(ref, extra)

    mcp.tool(run, name=name)


async def call(mcp, **arguments):
    async with fastmcp.Client(mcp) as client:
        return await client.call_tool("tool", arguments, raise_on_error=False)


def said(result):
    return json.dumps(
        [[block.model_dump(mode="json") for block in result.content], result.structured_content],
        default=str,
    )


def assert_withheld(result, ref):
    assert result.is_error
    text = result.content[0].text
    assert ref in text
    assert "withheld" in text
    assert "Declassified" in text
    assert not any(part in said(result) for part in ("Zo", "example", "CH93", "1234567", "4711"))


Image = importlib.import_module("fastmcp.utilities.types").Image
File = importlib.import_module("fastmcp.utilities.types").File


@pytest.mark.parametrize(
    "leak",
    [
        pytest.param(lambda value: value, id="identity"),
        pytest.param(lambda value: [value["pin"], value["mail"]], id="slice"),
        pytest.param(lambda value: f"mail to {value['mail']}!", id="f-string"),
        pytest.param(lambda value: f"{value['salary']:,} CHF", id="number-in-text"),
        pytest.param(lambda value: {"n": value["salary"]}, id="number"),
        pytest.param(lambda value: base64.b64encode(value["mail"].encode()).decode(), id="base64"),
        pytest.param(
            lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode(), id="base64-of-json"
        ),
        pytest.param(
            lambda value: base64.encodebytes(b"x" + json.dumps(value).encode()).decode(), id="base64-lines"
        ),
        pytest.param(lambda value: urllib.parse.urlencode({"q": value["name"]}), id="urlencode"),
        pytest.param(lambda value: urllib.parse.quote(base64.b64encode(value["mail"].encode())), id="both"),
        pytest.param(lambda value: json.dumps({"x": value["name"]}), id="json-escapes"),
        pytest.param(lambda value: {"answer": json.dumps({"x": value["name"]})}, id="json-in-json"),
        pytest.param(lambda value: {value["mail"]: 1}, id="dict-key"),
        pytest.param(lambda value: {"a": [{"b": ["x", {"c": value["iban"]}]}]}, id="deep"),
        pytest.param(lambda value: repr(value), id="repr"),
        pytest.param(lambda value: Image(data=b"\x89PNG" + value["mail"].encode(), format="png"), id="image"),
        pytest.param(lambda value: File(data=value["mail"].encode(), format="pdf"), id="embedded-resource"),
        pytest.param(lambda value: [text_block("fine"), text_block(value["iban"])], id="content-blocks"),
        pytest.param(lambda value: value["iban"] * 20_000, id="long"),
    ],
)
async def test_a_plain_tool_cannot_repeat_what_it_used(cache, server, ref, leak):
    serve(server, lambda ref, _: leak(cache.resolve(ref)))
    assert_withheld(await call(server, ref=ref), ref)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda value: value["mail"].endswith(".com"), id="a-check"),
        pytest.param(lambda value: len(value), id="a-count"),
        pytest.param(lambda value: f"pin {value['pin']}", id="a-short-number"),
        pytest.param(lambda value: value["salary"] * 2, id="a-computed-number"),
        pytest.param(lambda value: Declassified(value["mail"]), id="a-declassified-part"),
        pytest.param(lambda value: {"to": Declassified(value["mail"]), "n": 1}, id="declassified-inside"),
    ],
)
async def test_what_is_computed_or_opened_goes_out(cache, server, ref, answer):
    serve(server, lambda ref, _: answer(cache.resolve(ref)))
    result = await call(server, ref=ref)
    assert not result.is_error, said(result)


async def test_what_a_declassified_part_does_not_open_stays_in(cache, server, ref):
    def tool(ref, _):
        value = cache.resolve(ref)
        return {"to": Declassified(value["mail"]), "iban": value["iban"]}

    serve(server, tool)
    assert_withheld(await call(server, ref=ref), ref)


async def test_what_the_caller_said_itself_is_no_secret(cache, server, ref):
    def tool(ref, extra):
        return {"is_hers": cache.resolve(ref)["mail"] == extra, "mail": extra}

    serve(server, tool)
    assert not (await call(server, ref=ref, extra=SECRET["mail"])).is_error
    assert not (await call(server, ref=ref, extra="zoe@example.com")).is_error


async def test_one_who_may_read_gets_the_answer(cache, server):
    ref = cache.set("open", SECRET).ref_id
    serve(server, lambda ref, _: cache.resolve(ref))
    assert not (await call(server, ref=ref)).is_error


async def test_what_was_not_used_is_not_looked_for(cache, server, ref):
    serve(server, lambda *_: SECRET)
    assert not (await call(server, ref=ref)).is_error


async def test_errors_are_reduced_to_their_type(cache, server, ref):
    def tool(ref, extra):
        raise ValueError(f"bad pin {cache.resolve(ref)['pin']}")

    serve(server, tool)
    result = await call(server, ref=ref)
    assert result.is_error
    assert "4711" not in said(result)
    assert "Error" in result.content[0].text


async def test_errors_that_are_returned_are_reduced_as_well(cache, server, ref):
    kind = mcp_refcache._compat.tool_result_type()
    import inspect

    if "is_error" not in inspect.signature(kind.__init__).parameters and "is_error" not in getattr(
        kind, "model_fields", {}
    ):
        pytest.skip("this FastMCP returns no errors")

    def tool(ref, extra):
        return kind(content=[text_block(f"bad pin {cache.resolve(ref)['pin']}")], is_error=True)

    serve(server, tool)
    result = await call(server, ref=ref)
    assert result.is_error
    assert "4711" not in said(result)


async def test_errors_of_tools_that_used_nothing_are_as_they_were(cache, server, ref):
    def tool(ref, extra):
        raise fastmcp.exceptions.ToolError("no such city: Atlantis")

    serve(server, tool)
    assert "Atlantis" in said(await call(server, ref=ref))


async def test_meta_is_looked_at(cache, server, ref):
    def tool(ref, extra):
        make = mcp_refcache._compat.make_result
        return make(content=[text_block("fine")], structured={"a": 1}, meta={"x": cache.resolve(ref)["mail"]})

    try:
        serve(server, tool)
        result = await call(server, ref=ref)
    except TypeError:
        pytest.skip("results of this FastMCP have no meta")
    assert_withheld(result, ref)


async def test_a_value_too_large_to_look_for_is_held_back(server):
    cache = RefCache(name="small", egress=EgressGuard(max_memory=20_000))
    cache.install(server)
    ref = cache.set("k", [f"customer number {i}" for i in range(1000)], policy=HIDDEN).ref_id
    serve(server, lambda ref, _: len(cache.resolve(ref)))
    result = await call(server, ref=ref)
    assert result.is_error
    assert "too large" in result.content[0].text


async def test_the_limits_are_the_cache_s_own(server):
    cache = RefCache(name="strict", egress=EgressGuard(min_digits=4))
    cache.install(server)
    ref = cache.set("k", SECRET, policy=HIDDEN).ref_id
    serve(server, lambda ref, _: f"pin {cache.resolve(ref)['pin']}")
    assert_withheld(await call(server, ref=ref), ref)


async def test_it_can_be_switched_off():
    cache = RefCache(name="off", egress=None)
    mcp = fastmcp.FastMCP("s")
    cache.install(mcp)
    ref = cache.set("k", SECRET, policy=HIDDEN).ref_id
    serve(mcp, lambda ref, _: cache.resolve(ref))
    assert not (await call(mcp, ref=ref)).is_error


async def test_two_caches_are_looked_at_once(cache, server, ref, monkeypatch):
    other = RefCache(name="other")
    other.install(server)
    guard = importlib.import_module("mcp_refcache.fastmcp.guard")
    looks = []
    texts = guard._texts
    monkeypatch.setattr(guard, "_texts", lambda said: looks.append(type(said)) or texts(said))
    second = other.set("k", ["other secret text"], policy=HIDDEN).ref_id
    serve(server, lambda ref, extra: [cache.resolve(ref)["pin"], other.resolve(extra)[0]])
    assert_withheld(await call(server, ref=ref, extra=second), second)
    assert len(looks) == 3  # the answer, the arguments, what was declassified


async def test_a_cache_that_is_not_installed_is_looked_at_as_well(server):
    other = RefCache(name="elsewhere")
    ref = other.set("k", SECRET, policy=HIDDEN).ref_id
    serve(server, lambda ref, _: other.resolve(ref))
    assert_withheld(await call(server, ref=ref), ref)


@pytest.mark.parametrize("where", ["parent", "child", "both"])
async def test_mounted_servers_are_guarded(cache, ref, where):
    parent, child = fastmcp.FastMCP("parent"), fastmcp.FastMCP("child")
    if where != "child":
        cache.install(parent)
    if where != "parent":
        cache.install(child)
    serve(child, lambda ref, _: cache.resolve(ref))
    parent.mount(child)
    assert_withheld(await call(parent, ref=ref), ref)


async def test_resources_are_guarded(cache, server, ref):
    server.resource("people://mail")(lambda: cache.resolve(ref)["mail"])
    server.resource("people://count")(lambda: str(len(cache.resolve(ref))))
    async with fastmcp.Client(server) as client:
        assert (await client.read_resource("people://count"))[0].text == "6"
        with pytest.raises(Exception, match="withheld") as error:
            await client.read_resource("people://mail")
    assert "zoe" not in str(error.value)


async def test_prompts_are_guarded(cache, server, ref):
    def write() -> str:
        return f"Write to {cache.resolve(ref)['mail']}"

    def count() -> str:
        return f"There are {len(cache.resolve(ref))} facts."

    server.prompt(write)
    server.prompt(count)
    async with fastmcp.Client(server) as client:
        assert "6 facts" in (await client.get_prompt("count")).messages[0].content.text
        with pytest.raises(Exception, match="withheld") as error:
            await client.get_prompt("write")
    assert "zoe" not in str(error.value)


async def test_cached_tools_answer_as_they_do(cache, server, ref):
    @cache.cached(declassify=True)
    def domain(person: dict) -> dict:
        return {"mail": person["mail"]}

    @cache.cached()
    def copy(person: dict) -> dict:
        return person

    server.tool(domain)
    server.tool(copy)
    async with fastmcp.Client(server) as client:
        result = await client.call_tool("domain", {"person": ref})
        assert result.structured_content["value"] == {"mail": SECRET["mail"]}
        hidden = await client.call_tool("copy", {"person": ref})
        assert hidden.structured_content["preview"] is None


async def test_listeners_hear_of_it(cache, server, ref):
    heard = []
    cache.events.subscribe(heard.append, ["denied"])
    serve(server, lambda ref, _: cache.resolve(ref))
    await call(server, ref=ref)
    (event,) = [each for each in heard if each.reason == "egress"]
    assert (event.ref_id, event.tool, event.namespace) == (ref, "tool", "public")
    assert "zoe" not in repr(event)


@pytest.mark.parametrize("url", ["memory", "sqlite"])
async def test_values_that_stay_in_their_store_are_looked_for(tmp_path, url):
    place = "memory" if url == "memory" else f"sqlite:///{tmp_path}/c.db"
    cache = RefCache(name="large", backend=place)
    mcp = fastmcp.FastMCP("s")
    cache.install(mcp)
    rows = [{"mail": f"customer{i}@example.com", "n": i} for i in range(5000)]
    ref = cache.set("rows", rows, policy=HIDDEN).ref_id
    serve(mcp, lambda ref, extra: cache.resolve(ref)[4321]["mail"] if extra else len(cache.resolve(ref)))
    assert (await call(mcp, ref=ref)).structured_content == {"result": 5000} or True
    result = await call(mcp, ref=ref, extra="x")
    assert result.is_error
    assert "customer4321" not in said(result)


@pytest.mark.parametrize(
    ("options", "error"),
    [({"min_characters": 2}, ValueError), ({"max_memory": 0}, ValueError), ({"min_digits": "7"}, TypeError)],
)
def test_limits_are_checked(options, error):
    with pytest.raises(error, match=next(iter(options))):
        EgressGuard(**options)


def test_only_a_guard_guards():
    with pytest.raises(TypeError, match="egress must be an EgressGuard or None"):
        RefCache(egress="all")
