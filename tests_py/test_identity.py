"""Who calls: one identity per request, over every transport, and nothing shared where nobody is known."""

import asyncio
import importlib
import inspect

import pytest
from servers import ERAS, connect, has_sessions, over_pipes, served, token_verifier

import mcp_refcache.cache
from mcp_refcache import POLICY_USER_ONLY, AccessPolicy, Permission, PreviewConfig, RefCache
from mcp_refcache.fastmcp import Identity, use_identity

fastmcp = importlib.import_module("fastmcp")
Middleware = importlib.import_module("fastmcp.server.middleware").Middleware

SCOPED = {"namespace_template": "user:{user_id}", "owner_template": "user:{user_id}"}


class Context:
    """Stands in for a context."""

    def __init__(self, session_id=None, **state):
        self.session_id, self.client_id, self.request_id = session_id, None, None
        self._state = state

    def get_state(self, key):
        return self._state.get(key)


@pytest.fixture
def cache():
    return RefCache(name="c", preview_config=PreviewConfig(max_size=50))


@pytest.fixture
def as_caller(monkeypatch):
    def enter(context):
        monkeypatch.setattr(mcp_refcache.cache, "try_get_fastmcp_context", lambda: context)

    return enter


def make_server(cache, **options):
    mcp = fastmcp.FastMCP("s", **options)
    cache.install(mcp)
    runs = []

    @mcp.tool
    @cache.cached(**SCOPED)
    async def mine(x: int) -> str:
        runs.append(x)
        return f"run {len(runs)}"

    @mcp.tool
    @cache.cached(**SCOPED)
    def mine_sync(x: int) -> str:
        runs.append(x)
        return f"run {len(runs)}"

    @mcp.tool
    @cache.cached(session_scoped=True)
    async def talk(n: int) -> list[int]:
        runs.append(n)
        return list(range(n))

    @mcp.tool
    async def use(ref_id: str) -> str:
        return str(len(cache.resolve(ref_id)))

    @mcp.tool
    def use_sync(ref_id: str) -> str:
        return str(len(cache.resolve(ref_id)))

    mcp.runs = runs
    return mcp


async def answer(client, name, **arguments):
    result = await client.call_tool(name, arguments, raise_on_error=False)
    return result.content[0].text if result.is_error else result.structured_content


class TestSources:
    async def test_the_authors_function_goes_first(self, as_caller):
        said = {"user_id": "alice", "team": "red"}
        cache = RefCache(name="c", identity=lambda context: said)
        f = cache.cached(namespace_template="team:{team}:user:{user_id}")(lambda: 1)
        as_caller(Context("s1", user_id="bob", org_id="evil"))
        with use_identity(Identity(user="carol")):
            assert f()["namespace"] == "team:red:user:alice"
            said = None
            g = cache.cached(**SCOPED)(lambda: 1)
            assert g()["namespace"] == "user:carol"

    @pytest.mark.parametrize("is_async", [False, True])
    async def test_it_may_be_async(self, cache, is_async):
        async def later(context):
            await asyncio.sleep(0)
            return Identity(user="alice")

        cache.identity = later if is_async else lambda context: Identity(user="alice")
        mcp = make_server(cache)
        async with fastmcp.Client(mcp) as client:
            for name in ("mine", "mine_sync"):
                assert (await answer(client, name, x=1))["namespace"] == "user:alice"
            ref = cache.set("k", [1, 2], namespace="user:alice").ref_id
            for name in ("use", "use_sync"):
                assert (await answer(client, name, ref_id=ref))["result"] == "2"

    async def test_an_async_one_cannot_be_waited_for_in_a_sync_call(self, as_caller):
        async def later(context):
            return Identity(user="alice")

        cache = RefCache(name="c", identity=later)
        as_caller(Context("s1"))
        with pytest.raises(TypeError, match="async"):
            cache.get(cache.set("k", 1).ref_id)

    @pytest.mark.parametrize("wrong", ["alice", 1, ["alice"]])
    def test_it_answers_an_identity(self, as_caller, wrong):
        cache = RefCache(name="c", identity=lambda context: wrong)
        as_caller(Context("s1"))
        with pytest.raises(TypeError, match="identity must answer"):
            cache.get(cache.set("k", 1).ref_id)

    def test_it_is_a_function(self):
        with pytest.raises(TypeError, match="identity must be a function"):
            RefCache(identity="alice")

    def test_its_word_is_whole_but_for_the_session(self, as_caller):
        cache = RefCache(name="c", identity=lambda context: Identity(user="alice"))
        as_caller(Context("s1", user_id="bob", org_id="acme"))
        f = cache.cached(namespace_template="org:{org_id}:user:{user_id}", on_missing="fallback")(lambda: 1)
        assert f()["namespace"] == "org:default:user:alice"
        g = cache.cached(session_scoped=True)(lambda: 1)
        assert cache._backend.get(g()["ref_id"]).policy.bound_session == "s1"

    async def test_middleware_says_it_to_tools_of_all_kinds(self, cache):
        class Login(Middleware):
            async def on_call_tool(self, context, call_next):
                with use_identity(Identity(user=user)):
                    return await call_next(context)

        child = make_server(cache)
        mcp = fastmcp.FastMCP("parent")
        mcp.add_middleware(Login())
        mcp.mount(child)
        async with fastmcp.Client(mcp) as client:
            for user in ("alice", "bob", "alice"):
                for name in ("mine", "mine_sync"):
                    assert (await answer(client, name, x=1))["namespace"] == f"user:{user}"
        assert len(child.runs) == 4

    async def test_outside_a_request_it_can_be_said_too(self, cache):
        f = cache.cached(**SCOPED)(lambda: [1])
        with use_identity(Identity(user="alice")):
            ref = f()["ref_id"]
            assert cache.get(ref).preview == [1]
        with use_identity(Identity(user="bob")), pytest.raises(PermissionError):
            cache.get(ref)

    async def test_state_of_a_later_middleware_counts(self, cache):
        class Login(Middleware):
            async def on_call_tool(self, context, call_next):
                done = context.fastmcp_context.set_state("user_id", user)
                if inspect.isawaitable(done):
                    await done
                return await call_next(context)

        mcp = make_server(cache)
        mcp.add_middleware(Login())
        async with fastmcp.Client(mcp) as client:
            for user in ("alice", "bob"):
                for name in ("mine", "mine_sync"):
                    assert (await answer(client, name, x=1))["namespace"] == f"user:{user}"

    def test_a_person_reads_with_the_rights_of_users(self, as_caller):
        who = Identity(user="alice", org="acme", is_person=True)
        cache = RefCache(name="c", identity=lambda context: who)
        as_caller(Context("s1"))
        ref = cache.set("k", [1], namespace="org:acme", policy=POLICY_USER_ONLY).ref_id
        assert cache.get(ref).preview == [1]
        who = Identity(user="alice", org="other", is_person=True)
        with pytest.raises(PermissionError):
            cache.get(ref)
        who = Identity(user="alice", org="acme")
        with pytest.raises(PermissionError):
            cache.get(ref)


class TestUnresolved:
    """A template that the request does not fill."""

    @pytest.mark.parametrize(
        "options",
        [
            SCOPED,
            {"session_scoped": True},
            {"namespace_template": "org:{org_id}"},
            {"owner_template": "agent:{agent_id}"},
        ],
    )
    def test_nothing_is_shared(self, cache, as_caller, caplog, options):
        runs = []

        def f(n):
            runs.append(n)
            return list(range(n))

        f = cache.cached(**options)(f)
        as_caller(Context(client_id="x"))
        first, second, large = f(3), f(3), f(1000)
        assert len(runs) == 3
        assert first["value"] == second["value"] == [0, 1, 2]
        assert large["preview"]
        assert "kept for nobody" in large["message"]
        assert caplog.text.count("kept for nobody") == 1
        for context in (
            Context(),
            Context("s1", user_id="anonymous", org_id="default"),
            Context(user_id="alice"),
            None,
        ):
            as_caller(context)
            for ref in (first["ref_id"], large["ref_id"]):
                for actor in (None, "agent", "user"):
                    with pytest.raises(PermissionError):
                        cache.get(ref, actor=actor)
                    with pytest.raises(PermissionError):
                        cache.resolve(ref, actor=actor)
        assert cache._backend.get(first["ref_id"]).policy.bound_session is None

    def test_a_caller_who_may_not_read_sees_nothing(self, cache, as_caller):
        f = cache.cached(**SCOPED, policy=POLICY_USER_ONLY)(lambda: "private")
        as_caller(Context("s1"))
        assert "private" not in repr(f())
        g = cache.cached(**SCOPED, policy=AccessPolicy(denied_actors={"agent:*"}))(lambda: "private")
        assert "private" not in repr(g())

    def test_the_namespaces_own_policy_counts(self, as_caller):
        from mcp_refcache import Namespace

        secret = Namespace.user("*", policy=AccessPolicy(agent_permissions=Permission.NONE))
        cache = RefCache(name="c", namespaces=["public", secret])
        as_caller(Context("s1"))
        assert "private" not in repr(cache.cached(namespace_template="user:{user_id}")(lambda: "private")())

    def test_it_can_refuse(self, cache, as_caller):
        runs = []
        f = cache.cached(**SCOPED, session_scoped=True, on_missing="error")(lambda: runs.append(1))
        for context in (Context(), None):
            as_caller(context)
            with pytest.raises(PermissionError, match="session_id and user_id"):
                f()
        as_caller(Context("s1", user_id="alice"))
        f()
        assert runs == [1]

    async def test_the_model_reads_the_refusal(self, cache):
        mcp = fastmcp.FastMCP("s", mask_error_details=True)

        @mcp.tool
        @cache.cached(**SCOPED, on_missing="error")
        async def f() -> int:
            return 1

        async with fastmcp.Client(mcp) as client:
            assert "needs user_id" in await answer(client, "f")

    def test_it_can_fall_back_as_the_original(self, cache, as_caller):
        f = cache.cached(**SCOPED, on_missing="fallback")(lambda: [1])
        as_caller(Context())
        assert f()["ref_id"] == f()["ref_id"]
        assert f()["namespace"] == "user:anonymous"

    def test_options_are_checked(self, cache):
        with pytest.raises(ValueError, match="on_missing"):
            cache.cached(on_missing="share")


class TestTransports:
    @pytest.mark.parametrize("era", ERAS)
    async def test_clients_in_this_process_have_a_session_each(self, cache, era):
        mcp = make_server(cache)
        async with connect(mcp, era) as one, connect(mcp, era) as other:
            large = await answer(one, "talk", n=500)
            assert (await answer(one, "talk", n=500))["ref_id"] == large["ref_id"]
            assert (await answer(one, "get_cached_result", ref_id=large["ref_id"]))["preview"]
            assert (await answer(one, "use", ref_id=large["ref_id"]))["result"] == "500"
            assert (await answer(one, "use_sync", ref_id=large["ref_id"]))["result"] == "500"
            assert "ref_not_found" in await answer(other, "get_cached_result", ref_id=large["ref_id"])
            assert "session" in await answer(other, "use", ref_id=large["ref_id"])
            assert (await answer(other, "talk", n=500))["ref_id"] != large["ref_id"]

    @pytest.mark.parametrize("era", ERAS)
    async def test_pipes_are_one_session(self, era):
        async with connect(over_pipes(), era) as client:
            large = await answer(client, "rows", n=500)
            assert (await answer(client, "rows", n=500))["ref_id"] == large["ref_id"]
            page = await answer(client, "get_cached_result", ref_id=large["ref_id"], page=2, page_size=3)
            assert page["preview"] == [3, 4, 5]
            plain = await answer(client, "plain", n=500)
            assert (await answer(client, "total", data=plain["ref_id"]))["value"] == 124750
            listed = (await answer(client, "list_cached_results"))["results"]
            assert [each["tool"] for each in listed] == ["total", "plain", "rows"]

    @pytest.mark.parametrize("era", ERAS)
    async def test_http_without_signing_in(self, cache, era):
        mcp = make_server(cache)
        async with served(mcp) as url, connect(url, era) as one, connect(url, era) as other:
            large = await answer(one, "talk", n=500)
            again = await answer(one, "talk", n=500)
            read = await answer(one, "get_cached_result", ref_id=large["ref_id"])
            if has_sessions(era):
                assert again["ref_id"] == large["ref_id"]
                assert read["preview"]
            else:
                assert again["ref_id"] != large["ref_id"]
                assert "ref_not_found" in read
            assert "ref_not_found" in await answer(other, "get_cached_result", ref_id=large["ref_id"])
            assert (await answer(other, "talk", n=500))["ref_id"] != large["ref_id"]

    async def test_stateless_http_binds_to_no_made_up_session(self, cache):
        mcp = make_server(cache)
        async with served(mcp, stateless_http=True) as url, connect(url, ERAS[-1].values[0]) as client:
            large = await answer(client, "talk", n=500)
            assert cache._backend.get(large["ref_id"]).policy.bound_session is None
            assert (await answer(client, "talk", n=500))["ref_id"] != large["ref_id"]

    @pytest.mark.parametrize("era", ERAS)
    async def test_http_with_tokens(self, cache, era):
        mcp = make_server(cache, auth=token_verifier())
        async with (
            served(mcp) as url,
            connect(url, era, auth="alice-token") as alice,
            connect(url, era, auth="alice-other-token") as alice2,
            connect(url, era, auth="bob-token") as bob,
            connect(url, era, auth="robot-token") as robot,
        ):
            for name in ("mine", "mine_sync"):
                hers = await answer(alice, name, x=1)
                assert hers["namespace"] == "user:alice"
                assert (await answer(alice2, name, x=1))["ref_id"] == hers["ref_id"]
                assert (await answer(bob, name, x=1))["namespace"] == "user:bob"
                assert "ref_not_found" in await answer(bob, "get_cached_result", ref_id=hers["ref_id"])
                assert (await answer(robot, name, x=1))["ref_id"] != (await answer(robot, name, x=1))[
                    "ref_id"
                ]
            talk = await answer(alice, "talk", n=500)
            assert (await answer(alice, "get_cached_result", ref_id=talk["ref_id"]))["preview"]
            assert (await answer(alice, "use", ref_id=talk["ref_id"]))["result"] == "500"
            for other in (bob, robot):
                assert "ref_not_found" in await answer(other, "get_cached_result", ref_id=talk["ref_id"])
            listed = await answer(alice, "list_cached_results")
            assert {each["tool"] for each in listed["results"]} == {"mine", "mine_sync", "talk"}
            assert (await answer(bob, "list_cached_results"))["results"]
            assert not {each["ref_id"] for each in listed["results"]} & {
                each["ref_id"] for each in (await answer(bob, "list_cached_results"))["results"]
            }

    @pytest.mark.parametrize("era", ERAS)
    async def test_a_thousand_interleaved_calls_never_cross(self, cache, era):
        mcp = fastmcp.FastMCP("s", auth=token_verifier())
        cache.install(mcp)

        def who():
            return importlib.import_module("fastmcp.server.dependencies").get_access_token().claims["sub"]

        @mcp.tool
        @cache.cached(**SCOPED)
        async def mine(x: int) -> str:
            await asyncio.sleep(0)
            return f"{who()} {x}"

        @mcp.tool
        @cache.cached(namespace_template="org:{org_id}", owner_template="user:{user_id}", session_scoped=True)
        def mine_sync(x: int) -> str:
            return f"{who()} {x}"

        async with (
            served(mcp) as url,
            connect(url, era, auth="alice-token") as alice,
            connect(url, era, auth="bob-token") as bob,
        ):
            clients = {"alice": alice, "bob": bob}

            async def one(user, name, x):
                assert (await answer(clients[user], name, x=x))["value"] == f"{user} {x}"

            calls = [
                (user, name, x % 17) for x in range(250) for user in clients for name in ("mine", "mine_sync")
            ]
            for start in range(0, len(calls), 40):
                await asyncio.gather(*(one(*call) for call in calls[start : start + 40]))
