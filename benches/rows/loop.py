"""What an event loop feels, and what happens to calls that are made at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import count

from benches import data
from benches.row import AtLeast, AtMost, Below, Contestants, Side, row
from benches.rows.caches import cache


async def _longest_stall(work: Callable[[], Awaitable[object]]) -> float:
    """Return the longest time that a task which only yields had to wait while `work` ran."""
    longest, running = 0.0, True

    async def watch() -> None:
        nonlocal longest
        while running:
            before = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - before)

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0.02)
    longest = 0.0
    await work()
    await asyncio.sleep(0)
    running = False
    await watcher
    return longest


def _stall(make: Callable[[int], object], rounds: int = 3) -> float:
    """Return the median stall of storing and previewing values that are there before the tool is called."""
    here = cache(tokens=True)
    values = [make(number) for number in range(rounds + 1)]

    @here.cached()
    async def tool(number: int) -> object:
        await asyncio.sleep(0)
        return values[number]

    stalls = [asyncio.run(_longest_stall(lambda number=number: tool(number))) for number in range(rounds + 1)]
    # the first one loads the vocabulary
    return sorted(stalls[1:])[rounds // 2]


@row("longest stall, nested 10,000 rows", AtLeast(25))
def stall_of_nested(side: Side) -> Contestants:
    """Stores and previews a result of 10,000 nested rows in an async tool, sizes in tokens; the original works in the loop."""
    return {side.mine: _stall(lambda seed: data.nested(seed=seed))}


@row("longest stall, 10 MB", Below(0.03), compared=False)
def stall_of_large(side: Side) -> Contestants:
    """The same with 10 MB of rows. The value is made before the call, so none of the stall is its creation."""
    return {side.mine: _stall(lambda seed: data.rows(100_000, seed=seed))}


def _together(side: Side, callers: int) -> tuple[Callable[[], float], list[int]]:
    """Make the call that calls one slow tool so many times at once, with an argument that is new each time."""
    here = cache(tokens=True)
    executions, numbers = [0], count()

    @here.cached()
    async def tool(number: int) -> object:
        executions[0] += 1
        await asyncio.sleep(0.05)
        return data.rows(1000, seed=number)

    def call() -> None:
        number = next(numbers)

        async def all_callers() -> None:
            await asyncio.gather(*(tool(number) for _ in range(callers)))

        asyncio.run(all_callers())

    return call, executions


@row("executions of 50 identical concurrent calls", AtLeast(50), unit="count")
def executions(side: Side) -> Contestants:
    """Counts how often the tool runs; the original runs it for each caller."""
    call, ran = _together(side, 50)
    call()
    return {side.mine: ran[0]}


@row("time of 50 identical concurrent calls", AtMost(1.3, of="one call"), compared=False)
def time_of_fifty(side: Side) -> Contestants:
    """Calls a tool of 50 ms fifty times at once, against once."""
    return {side.mine: _together(side, 50)[0], "one call": _together(side, 1)[0]}
