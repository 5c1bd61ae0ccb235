"""`@cache.cached()`: what a decorated function answers, keeps and refuses."""

import asyncio
import functools
import importlib
import inspect
import logging
import typing
import uuid
from typing import Any

import pytest
from pydantic import BaseModel

import mcp_refcache.cache
from mcp_refcache import (
    POLICY_EXECUTE_ONLY,
    POLICY_PUBLIC,
    POLICY_USER_ONLY,
    AccessPolicy,
    DefaultActor,
    Permission,
    PermissionDenied,
    PreviewConfig,
    RefCache,
)
from mcp_refcache._plan import Plan
from mcp_refcache.fastmcp import register_cache_tools

HIDDEN = AccessPolicy(user_permissions=Permission.FULL, agent_permissions=Permission.NONE)


class Context:
    """What FastMCP 2 gives a tool: ids and sync state."""

    def __init__(self, session_id=None, client_id=None, **state):
        self.session_id = session_id
        self.client_id = client_id
        self.request_id = None
        self.state = state

    def get_state(self, key):
        return self.state.get(key)


class AsyncContext(Context):
    """What FastMCP 3 and later give: async state."""

    async def get_state(self, key):
        return self.state.get(key)


@pytest.fixture
def as_caller(monkeypatch):
    def enter(context):
        monkeypatch.setattr(mcp_refcache.cache, "try_get_fastmcp_context", lambda: context)

    return enter


def count(function=None):
    """A function that answers how often it ran."""
    runs = []

    def counted(*args, **kwargs):
        runs.append(1)
        return len(runs)

    return counted


class TestAnswers:
    def test_a_small_result_is_shown(self, cache):
        @cache.cached()
        def f(x):
            return {"x": x}

        answer = f(1)
        assert list(answer) == [
            "ref_id", "value", "is_complete", "is_async", "size", "total_items", "namespace", "cache_name"
        ]  # fmt: skip
        assert answer["value"] == {"x": 1}
        assert (answer["is_complete"], answer["is_async"]) == (True, False)
        assert (answer["size"], answer["total_items"]) == (8, 1)
        assert (answer["namespace"], answer["cache_name"]) == ("public", "c")
        assert cache.resolve(answer["ref_id"]) == {"x": 1}

    def test_a_large_result_is_previewed(self, cache):
        answer = cache.cached()(lambda: list(range(1000)))()
        assert list(answer) == [
            "ref_id", "preview", "is_complete", "is_async", "preview_strategy", "total_items",
            "original_size", "preview_size", "message", "namespace", "cache_name",
        ]  # fmt: skip
        assert answer["preview_size"] <= 100
        assert answer["is_complete"] is False
        assert "get_cached_result" in answer["message"]
        assert answer["ref_id"] in answer["message"]

    def test_the_size_of_the_tool_is_the_size_of_the_preview(self, cache):
        @cache.cached(max_size=20)
        def f():
            return list(range(1000))

        answer = f()
        assert answer["preview_size"] <= 20
        assert cache.get(answer["ref_id"]).preview_size <= 20

    def test_a_value_between_the_two_sizes(self):
        cache = RefCache(name="c", preview_config=PreviewConfig(size_mode="character", max_size=1000))
        assert cache.cached(max_size=20)(lambda: "x" * 50)()["is_complete"] is False
        assert cache.cached(max_size=0)(lambda: "y" * 50)()["is_complete"] is True

    @pytest.mark.parametrize("strategy", ["truncate", "sample", "paginate", "summary"])
    def test_the_strategy_of_the_tool(self, cache, strategy):
        @cache.cached(preview_type=strategy)
        def f():
            return {"users": [{"id": i} for i in range(1000)]}

        answer = f()
        assert answer["preview_strategy"] == strategy
        assert answer["preview_size"] <= 100

    def test_a_second_call_is_a_hit(self, cache):
        f = cache.cached()(count())
        assert f() == f()

    async def test_async_functions(self, cache):
        runs = []

        @cache.cached()
        async def f(x):
            await asyncio.sleep(0)
            runs.append(x)
            return list(range(x))

        assert inspect.iscoroutinefunction(f)
        assert await f(3) == await f(3)
        assert (await f(1000))["is_complete"] is False
        assert runs == [3, 1000]

    def test_none_is_a_result(self, cache):
        runs = []
        f = cache.cached()(lambda: runs.append(1))
        assert f()["value"] is None
        f()
        assert runs == [1]

    def test_exceptions_are_not_kept(self, cache):
        runs = []

        @cache.cached()
        def f():
            runs.append(1)
            if len(runs) == 1:
                raise ValueError("first")
            return "second"

        with pytest.raises(ValueError, match="first"):
            f()
        assert f()["value"] == "second"

    def test_answers_are_copies(self, cache):
        f = cache.cached()(lambda: [1, 2])
        f()["value"].append(3)
        assert f()["value"] == [1, 2]

    def test_an_expired_result_is_made_again(self, cache, clock):
        f = cache.cached(ttl=10)(count())
        assert f()["value"] == 1
        clock.now += 9
        assert f()["value"] == 1
        clock.now += 2
        assert f()["value"] == 2

    def test_an_entry_that_vanishes_between_two_looks_is_made_again(self, cache, monkeypatch):
        f = cache.cached(policy=POLICY_PUBLIC)(count())
        first = f()
        find = Plan.find

        def vanish(self, request):
            found = find(self, request)
            if found is not None and found.ref_id == first["ref_id"]:
                cache.delete(found.ref_id, actor="user")
            return found

        monkeypatch.setattr(Plan, "find", vanish)
        assert f()["value"] in (1, 2)
        assert f()["value"] == 2

    def test_a_deleted_result_is_made_again(self, cache):
        f = cache.cached(policy=POLICY_PUBLIC)(count())
        cache.delete(f()["ref_id"], actor="user")
        assert f()["value"] == 2

    def test_namespaces(self, cache):
        answer = cache.cached(namespace="shared:team")(lambda: 1)()
        assert answer["namespace"] == "shared:team"

    def test_the_namespace_of_the_cache(self):
        cache = RefCache(default_namespace="shared:team")
        assert cache.cached()(lambda: 1)()["namespace"] == "shared:team"

    def test_a_labelled_namespace_serves_its_own_tool(self, cache):
        f = cache.cached(namespace="session:conv-123")(lambda: list(range(1000)))
        first = f()
        assert first["preview"]
        assert f() == first

    async def test_large_values_are_sized_off_the_loop(self):
        @RefCache().cached()
        async def f(n):
            return ["word " * 20] * n

        turns = []

        async def take_turns():
            while True:
                turns.append(1)
                await asyncio.sleep(0)

        others = asyncio.create_task(take_turns())
        await f(1)
        assert not turns
        await f(100_000)
        assert turns
        others.cancel()


class TestRights:
    def test_a_value_for_use_only_is_not_shown(self, cache):
        @cache.cached(policy=POLICY_EXECUTE_ONLY)
        def secret(n):
            return {"ssn": "123-45-6789"} if n == 1 else ["123-45-6789"] * n

        for n in (1, 1000):
            for _ in range(2):
                answer = secret(n)
                assert "123-45" not in repr(answer)
                assert (answer["preview"], answer["is_complete"], answer["is_async"]) == (None, False, False)
                assert answer["ref_id"] in answer["message"]

    def test_private_computation(self, cache):
        @cache.cached(policy=POLICY_EXECUTE_ONLY)
        def secret():
            return {"balance": 7}

        @cache.cached()
        def double(data):
            return data["balance"] * 2

        answer = double(secret()["ref_id"])
        assert answer["preview"] is None
        assert cache.resolve(answer["ref_id"]) == 14

    def test_a_hit_is_judged(self, cache):
        f = cache.cached(policy=HIDDEN)(count())
        assert "value" not in f()  # made by this caller: hidden
        with pytest.raises(PermissionDenied):
            f()

    def test_two_sessions_never_share(self, cache, as_caller):
        now = ""

        @cache.cached(session_scoped=True, owner_template="user:{user_id}")
        def balance(acct):
            return {"secret of": now}

        for now, session in (("alice", "s1"), ("bob", "s2"), ("alice", "s1"), ("bob", "s3")):
            as_caller(Context(session, user_id=now))
            assert balance("x")["value"] == {"secret of": now}

    def test_a_large_result_of_a_scoped_tool_is_its_callers(self, cache, as_caller):
        @cache.cached(namespace_template="user:{user_id}", session_scoped=True)
        def f():
            return list(range(1000))

        as_caller(Context("s1", user_id="alice"))
        first = f()
        assert first["namespace"] == "user:alice"
        assert first["preview"]
        assert f() == first
        as_caller(Context("s2", user_id="bob"))
        assert f()["namespace"] == "user:bob"
        with pytest.raises(PermissionDenied):
            cache.resolve(first["ref_id"])

    async def test_async_state_is_awaited(self, cache, as_caller):
        @cache.cached(namespace_template="user:{user_id}", owner_template="user:{user_id}")
        async def f():
            return 1

        as_caller(AsyncContext(user_id="alice"))
        answer = await f()
        assert answer["namespace"] == "user:alice"
        as_caller(AsyncContext(user_id="bob"))
        assert (await f())["ref_id"] != answer["ref_id"]

    async def test_state_that_cannot_be_read_is_no_shared_bucket(self, cache, as_caller, caplog):
        """A sync tool on the event loop cannot await the state."""
        as_caller(AsyncContext("s1", user_id="alice"))
        f = cache.cached(namespace_template="user:{user_id}")(count())
        assert f()["value"] == 1
        assert f()["value"] == 2
        assert caplog.text.count("has no user_id") == 1

    def test_without_a_context_templates_use_their_fallbacks(self, cache):
        f = cache.cached(namespace_template="user:{user_id}")(count())
        first = f()
        assert first["namespace"] == "user:anonymous"
        assert f()["ref_id"] == first["ref_id"]

    def test_what_a_caller_made_is_the_same_to_it_again(self, cache, as_caller):
        f = cache.cached(owner_template="user:{user_id}", policy=POLICY_USER_ONLY)(lambda: "private")
        as_caller(Context("s1", user_id="alice"))
        first = f()
        assert "private" not in repr(first)
        assert f() == first

    def test_scoping_keeps_the_default_policy(self, as_caller):
        cache = RefCache(default_policy=POLICY_USER_ONLY)
        f = cache.cached(owner_template="user:{user_id}")(lambda: "private")
        as_caller(Context(user_id="alice"))
        assert "private" not in repr(f())

    def test_a_caller_without_a_name_keeps_its_session(self, cache, as_caller):
        ref = cache.set("k", [1], policy=AccessPolicy(bound_session="s1")).ref_id
        f = cache.cached(session_scoped=True)(lambda x: x)
        as_caller(Context("s1"))
        assert f(ref)["value"] == [1]
        as_caller(Context("s2"))
        with pytest.raises(KeyError):
            f(ref)

    def test_an_undeclared_namespace_is_refused_before_the_function_runs(self, as_caller):
        cache = RefCache(namespaces=["public", "org:acme"])
        runs = []
        f = cache.cached(namespace_template="org:{org_id}")(lambda: runs.append(1))
        as_caller(Context(org_id="acme"))
        f()
        as_caller(Context(org_id="evil"))
        with pytest.raises(ValueError, match="org:evil"):
            f()
        assert runs == [1]


class TestInjected:
    def make(self, cache, **options):
        fastmcp = importlib.import_module("fastmcp")
        runs = []

        def me(x: int, ctx: fastmcp.Context) -> str:
            runs.append(1)
            return f"{ctx} {len(runs)}"

        return cache.cached(**options)(me)

    def test_callers_are_told_apart(self, cache, as_caller):
        me = self.make(cache)
        as_caller(Context("s1"))
        one = me(1, ctx="ctx")
        assert me(1, ctx="other object")["ref_id"] == one["ref_id"]
        as_caller(Context("s2"))
        assert me(1, ctx="ctx")["ref_id"] != one["ref_id"]
        as_caller(Context("s1", user_id="alice"))
        assert me(1, ctx="ctx")["ref_id"] != one["ref_id"]

    def test_nobody_in_particular_gets_a_result_of_its_own(self, cache, as_caller, caplog):
        me = self.make(cache)
        as_caller(Context())
        one, other = me(1, ctx=None), me(1, ctx=None)
        assert one["ref_id"] != other["ref_id"]
        assert cache.resolve(one["ref_id"])
        assert caplog.text.count("shared=True") == 1

    def test_a_shared_result(self, cache, as_caller):
        me = self.make(cache, shared=True)
        as_caller(Context("s1"))
        one = me(1, ctx="a")
        as_caller(Context("s2"))
        assert me(1, ctx="b")["ref_id"] == one["ref_id"]

    def test_text_annotations(self, cache, as_caller):
        def me(ctx: "Context", x: int = 1) -> str:  # a class of this module: no injection
            return "x"

        def hidden(x, ctx: "fastmcp.Context"):  # noqa: F821 - not imported here, as under TYPE_CHECKING
            return "x"

        as_caller(Context("s1"))
        f = cache.cached()(hidden)
        assert f(1, ctx=object())["ref_id"] == f(1, ctx=object())["ref_id"]
        g = cache.cached()(me)
        assert g(object())["ref_id"] != g(object())["ref_id"]


class TestReferences:
    def test_references_become_values(self, cache):
        ref = cache.set("k", [1, 2]).ref_id
        f = cache.cached()(lambda data, *more, **named: [data, more, named])
        assert f(ref, {"a": [ref]}, n=(ref,))["value"] == [[1, 2], ({"a": [[1, 2]]},), {"n": ([1, 2],)}]

    def test_a_value_and_its_reference_are_one_call(self, cache):
        ref = cache.set("k", [1, 2]).ref_id
        f = cache.cached()(count())
        assert f(ref)["value"] == f([1, 2])["value"]

    def test_missing_and_forbidden_are_one_answer(self, cache):
        forbidden = cache.set("k", 1, policy=HIDDEN).ref_id
        f = cache.cached()(count())
        for ref in (forbidden, "c:" + "0" * 32):
            with pytest.raises(KeyError, match=f"Invalid or inaccessible reference: {ref}"):
                f(ref)

    def test_text_that_looks_like_a_reference_stays_text(self, cache):
        echo = cache.cached()(lambda text: text)
        for text in ("commit:deadbeef99", "md5:0123456789abcdef0123456789abcdef"):
            assert echo(text)["value"] == text

    def test_references_can_be_left_alone(self, cache):
        ref = cache.set("k", [1]).ref_id
        assert cache.cached(resolve_refs=False)(lambda x: x)(ref)["value"] == ref

    def test_shallow_resolution_leaves_stored_values_alone(self, cache):
        inner = cache.set("i", [1]).ref_id
        outer = cache.set("o", {"see": inner}).ref_id
        assert cache.cached(resolve_refs="shallow")(lambda x: x)(outer)["value"] == {"see": inner}
        assert cache.cached()(lambda x: x)(outer)["value"] == {"see": [1]}

    def test_stored_text_does_not_reach_what_the_caller_may_not_read(self, cache):
        secret = cache.set("s", "hidden", policy=POLICY_EXECUTE_ONLY).ref_id
        bait = cache.set("b", [secret]).ref_id
        with pytest.raises(KeyError):
            cache.cached()(lambda x: x)(bait)

    def test_an_explicit_actor_needs_read(self, cache):
        secret = cache.set("s", "hidden", policy=POLICY_EXECUTE_ONLY).ref_id
        with pytest.raises(KeyError):
            cache.cached(actor=DefaultActor.agent())(len)(secret)
        assert cache.resolve(cache.cached(actor="user")(len)(secret)["ref_id"]) == 6

    def test_the_object_of_a_method_is_no_argument(self, cache):
        import dataclasses

        ref = cache.set("k", [1]).ref_id

        @dataclasses.dataclass
        class Holder:
            ref_id: str

            @cache.cached()
            def show(self, x):
                return [self.ref_id, x]

        assert Holder(ref).show(ref)["value"] == [ref, [1]]


class TestFunctions:
    def test_what_is_wrapped(self, cache):
        def f(x: int, *, y: "str" = "a") -> list[int]:
            """Doc."""

        wrapper = cache.cached()(f)
        assert (wrapper.__name__, wrapper.__qualname__, wrapper.__module__) == (
            f.__name__,
            f.__qualname__,
            __name__,
        )
        assert vars(wrapper).keys() == {"__wrapped__", "__signature__"}
        assert wrapper.__wrapped__ is f
        assert wrapper.__annotations__ == {"x": int, "y": "str", "return": dict[str, Any]}
        assert f.__annotations__ == {"x": int, "y": "str", "return": list[int]}
        assert str(inspect.signature(wrapper)) == "(x: int, *, y: 'str' = 'a') -> dict[str, typing.Any]"
        assert typing.get_type_hints(wrapper)["return"] == dict[str, Any]

    def test_attributes_are_kept(self, cache):
        def f(): ...

        f.tags = {"a"}
        assert cache.cached()(f).tags == {"a"}

    @pytest.mark.parametrize(
        "marker",
        [
            "get_cached_result", "max_size=500 characters", "get_cached_result(ref_id, full=True)",
            "Full retrieval", "Ref input compatibility",
            "Support depends on the tool's input schema/validation",
            "strictly typed parameters may reject string ref_ids",
        ],
    )  # fmt: skip
    def test_the_docstring_tells_how(self, cache, marker):
        def f():
            """First."""

        wrapper = cache.cached(max_size=500)(f)
        assert marker in wrapper.__doc__
        assert wrapper.__doc__.startswith("First.")
        assert f.__doc__ == "First."

    def test_the_docstring_says_it_once(self, cache):
        def f():
            """Doc."""

        cache.cached(max_size=5)(f)
        wrapper = cache.cached()(f)
        assert wrapper.__doc__.count("Caching Behavior") == 1
        assert "server default" in wrapper.__doc__

    def test_generators_are_read_to_their_end(self, cache):
        @cache.cached()
        def f(n):
            yield from range(n)

        assert f(3)["value"] == f(3)["value"] == [0, 1, 2]
        assert cache.cached()(lambda: map(str, range(2)))()["value"] == ["0", "1"]
        assert cache.cached()(lambda: (i for i in range(2)))()["value"] == [0, 1]

    def test_errors_of_generators_are_the_functions(self, cache):
        @cache.cached()
        def f():
            yield 1
            raise ValueError("late")

        with pytest.raises(ValueError, match="late"):
            f()

    async def test_async_generators_are_read_to_their_end(self, cache):
        @cache.cached()
        async def f():
            yield 1
            yield 2

        assert (await f())["value"] == [1, 2]
        assert await f() == await f()

    async def test_callable_objects(self, cache):
        class Tool:
            def __call__(self, x: int):
                """Doc of the call."""
                return x

        class AsyncTool:
            async def __call__(self, x):
                return x

        tool, async_tool = cache.cached()(Tool()), cache.cached()(AsyncTool())
        assert (tool.__name__, tool(1)["value"]) == ("Tool", 1)
        assert tool.__doc__.startswith("Doc of the call.")
        assert inspect.iscoroutinefunction(async_tool)
        assert (await async_tool(2))["value"] == 2
        assert "Caching" not in (Tool.__call__.__doc__ or "")

    async def test_partials(self, cache):
        def f(x, y):
            """Doc."""
            return x + y

        async def g(x, y):
            return x + y

        assert cache.cached()(functools.partial(f, 1))(2)["value"] == 3
        assert (await cache.cached()(functools.partial(g, y=1))(2))["value"] == 3
        assert cache.cached()(functools.partial(f, 1)).__name__ == "f"
        assert cache.cached()(functools.partial(f, 1)).__doc__.startswith("Doc.")

    async def test_methods(self, cache):
        class Service:
            @cache.cached()
            def plain(self, x):
                return x

            @cache.cached()
            async def waiting(self, x):
                return x

            @cache.cached()
            @staticmethod
            def static(x):
                return x

            @cache.cached()
            @classmethod
            def of_class(cls, x):
                return [cls.__name__, x]

            @classmethod
            @cache.cached()
            def below(cls, x):
                return x

        service = Service()
        assert service.plain(1)["value"] == 1
        assert (await service.waiting(2))["value"] == 2
        assert service.static(3)["value"] == Service.static(3)["value"] == 3
        assert Service.of_class(4)["value"] == ["Service", 4]
        assert service.below(5)["value"] == 5
        assert cache.cached()(service.plain.__wrapped__.__get__(service))(6)["value"] == 6

    def test_builtins(self, cache):
        assert cache.cached()(len)([1, 2])["value"] == 2

    async def test_a_sync_function_that_returns_an_awaitable_is_handed_through(self, cache, caplog):
        async def work():
            return 1

        f = cache.cached()(lambda: work())
        assert [await f(), await f()] == [1, 1]
        assert caplog.text.count("async def") == 1

    def test_mocks(self, cache):
        from unittest.mock import MagicMock

        mock = MagicMock(return_value=[1], __name__="mock")
        f = cache.cached()(mock)
        assert f(1)["value"] == f(1)["value"] == [1]
        assert mock.call_count == 1

    def test_no_function(self, cache):
        with pytest.raises(TypeError, match="decorates functions, not int"):
            cache.cached()(3)

    def test_decorated_functions_of_a_class_in_text_annotations(self, cache):
        class Local: ...

        def f(x: "Local", y: "Missing"):  # noqa: F821
            return 1

        assert cache.cached()(f)(1, 2)["value"] == 1


class TestOptions:
    @pytest.mark.parametrize(
        "options",
        [
            {"async_response_format": "huge"}, {"preview_type": "none"}, {"max_size": -1},
            {"resolve_refs": "deep"},
        ],
    )  # fmt: skip
    def test_nonsense_is_refused_at_decoration(self, cache, options):
        with pytest.raises(ValueError):  # noqa: PT011
            cache.cached(**options)(len)

    def test_async_timeout_is_ignored_with_a_warning(self, cache, caplog):
        f = cache.cached(async_timeout=1.0, async_response_format="full")(count())
        assert len(caplog.records) == 1
        assert f()["is_async"] is False

    def test_the_format_of_a_call_is_taken_out(self, cache, caplog):
        f = cache.cached()(lambda x: x)
        assert f(1, _async_response_format="minimal")["value"] == 1
        with pytest.raises(ValueError, match="huge"):
            f(1, _async_response_format="huge")
        f(1, _async_response_format=3)
        assert len(caplog.records) == 1

    def test_the_wrong_order_of_decorators_is_refused(self, cache):
        fastmcp = importlib.import_module("fastmcp")
        mcp = fastmcp.FastMCP("s")
        with pytest.raises(TypeError, match="swap"):

            @cache.cached()
            @mcp.tool
            def f() -> int:
                return 1


class TestHandedThrough:
    def test_answers_of_the_protocol(self, cache):
        importlib.import_module("fastmcp")
        try:
            from fastmcp.tools import ToolResult
        except ImportError:  # before 3
            from fastmcp.tools.tool import ToolResult
        from fastmcp.utilities.types import Image
        from mcp.types import TextContent

        text = TextContent(type="text", text="hi")
        for result in (ToolResult(content=[text]), Image(data=b"x", format="png"), text, ["a", text]):
            assert cache.cached(key=lambda result: uuid.uuid4().hex)(lambda result=result: result)() is result


class BrokenBackend:
    """A backend that keeps nothing."""

    def get(self, key): ...

    def set(self, key, entry):
        raise ConnectionError("secret value")

    def delete(self, key): ...

    def exists(self, key): ...

    def clear(self, namespace=None): ...

    def keys(self, namespace=None):
        return []


class TestNeverFailsAfterTheFunctionRan:
    def test_a_result_that_cannot_be_stored_is_shown(self, caplog):
        cache = RefCache(name="c", backend=BrokenBackend())
        answer = cache.cached()(lambda: [1, 2])()
        assert answer == {
            "ref_id": None, "value": [1, 2], "is_complete": True, "is_async": False, "size": 6,
            "total_items": 2,            "namespace": "public", "cache_name": "c",
        } | {"size": answer["size"]}  # fmt: skip
        assert "ConnectionError" in caplog.text
        assert "secret" not in caplog.text

    def test_but_not_to_those_who_may_not_see_it(self):
        cache = RefCache(backend=BrokenBackend())
        assert "hunter2" not in repr(cache.cached(policy=POLICY_EXECUTE_ONLY)(lambda: "hunter2")())

    def test_and_not_if_it_is_large(self):
        cache = RefCache(backend=BrokenBackend())
        answer = cache.cached(max_size=10)(lambda: ["x" * 100] * 100)()
        assert (answer["preview"], answer["is_complete"]) == (None, False)
        assert len(repr(answer)) < 1000

    async def test_async_too(self):
        cache = RefCache(backend=BrokenBackend())

        @cache.cached()
        async def f():
            return 1

        assert (await f())["value"] == 1

    def test_a_measurer_that_fails(self, caplog):
        class Broken:
            def measure(self, value):
                raise RuntimeError("secret")

        cache = RefCache(measurer=Broken())
        answer = cache.cached()(lambda: "hunter2")()
        assert answer["is_complete"] is False
        assert cache.resolve(answer["ref_id"]) == "hunter2"
        assert "RuntimeError" in caplog.text

    @pytest.mark.parametrize(
        "value", [object(), {(1, 2): 3}, {1, 2}, lambda: 1, float("nan"), "\ud800", 10**5000, b"x"], ids=type
    )
    def test_results_of_any_kind(self, cache, value):
        answer = cache.cached()(lambda: value)()
        assert answer["ref_id"]

    def test_a_result_that_contains_itself(self, cache):
        loop = []
        loop.append(loop)
        assert cache.cached()(lambda: loop)()["is_async"] is False

    def test_nothing_is_logged_for_ordinary_calls(self, cache, caplog):
        caplog.set_level(logging.DEBUG)
        f = cache.cached()(count())
        f(1)
        f(1)
        assert not caplog.records


class TestThroughAClient:
    """Real servers and clients: what Python hands out is what a client can be sent."""

    @pytest.fixture
    def mcp(self):
        return importlib.import_module("fastmcp").FastMCP("s")

    async def call(self, mcp, name, **arguments):
        import fastmcp

        async with fastmcp.Client(mcp) as client:
            return (await client.call_tool(name, arguments)).structured_content

    @pytest.mark.parametrize("is_async", [False, True])
    async def test_values_that_are_no_json(self, cache, mcp, is_async):
        np = importlib.import_module("numpy")
        values = {
            "array": np.arange(3),
            "bytes": b"\xff",
            "object": object(),
            "surrogate": "\ud800",
            "set": {1},
            "nan": float("nan"),
        }

        def sync(kind: str):
            return values[kind]

        async def waiting(kind: str):
            return values[kind]

        tool = cache.cached()(waiting if is_async else sync)
        mcp.tool(tool, name="tool")
        for kind in values:
            for _ in range(2):
                assert (await self.call(mcp, "tool", kind=kind))["ref_id"]
        if not is_async:
            assert tool("array")["value"].sum() == 3  # Python callers get the value itself

    async def test_what_a_tool_promises_is_what_clients_get(self, cache, mcp):
        """A client checks each result against the tool's `outputSchema`, and refuses what does not fit."""

        class Rows(BaseModel):
            rows: list[int]

        def numbers(n: int) -> list[int]:
            return list(range(n))

        def named(n: int) -> dict[str, int]:
            return {str(each): each for each in range(n)}

        def number(n: int) -> int:
            return n

        async def rows(n: int) -> Rows:
            return Rows(rows=list(range(n)))

        def maybe(n: int) -> str | None:
            return "x" * n or None

        for function in (numbers, named, number, rows, maybe):
            mcp.tool(cache.cached()(function))
            for n in (0, 1, 500):  # whole and, where it is large, as a preview
                assert (await self.call(mcp, function.__name__, n=n))["ref_id"]

    async def test_what_is_no_number_is_sent_as_text(self, cache, mcp):
        register_cache_tools(mcp, cache)

        @mcp.tool
        @cache.cached()
        def tool(n: int) -> list:
            return [float("nan"), float("-inf"), 1.5] * n

        assert (await self.call(mcp, "tool", n=1))["value"] == ["NaN", "-Infinity", 1.5]
        large = await self.call(mcp, "tool", n=100)
        assert "NaN" in large["preview"]
        page = await self.call(mcp, "get_cached_result", ref_id=large["ref_id"], page=2, page_size=2)
        assert page["preview"] == [1.5, "NaN"]

    async def test_a_tool_with_a_context(self, cache, mcp):
        from fastmcp import Context

        @mcp.tool
        @cache.cached()
        async def me(ctx: Context) -> str:
            return ctx.session_id

        one, other = await self.call(mcp, "me"), await self.call(mcp, "me")
        assert one["value"] != other["value"]

    async def test_a_tool_with_a_dependency(self, cache, mcp):
        try:
            from fastmcp.dependencies import Depends
        except ImportError:
            pytest.skip("this FastMCP has no Depends")
        runs = []

        @mcp.tool
        @cache.cached(shared=True)
        async def f(x: int, client: object = Depends(object)) -> int:
            runs.append(client)
            return x

        assert (await self.call(mcp, "f", x=1))["ref_id"] == (await self.call(mcp, "f", x=1))["ref_id"]
        assert len(runs) == 1

    async def test_context_state_scopes_results(self, cache, mcp):
        """State that middleware sets for the request, read by sync and async tools alike."""
        from fastmcp.server.middleware import Middleware

        class Login(Middleware):
            async def on_call_tool(self, context, call_next):
                done = context.fastmcp_context.set_state("user_id", user)
                if inspect.isawaitable(done):
                    await done
                return await call_next(context)

        mcp.add_middleware(Login())
        options = {"namespace_template": "user:{user_id}", "owner_template": "user:{user_id}"}

        @mcp.tool
        @cache.cached(**options)
        async def waiting() -> str:
            return user

        @mcp.tool
        @cache.cached(**options)
        def sync() -> str:
            return user

        for user in ("alice", "bob", "alice"):
            for name in ("waiting", "sync"):
                answer = await self.call(mcp, name)
                assert (answer["value"], answer["namespace"]) == (user, f"user:{user}")

    async def test_answers_of_the_protocol_reach_the_client(self, cache, mcp):
        import fastmcp
        from fastmcp.utilities.types import Image

        @mcp.tool
        @cache.cached()
        def draw() -> Image:
            return Image(data=b"x", format="png")

        async with fastmcp.Client(mcp) as client:
            result = await client.call_tool("draw", {})
        assert result.content[0].type == "image"

    async def test_many_clients_at_once_share_one_run(self, cache, mcp):
        runs = []

        @mcp.tool
        @cache.cached()
        async def slow(x: int) -> int:
            runs.append(x)
            await asyncio.sleep(0.1)
            return x

        answers = await asyncio.gather(*(self.call(mcp, "slow", x=1) for _ in range(10)))
        assert len(runs) == 1
        assert len({answer["ref_id"] for answer in answers}) == 1
