"""Parts that users write in Python: backends, checkers, measurers, tokenizers, generators, actors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import pytest
from dict_backend import DictBackend

from mcp_refcache import (
    POLICY_USER_ONLY,
    AccessPolicy,
    CacheBackend,
    CacheEntry,
    CharacterMeasurer,
    DefaultActor,
    DefaultPermissionChecker,
    MemoryBackend,
    PaginateGenerator,
    Permission,
    PermissionDenied,
    PreviewConfig,
    PreviewResult,
    PreviewStrategy,
    RefCache,
    SampleGenerator,
    TiktokenAdapter,
    TokenMeasurer,
)

# -- backends ------------------------------------------------------------------------------------------


class JsonBackend(DictBackend):
    """Keeps text, as a file or a server would."""

    def get(self, key: str) -> CacheEntry | None:
        stored = self.entries.get(key)
        if stored is None:
            return None
        return CacheEntry(
            json.loads(stored.value),
            stored.namespace,
            stored.policy,
            stored.created_at,
            stored.expires_at,
            dict(stored.metadata),
        )

    def set(self, key: str, entry: CacheEntry) -> None:
        text = json.dumps(entry.value, default=str)
        self.entries[key] = CacheEntry(
            text, entry.namespace, entry.policy, entry.created_at, entry.expires_at, dict(entry.metadata)
        )


class Subclassed(MemoryBackend):
    """Overrides what the core would otherwise do itself."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def get(self, key: str) -> CacheEntry | None:
        self.calls.append("get")
        return super().get(key)

    def set(self, key: str, entry: CacheEntry) -> None:
        self.calls.append("set")
        super().set(key, entry)


backends = pytest.mark.parametrize("make", [MemoryBackend, DictBackend, JsonBackend, Subclassed])


@backends
def test_a_cache_works_alike_on_every_backend(make: Any, clock: Any) -> None:
    backend = make()
    assert isinstance(backend, CacheBackend)
    cache = RefCache(name="c", backend=backend, preview_length=100)
    ref = cache.set("k", {"rows": list(range(100))}, ttl=60, tool_name="t").ref_id
    assert cache.resolve(ref) == cache.resolve("k") == {"rows": list(range(100))}
    assert (cache.get(ref).preview_size or 0) <= 100
    assert cache.exists(ref)
    assert backend.keys() == [ref]
    newer = cache.set("k", 2, namespace="custom:x").ref_id
    assert cache.resolve("custom:x:k") == 2
    assert cache.clear("custom:x") == 1
    assert not cache.exists(newer)
    clock.now += 61
    assert not cache.exists(ref)
    with pytest.raises(KeyError):
        cache.resolve(ref)
    cache.set("k", "again")
    assert cache.delete("k", actor="user")
    assert backend.keys() == []


@backends
def test_nobody_changes_a_stored_value_on_any_backend(make: Any) -> None:
    cache = RefCache(backend=make())
    value: dict[str, list[int]] = {"rows": [1]}
    ref = cache.set("k", value).ref_id
    value["rows"].append(2)
    cache.resolve(ref)["rows"].append(3)
    assert cache.resolve(ref) == {"rows": [1]}


@backends
def test_tools_work_on_every_backend(make: Any) -> None:
    cache = RefCache(backend=make(), preview_length=100)
    runs: list[int] = []

    @cache.cached(max_size=20, ttl=60)
    def tool(n: int) -> list[int]:
        runs.append(n)
        return list(range(n))

    large: Any = tool(1000)
    assert tool(1000) == large
    assert large["preview_size"] <= 20
    assert (cache.get(large["ref_id"]).preview_size or 0) <= 20
    assert tool(2)["value"] == [0, 1]  # pyright: ignore
    assert runs == [1000, 2]


def test_an_overridden_method_of_the_memory_backend_is_called() -> None:
    backend = Subclassed()
    cache = RefCache(backend=backend)
    cache.resolve(cache.set("k", 1).ref_id)
    assert "set" in backend.calls
    assert "get" in backend.calls


def test_a_backend_is_given_whole_entries(clock: Any) -> None:
    backend = DictBackend()
    cache = RefCache(name="c", backend=backend)
    policy = AccessPolicy(owner="user:alice")
    ref = cache.set("k", [1, (2,)], namespace="custom:x", policy=policy, ttl=5, tool_name="t")
    (entry,) = backend.entries.values()
    assert isinstance(entry, CacheEntry)
    assert (entry.value, entry.namespace, entry.created_at, entry.expires_at) == (
        [1, (2,)],
        "custom:x",
        clock.now,
        clock.now + 5,
    )
    assert entry.policy is policy
    assert {name: entry.metadata[name] for name in ("tool_name", "total_items", "total_size")} == {
        "tool_name": "t", "total_items": 2, "total_size": ref.total_size,
    }  # fmt: skip


def test_entries_that_others_wrote_to_a_backend_are_read() -> None:
    backend = DictBackend()
    cache = RefCache(name="c", backend=backend)
    backend.entries["c:0123456789abcdef"] = CacheEntry([1, 2], "public", AccessPolicy(), 1.0)
    assert cache.resolve("c:0123456789abcdef") == [1, 2]
    backend.entries["c:0123456789abcdef"].policy = POLICY_USER_ONLY
    with pytest.raises(PermissionDenied):
        cache.resolve("c:0123456789abcdef", actor="agent")


@pytest.mark.parametrize("method", ["get", "set", "delete", "exists", "clear", "keys"])
@pytest.mark.parametrize(
    "error", [OSError("disk"), ValueError("x"), KeyError("x"), KeyboardInterrupt(), SystemExit(3)]
)
def test_the_error_of_a_backend_comes_out_as_the_same_object(method: str, error: BaseException) -> None:
    backend = DictBackend()
    cache = RefCache(backend=backend)
    ref = cache.set("k", 1).ref_id

    def fail(*args: Any) -> Any:
        raise error

    setattr(backend, method, fail)
    calls: dict[str, Any] = {
        "get": lambda: cache.resolve(ref),
        "set": lambda: cache.set("l", 1),
        "delete": lambda: cache.delete(ref, actor="user"),
        "exists": lambda: backend.exists(ref),
        "clear": lambda: (backend.clear("public"), cache.clear()),
        "keys": lambda: cache.clear("public"),
    }
    with pytest.raises(type(error)) as raised:
        calls[method]()
    assert raised.value is error


# -- checkers and actors -------------------------------------------------------------------------------


class Strict:
    """Lets nobody in but one."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def check(self, policy: Any, required: Permission, actor: Any, namespace: str) -> None:
        self.asked.append((policy, required, actor, namespace))
        if actor.id != "me":
            raise PermissionDenied(
                "not you", actor=actor, required=required, reason="strict", namespace=namespace
            )

    def has_permission(self, policy: Any, required: Permission, actor: Any, namespace: str) -> bool:
        return actor.id == "me"

    def get_effective_permissions(self, policy: Any, actor: Any, namespace: str) -> Permission:
        return Permission.FULL if actor.id == "me" else Permission.NONE


class Person:
    """An actor of somebody else's making."""

    type = "user"
    session_id = None

    def __init__(self, id: str) -> None:
        self.id = id

    def matches(self, pattern: str) -> bool:
        return pattern == f"user:{self.id}"

    def to_string(self) -> str:
        return f"user:{self.id}"


def test_a_checker_is_asked_with_policy_permission_actor_and_namespace() -> None:
    checker = Strict()
    cache = RefCache(permission_checker=checker)
    policy, me = AccessPolicy(), DefaultActor.user(id="me")
    ref = cache.set("k", 1, namespace="custom:x", policy=policy).ref_id
    assert cache.resolve(ref, actor=me) == 1
    assert checker.asked == [(policy, Permission.READ, me, "custom:x")]
    assert checker.asked[0][2] is me
    assert checker.asked[0][0] is policy


def test_the_denial_of_a_checker_comes_out_as_it_is() -> None:
    cache = RefCache(permission_checker=Strict())
    ref = cache.set("k", 1).ref_id
    with pytest.raises(PermissionDenied, match=r"^not you$") as raised:
        cache.get(ref, actor="agent")
    assert raised.value.reason == "strict"


def test_a_mock_is_a_checker() -> None:
    checker = MagicMock()
    cache = RefCache(permission_checker=checker)
    ref = cache.set("k", 1).ref_id
    assert cache.resolve(ref, actor="agent") == 1
    (policy, required, actor, namespace), keywords = checker.check.call_args
    assert (policy, required, actor.to_string(), namespace, keywords) == (
        AccessPolicy(),
        Permission.READ,
        "agent:*",
        "public",
        {},
    )
    checker.check.side_effect = PermissionDenied("no")
    with pytest.raises(PermissionDenied, match="no"):
        cache.resolve(ref, actor="agent")


def test_the_namespace_rules_of_a_checker_may_be_ones_own() -> None:
    resolver = MagicMock()
    resolver.validate_access.return_value = False
    cache = RefCache(permission_checker=DefaultPermissionChecker(namespace_resolver=resolver))
    ref = cache.set("k", 1, namespace="custom:x").ref_id
    with pytest.raises(PermissionDenied, match="cannot access namespace custom:x"):
        cache.resolve(ref, actor="user")
    (namespace, actor), _ = resolver.validate_access.call_args
    assert (namespace, actor.to_string()) == ("custom:x", "user:*")


@pytest.mark.parametrize(("name", "allowed"), [("alice", True), ("bob", False)])
def test_an_actor_of_ones_own_is_an_actor(cache: RefCache, name: str, allowed: bool) -> None:
    policy = AccessPolicy(user_permissions=Permission.NONE, owner="user:alice")
    ref = cache.set("k", 1, policy=policy).ref_id
    if allowed:
        assert cache.resolve(ref, actor=Person(name)) == 1  # pyright: ignore
    else:
        with pytest.raises(PermissionDenied):
            cache.resolve(ref, actor=Person(name))  # pyright: ignore


def test_the_checker_may_be_exchanged(cache: RefCache) -> None:
    ref = cache.set("k", 1).ref_id
    cache._permission_checker = Strict()
    with pytest.raises(PermissionDenied, match="not you"):
        cache.resolve(ref, actor="agent")


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_the_error_of_a_checker_actor_or_policy_comes_out_as_the_same_object(
    cache: RefCache, error: BaseException
) -> None:
    class Checker(DefaultPermissionChecker):
        def check(self, *args: Any) -> None:
            raise error

    class Rude(Person):
        def matches(self, pattern: str) -> bool:
            raise error

    class Policy:
        agent_permissions = Permission.FULL

        @property
        def user_permissions(self) -> Permission:
            raise error

    listed = cache.set("k", 1, policy=AccessPolicy(denied_actors={"user:x"})).ref_id
    with pytest.raises(type(error)) as raised:
        cache.resolve(listed, actor=Rude("a"))  # pyright: ignore
    assert raised.value is error
    cache._permission_checker = Checker()
    with pytest.raises(type(error)) as raised:
        cache.get(listed, actor="agent")
    assert raised.value is error
    storing = MemoryBackend()
    storing.set("k", CacheEntry(1, "public", Policy(), 1.0))  # pyright: ignore
    with pytest.raises(type(error)) as raised:
        RefCache(backend=storing).resolve("k", actor="user")
    assert raised.value is error


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()])
def test_the_error_of_a_tokenizer_comes_out_as_the_same_object(error: BaseException) -> None:
    class Broken(Words):
        def count_tokens(self, text: str) -> int:
            raise error

    cache = RefCache(tokenizer=Broken())
    ref = cache.set("k", [1]).ref_id
    with pytest.raises(type(error)) as raised:
        cache.get(ref)
    assert raised.value is error


# -- measurers and tokenizers --------------------------------------------------------------------------


class Items:
    """Everything is as large as it has items, nested ones included."""

    def measure(self, value: Any) -> int:
        inside: Iterator[Any] = iter(
            value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        )
        return 1 + sum(self.measure(item) for item in inside)


class Whims:
    """Neither additive nor monotone."""

    def measure(self, value: Any) -> int:
        text = json.dumps(value, default=str)
        return len(text) // 2 + sum(text.encode()) % 23


class Words:
    """Counts words as tokens."""

    model_name = "words"

    def encode(self, text: str) -> list[int]:
        return list(range(self.count_tokens(text)))

    def count_tokens(self, text: str) -> int:
        return len(text.split())


@pytest.mark.parametrize(
    "measurer", [Items(), Whims(), TokenMeasurer(Words())], ids=["items", "whims", "words"]
)
@pytest.mark.parametrize("strategy", list(PreviewStrategy))
@pytest.mark.parametrize(
    "value", [list(range(500)), {"users": [{"id": i} for i in range(200)]}, ["x y " * 500], "word " * 300]
)
def test_previews_keep_their_limit_by_any_measurer(
    measurer: Any, strategy: PreviewStrategy, value: Any
) -> None:
    cache = RefCache(measurer=measurer, preview_config=PreviewConfig(default_strategy=strategy))
    ref = cache.set("k", value).ref_id
    for limit in (3, 20, 60):
        shown = cache.get(ref, max_size=limit)
        assert shown.preview_size == measurer.measure(shown.preview)
        assert (shown.preview_size or 0) <= limit or shown.preview is None
        if strategy != "truncate":
            assert shown.original_size == measurer.measure(value)


def test_a_measurer_comes_before_tokenizer_and_mode() -> None:
    cache = RefCache(measurer=Items(), tokenizer=Words(), preview_config=PreviewConfig(size_mode="character"))  # pyright: ignore
    assert cache.get(cache.set("k", [1, 2, 3]).ref_id).original_size == 4


def test_a_tokenizer_comes_before_the_mode() -> None:
    cache = RefCache(tokenizer=Words(), preview_config=PreviewConfig(size_mode="character"))  # pyright: ignore
    assert cache.get(cache.set("k", [1, 2, 3]).ref_id).original_size == 3


def test_overridden_tokenizers_and_measurers_are_called() -> None:
    class Tokens(TiktokenAdapter):
        def count_tokens(self, text: str) -> int:
            return 42

    class Characters(CharacterMeasurer):
        def measure(self, value: Any) -> int:
            return 43

    assert TokenMeasurer(Tokens()).measure("x") == 42
    for parts, size in (({"tokenizer": Tokens()}, 42), ({"measurer": Characters()}, 43)):
        cache = RefCache(**parts)  # pyright: ignore
        assert cache.get(cache.set("k", [1]).ref_id).original_size == size


def test_the_measurer_may_be_exchanged(cache: RefCache) -> None:
    ref = cache.set("k", [1, 2, 3]).ref_id
    assert cache.get(ref).original_size == 9
    cache._measurer = Items()
    assert cache.get(ref).original_size == 4


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), KeyboardInterrupt()])
def test_the_error_of_a_measurer_comes_out_as_the_same_object(cache: RefCache, error: BaseException) -> None:
    class Broken:
        def measure(self, value: Any) -> int:
            raise error

    ref = cache.set("k", list(range(1000))).ref_id
    cache._measurer = Broken()
    with pytest.raises(type(error)) as raised:
        cache.get(ref)
    assert raised.value is error


@pytest.mark.parametrize("size", ["7", 1.5, None, -1])
def test_a_measurer_must_answer_with_a_size(cache: RefCache, size: Any) -> None:
    class Broken:
        def measure(self, value: Any) -> int:
            return size

    ref = cache.set("k", [1]).ref_id
    cache._measurer = Broken()
    with pytest.raises((TypeError, ValueError, OverflowError)):
        cache.get(ref)


# -- generators ----------------------------------------------------------------------------------------


class First:
    """Shows the first item."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def generate(self, **keywords: Any) -> PreviewResult:
        self.asked.append(keywords)
        return PreviewResult(
            keywords["value"][:1], PreviewStrategy.TRUNCATE, 99, 1, 1000, 1, keywords["page"], None
        )


@pytest.mark.parametrize(
    ("page", "page_size", "max_size"), [(None, None, None), (3, 7, None), (None, None, 5)]
)
def test_a_generator_is_called_with_five_keywords(
    page: int | None, page_size: int | None, max_size: int | None
) -> None:
    generator, measurer = First(), CharacterMeasurer()
    cache = RefCache(
        preview_generator=generator, measurer=measurer, preview_config=PreviewConfig(max_size=50)
    )
    shown = cache.get(
        cache.set("k", list(range(1000))).ref_id, page=page, page_size=page_size, max_size=max_size
    )
    assert (shown.preview, shown.original_size, shown.preview_size, shown.total_items) == ([0], 99, 1, 1000)
    (asked,) = generator.asked
    assert asked == {
        "value": list(range(1000)),
        "max_size": max_size or 50,
        "measurer": measurer,
        "page": page,
        "page_size": page_size,
    }
    assert asked["measurer"] is measurer


def test_a_generator_makes_the_previews_of_tools() -> None:
    cache = RefCache(preview_generator=First(), preview_length=50)
    tool: Any = cache.cached()(lambda: list(range(1000)))
    answer = tool()
    assert (answer["preview"], answer["is_complete"], answer["preview_strategy"]) == ([0], False, "truncate")


def test_a_subclass_of_the_sampler_gives_way_to_pages() -> None:
    class Own(SampleGenerator):
        def generate(
            self, value: Any, max_size: int, measurer: Any, page: Any = None, page_size: Any = None
        ) -> PreviewResult:
            return PreviewResult("own", PreviewStrategy.SAMPLE, 1, 1, 1, 1, None, None)

    cache = RefCache(preview_generator=Own())
    ref = cache.set("k", list(range(100))).ref_id
    assert cache.get(ref).preview == "own"
    assert cache.get(ref, page=2, page_size=3).preview == [3, 4, 5]


def test_a_built_in_generator_may_be_chosen_or_exchanged(cache: RefCache) -> None:
    ref = cache.set("k", list(range(1000))).ref_id
    cache._preview_generator = PaginateGenerator()
    assert cache.get(ref).preview_strategy == "paginate"
    chosen = RefCache(preview_generator=PaginateGenerator())
    assert chosen.get(chosen.set("k", list(range(100))).ref_id).preview == list(range(20))


@pytest.mark.parametrize("error", [LookupError("x"), KeyboardInterrupt()])
def test_the_error_of_a_generator_comes_out_as_the_same_object(cache: RefCache, error: BaseException) -> None:
    class Broken:
        def generate(self, **keywords: Any) -> PreviewResult:
            raise error

    ref = cache.set("k", [1]).ref_id
    cache._preview_generator = Broken()
    with pytest.raises(type(error)) as raised:
        cache.get(ref)
    assert raised.value is error


# -- parts that call back into the same cache ----------------------------------------------------------


def reenter(cache: RefCache) -> None:
    """What a part might do with its own cache."""
    cache.set("inner", [1, 2], ttl=60)
    cache.exists("inner")
    cache.exists("no such key")
    cache.clear("custom:nothing")


def test_parts_may_call_their_own_cache() -> None:
    calls: list[str] = []

    def back(name: str) -> None:
        if name not in calls:
            calls.append(name)
            reenter(cache)

    class Backend(DictBackend):
        def get(self, key: str) -> CacheEntry | None:
            back("get")
            return super().get(key)

        def set(self, key: str, entry: CacheEntry) -> None:
            back("set")
            super().set(key, entry)

    class Checker(DefaultPermissionChecker):
        def check(self, *args: Any) -> None:
            back("check")
            cache.resolve("inner", actor="user")
            super().check(*args)

    class Measurer:
        def measure(self, value: Any) -> int:
            back("measure")
            return 1000

    class Generator:
        def generate(self, **keywords: Any) -> PreviewResult:
            back("generate")
            return PreviewResult(1, PreviewStrategy.SAMPLE, 1, 1, 1, 1, None, None)

    class Text:
        def __str__(self) -> str:
            back("str")
            return "text"

        def __deepcopy__(self, memo: Any) -> Any:
            return self

    class Quiet(Checker):
        def check(self, *args: Any) -> None:
            if "check" not in calls:
                back("check")
            DefaultPermissionChecker.check(self, *args)

    cache = RefCache(
        backend=Backend(), permission_checker=Quiet(), measurer=Measurer(), preview_generator=Generator()
    )
    ref = cache.set("outer", [Text()]).ref_id
    cache.get(ref)
    cache.cached()(lambda: [Text()])()
    assert set(calls) == {"get", "set", "check", "measure", "generate", "str"}


def test_the_memory_backend_may_be_called_from_its_own_objects() -> None:
    cache = RefCache()
    died: list[int] = []

    class Thing:
        def __str__(self) -> str:
            reenter(cache)
            return "thing"

        def __del__(self) -> None:
            reenter(cache)
            died.append(1)

    for ttl in (None, 0.01):
        ref = cache.set("k", [Thing()], ttl=ttl).ref_id
        cache.get("k") if ttl is None else None
        cache.delete(ref, actor="user")
    cache.set("k", [Thing()])
    cache.clear()
    small = RefCache(max_size=1)
    small.set("a", [Thing()])
    small.set("b", 1)
    assert len(died) == 4


def test_a_limit_holds_in_a_backend_of_ones_own() -> None:
    backend = DictBackend()
    cache = RefCache(backend=backend, max_size=2)
    refs = [cache.set(f"key {i}", i).ref_id for i in range(4)]
    assert list(backend.entries) == refs[2:]
    cache.delete(refs[3], actor="user")
    refs += [cache.set("another", 1).ref_id]
    assert list(backend.entries) == [refs[2], refs[4]]
    with pytest.raises(ValueError, match="max_size"):
        RefCache(backend=backend, max_size=0)


def test_names_of_entries_that_a_backend_dropped_by_itself_are_forgotten() -> None:
    class Forgetful(dict[str, CacheEntry]):
        def set(self, key: str, entry: CacheEntry) -> None:
            self.clear()
            self[key] = entry

        def delete(self, key: str) -> bool:
            return self.pop(key, None) is not None

        def exists(self, key: str) -> bool:
            return key in self

    backend: Any = Forgetful()
    cache = RefCache(backend=backend, default_ttl=None)
    refs = [cache.set(f"key {i}", i).ref_id for i in range(50)]
    assert [cache.exists(f"key {i}") for i in (0, 48, 49)] == [False, False, True]
    assert cache.resolve(refs[-1]) == 49
