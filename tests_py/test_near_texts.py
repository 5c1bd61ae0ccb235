"""A text or bytes that is kept near is one object, as nobody can change it; all else is made anew for each caller."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mcp_refcache import AccessPolicy, Permission, RefCache
from mcp_refcache.access import DefaultActor
from mcp_refcache.backends import SQLiteBackend


def opened(path: Path, **options: object) -> RefCache:
    return RefCache(name="texts", backend=SQLiteBackend(path / "cache.db", **options))


@pytest.mark.parametrize("value", ["plain", "ä\n\U0001f600", "x" * 100_000, b"bytes"])
def test_a_text_is_made_once(tmp_path: Path, value: object) -> None:
    cache = opened(tmp_path)
    ref_id = cache.set("text", value).ref_id
    first = cache.resolve(ref_id)
    assert (first, type(first)) == (value, type(value))
    assert cache.resolve(ref_id) is first


def test_it_is_made_anew_where_nothing_is_kept(tmp_path: Path) -> None:
    cache = opened(tmp_path, near_cache=False)
    ref_id = cache.set("text", "x" * 1000).ref_id
    assert cache.resolve(ref_id) is not cache.resolve(ref_id)


def test_what_can_be_changed_is_fresh_for_each_caller(tmp_path: Path) -> None:
    cache = opened(tmp_path)
    ref_id = cache.set("list", ["text"]).ref_id
    cache.resolve(ref_id).append("changed")
    assert cache.resolve(ref_id) == ["text"]


def test_a_text_goes_with_its_entry(tmp_path: Path) -> None:
    here, there = opened(tmp_path), opened(tmp_path)
    ref_id = here.set("text", "first").ref_id
    assert here.resolve(ref_id) == here.resolve(ref_id) == "first"
    there.set("text", "second")
    assert here.resolve("text") == here.resolve("text") == "second"
    there.clear()
    with pytest.raises(KeyError):
        here.resolve(ref_id)


def test_it_is_given_to_those_alone_who_may(tmp_path: Path) -> None:
    cache = opened(tmp_path)
    policy = AccessPolicy(agent_permissions=Permission.EXECUTE)
    ref_id = cache.set("text", "for the server", policy=policy).ref_id
    assert cache.resolve(ref_id) == cache.resolve(ref_id) == "for the server"
    with pytest.raises(PermissionError):
        cache.resolve(ref_id, actor=DefaultActor.agent())


def test_threads_read_and_write_at_once(tmp_path: Path) -> None:
    cache = opened(tmp_path)
    ref_id, wrong = cache.set("shared", "x" * 500).ref_id, []

    def work(number: int) -> None:
        for turn in range(50):
            text = f"{number} {turn}"
            own = cache.set(f"key {number}", text).ref_id
            if cache.resolve(own) != text or cache.resolve(ref_id) != "x" * 500:
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
