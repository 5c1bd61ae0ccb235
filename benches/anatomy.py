"""Where the time of a hit, a miss and a page goes: the steps of each, one after the other, as ARCHITECTURE.md shows them.

`python -m benches.anatomy` with a Python that has a release build of this version. Each step is called by itself, on what the step
before it made; what the steps do not explain is the wrapper around them.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable

from benches import data
from benches.rows.caches import cache
from benches.timing import per_call
from mcp_refcache import CacheResponse, TiktokenAdapter, _core
from mcp_refcache._caller import read_caller

Steps = list[tuple[str, float]]


def time_of(call: Callable[[], object], batches: int = 15) -> float:
    """Return the time of one call in the batch that was disturbed least: parts are to add up to the whole."""
    call()
    size = max(1, int(0.002 / per_call(call, 1)))
    return min(per_call(call, size) for _ in range(batches))


def hit() -> Steps:
    """A tool called again whose result is 10,000 rows, sizes in tokens."""
    here = cache(tokens=True)
    tool = here.cached()(lambda number: data.rows())
    tool(0)
    plan = inspect.getclosurevars(tool).nonlocals["plan"]
    caller = read_caller(here, wants_values=plan.wants_values)
    request = plan.prepare((0,), {}, caller)
    found = plan.find(request)
    shown = here._core.answer(found, actor=caller.actor, producer=False)["preview"]
    answer = time_of(lambda: plan.answer(request, found))
    copies = time_of(lambda: list(map(dict.copy, shown)))
    return [
        ("all of it", time_of(lambda: tool(0))),
        ("who calls", time_of(lambda: read_caller(here, wants_values=plan.wants_values))),
        ("arguments to a key", time_of(lambda: plan.prepare((0,), {}, caller))),
        ("lookup", time_of(lambda: plan.find(request))),
        (f"permission check, and copies of the {len(shown)} rows that are shown", answer),
        ("(of which copying rows)", copies),
    ]


def miss() -> Steps:
    """The first call, without the tool itself; each value is counted once only, so each call gets a new one."""
    here = cache(tokens=True)
    values = iter([data.rows(seed=seed) for seed in range(20)])
    numbers = iter(range(1000))
    tool = here.cached()(lambda number: next(values))
    tool(next(numbers))
    whole = min(per_call(lambda: tool(next(numbers)), 1) for _ in range(9))
    value, adapter = data.rows(seed=99), TiktokenAdapter()
    plain = cache()
    keys = iter(range(10_000))
    unseen = [json.dumps(data.rows(seed=200 + seed)) for seed in range(9)]
    return [
        ("all of it", whole),
        ("objects to text and index, stored", time_of(lambda: plain.set(f"key {next(keys)}", value), 9)),
        ("(of which writing the text)", time_of(lambda: _core.json_text(value))),
        ("counting the tokens of its text", min(per_call(lambda: adapter.count_tokens(unseen.pop()), 1) for _ in range(9))),
    ]  # fmt: skip


def page() -> Steps:
    """A page of 20 rows of 10,000, new each time."""
    here = cache(tokens=True)
    ref_id = here.set("rows", data.rows()).ref_id
    actor = here._caller()
    here.get(ref_id, page=1)
    pages, again = iter(range(2, 480)), iter(range(2, 480))

    def natively(number: int) -> dict[str, object]:
        return here._core.get(ref_id, actor=actor, page=number, page_size=20, max_size=None)

    fields = natively(1)
    text = json.dumps(fields["preview"])
    new = min(per_call(lambda: natively(next(pages)), 20) for _ in range(20))
    other = cache(tokens=True)
    same = other.set("rows", data.rows()).ref_id
    other.get(same, page=1)
    return [
        ("all of it", min(per_call(lambda: other.get(same, page=next(again), page_size=20), 20) for _ in range(20))),
        ("find it, cut it, count it, as objects", new),
        ("(of which counting the tokens of 20 rows)", time_of(lambda: _core.count_tokens(fields["preview"], TiktokenAdapter()))),
        ("(of which parsing a text of 20 rows)", time_of(lambda: _core.from_stored(text))),
        ("model of the response", time_of(lambda: CacheResponse.of({**fields}))),
    ]  # fmt: skip


def main() -> None:
    """Print the table."""
    print("| | step | us | of all |\n|---|---|---|---|")
    for name, steps in (("hit", hit()), ("miss", miss()), ("page", page())):
        whole = steps[0][1]
        for step, taken in steps:
            print(f"| {name} | {step} | {taken * 1e6:,.1f} | {taken / whole:.0%} |")


if __name__ == "__main__":
    main()
