"""Reading the FastMCP context: values, templates, actors and policies."""

import asyncio
import gc
import inspect
import threading
import warnings
from contextlib import contextmanager
from unittest.mock import AsyncMock, MagicMock

import anyio.to_thread
import fastmcp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_refcache._identity import Identity
from mcp_refcache.access.actor import ActorType, DefaultActor
from mcp_refcache.context_integration import (
    DEFAULT_FALLBACKS,
    aget_context_values,
    build_context_scoped_policy,
    derive_actor_from_context,
    escape_template_value,
    expand_template,
    get_context_values,
    try_get_fastmcp_context,
)
from mcp_refcache.permissions import AccessPolicy, Permission

STATE = {"user_id": "alice", "org_id": "acme", "role": "admin", "scopes": ["read"], "tenant_id": None}
VALUES = {
    "session_id": "s1",
    "client_id": "c1",
    "user_id": "alice",
    "org_id": "acme",
    "role": "admin",
    "scopes": "['read']",
}


class SyncContext:
    session_id, client_id, request_id = "s1", "c1", None

    def get_state(self, key):
        return STATE.get(key)


class AsyncContext(SyncContext):
    async def get_state(self, key):
        await asyncio.sleep(0)
        return STATE.get(key)


@contextmanager
def no_forgotten_coroutine():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
        gc.collect()


class TestTemplates:
    @pytest.mark.parametrize(
        ("template", "values", "fallbacks", "text"),
        [
            ("org:{org_id}:user:{user_id}", {"org_id": "acme", "user_id": "bob"}, None, "org:acme:user:bob"),
            ("user:{user_id}", {}, None, "user:anonymous"),
            ("user:{user_id}", {"user_id": ""}, None, "user:"),
            ("user:{user_id}", {"user_id": None}, None, "user:"),
            ("user:{user_id}", {}, {"user_id": "guest"}, "user:guest"),
            ("user:{user_id}", {}, {"user_id": "guest:1"}, "user:guest:1"),
            ("{org_id}/{team}", {}, {"org_id": "o"}, "o/unknown"),
            ("{ user_id }{}{1a}{{user_id}}", {"user_id": "u"}, None, "{ user_id }{}{1a}{u}"),
            ("plain", {"plain": "x"}, None, "plain"),
            ("", {}, None, ""),
            (None, {}, None, None),
        ],
    )
    def test_placeholders_are_filled(self, template, values, fallbacks, text):
        assert expand_template(template, values, fallbacks) == text

    @pytest.mark.parametrize("name", DEFAULT_FALLBACKS)
    def test_missing_value_becomes_its_placeholder(self, name):
        assert expand_template(f"{{{name}}}", {}) == DEFAULT_FALLBACKS[name]

    def test_value_that_is_no_text_is_refused_by_name(self):
        with pytest.raises(TypeError, match="'user_id' must be str or None, not int"):
            expand_template("user:{user_id}", {"user_id": 7})

    def test_one_tenant_cannot_form_another_tenants_namespace(self):
        forged = expand_template("org:{org_id}", {"org_id": "acme:user:bob"})
        assert forged == "org:acme%3Auser%3Abob"
        assert forged != expand_template("org:{org_id}:user:{user_id}", {"org_id": "acme", "user_id": "bob"})

    def test_user_called_star_is_not_the_anonymous_owner(self):
        assert expand_template("user:{user_id}", {"user_id": "*"}) == "user:%2A"

    @given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
    def test_different_callers_never_share_a_namespace(self, one, other):
        fill = lambda values: expand_template("org:{o}:user:{u}", {"o": values[0], "u": values[1]})  # noqa: E731
        assert (fill(one) == fill(other)) == (one == other)

    @given(st.text(alphabet="ab:%*3A"))
    def test_escaping_keeps_values_apart_and_in_one_part(self, value):
        escaped = escape_template_value(value)
        assert ":" not in escaped
        assert escaped.replace("%2A", "*").replace("%3A", ":").replace("%25", "%") == value


class TestValues:
    def test_no_context_has_no_values(self):
        assert get_context_values(None) == {}

    def test_attributes_come_first_then_state_and_none_is_left_out(self):
        values = get_context_values(SyncContext())
        assert values == VALUES
        assert list(values) == list(VALUES)

    def test_empty_text_is_kept(self):
        context = MagicMock(session_id="", client_id=None, request_id=None)
        context.get_state.side_effect = lambda key: "" if key == "user_id" else None
        assert get_context_values(context) == {"session_id": "", "user_id": ""}

    def test_state_cannot_override_the_attributes(self):
        context = SyncContext()
        context.get_state = {"session_id": "forged"}.get
        assert get_context_values(context) == {"session_id": "s1", "client_id": "c1"}

    def test_what_fails_to_be_read_is_left_out(self):
        class Unreadable:
            def __str__(self):
                raise RuntimeError

        class OutsideSession(SyncContext):
            @property
            def session_id(self):
                raise RuntimeError("no session")

            def get_state(self, key):
                if key == "org_id":
                    raise KeyError(key)
                return Unreadable() if key == "role" else STATE.get(key)

        expected = {name: VALUES[name] for name in ("client_id", "user_id", "scopes")}
        assert get_context_values(OutsideSession()) == expected

    def test_context_without_state_still_gives_its_attributes(self):
        assert get_context_values(type("Bare", (), {"session_id": "s1"})()) == {"session_id": "s1"}

    def test_mocked_context_is_read(self):
        context = MagicMock()
        context.session_id = "s1"
        context.get_state.return_value = "x"
        values = get_context_values(context)
        assert (values["session_id"], values["user_id"]) == ("s1", "x")


class TestAsyncState:
    async def test_async_values_are_awaited(self):
        values = await aget_context_values(AsyncContext())
        assert values == VALUES
        assert list(values) == list(VALUES)

    async def test_async_reading_takes_sync_contexts_too(self):
        assert await aget_context_values(SyncContext()) == VALUES
        assert await aget_context_values(None) == {}

    async def test_async_failure_leaves_only_its_key_out(self):
        class Failing(AsyncContext):
            async def get_state(self, key):
                if key == "org_id":
                    raise KeyError(key)
                return STATE.get(key)

        with no_forgotten_coroutine():
            values = await aget_context_values(Failing())
        assert values == {name: text for name, text in VALUES.items() if name != "org_id"}

    def test_coroutine_is_never_turned_into_text(self):
        with no_forgotten_coroutine():
            assert get_context_values(AsyncContext()) == {"session_id": "s1", "client_id": "c1"}

    async def test_event_loop_thread_is_not_blocked(self):
        with no_forgotten_coroutine():
            assert get_context_values(AsyncContext()) == {"session_id": "s1", "client_id": "c1"}

    async def test_async_mock_is_never_turned_into_text(self):
        context = AsyncMock()
        context.session_id = "s1"
        context.get_state.return_value = None
        with no_forgotten_coroutine():
            assert "user_id" not in get_context_values(context)
            assert "user_id" not in await aget_context_values(context)

    async def test_worker_thread_of_the_server_gets_the_state(self):
        with no_forgotten_coroutine():
            assert await anyio.to_thread.run_sync(get_context_values, AsyncContext()) == VALUES

    async def test_event_loop_inside_a_worker_thread_is_not_blocked(self):
        async def inner():
            return get_context_values(AsyncContext())

        with no_forgotten_coroutine():
            values = await anyio.to_thread.run_sync(asyncio.run, inner())
        assert values == {"session_id": "s1", "client_id": "c1"}

    async def test_thread_of_somebody_else_leaves_the_state_out(self):
        with no_forgotten_coroutine():
            values = await asyncio.to_thread(get_context_values, AsyncContext())
        assert values == {"session_id": "s1", "client_id": "c1"}

    async def test_cancelled_request_does_not_go_on_as_nobody(self):
        went_on = []

        class Hanging(AsyncContext):
            async def get_state(self, key):
                reading.set()
                await asyncio.sleep(60)

        def tool():
            went_on.append(get_context_values(Hanging()))

        reading = asyncio.Event()
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.to_thread.run_sync, tool)
                await reading.wait()
                scope.cancel()
        assert went_on == []

    async def test_pending_future_is_cancelled_and_left_out(self):
        future = asyncio.get_running_loop().create_future()
        context = type("Ctx", (), {"get_state": lambda self, key: future if key == "user_id" else None})()
        assert get_context_values(context) == {}
        assert future.cancelled()


class TestFastMCP:
    def test_outside_a_request_there_is_no_context(self):
        assert try_get_fastmcp_context() is None

    @pytest.mark.skipif(
        not inspect.iscoroutinefunction(fastmcp.Context.set_state), reason="FastMCP 2 has sync state"
    )
    async def test_async_and_sync_tools_read_the_same_caller(self):
        server = fastmcp.FastMCP("server")
        loop_thread = threading.get_ident()

        @server.tool
        async def async_tool(ctx: fastmcp.Context) -> dict:
            await ctx.set_state("user_id", "alice")
            return await aget_context_values(try_get_fastmcp_context())

        @server.tool
        async def async_tool_reading_sync(ctx: fastmcp.Context) -> dict:
            await ctx.set_state("user_id", "alice")
            return get_context_values(try_get_fastmcp_context())

        @server.tool
        def sync_tool(ctx: fastmcp.Context) -> dict:
            assert threading.get_ident() != loop_thread
            anyio.from_thread.run(ctx.set_state, "user_id", "alice")
            return get_context_values(try_get_fastmcp_context())

        async with fastmcp.Client(server) as client:
            with no_forgotten_coroutine():
                assert (await client.call_tool("async_tool", {})).data["user_id"] == "alice"
                assert (await client.call_tool("sync_tool", {})).data["user_id"] == "alice"
                values = (await client.call_tool("async_tool_reading_sync", {})).data
        assert "user_id" not in values
        assert values["session_id"]


class TestActor:
    @pytest.mark.parametrize(
        ("values", "actor"),
        [
            ({"user_id": "a", "session_id": "s"}, DefaultActor.user(id="a", session_id="s")),
            ({"user_id": "a", "agent_id": "g"}, DefaultActor.user(id="a")),
            ({"agent_id": "g", "session_id": "s"}, DefaultActor.agent(id="g", session_id="s")),
            ({"user_id": "", "agent_id": "g"}, DefaultActor.agent(id="g")),
            ({"user_id": "anonymous", "agent_id": "g"}, DefaultActor.agent(id="g")),
            ({"user_id": "anonymous", "agent_id": "anonymous"}, DefaultActor.agent()),
            ({}, DefaultActor.agent()),
        ],
    )
    def test_user_goes_before_agent_and_placeholders_are_nobody(self, values, actor):
        assert derive_actor_from_context(values) == actor

    def test_anonymous_caller_keeps_its_session(self):
        actor = derive_actor_from_context({"session_id": "s1"}, default_actor="user")
        assert (actor.type, actor.id, actor.session_id) == (ActorType.USER, None, "s1")

    def test_default_actor_object_is_taken_as_it_is(self):
        system = DefaultActor.system()
        assert derive_actor_from_context({"session_id": "s1"}, default_actor=system) is system


class TestPolicy:
    BASE = AccessPolicy(
        agent_permissions=Permission.EXECUTE,
        owner="user:root",
        denied_actors={"agent:x"},
        bound_session="b",
    )

    def test_without_options_the_policy_is_a_copy(self):
        policy = build_context_scoped_policy(self.BASE, {"user_id": "alice", "session_id": "s1"})
        assert policy == self.BASE
        assert policy is not self.BASE

    def test_without_a_base_it_starts_from_the_defaults(self):
        assert build_context_scoped_policy(None, {}) == AccessPolicy()

    def test_owner_comes_from_the_template(self):
        policy = build_context_scoped_policy(self.BASE, {"user_id": "alice"}, owner_template="user:{user_id}")
        assert policy == self.BASE.model_copy(update={"owner": "user:alice"})

    @pytest.mark.parametrize("template", [None, ""])
    def test_empty_template_keeps_the_owner(self, template):
        assert build_context_scoped_policy(self.BASE, {}, owner_template=template).owner == "user:root"

    @pytest.mark.parametrize(
        ("values", "session"),
        [
            ({"session_id": "s1"}, "s1"),
            ({"session_id": ""}, "b"),
            ({"session_id": "nosession"}, "b"),
            ({}, "b"),
        ],
    )
    def test_session_is_bound_where_there_is_one(self, values, session):
        assert build_context_scoped_policy(self.BASE, values, session_scoped=True).bound_session == session
        assert build_context_scoped_policy(self.BASE, values).bound_session == "b"

    def test_base_is_not_changed_and_subclasses_become_plain(self):
        class Own(AccessPolicy):
            note: str = "mine"

        base = Own(owner="user:root")
        policy = build_context_scoped_policy(base, {"user_id": "a"}, owner_template="user:{user_id}")
        assert type(policy) is AccessPolicy
        assert base.owner == "user:root"


class TestIdentity:
    def test_ids_are_gathered(self):
        values = {"user_id": "a", "org_id": "o", "client_id": "c", "session_id": "s", "agent_id": "g"}
        assert Identity.from_values(values) == Identity(user="a", org="o", client="c", session="s", agent="g")

    @pytest.mark.parametrize("values", [{}, DEFAULT_FALLBACKS, dict.fromkeys(DEFAULT_FALLBACKS, "")])
    def test_placeholders_and_empty_texts_are_nobody(self, values):
        assert Identity.from_values(values) == Identity()
        assert Identity.from_values(values).is_anonymous

    def test_one_id_is_enough_to_be_somebody(self):
        assert not Identity(session="s").is_anonymous

    def test_identity_can_be_a_key_and_cannot_be_changed(self):
        identity = Identity(user="a")
        assert {identity: 1}[Identity(user="a")] == 1
        with pytest.raises(AttributeError):
            identity.user = "b"
