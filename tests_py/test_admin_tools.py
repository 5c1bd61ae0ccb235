"""The admin tools: who may call them, and what they tell, on every kind of backend."""

import importlib
import inspect

import pytest

from mcp_refcache import NEVER, AccessPolicy, Permission, RefCache
from mcp_refcache.backends import CacheBackend, MemoryBackend
from mcp_refcache.fastmcp import (
    AdminChecker,
    AdminToolError,
    PermissionDeniedError,
    admin_tools,
    register_admin_tools,
)
from mcp_refcache.fastmcp.admin_tools import (
    create_clear_namespace_tool,
    create_delete_reference_tool,
    create_get_cache_stats_tool,
    create_get_reference_info_tool,
    create_list_references_tool,
)

FACTORIES = {
    "list_references": create_list_references_tool,
    "get_reference_info": create_get_reference_info_tool,
    "delete_reference": create_delete_reference_tool,
    "clear_namespace": create_clear_namespace_tool,
    "get_cache_stats": create_get_cache_stats_tool,
}
ARGUMENTS = {
    "get_reference_info": {"ref_id": "c:0123456789"},
    "delete_reference": {"ref_id": "c:0123456789"},
    "clear_namespace": {"namespace": "public"},
}


class PlainBackend:
    """A backend of the user's own: six methods over a dict."""

    def __init__(self):
        self.entries = {}

    def get(self, key):
        return self.entries.get(key)

    def set(self, key, entry):
        self.entries[key] = entry

    def delete(self, key):
        return self.entries.pop(key, None) is not None

    def exists(self, key):
        return key in self.entries

    def clear(self, namespace=None):
        keys = self.keys(namespace)
        for key in keys:
            del self.entries[key]
        return len(keys)

    def keys(self, namespace=None):
        return [key for key, entry in self.entries.items() if namespace in (None, entry.namespace)]


@pytest.fixture(params=[MemoryBackend, PlainBackend])
def backend(request) -> CacheBackend:
    return request.param()


@pytest.fixture
def cache(backend):
    return RefCache(name="c", backend=backend)


async def call(cache, name, **arguments):
    return await FACTORIES[name](cache, lambda ctx: True)(ctx=object(), **arguments)


class TestWhoMay:
    @pytest.mark.parametrize("name", FACTORIES)
    @pytest.mark.parametrize(
        ("check", "ctx", "message"),
        [
            (None, object(), "No admin check configured"),
            (None, None, "No admin check configured"),
            (lambda ctx: True, None, "Context required for admin verification"),
            (lambda ctx: False, object(), "Admin access required"),
            (lambda ctx: 0, object(), "Admin access required"),
        ],
    )
    async def test_nothing_is_done_without_an_admin_check_that_agrees(self, cache, name, check, ctx, message):
        ref = cache.set("k", 1)
        with pytest.raises(PermissionDeniedError, match=message) as raised:
            await FACTORIES[name](cache, check)(ctx=ctx, **ARGUMENTS.get(name, {}))
        assert raised.value.message == message
        assert cache.exists(ref.ref_id)

    async def test_an_async_check_is_awaited_and_asked_at_every_call(self, cache):
        asked = []

        async def check(ctx):
            asked.append(ctx)
            return len(asked) == 1

        tool = create_get_cache_stats_tool(cache, check)
        await tool(ctx="context")
        with pytest.raises(PermissionDeniedError):
            await tool(ctx="context")
        assert asked == ["context", "context"]

    async def test_what_the_check_raises_comes_out(self, cache):
        def check(ctx):
            raise LookupError("no token")

        with pytest.raises(LookupError, match="no token"):
            await create_get_cache_stats_tool(cache, check)(ctx=object())

    def test_the_errors_and_the_protocol(self):
        assert isinstance(lambda ctx: True, AdminChecker)
        assert issubclass(PermissionDeniedError, AdminToolError)
        assert not issubclass(PermissionDeniedError, PermissionError)
        assert str(PermissionDeniedError()) == "Admin access required"


class TestInfo:
    async def test_all_that_is_known_about_a_reference(self, cache, clock):
        clock.now = 1_700_000_000.25
        policy = AccessPolicy(owner="user:alice", bound_session="s1")
        ref = cache.set("k", [1, 2, 3], namespace="user:alice", tool_name="t", policy=policy, ttl=60).ref_id
        assert await call(cache, "get_reference_info", ref_id=ref) == {
            "ref_id": ref,
            "namespace": "user:alice",
            "created_at": "2023-11-14T22:13:20.250000+00:00",
            "expires_at": "2023-11-14T22:14:20.250000+00:00",
            "tool_name": "t",
            "owner": "user:alice",
            "policy": {
                "user_permissions": "Permission.FULL",
                "agent_permissions": str(Permission.READ | Permission.EXECUTE),
                "owner_permissions": "Permission.FULL",
                "session_bound": "s1",
            },
            "value_type": "list",
            "value_size": 3,
            "preview": [1, 2, 3],
        }

    @pytest.mark.parametrize(
        ("value", "kind", "size", "preview"),
        [
            (list(range(9)), "list", 9, [0, 1, 2, 3, 4, "..."]),
            ((1, 2), "tuple", None, [1, 2]),
            ({"a": 1}, "dict", 1, {"a": "..."}),
            ({str(n): n for n in range(6)}, "dict", 6, {**dict.fromkeys("01234", "..."), "...": "..."}),
            ("x" * 150, "str", 150, "x" * 100 + "..."),
            ("short", "str", 5, "short"),
            (None, "NoneType", None, "None"),
            (12345, "int", None, "12345"),
        ],
    )
    async def test_values_are_shown_from_their_beginning(self, cache, value, kind, size, preview):
        info = await call(cache, "get_reference_info", ref_id=cache.set("k", value).ref_id)
        assert (info["value_type"], info.get("value_size"), info["preview"]) == (kind, size, preview)

    async def test_the_value_comes_only_when_asked_for(self, cache):
        ref = cache.set("k", {"a": [1]}).ref_id
        assert "value" not in await call(cache, "get_reference_info", ref_id=ref)
        assert (await call(cache, "get_reference_info", ref_id=ref, include_value=True))["value"] == {
            "a": [1]
        }

    @pytest.mark.parametrize("name", ["get_reference_info", "delete_reference"])
    @pytest.mark.parametrize("ref_id", ["c:0123456789abcdef", "other:0123456789abcdef", "k"])
    async def test_unknown_references_keys_and_other_caches_are_not_found(self, cache, backend, name, ref_id):
        cache.set("k", 1)
        other = RefCache(name="other", backend=backend).set("k", 1)
        asked = other.ref_id if ref_id.startswith("other") else ref_id
        answer = await call(cache, name, ref_id=asked)
        success = {"success": False} if name == "delete_reference" else {}
        assert answer == {
            **success,
            "error": "Not found",
            "message": f"Reference '{asked}' not found",
            "ref_id": asked,
        }


class TestListing:
    async def test_a_namespace_is_listed_with_what_is_below_it_and_nothing_beside_it(self, cache):
        for namespace in ("user:al", "user:al:session:1", "user:alice", "public"):
            cache.set("k", 1, namespace=namespace)
        answer = await call(cache, "list_references", namespace="user:al")
        assert [each["namespace"] for each in answer["references"]] == ["user:al", "user:al:session:1"]
        assert (answer["total_count"], answer["namespace_filter"]) == (2, "user:al")
        assert list(answer) == [
            "references", "total_count", "limit", "offset", "has_more", "namespace_filter",
        ]  # fmt: skip

    async def test_references_come_in_parts_oldest_first(self, cache, clock):
        refs = []
        for number in range(5):
            clock.now += 1
            refs.append(cache.set(str(number), number).ref_id)
        first = await call(cache, "list_references", limit=2)
        last = await call(cache, "list_references", limit=2, offset=4)
        assert [each["ref_id"] for each in first["references"]] == refs[:2]
        assert [each["ref_id"] for each in last["references"]] == refs[4:]
        assert (first["has_more"], last["has_more"]) == (True, False)

    async def test_limit_and_offset_are_brought_into_range(self, cache):
        answer = await call(cache, "list_references", limit=0, offset=-3)
        assert (answer["limit"], answer["offset"]) == (1, 0)
        assert (await call(cache, "list_references", limit=1000))["limit"] == 100

    async def test_expired_references_are_listed_only_when_asked_for(self, cache, clock):
        cache.set("k", 1, ttl=1)
        clock.now += 2
        assert (await call(cache, "list_references"))["total_count"] == 0
        answer = await call(cache, "list_references", include_expired=True, include_preview=True)
        assert [each["preview"] for each in answer["references"]] == ["1"]

    async def test_other_caches_in_the_same_store_are_left_alone(self, cache, backend):
        other = RefCache(name="other", backend=backend)
        other.set("k", 1)
        cache.set("k", 1)
        assert (await call(cache, "list_references"))["total_count"] == 1
        assert (await call(cache, "clear_namespace", namespace="public"))["deleted_count"] == 1
        assert other.exists("k")


class TestRemoving:
    async def test_a_reference_is_deleted_with_its_key(self, cache):
        ref = cache.set("k", 1).ref_id
        answer = await call(cache, "delete_reference", ref_id=ref)
        assert answer == {"success": True, "message": f"Reference '{ref}' deleted", "ref_id": ref}
        assert not cache.exists(ref)
        assert not cache.exists("k")

    @pytest.mark.parametrize(("include_children", "left"), [(True, 1), (False, 2)])
    async def test_a_namespace_is_cleared_with_or_without_what_is_below_it(
        self, cache, include_children, left
    ):
        for namespace in ("user:al", "user:al:session:1", "user:alice"):
            cache.set("k", 1, namespace=namespace)
        answer = await call(cache, "clear_namespace", namespace="user:al", include_children=include_children)
        assert answer == {
            "success": True,
            "message": f"Cleared {3 - left} references from namespace 'user:al'",
            "namespace": "user:al",
            "deleted_count": 3 - left,
            "include_children": include_children,
        }
        assert (await call(cache, "list_references"))["total_count"] == left

    async def test_no_namespace_is_no_order_to_clear_everything(self, cache):
        answer = await call(cache, "clear_namespace", namespace="")
        assert answer == {
            "success": False,
            "error": "Invalid namespace",
            "message": "Namespace cannot be empty",
        }


async def test_stats_count_by_namespace_and_type(cache, clock):
    cache.set("a", [1])
    cache.set("b", "text", namespace="user:alice")
    cache.set("c", "text", ttl=1)
    clock.now += 2
    assert await call(cache, "get_cache_stats") == {
        "cache_name": "c",
        "default_ttl_seconds": 3600,
        "preview_config": {"size_mode": "token", "max_size": 1000, "default_strategy": "sample"},
        "default_policy": {
            "user_permissions": "Permission.FULL",
            "agent_permissions": str(Permission.READ | Permission.EXECUTE),
        },
        "total_references": 3,
        "references_by_namespace": {"public": 2, "user:alice": 1},
        "expired_references": 1,
        "active_references": 2,
        "references_by_type": {"list": 1, "str": 2},
    }


async def test_a_cache_whose_entries_never_expire_has_no_default_ttl_to_tell():
    assert (await call(RefCache(default_ttl=NEVER), "get_cache_stats"))["default_ttl_seconds"] is None


class TestInAServer:
    @pytest.fixture
    def fastmcp(self):
        return importlib.import_module("fastmcp")

    @pytest.mark.parametrize("dangerous", [False, True])
    async def test_the_tools_are_there_and_only_the_dangerous_one_shows_values(
        self, cache, fastmcp, dangerous
    ):
        mcp = fastmcp.FastMCP("s")
        names = register_admin_tools(mcp, cache, lambda ctx: True, include_dangerous=dangerous)
        assert names == [f"admin_{name}" for name in FACTORIES]
        async with fastmcp.Client(mcp) as client:
            tools = {tool.name: tool for tool in await client.list_tools()}
            ref = cache.set("k", {"a": {1, 2}}).ref_id
            info = (await client.call_tool("admin_get_reference_info", {"ref_id": ref})).structured_content
            listed = (await client.call_tool("admin_list_references", {})).structured_content
        assert list(tools) == names
        schema = getattr(tools["admin_get_reference_info"], "input_schema", None) or getattr(
            tools["admin_get_reference_info"], "inputSchema", {}
        )
        assert list(schema["properties"]) == ["ref_id", *["include_value"][:dangerous]]
        assert info["preview"] == {"a": "..."}
        assert listed["total_count"] == 1

    async def test_the_check_sees_the_context_and_a_refusal_is_an_error(self, cache, fastmcp):
        seen = []
        mcp = fastmcp.FastMCP("s")
        register_admin_tools(mcp, cache, lambda ctx: seen.append(ctx), prefix="ops_")
        async with fastmcp.Client(mcp) as client:
            result = await client.call_tool("ops_get_cache_stats", {}, raise_on_error=False)
        assert result.is_error
        assert "Admin access required" in result.content[0].text
        assert isinstance(seen[0], fastmcp.Context)

    def test_the_factories_make_functions_with_the_documented_parameters(self, cache):
        parameters = {
            name: list(inspect.signature(make(cache)).parameters) for name, make in FACTORIES.items()
        }
        assert parameters == {
            "list_references": [
                "namespace", "include_expired", "include_preview", "limit", "offset", "ctx",
            ],
            "get_reference_info": ["ref_id", "include_value", "ctx"],
            "delete_reference": ["ref_id", "ctx"],
            "clear_namespace": ["namespace", "include_children", "ctx"],
            "get_cache_stats": ["ctx"],
        }  # fmt: skip
        assert [make(cache).__name__ for make in FACTORIES.values()] == list(FACTORIES)

    def test_the_names_that_test_suites_look_at_are_there(self):
        assert callable(admin_tools._check_admin)
        assert callable(admin_tools._format_reference_info)
