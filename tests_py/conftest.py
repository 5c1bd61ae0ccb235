"""What the Python tests share."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from redis_server import RedisServer, need_redis

from mcp_refcache import PreviewConfig, RefCache

pytest.register_assert_rewrite("mcp_refcache.testing")

# how long an example takes says more about the machine than about the code
hypothesis.settings.register_profile(
    "laws", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("laws")


@pytest.fixture
def cache() -> RefCache:
    """A cache that counts characters, 100 of them."""
    return RefCache(name="c", preview_config=PreviewConfig(size_mode="character", max_size=100))


@pytest.fixture
def server(cache: RefCache) -> Any:
    """A FastMCP server in which the cache is installed."""
    mcp = importlib.import_module("fastmcp").FastMCP("s")
    cache.install(mcp)
    return mcp


class Clock:
    """Stands in for `time.time`."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that calls use, standing still until it is moved."""
    clock = Clock(1_000_000.0)
    monkeypatch.setattr("time.time", clock)
    return clock


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """One server for all tests that do it no harm."""
    need_redis()
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis(shared_redis: RedisServer) -> RedisServer:
    """The shared server, empty."""
    shared_redis.say("FLUSHALL")
    return shared_redis


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server of this test alone, which may kill it."""
    need_redis()
    with RedisServer() as server:
        yield server
