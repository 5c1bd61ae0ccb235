"""What is shown again and again: kept as objects and copied, it is what was shown first, and nobody else's."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar

import pytest
from conftest import Clock
from hypothesis import given
from hypothesis import strategies as st
from strategies import lasting_values, python_values
from test_threads import run_all
from test_values import CHANGES, change, described

from mcp_refcache import AccessPolicy, CacheResponse, Permission, PermissionDenied, RefCache
from mcp_refcache.models import PreviewStrategy

#: The third time something is shown, it is a copy of what was kept the second time.
TIMES = 4
ROWS = [{"id": i, "at": [i, i + 1], "name": f"user {i}"} for i in range(2_000)]
CACHE = RefCache(name="again", preview_length=300)


def views(cache: RefCache, ref: str) -> list[Callable[[], CacheResponse]]:
    """Ways to look at an entry, each of which is remembered by itself."""
    return [
        lambda: cache.get(ref),
        lambda: cache.get(ref, page=1, page_size=3),
        lambda: cache.get(ref, max_size=5_000),
    ]


@given(st.lists(python_values, max_size=8), st.sampled_from([strategy.value for strategy in PreviewStrategy]))
def test_what_is_shown_again_is_what_was_shown_first(value: list[Any], strategy: str) -> None:
    cache = RefCache(name="laws", preview_length=60)
    cache.preview_config.default_strategy = PreviewStrategy(strategy)
    for stored in (value, [*value, "x" * 80_000]):
        for look in views(cache, cache.set("k", stored).ref_id):
            first, *others = [look() for _ in range(TIMES)]
            for other in others:
                assert described(other.preview) == described(first.preview)
                assert other.model_fields_set == first.model_fields_set


@given(lasting_values)
def test_what_is_resolved_again_is_what_was_resolved_first(value: Any) -> None:
    ref = CACHE.set("k", value).ref_id
    assert [described(CACHE.resolve(ref)) for _ in range(TIMES)] == [described(value)] * TIMES


def test_what_is_done_to_an_answer_does_not_show_in_the_next() -> None:
    @CACHE.cached(max_size=300)
    def rows(number: int) -> Any:
        return ROWS

    before = repr(rows(1))
    for _ in range(TIMES):
        answer = rows(1)
        assert repr(answer) == before
        answer["preview"][0]["at"].append("changed")
        answer["preview"][1].clear()
        answer["preview"].append("changed")


@pytest.mark.parametrize("look", range(3))
def test_what_is_done_to_a_preview_does_not_show_in_the_next(look: int) -> None:
    show = views(CACHE, CACHE.set("k", ROWS).ref_id)[look]
    before = repr(show())
    for _ in range(TIMES):
        shown = show()
        assert repr(shown) == before
        shown.preview[0]["at"].append("changed")
        shown.preview[-1]["new"] = "changed"
        del shown.preview[1:]
        shown.available_actions.clear()
        shown.__dict__["total_items"] = "changed"
        shown.model_fields_set.clear()


@pytest.mark.parametrize("name", CHANGES)
def test_objects_in_what_is_shown_are_nobody_elses(name: str) -> None:
    value, how = CHANGES[name]
    for filler in ("", "x" * 80_000):
        ref = CACHE.set("k", [copy.deepcopy(value), (1, [2]), filler]).ref_id
        before = repr(CACHE.get(ref, max_size=200_000).preview)
        for _ in range(TIMES):
            shown = CACHE.get(ref, max_size=200_000).preview
            assert repr(shown) == before
            change(shown[0], how)
            shown[1][1].append("changed")


def test_shared_objects_stay_the_same_object() -> None:
    cache, thing = RefCache(copy_values=False), {1, 2}
    ref = cache.set("k", [thing, [3]]).ref_id
    assert all(cache.get(ref).preview[0] is thing for _ in range(TIMES))


def test_objects_that_a_store_describes_are_made_anew(tmp_path: Path) -> None:
    cache = RefCache(backend=f"sqlite:///{tmp_path / 'c.db'}")
    ref = cache.set("k", [{"set": {1}, "at": datetime(2026, 1, 1, tzinfo=timezone.utc)}]).ref_id
    first = cache.get(ref).preview
    for _ in range(TIMES):
        shown = cache.get(ref).preview
        assert described(shown) == described(first)
        shown[0].clear()


def test_masks_decide_what_is_shown_however_often_it_was_shown_without() -> None:
    value = {"rows": [{"name": "Ada", "ssn": "secret"}] * 5}
    ref = CACHE.set("k", value, policy=AccessPolicy(masked_paths={"rows[*].ssn"})).ref_id
    for _ in range(TIMES):
        assert "secret" in str(CACHE.get(ref, actor="user").preview)
        assert "secret" not in str(CACHE.get(ref, actor="agent").preview)


def test_masks_that_were_changed_hide_what_was_shown_before() -> None:
    policy = AccessPolicy()
    ref = CACHE.set("k", [{"name": "Ada", "ssn": "secret"}] * 5, policy=policy).ref_id
    assert all("secret" in str(CACHE.get(ref).preview) for _ in range(TIMES))
    policy.masked_paths = frozenset({"[*].ssn"})
    assert all("secret" not in str(CACHE.get(ref).preview) for _ in range(TIMES))


def test_rights_and_age_are_asked_for_however_often_it_was_shown(clock: Clock) -> None:
    policy = AccessPolicy()
    ref = CACHE.set("k", ROWS, policy=policy, ttl=60).ref_id
    assert all(CACHE.get(ref).preview for _ in range(TIMES))
    policy.agent_permissions = Permission.EXECUTE
    with pytest.raises(PermissionDenied):
        CACHE.get(ref)
    policy.agent_permissions = Permission.FULL
    assert CACHE.get(ref).preview
    clock.now += timedelta(minutes=2).total_seconds()
    with pytest.raises(KeyError):
        CACHE.get(ref)


def test_what_was_kept_goes_with_its_entry() -> None:
    class Thing(dict[str, Any]):
        """Can be seen to die, and is copied."""

        alive: ClassVar[weakref.WeakSet[Thing]] = weakref.WeakSet()

        def __hash__(self) -> int:
            return id(self)

        def __deepcopy__(self, memo: Any) -> Thing:
            twin = Thing(self)
            self.alive.add(twin)
            return twin

    cache = RefCache(preview_length=300)
    thing = Thing()
    thing["cache"] = cache
    ref = cache.set("k", [thing, "x" * 80_000]).ref_id
    for _ in range(TIMES):
        cache.get(ref), cache.get(ref, page=1)
    assert Thing.alive
    del cache, thing
    for _ in range(3):
        gc.collect()
    assert not Thing.alive


def test_threads_that_look_at_once_get_objects_of_their_own() -> None:
    ref = CACHE.set("k", ROWS).ref_id
    before = repr(CACHE.get(ref).preview)

    def work() -> None:
        for _ in range(300):
            shown = CACHE.get(ref).preview
            assert repr(shown) == before
            shown[0]["at"].append(1)
            shown.pop()

    run_all([work] * 8)


@pytest.mark.parametrize("page", [None, 1])
@pytest.mark.parametrize("mode", ["token", "character"])
def test_responses_are_as_if_they_were_validated(page: int | None, mode: Any) -> None:
    cache = RefCache(name="c")
    cache.preview_config.size_mode = mode
    cache = RefCache(name="c", preview_config=cache.preview_config)
    stored = cache.set("k", ROWS)
    shown = cache.get(stored.ref_id, page=page)
    for model in (stored, shown):
        given = {name: getattr(model, name) for name in model.model_fields_set}
        validated = type(model)(**given)
        assert model == validated
        assert model.model_fields_set == validated.model_fields_set
        assert list(model.model_dump().items()) == list(validated.model_dump().items())
        assert model.model_dump_json(exclude_unset=True) == validated.model_dump_json(exclude_unset=True)
        for twin in (
            copy.copy(model),
            copy.deepcopy(model),
            model.model_copy(),
            pickle.loads(pickle.dumps(model)),
        ):
            assert twin == model
            assert twin.model_fields_set == model.model_fields_set
        assert repr(model) == repr(validated)
