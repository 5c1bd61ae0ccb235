"""Typed tool parameters take references: the schema says so, the value is checked, no secret gets out."""

import dataclasses
import datetime as dt
import enum
import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypedDict, TypeVar

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from mcp_refcache import POLICY_EXECUTE_ONLY, RefCache
from mcp_refcache._accept_refs import AcceptRef, widen

fastmcp = importlib.import_module("fastmcp")


class Model(BaseModel):
    x: list[int]


@dataclasses.dataclass
class Point:
    x: int


class Row(TypedDict):
    a: int


class Color(enum.Enum):
    RED = "red"


T = TypeVar("T")


@pytest.fixture
def cache():
    return RefCache(name="calc")


@pytest.fixture
def mcp():
    return fastmcp.FastMCP("s")


async def call(mcp, name, **arguments):
    """What a client gets: the structured answer, or the text of the error."""
    async with fastmcp.Client(mcp) as client:
        result = await client.call_tool(name, arguments, raise_on_error=False)
    return result.content[0].text if result.is_error else result.structured_content


async def schema_of(mcp, name):
    async with fastmcp.Client(mcp) as client:
        tool = {tool.name: tool for tool in await client.list_tools()}[name]
    return getattr(tool, "input_schema", None) or tool.inputSchema


@pytest.mark.parametrize(
    "hint",
    [
        list[int], dict[str, int], set[int], tuple[int, ...], Sequence[int], Mapping[str, int], Model, Point,
        Row, list[int] | None, list[int] | int, Annotated[list[int], Field(min_length=1)],
        Literal[1] | list[int], list, dict, list[str],
    ],
)  # fmt: skip
def test_structures_take_references(hint):
    def f(data: hint): ...

    assert "data" in widen(inspect.signature(f), {"data": hint}, frozenset(), lambda text: True)


@pytest.mark.parametrize(
    "hint",
    [
        int, float, bool, str, bytes, None, Any, object, str | list[int], dt.datetime, Color, Literal["a"], T,
        Annotated[str, Field(max_length=3)], Annotated[int, Field(gt=1)], Any | list[int],
    ],
)  # fmt: skip
def test_scalars_and_text_are_left_alone(hint):
    def f(data: hint): ...

    assert not widen(inspect.signature(f), {"data": hint}, frozenset(), lambda text: True)


def test_plain_calls_keep_their_objects(cache):
    @cache.cached()
    def f(data: list[int], model: Model | None = None):
        return [type(data).__name__, type(model).__name__]

    assert f((1, 2))["value"] == ["tuple", "NoneType"]


async def test_a_reference_reaches_a_typed_parameter(cache, mcp):
    @mcp.tool
    @cache.cached()
    async def process_data(data: list[int]) -> list[float]:
        return [x * 1.5 for x in data]

    ref = cache.set("k", [1, 2]).ref_id
    assert (await call(mcp, "process_data", data=ref))["value"] == [1.5, 3.0]
    assert (await call(mcp, "process_data", data=[2]))["value"] == [3.0]


async def test_sync_tools_too(cache, mcp):
    @mcp.tool
    @cache.cached()
    def total(data: list[int]) -> int:
        return sum(data)

    assert (await call(mcp, "total", data=cache.set("k", [1, 2]).ref_id))["value"] == 3


async def test_the_schema_tells_the_model(cache, mcp):
    @mcp.tool
    @cache.cached()
    def f(
        data: list[int],
        model: Model | None = None,
        described: Annotated[list[int], Field(description="numbers", min_length=1)] = [1],  # noqa: B006
        by_default: list[int] = Field(default=[2], description="more"),  # noqa: B008
        n: int = 3,
        text: str = "",
    ):
        """Doc."""

    properties = (await schema_of(mcp, "f"))["properties"]
    real, ref = properties["data"]["anyOf"]
    assert real == {"type": "array", "items": {"type": "integer"}}
    assert ref["pattern"] == "^[a-zA-Z][a-zA-Z0-9_-]*:[a-f0-9]{8,}$"
    assert len(properties["model"]["anyOf"]) == 3
    assert properties["described"]["description"] == "numbers"
    assert properties["described"]["anyOf"][0]["minItems"] == 1
    assert properties["by_default"]["description"] == "more"
    assert properties["by_default"]["default"] == [2]
    assert "anyOf" not in properties["n"]
    assert "anyOf" not in properties["text"]


async def test_a_value_gets_the_type_of_the_parameter(cache, mcp):
    @mcp.tool
    @cache.cached()
    def f(model: Model, points: list[Point], moments: list[dt.date]):
        return [type(model).__name__, model.x, points[0].x, moments[0].year]

    answer = await call(
        mcp,
        "f",
        model=cache.set("m", {"x": ["1"]}).ref_id,
        points=cache.set("p", [{"x": 3}]).ref_id,
        moments=[cache.set("d", "2026-01-02").ref_id],
    )
    assert answer["value"] == ["Model", [1], 3, 2026]


async def test_references_inside_arguments(cache, mcp):
    @mcp.tool
    @cache.cached()
    def f(matrix: list[list[int]], model: Model):
        return [matrix, model.x]

    ref = cache.set("k", [1, 2]).ref_id
    assert (await call(mcp, "f", matrix=[ref, [3]], model={"x": ref}))["value"] == [[[1, 2], [3]], [1, 2]]


@pytest.mark.parametrize(
    "secret", ["SECRET-ssn-123", {"SECRET-key": 1}, ["SECRET"], [[1], "SECRET"], 1234.5678]
)
async def test_no_error_shows_the_value(cache, mcp, secret):
    @mcp.tool
    @cache.cached()
    def f(data: dict[str, list[int]], numbers: list[int]):
        return 1

    ref = cache.set("k", secret, policy=POLICY_EXECUTE_ONLY).ref_id
    for arguments in (
        {"data": ref, "numbers": [1]},
        {"data": {}, "numbers": ref},
        {"data": {}, "numbers": [ref]},
    ):
        error = await call(mcp, "f", **arguments)
        assert isinstance(error, str)
        assert "SECRET" not in error
        assert "123" not in error.replace(ref, "")
        assert ref in error


async def test_limits_of_the_parameter_hold_for_values(cache, mcp):
    @mcp.tool
    @cache.cached()
    def f(
        data: Annotated[list[int], Field(max_length=2)] = [],  # noqa: B006
        more: list[int] = Field(default=[], max_length=2),  # noqa: B008
    ):
        return [data, more]

    ref = cache.set("k", [1, 2, 3]).ref_id
    assert "too_long" in await call(mcp, "f", data=ref)
    assert "too_long" in await call(mcp, "f", more=ref)


async def test_ordinary_mistakes_read_as_ever(cache, mcp):
    @mcp.tool
    @cache.cached()
    def f(data: list[int]):
        return data

    assert "Input should be a valid list" in await call(mcp, "f", data="x")
    # not a cache of this store: no reference
    assert "Input should be a valid list" in await call(mcp, "f", data="md5:0123456789abcdef")
    assert "Input should be a valid integer" in await call(mcp, "f", data=["md5:0123456789abcdef"])


async def test_missing_and_forbidden_are_one_answer(cache, mcp):
    from mcp_refcache import AccessPolicy, Permission

    @mcp.tool
    @cache.cached()
    def f(data: list[int]):
        return data

    policy = AccessPolicy(agent_permissions=Permission.NONE)
    refs = [cache.set("k", [1], policy=policy).ref_id, "calc:" + "0" * 32]
    errors = [(await call(mcp, "f", data=ref)).replace(ref, "REF") for ref in refs]
    assert errors[0] == errors[1]
    assert "Invalid or inaccessible reference: REF" in errors[0]


async def test_text_that_is_no_reference_reaches_text_lists(cache, mcp):
    @mcp.tool
    @cache.cached()
    def f(names: list[str]):
        return names

    assert (await call(mcp, "f", names=["commit:deadbeef99"]))["value"] == ["commit:deadbeef99"]


@pytest.mark.parametrize("options", [{"accept_refs": False}, {"resolve_refs": False}])
async def test_it_can_be_switched_off(cache, mcp, options):
    @mcp.tool
    @cache.cached(**options)
    def f(data: list[int]):
        return data

    assert "anyOf" not in (await schema_of(mcp, "f"))["properties"]["data"]
    assert "valid list" in await call(mcp, "f", data=cache.set("k", [1]).ref_id)


async def test_injected_parameters_stay_out(cache, mcp):
    @mcp.tool
    @cache.cached()
    async def f(data: list[int], ctx: fastmcp.Context):
        assert isinstance(ctx, fastmcp.Context)
        return data

    assert set((await schema_of(mcp, "f"))["properties"]) == {"data"}
    ref = cache.set("k", [1]).ref_id
    assert (await call(mcp, "f", data=ref))["value"] == [1]


async def test_annotations_in_text(cache, mcp):
    def f(data: "list[int]", model: "Model | None" = None) -> "list[int]":
        return data

    mcp.tool(cache.cached()(f))
    assert "anyOf" in (await schema_of(mcp, "f"))["properties"]["data"]
    assert (await call(mcp, "f", data=cache.set("k", [1]).ref_id))["value"] == [1]


async def test_methods_and_callable_objects_as_tools(cache, mcp):
    class Service:
        @cache.cached()
        def total(self, data: list[int]) -> int:
            return sum(data)

        def __call__(self, data: list[int]) -> int:
            return max(data)

    mcp.tool(Service().total)
    mcp.tool(cache.cached()(Service()), name="largest")
    ref = cache.set("k", [1, 2]).ref_id
    assert (await call(mcp, "total", data=ref))["value"] == 3
    assert (await call(mcp, "largest", data=ref))["value"] == 2


def test_direct_calls_resolve_without_checking(cache):
    @cache.cached()
    def f(data: list[int]):
        return data

    assert f(cache.set("k", "no list").ref_id)["value"] == "no list"


def test_the_marker_outside_a_framework(cache):
    hint = Annotated[list[int], AcceptRef("data", list[int], cache._knows)]
    assert TypeAdapter(hint).validate_python(["1"]) == [1]
    with pytest.raises(ValidationError):
        TypeAdapter(hint).validate_python("x")
