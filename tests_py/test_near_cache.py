"""Entries of Redis that are kept in the process: as fast as memory, and never out of date."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from redis_server import RedisServer

from mcp_refcache import AccessPolicy, Permission, RefCache
from mcp_refcache.access import DefaultActor
from mcp_refcache.backends import EncryptedBackend, RedisBackend

AGENT = DefaultActor.agent()


def asked(server: RedisServer) -> int:
    """Count the commands that the server got, without questions like this one and signs of life."""
    lines = server.say("INFO", "commandstats").splitlines()
    counted = [line for line in lines if line.startswith(("cmdstat_eval", "cmdstat_get", "cmdstat_hmget"))]
    return sum(int(line.split("calls=")[1].split(",")[0]) for line in counted)


@pytest.fixture
def here(redis: RedisServer) -> Iterator[RefCache]:
    """Make a cache that keeps entries near and has begun to listen."""
    cache = RefCache(name="near", backend=RedisBackend(url=redis.url, near_cache=True))
    ref_id = cache.set("first", 1).ref_id
    end = time.monotonic() + 10
    while time.monotonic() < end:
        before = asked(redis)
        cache.resolve(ref_id)
        if asked(redis) == before:
            yield cache
            return
        time.sleep(0.02)
    pytest.fail("nothing is kept near")


@pytest.fixture
def there(redis: RedisServer) -> RefCache:
    return RefCache(name="near", backend=RedisBackend(url=redis.url))


def test_what_was_read_is_read_again_without_the_server(
    redis: RedisServer, here: RefCache, there: RefCache
) -> None:
    ref_id = there.set("key", {"rows": [1, 2, 3]}).ref_id
    assert here.resolve(ref_id) == {"rows": [1, 2, 3]}
    assert here.get("key").preview == {"rows": [1, 2, 3]}
    before = asked(redis)
    for _ in range(20):
        assert here.resolve(ref_id) == {"rows": [1, 2, 3]}
        assert here.get(ref_id).preview == {"rows": [1, 2, 3]}
    assert asked(redis) == before


def test_a_hit_needs_no_server(redis: RedisServer, here: RefCache) -> None:
    @here.cached()
    def rows(count: int) -> list[int]:
        return list(range(count))

    first = rows(20_000)
    assert rows(20_000)["ref_id"] == rows(20_000)["ref_id"] == first["ref_id"]
    before = asked(redis)
    assert rows(20_000)["ref_id"] == first["ref_id"]
    assert asked(redis) == before


def test_what_another_process_changes_is_seen_at_once(here: RefCache, there: RefCache) -> None:
    for number in range(100):
        there.set("key", number)
        assert here.resolve("key") == number
    ref_id = there.set("key", "secret").ref_id
    assert here.resolve(ref_id) == "secret"
    there.delete(ref_id, actor=DefaultActor.system())
    with pytest.raises(KeyError):
        here.resolve(ref_id)
    ref_id = there.set("key", "secret").ref_id
    assert here.resolve(ref_id) == "secret"
    there.clear()
    with pytest.raises(KeyError):
        here.resolve(ref_id)


def test_what_is_re_permitted_is_asked_for_in_vain(here: RefCache, there: RefCache) -> None:
    open_ref = there.set("key", "text").ref_id
    assert here.get(open_ref, actor=AGENT).preview == "text"
    entry = there._backend.get(open_ref)
    assert entry is not None
    entry.policy = AccessPolicy(agent_permissions=Permission.NONE)
    there._backend.set(open_ref, entry)
    with pytest.raises(PermissionError):
        here.get(open_ref, actor=AGENT)


def test_an_entry_ends_in_time(here: RefCache, there: RefCache) -> None:
    ref_id = there.set("key", 1, ttl=0.3).ref_id
    assert here.resolve(ref_id) == 1
    time.sleep(0.35)
    with pytest.raises(KeyError):
        here.resolve(ref_id)


def test_what_was_opened_with_a_key_is_not_kept(redis: RedisServer) -> None:
    backend = EncryptedBackend(RedisBackend(url=redis.url, near_cache=True), key=bytes(32))
    cache = RefCache(name="near", backend=backend)
    ref_id = cache.set("key", 1).ref_id
    time.sleep(0.3)
    for _ in range(3):
        before = asked(redis)
        assert cache.resolve(ref_id) == 1
        assert asked(redis) > before


@pytest.mark.parametrize(
    "options", [{"near_cache": -1}, {"near_cache": True, "ssl": True}, {"near_cache": 1, "nodes": ["a:1"]}]
)
def test_what_cannot_be_kept_near_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="near_cache"):
        RedisBackend(**options)  # pyright: ignore[reportArgumentType]
