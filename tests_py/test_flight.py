"""Of identical calls at the same time one runs; all get its result or its exception."""

import asyncio
import contextvars
import gc
import importlib
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mcp_refcache import POLICY_EXECUTE_ONLY, RefCache
from mcp_refcache._flight import Flights, flights_of


@pytest.fixture
def cache():
    return RefCache(name="c")


def in_threads(function, count):
    start = threading.Barrier(count)

    def call():
        start.wait()
        try:
            return function()
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return [future.result(10) for future in [pool.submit(call) for _ in range(count)]]


def test_threads_share_one_run(cache):
    runs = []

    @cache.cached()
    def f(x):
        runs.append(x)
        time.sleep(0.1)
        return [x]

    answers = in_threads(lambda: f(1), 20)
    assert runs == [1]
    assert len({answer["ref_id"] for answer in answers}) == 1
    assert all(answer["value"] == [1] for answer in answers)
    assert len(flights_of(cache)) == 0


def test_answers_are_not_one_object(cache):
    @cache.cached()
    def f():
        time.sleep(0.05)
        return [1]

    one, other = in_threads(f, 2)
    one["value"].append(2)
    assert other["value"] == [1]


async def test_tasks_share_one_run(cache):
    runs = []

    @cache.cached()
    async def f(x):
        runs.append(x)
        await asyncio.sleep(0.05)
        return x

    answers = await asyncio.gather(*(f(1) for _ in range(50)))
    assert runs == [1]
    assert len({answer["ref_id"] for answer in answers}) == 1
    assert len(flights_of(cache)) == 0


def test_event_loops_of_several_threads_share_one_run(cache):
    runs = []

    @cache.cached()
    async def f():
        runs.append(1)
        await asyncio.sleep(0.2)
        return 1

    async def several():
        return await asyncio.gather(f(), f())

    answers = in_threads(lambda: asyncio.run(several()), 4)
    assert len(runs) == 1
    assert {answer["value"] for pair in answers for answer in pair} == {1}


def test_other_arguments_do_not_wait(cache):
    @cache.cached()
    def f(x):
        time.sleep(0.2)
        return x

    began = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        assert sorted(answer["value"] for answer in pool.map(f, range(4))) == [0, 1, 2, 3]
    assert time.perf_counter() - began < 0.6


def test_an_exception_is_everybodys_and_is_not_kept(cache):
    runs = []

    @cache.cached()
    def f():
        runs.append(1)
        time.sleep(0.1)
        raise ValueError("no")

    errors = in_threads(f, 5)
    assert len(runs) == 1
    assert all(error is errors[0] for error in errors)
    assert isinstance(errors[0], ValueError)
    with pytest.raises(ValueError, match="no"):
        f()
    assert len(runs) == 2
    assert len(flights_of(cache)) == 0


async def test_an_exception_is_every_tasks(cache):
    @cache.cached()
    async def f():
        await asyncio.sleep(0.02)
        raise ValueError("no")

    errors = await asyncio.gather(*(f() for _ in range(5)), return_exceptions=True)
    assert all(error is errors[0] for error in errors)


async def test_a_cancelled_leader_hands_over(cache):
    runs = []

    @cache.cached()
    async def f():
        runs.append(1)
        await asyncio.sleep(0.05)
        return len(runs)

    leader = asyncio.create_task(f())
    await asyncio.sleep(0.01)
    waiters = [asyncio.create_task(f()) for _ in range(3)]
    await asyncio.sleep(0.01)
    leader.cancel()
    answers = await asyncio.gather(*waiters)
    assert [answer["value"] for answer in answers] == [2, 2, 2]
    assert len(runs) == 2
    with pytest.raises(asyncio.CancelledError):
        await leader
    assert len(flights_of(cache)) == 0


async def test_a_cancelled_waiter_disturbs_nobody(cache):
    @cache.cached()
    async def f():
        await asyncio.sleep(0.05)
        return 1

    leader, waiter, other = (asyncio.create_task(f()) for _ in range(3))
    await asyncio.sleep(0.01)
    waiter.cancel()
    assert (await leader)["value"] == (await other)["value"] == 1
    assert waiter.cancelled()


def test_an_interrupted_leader_hands_over(cache):
    began, go = threading.Event(), threading.Event()
    runs = []

    @cache.cached()
    def f():
        runs.append(1)
        if len(runs) == 1:
            began.set()
            go.wait(5)
            raise KeyboardInterrupt
        return "fine"

    def leader():
        with pytest.raises(KeyboardInterrupt):
            f()

    thread = threading.Thread(target=leader)
    thread.start()
    began.wait(5)
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(f)
        time.sleep(0.05)
        go.set()
        assert waiter.result(5)["value"] == "fine"
    thread.join()


def test_a_function_may_call_itself(cache):
    depth = []

    @cache.cached()
    def f(x):
        depth.append(x)
        return f(x)["value"] if len(depth) < 3 else "done"

    assert f(1)["value"] == "done"
    assert len(flights_of(cache)) == 0


async def test_an_async_function_may_call_itself_in_a_child_task(cache):
    depth = []

    @cache.cached()
    async def f(x):
        depth.append(x)
        return (await asyncio.create_task(f(x)))["value"] if len(depth) < 3 else "done"

    assert (await asyncio.wait_for(f(1), 5))["value"] == "done"


def test_a_function_may_call_itself_in_a_context_of_its_own(cache):
    depth = []

    @cache.cached()
    def f():
        depth.append(1)
        return contextvars.Context().run(f)["value"] if len(depth) < 3 else "done"

    assert f()["value"] == "done"


def test_recursion_over_other_arguments(cache):
    @cache.cached()
    def fib(n):
        return n if n < 2 else fib(n - 1)["value"] + fib(n - 2)["value"]

    assert fib(30)["value"] == 832040


async def test_a_sync_function_never_waits_on_the_event_loop(cache):
    """The leader may need the loop to get on: here it does."""
    loop = asyncio.get_running_loop()
    runs = []

    @cache.cached()
    def f():
        runs.append(1)
        if len(runs) == 1:
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), loop).result(5)
        return len(runs)

    leader = asyncio.create_task(asyncio.to_thread(f))
    while not runs:  # noqa: ASYNC110 - it is noted in a thread
        await asyncio.sleep(0.001)
    assert f()["value"] == 2
    await asyncio.wait_for(leader, 5)


async def test_waiting_tasks_leave_the_loop_free(cache):
    @cache.cached()
    async def f():
        await asyncio.sleep(0.2)
        return 1

    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticker = asyncio.create_task(tick())
    await asyncio.gather(f(), f(), f())
    ticker.cancel()
    assert ticks > 8


def test_each_waiter_is_judged_for_itself(cache):
    @cache.cached(policy=POLICY_EXECUTE_ONLY)
    def f():
        time.sleep(0.05)
        return "secret"

    for answer in in_threads(f, 4):
        assert "secret" not in repr(answer)
        assert answer["ref_id"]


async def test_what_is_not_to_be_shared_is_made_for_each(cache):
    mcp_types = importlib.import_module("mcp.types")
    runs = []

    @cache.cached()
    async def f():
        runs.append(1)
        await asyncio.sleep(0.01)
        return mcp_types.TextContent(type="text", text=str(len(runs)))

    answers = await asyncio.gather(f(), f(), f())
    assert len(runs) == 3
    assert len({id(answer) for answer in answers}) == 3


def test_a_result_that_expires_at_once_is_made_for_each(cache):
    @cache.cached(ttl=0)
    def f():
        time.sleep(0.01)
        return 1

    assert [answer["value"] for answer in in_threads(f, 3)] == [1, 1, 1]


def test_a_failed_flight_keeps_nothing_alive(cache):
    import weakref

    class Big:
        pass

    watch = []

    @cache.cached()
    def f(x):
        big = Big()
        watch.append(weakref.ref(big))
        raise ValueError

    gc.collect()
    gc.disable()
    try:
        with pytest.raises(ValueError):  # noqa: PT011
            f(1)
        assert watch[0]() is None
    finally:
        gc.enable()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # forking a process with threads: the point here
def test_a_forked_child_does_not_wait_for_its_parents_calls(cache):
    began, go = threading.Event(), threading.Event()

    @cache.cached()
    def f():
        began.set()
        go.wait(5)
        return 1

    thread = threading.Thread(target=f)
    thread.start()
    began.wait(5)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            go.set()
            code = 0 if f()["value"] == 1 else 1
        finally:
            os._exit(code)  # the child must not go on as a second test run
    go.set()
    thread.join()
    for _ in range(500):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.01)
    else:
        os.kill(child, signal.SIGKILL)
        pytest.fail("the child waits")
    assert os.waitstatus_to_exitcode(status) == 0


def test_leading_again_after_landing():
    flights = Flights()
    for _ in range(2):
        flight, leads = flights.board("k", may_block=True)
        assert leads
        with flight:
            flight.landed = "c:0"
    assert len(flights) == 0
