"""Entries in Redis asked for by one caller and by fifty, threads and tasks, beside the clients of others."""

from __future__ import annotations

import asyncio
import json

from benches import data
from benches.redis_server import benchmark
from benches.row import AtLeast, AtMost, Contestants, Side, row
from benches.rows.caches import Threads, cache, redis

ONE, FIFTY = Threads(1, 200), Threads(50, 20)


def _threads(side: Side, threads: Threads) -> Contestants:
    import redis as redis_py

    here = cache(redis(side))
    ref_id = here.set("callers", data.small()).ref_id
    pool = redis_py.BlockingConnectionPool(host="127.0.0.1", port=side.redis_port, max_connections=50)
    client = redis_py.Redis(connection_pool=pool)
    client.set("plain", json.dumps(data.small()))
    return {
        side.mine: lambda: threads.run(lambda: here.resolve(ref_id)),
        "redis-py": lambda: threads.run(lambda: client.get("plain")),
        "redis-benchmark": benchmark(side.redis_port, threads.count),
    }


@row("Redis `resolve`, one caller", AtMost(1.54, "redis-benchmark"), compared=False, per=ONE.calls)
def one_thread(side: Side) -> Contestants:
    """Resolves 1 KB, checked and decoded, against GETs of redis-py with hiredis and of redis-benchmark, which decode nothing; 0.65 of its rate is the goal."""
    return _threads(side, ONE)


@row("Redis `resolve`, 50 threads", AtMost(1.67, "redis-benchmark"), compared=False, per=FIFTY.calls)
def fifty_threads(side: Side) -> Contestants:
    """The same by 50 threads at once, the time of one with all at work; 0.6 of redis-benchmark's rate is the goal."""
    return _threads(side, FIFTY)


def _tasks(side: Side, callers: int, each: int) -> Contestants:
    import redis.asyncio as redis_asyncio

    loop = asyncio.new_event_loop()
    here = cache(redis(side))
    ref_id = here.set("callers", data.small()).ref_id
    pool = redis_asyncio.BlockingConnectionPool(host="127.0.0.1", port=side.redis_port, max_connections=50)
    client = redis_asyncio.Redis(connection_pool=pool)
    loop.run_until_complete(client.set("plain", json.dumps(data.small())))

    def run(ask: object) -> None:
        async def caller() -> None:
            for _ in range(each):
                await ask()

        async def all_callers() -> None:
            await asyncio.gather(*(caller() for _ in range(callers)))

        loop.run_until_complete(all_callers())

    return {
        side.mine: lambda: run(lambda: here.aresolve(ref_id)),
        "redis.asyncio": lambda: run(lambda: client.get("plain")),
    }


@row("Redis `aresolve`, one caller", AtLeast(0.5, of="redis.asyncio"), compared=False, per=100)
def one_task(side: Side) -> Contestants:
    """Awaits the resolving of 1 KB, checked and decoded, against a GET of redis.asyncio, which decodes nothing."""
    return _tasks(side, 1, 100)


@row("Redis `aresolve`, 50 tasks", AtLeast(5, of="redis.asyncio"), compared=False, per=500)
def fifty_tasks(side: Side) -> Contestants:
    """The same by 50 tasks of one loop at once."""
    return _tasks(side, 50, 10)
