"""What somebody must not get: other people's data, hidden values, guessed references.

B1 to B20 are the holes that were found in the package that this one replaces; each has its test, here or where the part
is tested that it was in.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fastmcp import Client, Context, FastMCP
from fastmcp.server.middleware import Middleware

from mcp_refcache import (
    POLICY_EXECUTE_ONLY,
    POLICY_PUBLIC,
    POLICY_USER_ONLY,
    AccessPolicy,
    DefaultActor,
    DefaultNamespaceResolver,
    DefaultPermissionChecker,
    MemoryBackend,
    Permission,
    PermissionDenied,
    RefCache,
    is_ref_id,
    resolve_refs,
)
from mcp_refcache.backends import RedisBackend
from mcp_refcache.fastmcp import Identity, use_identity

SECRET = "hunter2"
Act = Callable[..., None]


@pytest.fixture
def act(monkeypatch: pytest.MonkeyPatch) -> Act:
    """Makes the following calls come from somebody; without arguments from no context."""

    def become(user: str | None = None, session: str | None = None, **state: str) -> None:
        states = {"user_id": user, **state}
        context = SimpleNamespace(session_id=session, client_id=None, request_id=None, get_state=states.get)
        none = not (user or session or state)
        monkeypatch.setattr("mcp_refcache.cache.try_get_fastmcp_context", lambda: None if none else context)

    become()
    return become


def denied(call: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
    try:
        call(*args, **kwargs)
    except (PermissionDenied, KeyError):
        return True
    return False


# -- values that may be used but not seen --------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 5000], ids=["small", "large"])
# B1
def test_what_may_only_be_used_is_never_shown(cache: RefCache, size: int) -> None:
    @cache.cached(policy=POLICY_EXECUTE_ONLY)
    def secret() -> dict[str, Any]:
        return {"ssn": SECRET, "rows": [SECRET] * size}

    for _ in range(2):
        answer: Any = secret()
        assert SECRET not in json.dumps(answer, default=str)
        assert (answer["preview"], answer["is_complete"], answer["is_async"]) == (None, False, False)
        assert answer["ref_id"] in answer["message"]
    for page in (None, 1):
        assert denied(cache.get, answer["ref_id"], page=page)
        assert denied(cache.get, answer["ref_id"], page=page, actor="agent")
    assert denied(cache.resolve, answer["ref_id"], actor="agent")


# B3
def test_what_may_only_be_used_can_be_used(cache: RefCache) -> None:
    ref = cache.set("secrets", {"ssn": SECRET}, policy=POLICY_EXECUTE_ONLY).ref_id

    @cache.cached()
    def validate(data: Any) -> bool:
        return data["ssn"] == SECRET

    answer: Any = validate(ref)
    assert answer["preview"] is None
    assert cache.resolve(answer["ref_id"]) is True
    opened: Any = cache.cached(declassify=True)(validate.__wrapped__)
    assert opened(ref)["value"] is True


def test_what_nobody_may_use_is_an_opaque_error_of_the_tool(cache: RefCache) -> None:
    nothing = AccessPolicy(user_permissions=Permission.NONE, agent_permissions=Permission.NONE)
    ref = cache.set("k", SECRET, policy=nothing).ref_id
    tool: Any = cache.cached()(lambda data: data)
    with pytest.raises(KeyError, match=f"Invalid or inaccessible reference: {ref}"):
        tool(ref)


# B7
def test_a_reference_in_text_from_outside_does_not_pull_a_hidden_value(cache: RefCache) -> None:
    secret = cache.set("s", SECRET, policy=POLICY_EXECUTE_ONLY).ref_id
    page = cache.set("web", {"comment": secret}).ref_id
    tool: Any = cache.cached()(lambda data: data)
    with pytest.raises(KeyError, match=page):
        tool(page)
    shallow: Any = cache.cached(resolve_refs="shallow")(lambda data: data)
    assert shallow(page)["value"] == {"comment": secret}


def test_a_namespace_of_an_identity_is_not_the_servers_to_use(cache: RefCache, act: Act) -> None:
    @cache.cached(namespace_template="user:{user_id}")
    def mine() -> str:
        return SECRET

    act("alice", "s1")
    ref = mine()["ref_id"]  # pyright: ignore
    assert cache.resolve(ref) == SECRET
    act("bob", "s2")
    for call in (cache.resolve, cache.get, cache.delete):
        assert denied(call, ref)
    act()
    assert denied(cache.resolve, ref)


# -- the results of other callers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"session_scoped": True}, {"owner_template": "user:{user_id}"}, {"namespace_template": "user:{user_id}"},
        {"namespace_template": "session:{session_id}"}, {"session_scoped": True, "owner_template": "user:{user_id}", "policy": POLICY_USER_ONLY},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 1000], ids=["small", "large"])
# B2
def test_a_hit_is_never_somebody_elses_result(
    cache: RefCache, act: Act, options: dict[str, Any], size: int
) -> None:
    @cache.cached(**options)
    def balance(account: str) -> list[str]:
        return [f"secret of {now}"] * size

    refs: dict[str, str] = {}
    for now, session in (("alice", "s1"), ("bob", "s2"), ("alice", "s1")):
        act(now, session)
        answer: Any = balance("x")
        text = json.dumps(answer)
        assert all(f"secret of {other}" not in text for other in {"alice", "bob"} - {now})
        assert refs.setdefault(now, answer["ref_id"]) == answer["ref_id"]
    assert refs["alice"] != refs["bob"]
    act("bob", "s2")
    # an owner alone gets more than others, it does not shut them out
    assert denied(cache.get, refs["alice"]) is (list(options) != ["owner_template"])


@pytest.mark.parametrize("size", [1, 1000], ids=["small", "large"])
def test_the_caller_of_a_scoped_tool_sees_its_result(cache: RefCache, act: Act, size: int) -> None:
    @cache.cached(namespace_template="user:{user_id}", owner_template="user:{user_id}", session_scoped=True)
    def rows() -> list[int]:
        return list(range(size))

    act("alice", "s1")
    answer: Any = rows()
    assert 0 in (answer["value"] if size == 1 else answer["preview"])
    assert cache.get(answer["ref_id"], page=1).preview[0] == 0
    assert answer["namespace"] == "user:alice"


def test_a_named_session_namespace_works_without_a_context(cache: RefCache, act: Act) -> None:
    @cache.cached(namespace="session:conv-123")
    def dataset() -> dict[str, Any]:
        return {"items": list(range(1000))}

    answer: Any = dataset()
    assert answer["preview"]
    assert len(cache.resolve(answer["ref_id"])["items"]) == 1000
    assert denied(cache.get, answer["ref_id"])
    act(session="conv-123")
    assert cache.get(answer["ref_id"]).preview
    act(session="conv-124")
    assert denied(cache.get, answer["ref_id"])


# B19
def test_session_binding_without_a_session_serves_nobody_else(cache: RefCache, act: Act) -> None:
    @cache.cached(session_scoped=True)
    def tool() -> str:
        return f"secret of {now}"

    now = "first"
    assert tool()["value"] == "secret of first"  # pyright: ignore
    now = "second"
    assert tool()["value"] == "secret of second"  # pyright: ignore


# B20
def test_scoping_keeps_the_policy_of_the_cache(act: Act) -> None:
    cache = RefCache(default_policy=POLICY_USER_ONLY)
    tool: Any = cache.cached(owner_template="user:{user_id}")(lambda: SECRET)
    act("alice")
    assert denied(cache.resolve, tool()["ref_id"], actor="agent")


# B9
def test_the_parts_of_a_template_cannot_form_another_namespace(cache: RefCache, act: Act) -> None:
    one: Any = cache.cached(namespace_template="org:{org_id}:user:{user_id}")(lambda: 1)
    other: Any = cache.cached(namespace_template="org:{org_id}")(lambda: 1)
    act("bob", org_id="acme")
    victim = one()["namespace"]
    act("mallory", org_id="acme:user:bob")
    assert other()["namespace"] != victim


def test_an_anonymous_caller_keeps_its_session(cache: RefCache, act: Act) -> None:
    produce: Any = cache.cached(session_scoped=True)(lambda: [1, 2])
    use: Any = cache.cached(session_scoped=True)(lambda data: sum(data))
    act(session="s1")
    assert use(produce()["ref_id"])["value"] == 3


def test_a_model_reads_as_an_agent_on_behalf_of_its_user(cache: RefCache, act: Act) -> None:
    act("alice", "s1")
    hidden = cache.set(
        "k", SECRET, namespace="user:alice", policy=AccessPolicy(agent_permissions=Permission.EXECUTE)
    ).ref_id
    shown = cache.set("l", "shown", namespace="user:alice").ref_id
    assert denied(cache.get, hidden)
    assert cache.resolve(hidden) == SECRET
    assert cache.get(shown).preview == "shown"
    assert denied(cache.delete, shown)


# -- the results of other calls -------------------------------------------------------------------------


def test_large_arrays_that_differ_are_different_calls(cache: RefCache) -> None:
    total: Any = cache.cached()(lambda a: int(a.sum()))
    a = np.zeros(5000)
    b = a.copy()
    b[2500] = 7
    assert (total(a)["value"], total(b)["value"]) == (0, 7)


def test_objects_at_the_same_address_are_different_calls(cache: RefCache) -> None:
    class Query:
        def __init__(self, value: int) -> None:
            self.value = value

    tool: Any = cache.cached()(lambda query: query.value)
    assert [tool(Query(i))["value"] for i in range(20)] == list(range(20))


def test_functions_of_the_same_name_are_different_tools(cache: RefCache) -> None:
    def make(factor: int) -> Any:
        @cache.cached()
        def tool(x: int) -> int:
            return x * factor

        return tool

    assert (make(2)(10)["value"], make(3)(10)["value"]) == (20, 30)


def test_methods_of_different_objects_are_different_calls(cache: RefCache) -> None:
    class Service:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        @cache.cached()
        def tool(self, x: int) -> int:
            return x * self.factor

        def __repr__(self) -> str:
            return "Service"

    one, other = Service(2), Service(3)
    assert (one.tool(10)["value"], other.tool(10)["value"]) == (20, 30)  # pyright: ignore


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, True),
        (1, 1.0),
        ("1", 1),
        ([1], (1,)),
        (None, "None"),
        ("a", b"a"),
        ([1, 2], ["1, 2"]),
        (0.0, -0.0),
    ],
)
def test_arguments_of_other_types_are_other_calls(cache: RefCache, a: Any, b: Any) -> None:
    tool: Any = cache.cached()(lambda x: repr(x))
    assert (tool(a)["value"], tool(b)["value"]) == (repr(a), repr(b))


# -- references ----------------------------------------------------------------------------------------


# B12
def test_references_cannot_be_computed(cache: RefCache) -> None:
    ref = cache.set("k", 1)
    guesses = [f"c:public:k:{ref.created_at + delta * 2**-22}" for delta in range(-2000, 2000)]
    digits = ref.ref_id.removeprefix("c:")
    assert all(hashlib.sha256(guess.encode()).hexdigest()[: len(digits)] != digits for guess in guesses)
    assert re.fullmatch("[0-9a-f]{32}", digits)


# B8
def test_a_new_line_makes_no_reference() -> None:
    assert is_ref_id("c:0123456789abcdef")
    assert not is_ref_id("c:0123456789abcdef\n")


# B6
def test_a_key_does_not_match_the_tail_of_another(cache: RefCache) -> None:
    cache.set("alice:token", SECRET, namespace="org:a", policy=POLICY_PUBLIC)
    with pytest.raises(KeyError):
        cache.resolve("token")
    assert not cache.exists("a:alice:token")
    assert cache.delete("token") is False
    assert cache.exists("alice:token")


def test_a_key_that_looks_like_a_reference_hides_none(cache: RefCache) -> None:
    ref = cache.set("k", "real").ref_id
    cache.set(ref, "false", namespace="custom:evil")
    cache.set(ref, "false")
    assert cache.resolve(ref) == "real"


# B7
def test_references_of_other_caches_in_arguments_need_trust(cache: RefCache) -> None:
    strangers = RefCache(name="strangers")
    ref = strangers.set("k", SECRET).ref_id
    assert resolve_refs(cache, [ref]).value == [ref]


# B7
@pytest.mark.parametrize(
    "text", ["commit:deadbeef99", "md5:" + "0" * 32, "urn:0123456789abcdef", "sha256:" + "a" * 64]
)
def test_text_that_looks_like_a_reference_is_text(cache: RefCache, text: str) -> None:
    tool: Any = cache.cached()(lambda commit: commit)
    assert tool(text)["value"] == text
    assert tool({"x": [text]})["value"] == {"x": [text]}


# B13
def test_no_password_is_shown_of_a_connection() -> None:
    backend = RedisBackend(url=f"redis://name:{SECRET}@localhost:1/0")
    shown = f"{backend.connection_info} {backend!r} {RefCache('c', backend=backend)!r}"
    assert SECRET not in shown


# B11
def test_keys_of_others_are_not_replaced_or_removed_in_their_place(cache: RefCache) -> None:
    ref = cache.set("k", SECRET, namespace="user:alice", policy=POLICY_PUBLIC).ref_id
    bob = DefaultActor.user(id="bob")
    for call in (
        lambda: cache.set("k", 1, namespace="user:alice", actor=bob),
        lambda: cache.set("new", 1, namespace="user:alice", actor=bob),
        lambda: cache.delete(ref, actor=bob),
    ):
        assert denied(call)
    assert cache.clear("user:alice", actor=bob) == cache.clear(actor=bob) == 0
    assert cache.resolve(ref) == SECRET


# -- permissions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["user_can", "agent_can"])
@pytest.mark.parametrize(
    ("granted", "asked", "expected"),
    [
        ("READ", "CRUD", False),
        ("CRUD", "READ", True),
        ("READ", "READ", True),
        ("NONE", "READ", False),
        ("FULL", "FULL", True),
        ("CRUD", "FULL", False),
    ],
)
# B15
def test_a_policy_grants_all_bits_or_none(method: str, granted: str, asked: str, expected: bool) -> None:
    policy = AccessPolicy(user_permissions=Permission[granted], agent_permissions=Permission[granted])
    assert getattr(policy, method)(Permission[asked]) is expected


# B14
def test_an_allowed_actor_and_its_effective_permissions_agree() -> None:
    policy = AccessPolicy(
        user_permissions=Permission.NONE, agent_permissions=Permission.NONE, allowed_actors={"agent:bot"}
    )
    checker, bot = DefaultPermissionChecker(), DefaultActor.agent(id="bot")
    assert checker.has_permission(policy, Permission.FULL, bot, "public")
    assert checker.get_effective_permissions(policy, bot, "public") == Permission.FULL


@pytest.mark.parametrize(
    ("namespace", "actor", "expected"),
    [
        ("user:alice:session:s1", DefaultActor.user(id="alice", session_id="s1"), True),
        ("user:alice:session:s1", DefaultActor.user(id="alice", session_id="s2"), False),
        ("user:alice:session:s1", DefaultActor.user(id="mallory", session_id="s1"), False),
        ("user:alice", DefaultActor.user(id="alice:session:s1"), False), ("user", DefaultActor.user(), False), ("session", DefaultActor.agent(), False),
    ],
)  # fmt: skip
# B16
def test_a_namespace_admits_those_it_names(namespace: str, actor: DefaultActor, expected: bool) -> None:
    assert DefaultNamespaceResolver().validate_access(namespace, actor) is expected


# B11
def test_acting_as_somebody_checks_what_the_server_need_not(cache: RefCache) -> None:
    nothing = AccessPolicy(user_permissions=Permission.NONE, agent_permissions=Permission.NONE)
    ref = cache.set("k", 1, namespace="user:alice", policy=nothing).ref_id
    assert denied(cache.set, "k", 2, namespace="user:alice", policy=POLICY_PUBLIC, actor="agent")
    assert cache.clear("user:alice", actor="agent") == 0
    assert cache.exists(ref)


def test_a_stored_entry_keeps_its_namespace_and_policy_on_a_shared_store() -> None:
    backend = MemoryBackend()
    one, other = (
        RefCache(name="one", backend=backend),
        RefCache(name="other", backend=backend, default_policy=POLICY_PUBLIC),
    )
    ref = one.set("k", SECRET, policy=POLICY_USER_ONLY).ref_id
    assert denied(other.get, ref)
    assert denied(other.resolve, ref)


def test_what_a_denial_says_is_the_same_for_a_value_and_for_none(cache: RefCache) -> None:
    forbidden = cache.set("k", SECRET, policy=POLICY_USER_ONLY).ref_id
    messages = []
    for ref in (forbidden, "c:" + "0" * 32):
        with pytest.raises(KeyError) as raised:
            resolve_refs(cache, {"x": ref})
        messages.append(str(raised.value).replace(ref, "<ref>"))
    assert len(set(messages)) == 1


# -- what a server knows of its callers ----------------------------------------------------------------


# B4
async def test_state_that_has_to_be_awaited_is_the_identity(cache: RefCache) -> None:
    class SignIn(Middleware):
        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            said = context.fastmcp_context.set_state("user_id", "alice")
            if hasattr(said, "__await__"):
                await said
            return await call_next(context)

    mcp = FastMCP("server")
    cache.install(mcp)
    mcp.add_middleware(SignIn())

    @mcp.tool
    @cache.cached(namespace_template="user:{user_id}", owner_template="user:{user_id}")
    async def waits(x: int) -> dict[str, int]:
        return {"x": x}

    @mcp.tool
    @cache.cached(namespace_template="user:{user_id}", owner_template="user:{user_id}")
    def works(x: int, ctx: Context) -> dict[str, int]:
        return {"x": x}

    async with Client(mcp) as client:
        for tool in ("waits", "works"):
            answer = (await client.call_tool(tool, {"x": 1})).structured_content or {}
            assert answer["namespace"] == "user:alice"
            assert cache._backend.get(answer["ref_id"]).policy.owner == "user:alice"  # pyright: ignore


# B5
async def test_a_client_reads_back_what_is_bound_to_its_session(cache: RefCache) -> None:
    mcp = FastMCP("server")
    cache.install(mcp)

    @mcp.tool
    @cache.cached(session_scoped=True)
    def rows() -> list[int]:
        return list(range(1000))

    async with Client(mcp) as one, Client(mcp) as other:
        ref = ((await one.call_tool("rows", {})).structured_content or {})["ref_id"]
        read = await one.call_tool("get_cached_result", {"ref_id": ref, "page": 1, "page_size": 2})
        assert (read.structured_content or {})["preview"] == [0, 1]
        stolen = await other.call_tool("get_cached_result", {"ref_id": ref}, raise_on_error=False)
        assert stolen.is_error


# B18
@pytest.mark.parametrize("is_async", [True, False])
async def test_a_tool_with_a_context_is_run_for_each_client(cache: RefCache, is_async: bool) -> None:
    mcp, sessions = FastMCP("server"), list[Any]()

    def me(ctx: Context) -> str:
        sessions.append(ctx)
        return f"secret {len(sessions)}"

    async def me_async(ctx: Context) -> str:
        return me(ctx)

    mcp.tool(cache.cached()(me_async if is_async else me), name="me")
    told = []
    for _ in range(3):
        async with Client(mcp) as client:
            told.append(((await client.call_tool("me", {})).structured_content or {})["value"])
    assert told == ["secret 1", "secret 2", "secret 3"]


# B19
def test_templates_without_a_context_make_no_common_bucket(cache: RefCache) -> None:
    @cache.cached(session_scoped=True, owner_template="user:{user_id}", namespace_template="org:{org_id}")
    def tool() -> list[str]:
        return ["private", *["x"] * 100]

    with use_identity(Identity(client="somebody")):
        answer: Any = tool()
    for other in (
        Identity(),
        Identity(user="anonymous"),
        Identity(user="anonymous", org="default", session="default"),
    ):
        with use_identity(other):
            assert denied(cache.get, answer["ref_id"])
            assert tool()["ref_id"] != answer["ref_id"]  # pyright: ignore


# -- the tools of the package --------------------------------------------------------------------------


async def test_the_tool_that_every_answer_names_exists(cache: RefCache) -> None:
    from mcp_refcache.fastmcp import register_cache_tools

    mcp = FastMCP("server")
    register_cache_tools(mcp, cache)
    forbidden = cache.set("s", SECRET, policy=POLICY_USER_ONLY).ref_id
    ref = cache.set("k", list(range(1000))).ref_id
    async with Client(mcp) as client:
        shown = (
            await client.call_tool("get_cached_result", {"ref_id": ref, "page": 2, "page_size": 3})
        ).structured_content or {}
        answers = [
            await client.call_tool("get_cached_result", {"ref_id": asked}, raise_on_error=False)
            for asked in (forbidden, "c:" + "0" * 32)
        ]
    assert shown["preview"] == [3, 4, 5]
    texts = [
        str(answer.content).replace(asked, "<ref>")
        for answer, asked in zip(answers, (forbidden, "c:" + "0" * 32), strict=True)
    ]
    assert texts[0] == texts[1]
    assert SECRET not in texts[0]
