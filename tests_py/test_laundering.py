"""Agents try to make tools tell what they may only use; a client keeps all that it hears, and follows every reference."""

from __future__ import annotations

import base64
import dataclasses
import importlib
import itertools
import json
import re
import sys
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mcp_refcache import AccessPolicy, Declassified, Permission, Ref, RefCache

fastmcp = importlib.import_module("fastmcp")
media = importlib.import_module("fastmcp.utilities.types")
compat = importlib.import_module("mcp_refcache._compat")

CANARY = 'canary "5e8f" é 1c90'
HIDDEN = AccessPolicy(agent_permissions=Permission.EXECUTE)
REFERENCE = re.compile("[a-z]+:[0-9a-f]{32}")
PAGES: tuple[dict[str, Any], ...] = ({}, {"full": True}, {"page": 1, "page_size": 1}, {"max_size": 10_000})


def spellings(text: str) -> set[str]:
    """How a text can be written so that a model reads it without trouble; in lower case."""
    data = text.encode()
    inside = base64.b64encode(data).decode()[:-4]
    return {
        written.lower()
        for written in (
            text, text[::-1], data.hex(), inside, base64.urlsafe_b64encode(data).decode()[:-4], repr(text)[1:-1],
            urllib.parse.quote(text), urllib.parse.quote_plus(text), json.dumps(text)[1:-1],
            json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(json.dumps(text))[3:-3], "5e8f", "f8e5",
        )
    }  # fmt: skip


def letters(text: str) -> str:
    return ", ".join(str(ord(letter)) for letter in text[:4])


class Agent:
    """A model's side of a connection.

    Attributes:
        heard: All that came back, as text.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.heard: list[str] = []

    async def call(self, tool: str, **arguments: Any) -> Any:
        result = await self.client.call_tool(tool, arguments, raise_on_error=False)
        blocks = [block.model_dump(mode="json") for block in result.content]
        self.heard.append(json.dumps([blocks, result.structured_content, result.meta], ensure_ascii=False))
        return result

    async def read(self, uri: str) -> None:
        await self._hear(self.client.read_resource(uri))

    async def prompt(self, name: str, **arguments: str) -> None:
        await self._hear(self.client.get_prompt(name, arguments))

    async def _hear(self, asked: Awaitable[Any]) -> None:
        try:
            self.heard.append(str(await asked))
        except Exception as error:
            self.heard.append(f"{error} {error!r}")

    async def follow(self) -> None:
        """Read every reference by every way, and those that turn up on it."""
        asked: set[str] = set()
        await self.call("list_cached_results", limit=100)
        while new := set(REFERENCE.findall(" ".join(self.heard))) - asked:
            asked |= new
            for ref in new:
                for options in PAGES:
                    await self.call("get_cached_result", ref_id=ref, **options)
                await self.read(f"refcache://{ref.replace(':', '/')}")

    @property
    def knows(self) -> bool:
        """Whether what was heard has the secret in some writing."""
        said = " ".join(self.heard).lower()
        said = re.sub(f"{REFERENCE.pattern}", "", said)  # random digits may be anything
        return any(written in said for written in (*spellings(CANARY), letters(CANARY)))


@asynccontextmanager
async def agent(server: Any) -> AsyncIterator[Agent]:
    async with fastmcp.Client(server) as client:
        yield Agent(client)


@pytest.fixture
def ref(cache: RefCache) -> str:
    return cache.set("secret", CANARY, policy=HIDDEN).ref_id


def test_the_agent_here_would_notice() -> None:
    spy = Agent(None)
    for written in (*spellings(CANARY), letters(CANARY)):
        spy.heard = [f'{{"value": "x {written.upper()} y"}}']
        assert spy.knows, written
    spy.heard = ["c:5e8f" + "0" * 28]
    assert not spy.knows


# -- decorated tools -----------------------------------------------------------------------------------


@dataclasses.dataclass
class Report:
    """What a tool returns."""

    text: str


class ComplaintError(Exception):
    """Says it in everything that an error has."""

    def __init__(self, text: str) -> None:
        super().__init__(text, {text: 1})
        self.text = text
        if sys.version_info >= (3, 11):
            self.add_note(text)


def complain(data: str) -> Any:
    try:
        raise KeyError(data)
    except KeyError as error:
        raise ComplaintError(data) from error


LAUNDRY: dict[str, Callable[[Any], Any]] = {
    "identity": lambda data: data,
    "slice": lambda data: data[2:],
    "one-letter": lambda data: data[0],
    "concat": lambda data: "the value is " + data,
    "f-string": lambda data: f"{data!r}",
    "str": str,
    "json": json.dumps,
    "dict-key": lambda data: {data: data},
    "set": lambda data: {data},
    "dataclass": Report,
    "long": lambda data: [data] * 1000,
    "reversed": lambda data: data[::-1],
    "hex": lambda data: data.encode().hex(),
    "base64": lambda data: base64.b64encode(data.encode()).decode(),
    "letters": lambda data: [ord(letter) for letter in data],
    "generator": lambda data: (letter for letter in data),
    "number": lambda data: int.from_bytes(data.encode(), "big"),
    "bytes": lambda data: data.encode(),
    "error": complain,
    "lookup": lambda data: {}[data],
    "returned-error": lambda data: ValueError(data),
    "protocol-error": lambda data: compat.make_result(
        content=[compat.text_content(data)], structured={"x": data}, meta={"y": data}
    ),
    "image": lambda data: media.Image(data=data.encode(), format="png"),
    "text-block": lambda data: [compat.text_content(data)],
}


def add(server: Any, cache: RefCache, name: str, wash: Callable[..., Any], **options: Any) -> None:
    """Add a decorated tool."""

    def tool(data: Any) -> Any:
        return wash(data)

    tool.__name__ = name
    server.tool(cache.cached(**options)(tool), name=name)


@pytest.mark.parametrize("wash", LAUNDRY.values(), ids=LAUNDRY)
async def test_no_decorated_tool_launders(
    cache: RefCache, server: Any, ref: str, wash: Callable[..., Any]
) -> None:
    add(server, cache, "wash", wash)
    async with agent(server) as spy:
        for wrapped in (ref, [ref, ref], {"x": ref}, ref):
            await spy.call("wash", data=wrapped)
        await spy.follow()
    assert not spy.knows


STEPS = ("identity", "slice", "f-string", "json", "dict-key", "reversed")


async def test_no_chain_of_decorated_tools_launders(cache: RefCache, server: Any, ref: str) -> None:
    for name in STEPS:
        add(server, cache, name, LAUNDRY[name])
    async with agent(server) as spy:
        for chain in itertools.product(STEPS, repeat=2):
            given = ref
            for name in chain:
                result = await spy.call(name, data=given)
                given = (result.structured_content or {}).get("ref_id", given)
        await spy.follow()
    assert not spy.knows


def ways_around(cache: RefCache, other: RefCache) -> dict[str, Callable[..., Any]]:
    """Tools that take a reference and do more than return what they got."""
    same: Any = cache.cached()(lambda data: data)
    elsewhere: Any = other.cached()(lambda data: data)

    def store(data: str) -> str:
        return cache.set("washed", data).ref_id

    def store_in_pieces(data: str) -> list[str]:
        return [cache.set(f"piece {place}", letter).ref_id for place, letter in enumerate(data)]

    def name_things_after_it(data: str) -> list[str]:
        word = data.encode().hex()
        first = cache.set(f"key {data}", 1, namespace=f"custom:{word}").ref_id
        return [first, cache.set("k", 2, tool_name=data).ref_id, cache.set(data, 3).ref_id]

    async def wait(data: str) -> Any:
        return data

    async def stream(data: str) -> Any:
        for letter in data:
            yield letter

    return {
        "store": store,
        "store-public": lambda data: cache.set("w", data, policy=AccessPolicy(agent_permissions=31)).ref_id,  # pyright: ignore
        "store-in-pieces": store_in_pieces,
        "name-things-after-it": name_things_after_it,
        "store-elsewhere": lambda data: other.set("washed", data).ref_id,
        "nested": lambda data: same(data),
        "nested-value": lambda data: same(data)["value"],
        "nested-elsewhere": lambda data: elsewhere(data)["value"],
        "nested-deep": lambda data: same([same(data)["value"], {"x": data}]),
        "replace": lambda data: cache.set("mine", data).ref_id,
        "wait": wait,
        "stream": stream,
    }


@pytest.mark.parametrize("way", ways_around(RefCache("c"), RefCache("d")))
async def test_no_way_around_launders(cache: RefCache, server: Any, ref: str, way: str) -> None:
    other = RefCache("other")
    other.install(server)
    mine = cache.set("mine", "mine").ref_id
    tool = ways_around(cache, other)[way]
    server.tool(cache.cached()(tool), name="tool")

    # the same by its own hand, with the reference in a parameter that takes it as it is
    @cache.cached(resolve_refs=False)
    async def by_hand(text: str) -> Any:
        made = tool(cache.resolve(text))
        return await made if hasattr(made, "__await__") else made

    server.tool(by_hand)
    async with agent(server) as spy:
        for _ in range(2):
            await spy.call("tool", data=ref)
            if way != "stream":
                await spy.call("by_hand", text=ref)
        await spy.call("get_cached_result", ref_id=mine)
        await spy.follow()
    assert not spy.knows


async def test_plain_tools_that_store_do_not_launder(cache: RefCache, server: Any, ref: str) -> None:
    @server.tool
    def keep(of: str) -> str:
        return cache.set("washed", cache.resolve(of)).ref_id

    @server.tool
    def keep_validated(of: Ref[str]) -> str:
        return cache.set("washed too", of).ref_id

    async with agent(server) as spy:
        for tool in ("keep", "keep_validated"):
            await spy.call(tool, of=ref)
        await spy.follow()
    assert not spy.knows


async def test_own_text_beside_a_secret_opens_nothing(cache: RefCache, server: Any, ref: str) -> None:
    @server.tool
    @cache.cached()
    def join(left: Any, right: Any) -> Any:
        return f"{left} and {right}"

    async with agent(server) as spy:
        for arguments in ({"left": ref, "right": "own"}, {"left": f"see {ref}", "right": ref}):
            await spy.call("join", **arguments)
        text = cache.set("text", {"see": ref}).ref_id  # what others wrote
        await spy.call("join", left=text, right="own")
        await spy.follow()
    assert not spy.knows


# -- guesses: an answer must not depend on the secret ---------------------------------------------------


def without_digits(result: Any) -> str:
    said = json.dumps([[block.text for block in result.content], result.structured_content, result.is_error])
    return REFERENCE.sub("<ref>", said)


GUESSES: dict[str, Callable[[Any, Any], Any]] = {
    "equal": lambda data, guess: data == guess,
    "length": lambda data, guess: len(data) > len(guess),
    "size-of-the-answer": lambda data, guess: [1] * (500 if data == guess else 5),
    "type-of-the-answer": lambda data, guess: None if data == guess else {"a": 1},
    "names": lambda data, guess: {("a" if data == guess else "b"): 1},
}


@pytest.mark.parametrize("check", GUESSES.values(), ids=GUESSES)
async def test_an_answer_does_not_tell_whether_a_guess_is_right(
    cache: RefCache, server: Any, ref: str, check: Callable[[Any, Any], Any]
) -> None:
    @server.tool
    @cache.cached()
    def guess(data: Any, guess: str) -> Any:
        return check(data, guess)

    async with agent(server) as spy:
        told = {without_digits(await spy.call("guess", data=ref, guess=text)) for text in (CANARY, "wrong")}
    assert len(told) == 1


@pytest.mark.parametrize("is_open", [False, True], ids=["closed", "declassified"])
async def test_equal_references_do_not_tell_of_equal_secrets(
    cache: RefCache, server: Any, ref: str, is_open: bool
) -> None:
    add(server, cache, "use", len, declassify=is_open)
    runs: list[int] = []

    @server.tool
    @cache.cached()
    def choose(first: Any, second: Any) -> Any:
        return first

    add(server, cache, "count", lambda data: runs.append(1), declassify=is_open)
    async with agent(server) as spy:
        # a result that is as restricted as the secret, and has the guess as its value
        mine = (await spy.call("choose", first=CANARY, second=ref)).structured_content["ref_id"]
        answers = [(await spy.call("use", data=each)).structured_content for each in (ref, mine)]
        for each in (ref, mine, ref, mine):
            await spy.call("count", data=each)
    assert answers[0]["ref_id"] != answers[1]["ref_id"]
    assert len(runs) == 2


# -- what has to work ----------------------------------------------------------------------------------


async def test_hidden_values_are_of_use(cache: RefCache, server: Any, ref: str) -> None:
    sent: list[str] = []

    @server.tool
    @cache.cached()
    def wrap(data: Any) -> Any:
        return {"to": data}

    @server.tool
    @cache.cached(declassify=True)
    def validate(data: Any) -> bool:
        return data == CANARY

    @server.tool
    @cache.cached()
    def count(data: Any) -> Any:
        return Declassified(len(data))

    @server.tool
    def send(data: Ref[Any]) -> str:
        sent.append(data["to"])
        return "sent"

    async with agent(server) as spy:
        assert (await spy.call("validate", data=ref)).structured_content["value"] is True
        assert (await spy.call("count", data=ref)).structured_content["value"] == len(CANARY)
        wrapped = (await spy.call("wrap", data=ref)).structured_content["ref_id"]
        assert (await spy.call("send", data=wrapped)).content[0].text == "sent"
        await spy.follow()
    assert sent == [CANARY]
    assert not spy.knows
