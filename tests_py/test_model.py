"""Any sequence of calls by anybody: the cache does what a dict and the reference say, and shows nobody else's value."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import access_table
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)
from redis_server import RedisServer
from reference import answer
from test_access_table import ACTORS, IDENTITIES, POLICIES

from mcp_refcache import PermissionDenied, RefCache
from mcp_refcache.fastmcp import use_identity

LONG = bool(os.environ.get("REFCACHE_LONG"))

FACTS = access_table.ACTORS
NAMESPACES = [name for name, _ in access_table.NAMESPACES]
#: Of whom and of what each run has some: all that is special stands in the first.
WHO = st.sampled_from(list(FACTS))
REQUESTS = st.sampled_from([name for name in FACTS if IDENTITIES[name] is not None])
POLICY = st.sampled_from(list(POLICIES))
NAMESPACE = st.sampled_from(NAMESPACES)
KEY = st.sampled_from(["k", "l"])
SIZE = st.sampled_from([1, 60])
MISSING = "c:" + "0" * 32


@dataclass
class Kept:
    """What the model knows of an entry."""

    canary: str
    size: int
    policy: str
    namespace: str
    bound: bool
    key: str | None
    expires_at: float

    @property
    def value(self) -> list[str]:
        return [self.canary] * self.size

    def allows(self, path: str, who: str) -> str:
        return answer(path, access_table.POLICIES[self.policy], FACTS[who], self.namespace, bound=self.bound)


class Machine(RuleBasedStateMachine):
    """A cache beside a dict of what it should hold."""

    refs = Bundle("refs")
    make_cache: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0
        self.numbers = itertools.count()
        self.kept: dict[str, Kept] = {}
        self.log: list[str] = []
        self.ends = contextlib.ExitStack()
        self.ends.enter_context(mock.patch.object(time, "time", self.clock))
        handler = logging.Handler()
        handler.emit = lambda record: self.log.append(record.getMessage())  # type: ignore[method-assign]
        logging.getLogger("mcp_refcache").addHandler(handler)
        self.ends.callback(logging.getLogger("mcp_refcache").removeHandler, handler)

    @initialize()
    def begin(self) -> None:
        self.cache: RefCache = type(self).make_cache()
        self.ends.callback(lambda: getattr(self.cache._backend, "close", lambda: None)())
        self.tools: dict[tuple[str, str], Any] = {}
        self.runs: dict[tuple[str, str, int], str] = {}
        self.count: Any = self.cache.cached()(lambda data, number: len(data))

    def teardown(self) -> None:
        self.ends.close()

    def clock(self) -> float:
        return self.now

    # -- the model ------------------------------------------------------------------------------

    def living(self, ref: str) -> Kept | None:
        kept = self.kept.get(ref)
        return None if kept is None or kept.expires_at <= self.now else kept

    def keep(self, ref: str, **facts: Any) -> str:
        self.kept[ref] = Kept(**facts)
        return ref

    def expect(self, ref: str, path: str, who: str, call: Any, *, missing: str = "n") -> Any:
        """Compare what a call did with what it may do; gives what it returned."""
        kept = self.living(ref)
        expected = missing if kept is None else kept.allows(path, who)
        seen, result = "y", None
        try:
            result = call()
        except (PermissionDenied, KeyError) as error:
            seen, result = "n", repr(error) + str(vars(error))
        assert seen == expected.replace("m", "y"), (path, who, ref, kept, result)
        shown = kept.canary if kept is not None and expected == "y" and path in ("read", "use") else None
        self.check_nothing_else_shows(result, shown)
        return result if seen == "y" else None

    def check_nothing_else_shows(self, result: Any, shown: str | None) -> None:
        text = json.dumps(result, default=repr) + repr(result) + " ".join(self.log)
        self.log.clear()
        if "canary" in text:
            assert shown is not None, text
            assert "canary" not in text.replace(shown, ""), text

    # -- storing --------------------------------------------------------------------------------

    @rule(
        target=refs, key=KEY, size=SIZE, policy=POLICY, namespace=NAMESPACE, bound=st.booleans(),
        ttl=st.sampled_from([5.0, 100.0]),
    )  # fmt: skip
    def store(self, key: str, size: int, policy: str, namespace: str, bound: bool, ttl: float) -> str:
        canary = f"canary-{next(self.numbers)}-"
        stored = {"namespace": namespace, "policy": POLICIES[policy], "tool_name": None, "ttl": ttl}
        ref = self.cache._core.set(key, [canary] * size, **stored, bound=bound).ref_id
        self.replaced(namespace, key)
        return self.keep(
            ref, canary=canary, size=size, policy=policy, namespace=namespace, bound=bound, key=key,
            expires_at=self.now + ttl,
        )  # fmt: skip

    def replaced(self, namespace: str, key: str) -> None:
        for kept in self.kept.values():
            if (kept.namespace, kept.key) == (namespace, key):
                kept.key = None  # its reference stays, for one more default TTL at most

    @rule(target=refs, who=WHO, key=KEY, policy=POLICY, namespace=NAMESPACE)
    def store_as(self, who: str, key: str, policy: str, namespace: str) -> Any:
        canary = f"canary-{next(self.numbers)}-"
        former = [
            kept
            for kept in self.kept.values()
            if (kept.namespace, kept.key) == (namespace, key) and kept.expires_at > self.now
        ]
        new = Kept(canary, 1, policy, namespace, False, key, self.now + 50)
        is_allowed = former[0].allows("update", who) if former else new.allows("write", who)
        try:
            stored = self.cache.set(key, new.value, namespace, POLICIES[policy], ttl=50, actor=ACTORS[who])
        except PermissionDenied as error:
            assert is_allowed == "n"
            self.check_nothing_else_shows(repr(error), None)
            return multiple()
        assert is_allowed == "y"
        self.replaced(namespace, key)
        self.kept[stored.ref_id] = new
        return stored.ref_id

    @rule(target=refs, ref=refs, who=WHO, policy=POLICY)
    def replace_as(self, ref: str, who: str, policy: str) -> Any:
        kept = self.living(ref)
        if kept is None or kept.key is None:
            return multiple()
        return self.store_as(who, kept.key, policy, kept.namespace)

    # -- reading --------------------------------------------------------------------------------

    @rule(ref=refs, who=WHO, page=st.sampled_from([None, 1, 2]))
    def read(self, ref: str, who: str, page: int | None) -> None:
        self.expect(ref, "read", who, lambda: self.cache.get(ref, page=page, actor=ACTORS[who]))
        value = self.expect(ref, "read", who, lambda: self.cache.resolve(ref, actor=ACTORS[who]))
        assert value is None or value in (self.kept[ref].value, ["[masked]"] * self.kept[ref].size)

    @rule(ref=refs, who=REQUESTS)
    def use(self, ref: str, who: str) -> None:
        with use_identity(IDENTITIES[who]):  # type: ignore[arg-type]
            self.expect(ref, "read", who, lambda: self.cache.get(ref))
            value = self.expect(ref, "use", who, lambda: self.cache.resolve(ref))
        assert value is None or value in (self.kept[ref].value, ["[masked]"] * self.kept[ref].size)

    @rule(ref=refs, who=REQUESTS)
    def give_to_a_tool(self, ref: str, who: str) -> None:
        # a number that no call had before, so that it runs: whether it is found again is a question of its own
        number = next(self.numbers)
        with use_identity(IDENTITIES[who]):  # type: ignore[arg-type]
            got = self.expect(ref, "use", who, lambda: self.count(ref, number))
        kept = self.living(ref)
        if (
            got is not None
            and kept is not None
            and kept.policy != "default"
            and kept.allows("hit", who) == "u"
        ):
            assert got.get("value") is None, (who, kept, got)  # inherited: what is only used stays unseen

    @rule(who=WHO, namespace=NAMESPACE)
    def list_keys(self, who: str, namespace: str) -> None:
        expected = {
            ref
            for ref, kept in self.kept.items()
            if kept.namespace == namespace and self.living(ref) and kept.allows("read", who) != "n"
        }
        seen = {ref for ref in self.cache.keys(namespace, actor=ACTORS[who]) if ref in self.kept}
        assert seen == expected

    @rule(who=WHO, key=KEY, namespace=NAMESPACE)
    def read_by_key(self, who: str, key: str, namespace: str) -> None:
        found = [
            ref
            for ref, kept in self.kept.items()
            if (kept.namespace, kept.key) == (namespace, key) and self.living(ref)
        ]
        ref = found[0] if found else MISSING
        self.expect(ref, "read", who, lambda: self.cache.get(f"{namespace}:{key}", actor=ACTORS[who]))

    # -- a tool ---------------------------------------------------------------------------------

    @rule(target=refs, who=REQUESTS, policy=POLICY, namespace=NAMESPACE, argument=st.integers(0, 1))
    def call(self, who: str, policy: str, namespace: str, argument: int) -> Any:
        place = (policy, namespace, argument)
        if place[:2] not in self.tools:
            self.tools[place[:2]] = self.cache.cached(namespace=namespace, policy=POLICIES[policy], ttl=20)(
                lambda argument: [f"canary-{next(self.numbers)}-"]
            )
        ref = self.runs.get(place, MISSING)
        kept, before = self.living(ref), next(self.numbers)
        with use_identity(IDENTITIES[who]):  # type: ignore[arg-type]
            try:
                got = self.tools[place[:2]](argument)
            except PermissionDenied as error:
                assert kept is not None
                assert kept.allows("hit", who) == "n"
                self.check_nothing_else_shows(repr(error), None)
                return multiple()
        if kept is None:  # it ran
            new = Kept(f"canary-{before + 1}-", 1, policy, namespace, False, None, self.now + 20)
            self.kept[got["ref_id"]] = kept = new
            self.runs[place] = got["ref_id"]
        else:
            assert got["ref_id"] == ref
            assert kept.allows("hit", who) != "n"
        is_shown = kept.allows("hit", who) == "y"
        assert (kept.canary in repr(got)) is is_shown
        self.check_nothing_else_shows(got, kept.canary if is_shown else None)
        return got["ref_id"]

    # -- removing -------------------------------------------------------------------------------

    @rule(ref=refs, who=WHO)
    def delete(self, ref: str, who: str) -> None:
        done = self.expect(ref, "delete", who, lambda: self.cache.delete(ref, actor=ACTORS[who]), missing="y")
        if done:
            self.kept.pop(ref)
        assert done is not True or not self.cache.exists(ref)

    @rule(who=WHO, namespace=NAMESPACE)
    def clear(self, who: str, namespace: str) -> None:
        before = set(self.cache.keys(namespace))
        self.cache.clear(namespace, actor=ACTORS[who])
        gone = {
            ref
            for ref, kept in self.kept.items()
            if kept.namespace == namespace and self.living(ref) and kept.allows("delete", who) == "y"
        }
        left = set(self.cache.keys(namespace))
        assert {ref for ref in before - left if ref in self.kept} == gone
        for ref in gone:
            del self.kept[ref]

    @rule(seconds=st.sampled_from([1.0, 6.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(ref=refs)
    def look(self, ref: str) -> None:
        assert self.cache.exists(ref) is (self.living(ref) is not None)


@pytest.fixture(params=["memory", "sqlite", "redis"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Makes caches on an empty store of a kind."""
    numbers = itertools.count()

    def make() -> RefCache:
        if request.param == "memory":
            return RefCache(name="c", preview_length=100)
        if request.param == "sqlite":
            return RefCache(
                name="c", backend=f"sqlite:///{tmp_path / str(next(numbers))}", preview_length=100
            )
        server: RedisServer = request.getfixturevalue("redis")
        server.say("FLUSHALL")
        return RefCache(name="c", backend=server.url, preview_length=100)

    return make


def test_any_sequence_of_calls(stores: Any, request: pytest.FixtureRequest) -> None:
    machine = type("Sequence", (Machine,), {"make_cache": staticmethod(stores)})
    is_memory = "memory" in request.node.name
    examples = (5000 if LONG else 400) if is_memory else (500 if LONG else 40)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=40, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
