"""Threads and tasks: many at once lose nothing, raise nothing, and do the same work once."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from mcp_refcache import MemoryBackend, PreviewStrategy, RefCache

THREADS = 8


def run_all(works: Sequence[Callable[[], object]]) -> None:
    """Run everything at the same time; raise what any of it raised, or that it hangs."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        try:
            start.wait(10)
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "hangs"
    if errors:
        raise errors[0]


def test_no_entry_is_lost() -> None:
    cache = RefCache()
    stored: list[dict[str, int]] = [{} for _ in range(THREADS)]

    def work(number: int) -> None:
        for i in range(500):
            stored[number][cache.set(f"{number}-{i}", [number, i]).ref_id] = i

    run_all([lambda number=number: work(number) for number in range(THREADS)])
    assert len(cache._backend.keys()) == THREADS * 500
    for number, refs in enumerate(stored):
        for ref, i in refs.items():
            assert cache.resolve(ref) == cache.resolve(f"{number}-{i}") == [number, i]


@pytest.mark.parametrize(
    "settings", [{}, {"max_size": 20}, {"default_ttl": 0.01}, {"copy_values": False}], ids=str
)
def test_everything_mixed_raises_nothing(settings: dict[str, Any]) -> None:
    cache = RefCache(name="c", preview_length=100, **settings)

    def work(seed: int) -> None:
        dice = random.Random(seed)
        refs = ["c:0123456789abcdef"]
        for i in range(400):
            key = f"k{dice.randrange(20)}"
            what = dice.randrange(8)
            try:
                if what < 3:
                    value = list(range(dice.choice([1, 100, 20_000 if i % 50 == 0 else 5])))
                    refs.append(cache.set(key, value, namespace=dice.choice([None, "custom:a"])).ref_id)
                elif what == 3:
                    shown = cache.get(dice.choice([key, refs[-1]]), page=dice.choice([None, 1]))
                    assert (shown.preview_size or 0) <= 100
                elif what == 4:
                    value = cache.resolve(dice.choice([key, refs[-1]]))
                    assert value == list(range(len(value)))
                elif what == 5:
                    cache.delete(dice.choice([key, refs[-1]]), actor="user")
                elif what == 6:
                    cache.exists(key), cache._backend.keys(), cache._backend.keys("custom:a")
                elif i % 40 == 0:
                    cache.clear(dice.choice([None, "custom:a"]))
            except KeyError:
                pass

    run_all([lambda seed=seed: work(seed) for seed in range(THREADS)])
    cache.clear()
    assert cache._backend.keys() == []


def test_looking_for_keys_while_others_are_stored() -> None:
    cache = RefCache()

    def read() -> None:
        for _ in range(300):
            assert not cache.exists("no such key")

    def write(number: int) -> None:
        for i in range(1000):
            cache.set(f"{number}{i}", i)

    run_all([read] * 4 + [lambda number=number: write(number) for number in range(4)])


def test_replacing_one_key_leaves_one_that_lives() -> None:
    cache = RefCache()
    run_all([lambda number=number: [cache.set("k", number) for _ in range(300)] for number in range(THREADS)])
    assert cache.resolve("k") in range(THREADS)
    assert len(cache._backend.keys()) == THREADS * 300


def test_settings_may_be_exchanged_while_others_read() -> None:
    cache = RefCache(preview_length=50)
    ref = cache.set("k", list(range(1000))).ref_id
    own = cache._measurer

    class Fixed:
        def measure(self, value: Any) -> int:
            return 7

    def read() -> None:
        for _ in range(200):
            assert (cache.get(ref).preview_size or 0) <= 60

    def change() -> None:
        for i in range(200):
            cache._measurer = Fixed() if i % 2 else own
            cache.preview_config.max_size = 50 + i % 10
            cache.default_ttl = 60 + i

    run_all([read] * 4 + [change] * 2)


def test_python_parts_are_called_from_many_threads_without_a_deadlock() -> None:
    lock = threading.RLock()

    class Slow(MemoryBackend):
        def get(self, key: str) -> Any:
            with lock:
                time.sleep(0.0005)
                return super().get(key)

        def set(self, key: str, entry: Any) -> None:
            with lock:
                super().set(key, entry)

    cache = RefCache(backend=Slow())

    def work(number: int) -> None:
        for i in range(30):
            ref = cache.set(f"{number}-{i}", i).ref_id
            assert cache.resolve(ref) == i

    run_all([lambda number=number: work(number) for number in range(THREADS)])


def test_large_previews_leave_the_interpreter_to_others() -> None:
    cache = RefCache()
    refs = [
        cache.set(f"k{i}", [{"id": n, "name": f"user {n}"} for n in range(20_000)]).ref_id for i in range(4)
    ]
    strategies = list(PreviewStrategy)
    shown: list[Any] = []

    def look(ref: str) -> None:
        for size in (100, 200, 300, 400):
            shown.append(cache.get(ref, max_size=size))

    run_all([lambda ref=ref: look(ref) for ref in refs * 2])
    assert len(shown) == 32
    assert len({answer.model_copy(update={"ref_id": ""}).model_dump_json() for answer in shown}) == len(
        strategies
    )


# -- the same call at the same time --------------------------------------------------------------------


def test_one_call_from_many_threads_runs_once() -> None:
    cache = RefCache()
    runs: list[int] = []

    @cache.cached()
    def tool(x: int) -> int:
        runs.append(x)
        time.sleep(0.2)
        return x

    answers: list[Any] = []
    run_all([lambda: answers.append(tool(1))] * 20)
    assert runs == [1]
    assert [answer["value"] for answer in answers] == [1] * 20
    assert len(cache._backend.keys()) == 1


async def test_one_call_from_many_tasks_runs_once() -> None:
    cache = RefCache()
    runs: list[int] = []

    @cache.cached()
    async def tool(x: int) -> int:
        runs.append(x)
        await asyncio.sleep(0.05)
        return x

    answers: list[Any] = await asyncio.gather(*(tool(1) for _ in range(20)))
    assert runs == [1]
    assert {answer["ref_id"] for answer in answers} == set(cache._backend.keys())


async def test_other_calls_go_on_while_one_runs() -> None:
    cache = RefCache()
    order: list[int] = []

    @cache.cached()
    async def tool(x: float) -> float:
        await asyncio.sleep(x)
        order.append(int(x * 100))
        return x

    await asyncio.gather(tool(0.1), tool(0.01), tool(0.05))
    assert order == [1, 5, 10]
