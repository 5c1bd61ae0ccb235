"""References in values: which texts are references, what takes their place, and what is refused."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, namedtuple
from typing import Any

import pytest
from pydantic import BaseModel

from mcp_refcache import (
    POLICY_EXECUTE_ONLY,
    POLICY_USER_ONLY,
    CircularReferenceError,
    PermissionDenied,
    RefCache,
    RefResolver,
    ResolutionResult,
    is_ref_id,
    resolve_args_and_kwargs,
    resolve_kwargs,
    resolve_refs,
)
from mcp_refcache.resolution import REF_ID_PATTERN

Pair = namedtuple("Pair", "a b")
UNKNOWN = "c:0123456789abcdef"


@dataclasses.dataclass(frozen=True)
class Row:
    ref: Any
    other: int = 1


class Model(BaseModel):
    ref: Any
    other: int = 1


class Slotted:
    """Has no fields that anybody knows of."""

    def __init__(self, ref: str) -> None:
        self.ref = ref


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("c:0123456789abcdef", True), ("my-app_2:01234567", True), ("C:" + "0" * 32, True), ("commit:deadbeef99", True), ("myapp:abc123", False),
        ("c:0123456789abcdef\n", False), ("c:0123456789abcdef ", False), (" c:0123456789abcdef", False), ("c:0123456789ABCDEF", False),
        ("2nd:0123456789abcdef", False), ("my cache:0123456789abcdef", False), ("a.b:0123456789abcdef", False), ("é:0123456789abcdef", False),
        (":0123456789abcdef", False), ("c:", False), ("", False), ("c:01234567:01234567", False), ("\ud800:0123456789abcdef", False),
        ("c:٠١٢٣٤٥٦٧", False), (5, False), (None, False), (b"c:0123456789abcdef", False), (["c:0123456789abcdef"], False),
    ],
    ids=ascii,
)  # fmt: skip
def test_a_reference_is_a_name_and_eight_hex_digits(text: Any, expected: bool) -> None:
    assert is_ref_id(text) is expected
    assert not isinstance(text, str) or bool(REF_ID_PATTERN.match(text)) is expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (lambda r: r, lambda v: v), (lambda r: [1, r], lambda v: [1, v]), (lambda r: (r, [r]), lambda v: (v, [v])),
        (lambda r: {"a": {"b": r}}, lambda v: {"a": {"b": v}}), (lambda r: {r: 1}, lambda v: {v: 1}), (lambda r: {r, 2}, lambda v: {v, 2}),
        (lambda r: frozenset({r}), lambda v: frozenset({v})), (lambda r: Row(r), lambda v: Row(v)), (lambda r: [Row([r])], lambda v: [Row([v])]),
        (lambda r: Model(ref=r), lambda v: Model(ref=v)), (lambda r: Model(ref={"a": r}), lambda v: Model(ref={"a": v})),
    ],
    ids=["alone", "list", "tuple", "dict", "key", "set", "frozenset", "dataclass", "dataclass inside", "model", "model inside"],
)  # fmt: skip
def test_references_are_replaced_wherever_they_stand(cache: RefCache, before: Any, after: Any) -> None:
    result = resolve_refs(cache, before(cache.set("k", 5).ref_id))
    assert result.value == after(5)
    assert result.success
    assert result.resolved_count == len(result.resolved_refs) >= 1


def test_the_callers_objects_are_left_alone(cache: RefCache) -> None:
    ref = cache.set("k", 5).ref_id
    given: dict[str, Any] = {"list": [ref], "row": Row(ref), "model": Model(ref=ref)}
    resolve_refs(cache, given)
    assert given == {"list": [ref], "row": Row(ref), "model": Model(ref=ref)}


@pytest.mark.parametrize("value", [[], [1, "x"], (1,), {"a": [1]}, OrderedDict(a=1), Pair(1, 2)])
def test_containers_are_rebuilt_as_plain_ones(cache: RefCache, value: Any) -> None:
    plain: Any = dict if isinstance(value, dict) else tuple if isinstance(value, tuple) else list
    result = resolve_refs(cache, value)
    assert result.value == plain(value)
    assert type(result.value) is plain


@pytest.mark.parametrize("value", [5, None, "text", b"x", 1.5, object(), Row])
def test_other_values_are_left_as_they_are(cache: RefCache, value: Any) -> None:
    assert resolve_refs(cache, value) == ResolutionResult(value)


def test_every_replacement_is_listed_outer_before_inner(cache: RefCache) -> None:
    inner = cache.set("inner", 5).ref_id
    outer = cache.set("outer", [inner, inner]).ref_id
    result = resolve_refs(cache, [outer, inner])
    assert result.value == [[5, 5], 5]
    assert result.resolved_refs == [outer, inner, inner, inner]
    assert result.resolved_count == 4


def test_stored_values_without_references_come_back_as_they_were(cache: RefCache) -> None:
    stored = OrderedDict(a=Pair(1, 2))
    value = resolve_refs(cache, cache.set("k", stored).ref_id).value
    assert (type(value), type(value["a"])) == (OrderedDict, Pair)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_reference_that_leads_back_to_itself_is_refused(cache: RefCache, length: int) -> None:
    refs = [cache.set(f"k{i}", None).ref_id for i in range(length)]
    storage = cache._backend._storage  # pyright: ignore
    for i, ref in enumerate(refs):
        storage[ref].value = [refs[(i + 1) % length]]
    for fail in (True, False):
        with pytest.raises(CircularReferenceError) as raised:
            resolve_refs(cache, refs[0], fail_on_missing=fail)
        error = raised.value
        assert error.ref_id == refs[0]
        assert set(error.chain) == set(refs)
        assert str(error) == f"Circular reference detected: {' -> '.join([*error.chain, refs[0]])}"


@pytest.mark.parametrize("actor", ["agent", None])
def test_missing_and_forbidden_are_one_answer(cache: RefCache, actor: Any) -> None:
    forbidden = cache.set("k", 1, policy=POLICY_USER_ONLY).ref_id
    for ref in (UNKNOWN, forbidden):
        with pytest.raises(KeyError) as raised:
            resolve_refs(cache, [ref], actor=actor)
        assert raised.value.args == (f"Invalid or inaccessible reference: {ref}",)
        result = resolve_refs(cache, [ref, 1], actor=actor, fail_on_missing=False)
        assert (result.value, result.has_errors, result.success) == ([ref, 1], True, False)
        assert result.errors == {ref: "Invalid or inaccessible reference"}


def test_an_inner_failure_is_the_outer_references(cache: RefCache) -> None:
    outer = cache.set("k", [UNKNOWN]).ref_id
    with pytest.raises(KeyError, match=outer):
        resolve_refs(cache, outer)
    result = resolve_refs(cache, outer, fail_on_missing=False)
    assert (result.value, result.resolved_refs) == ([UNKNOWN], [outer])
    assert result.errors == {UNKNOWN: "Invalid or inaccessible reference"}


@pytest.mark.parametrize(
    "text",
    ["commit:deadbeef99", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:0123456789abcdef", "urn:01234567"],
)
def test_text_that_only_looks_like_a_reference_stays_text(cache: RefCache, text: str) -> None:
    assert resolve_refs(cache, {"x": [text]}).value == {"x": [text]}
    assert cache.cached()(lambda x: x)(text)["value"] == text


def test_references_of_trusted_and_of_seen_caches_are_recognised() -> None:
    stranger = "other:0123456789abcdef"
    trusting = RefCache(name="c", trusted_caches=["other"])
    with pytest.raises(KeyError, match=stranger):
        resolve_refs(trusting, stranger)
    sharing = RefCache(name="c")
    ref = RefCache(name="other", backend=sharing._backend).set("k", 5).ref_id
    assert resolve_refs(sharing, [ref]).value == [5]
    with pytest.raises(KeyError, match=stranger):
        resolve_refs(sharing, stranger)


def test_the_servers_own_call_uses_what_the_agent_may_not_see(cache: RefCache) -> None:
    ref = cache.set("k", "secret", policy=POLICY_EXECUTE_ONLY).ref_id
    assert resolve_refs(cache, ref, actor=None).value == "secret"
    with pytest.raises(KeyError):
        resolve_refs(cache, ref)


def test_references_in_stored_text_need_read(cache: RefCache) -> None:
    secret = cache.set("k", "secret", policy=POLICY_EXECUTE_ONLY).ref_id
    page = cache.set("web", {"comment": secret}).ref_id
    with pytest.raises(KeyError, match=page):
        resolve_refs(cache, page, actor=None)


def test_arguments_give_two_results(cache: RefCache) -> None:
    ref = cache.set("k", 5).ref_id
    args, kwargs = resolve_args_and_kwargs(cache, (ref, 1), {"x": ref})
    assert (args.value, kwargs.value) == ((5, 1), {"x": 5})
    assert resolve_args_and_kwargs(cache, [ref], {})[0].value == [5]
    assert resolve_kwargs(cache, {"x": ref}).value == {"x": 5}


def test_a_resolver_works_with_anything_that_resolves() -> None:
    asked: list[tuple[str, Any]] = []

    class Cache:
        def resolve(self, ref_id: str, *, actor: Any) -> Any:
            asked.append((ref_id, actor))
            return 5

    assert RefResolver(Cache(), actor="user").resolve([UNKNOWN, UNKNOWN]).value == [5, 5]
    assert asked == [(UNKNOWN, "user")] * 2


@pytest.mark.parametrize(
    "error", [KeyError("x"), PermissionError("x"), PermissionDenied("x"), type("Own", (KeyError,), {})("x")]
)
def test_key_and_permission_errors_are_translated(error: Exception) -> None:
    class Cache:
        def resolve(self, ref_id: str, *, actor: Any) -> Any:
            raise error

    with pytest.raises(KeyError, match="Invalid or inaccessible reference: c:0123456789abcdef"):
        RefResolver(Cache()).resolve(UNKNOWN)


@pytest.mark.parametrize("error", [RuntimeError("x"), OSError("x"), KeyboardInterrupt(), SystemExit()])
def test_other_errors_pass_through(error: BaseException) -> None:
    class Cache:
        def resolve(self, ref_id: str, *, actor: Any) -> Any:
            raise error

    with pytest.raises(type(error)) as raised:
        RefResolver(Cache(), fail_on_missing=False).resolve(UNKNOWN)
    assert raised.value is error


def test_a_circular_argument_is_an_error_and_no_crash(cache: RefCache) -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises((RecursionError, ValueError)):
        resolve_refs(cache, circle)


@pytest.mark.parametrize("shallow", [True, False])
def test_tools_may_leave_references_in_stored_values_alone(cache: RefCache, shallow: bool) -> None:
    inner = cache.set("inner", 5).ref_id
    outer = cache.set("outer", [inner]).ref_id

    @cache.cached(resolve_refs="shallow" if shallow else True)
    def tool(data: Any) -> Any:
        return data

    answer: Any = tool(outer)
    assert answer["value"] == ([inner] if shallow else [5])


async def test_references_reach_typed_parameters_through_fastmcp(cache: RefCache) -> None:
    from fastmcp import Client, FastMCP

    mcp = FastMCP("server")

    @mcp.tool
    @cache.cached()
    async def process_data(data: list[int]) -> list[float]:
        return [x * 1.5 for x in data]

    async with Client(mcp) as client:
        answer = await client.call_tool("process_data", {"data": cache.set("k", [1, 2]).ref_id})
    assert answer.structured_content["value"] == [1.5, 3.0]  # pyright: ignore
