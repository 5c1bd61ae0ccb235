"""Threads and tasks share connections to Redis: each gets its own answers, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import signal
import threading
import time

import pytest
from redis_server import RedisServer

from mcp_refcache import RefCache


@pytest.fixture
def cache(own_redis: RedisServer) -> RefCache:
    return RefCache("callers", backend=own_redis.url)


def connections(server: RedisServer) -> int:
    return int(server.say("INFO", "clients").split("connected_clients:")[1].split()[0])


async def test_who_is_cancelled_takes_nobody_elses_answer(cache: RefCache, own_redis: RedisServer) -> None:
    refs = [(await cache.aset(f"key {number}", [number])).ref_id for number in range(40)]
    own_redis.say("CLIENT", "PAUSE", "300", "ALL")
    tasks = [asyncio.create_task(cache.aresolve(ref)) for ref in refs]
    await asyncio.sleep(0.1)
    for task in tasks[::2]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert answers[1::2] == [[number] for number in range(1, 40, 2)]
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])
    assert await cache.aresolve(refs[0]) == [0]


async def test_one_that_fails_leaves_the_others_alone(cache: RefCache, own_redis: RedisServer) -> None:
    refs = [(await cache.aset(f"key {number}", [number])).ref_id for number in range(3)]
    own_redis.say("DEL", f"mcp-refcache:entry:{refs[1]}")
    own_redis.say("RPUSH", f"mcp-refcache:entry:{refs[1]}", "no entry")
    answers = await asyncio.gather(*(cache.aresolve(ref) for ref in refs), return_exceptions=True)
    assert (answers[0], answers[2]) == ([0], [2])
    assert isinstance(answers[1], Exception)


async def test_what_has_no_room_in_a_socket_goes_both_ways(cache: RefCache) -> None:
    value = [number * 1_000_003 for number in range(400_000)]
    refs = await asyncio.gather(*(cache.aset(f"key {turn}", [turn, value]) for turn in range(3)))
    for turn, ref in enumerate(refs):
        assert await cache.aresolve(ref.ref_id) == [turn, value]


def test_each_loop_has_one_connection_for_as_long_as_it_lives(
    cache: RefCache, own_redis: RedisServer
) -> None:
    ref_id = cache.set("key", [1]).ref_id
    before = connections(own_redis)

    async def many() -> int:
        values = await asyncio.gather(*(cache.aresolve(ref_id) for _ in range(50)))
        assert values == [[1]] * 50
        return connections(own_redis)

    assert [asyncio.run(many()) - before for _ in range(3)] == [1, 1, 1]
    assert cache.resolve(ref_id) == [1]


async def test_a_loop_whose_connection_is_cut_makes_a_new_one(
    cache: RefCache, own_redis: RedisServer
) -> None:
    ref_id = (await cache.aset("key", [1])).ref_id
    for _ in range(3):
        own_redis.say("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert await asyncio.gather(*(cache.aresolve(ref_id) for _ in range(5))) == [[1]] * 5


async def test_a_store_that_was_closed_is_opened_again(own_redis: RedisServer) -> None:
    from mcp_refcache.backends import RedisBackend

    backend = RedisBackend(host="127.0.0.1", port=own_redis.port)
    cache = RefCache("callers", backend=backend)
    ref_id = (await cache.aset("key", [1])).ref_id
    backend.close()
    assert await cache.aresolve(ref_id) == [1]
    await asyncio.sleep(0.05)
    assert connections(own_redis) <= 3


def test_who_is_interrupted_while_reading_leaves_the_reading_to_others(
    cache: RefCache, own_redis: RedisServer
) -> None:
    refs = [cache.set(f"key {number}", [number]).ref_id for number in range(8)]
    answers: dict[int, object] = {}

    def ask(number: int) -> None:
        answers[number] = cache.resolve(refs[number])

    own_redis.say("CLIENT", "PAUSE", "900", "ALL")
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(1, 8)]

    def others_then_signal() -> None:
        time.sleep(0.1)
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    starter = threading.Thread(target=others_then_signal)
    starter.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        cache.resolve(refs[0])
    assert time.monotonic() - begin < 0.7
    starter.join()
    for thread in threads:
        thread.join()
    assert answers == {number: [number] for number in range(1, 8)}
    assert cache.resolve(refs[0]) == [0]
    assert connections(own_redis) <= 3, "nobody had to come again on another connection"


def test_fifty_threads_get_their_own_answers(cache: RefCache) -> None:
    refs = [cache.set(f"key {number}", [number] * 50).ref_id for number in range(50)]
    wrong: list[object] = []

    def ask(number: int) -> None:
        for turn in range(100):
            which = (number * 7 + turn) % 50
            if cache.resolve(refs[which]) != [which] * 50:
                wrong.append(which)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
