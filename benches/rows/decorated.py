"""What a decorated tool costs in memory: hits, misses, pages, previews."""

from __future__ import annotations

import functools
from itertools import count

from benches import data
from benches.row import AtLeast, Contestants, Side, row
from benches.rows.caches import cache

#: So many new values are made before the clock runs, for calls that must not see one twice.
NEW = 12


def _hit(side: Side, value: object, *, tokens: bool) -> Contestants:
    here = cache(tokens=tokens)

    @here.cached()
    def tool(number: int) -> object:
        return value

    @functools.lru_cache
    def remembered(number: int) -> object:
        return value

    first, again = tool(0), tool(0)
    assert first["ref_id"] == again["ref_id"], "this is no hit"
    return {side.mine: lambda: tool(0)} | ({"lru_cache": lambda: remembered(0)} if side.ours else {})


@row("hit of a decorated tool, token sizes", AtLeast(20_000), floor="lru_cache")
def hit_in_tokens(side: Side) -> Contestants:
    """Calls a tool again whose result is 10,000 rows; the original serialises and counts the value at each call."""
    return _hit(side, data.rows(), tokens=True)


@row("hit of a decorated tool, character sizes", AtLeast(3_000), floor="lru_cache")
def hit_in_characters(side: Side) -> Contestants:
    """The same with sizes in characters; the original serialises the value at each call."""
    return _hit(side, data.rows(), tokens=False)


@row("hit, 1 KB value", AtLeast(12), floor="lru_cache")
def hit_of_small(side: Side) -> Contestants:
    """Calls a tool again whose result is 1 KB and shown whole; sizes in tokens, as by default."""
    return _hit(side, data.small(), tokens=True)


def _miss(side: Side, *, tokens: bool) -> Contestants:
    here, values = cache(tokens=tokens), [data.rows(seed=seed) for seed in range(NEW)]
    numbers = count()

    @here.cached()
    def tool(number: int) -> object:
        return values[number % NEW]

    assert tool(-1)["ref_id"] != tool(-2)["ref_id"], "these are no misses"
    return {side.mine: lambda: tool(next(numbers))}


@row("miss, token sizes", AtLeast(25), most_calls=NEW)
def miss_in_tokens(side: Side) -> Contestants:
    """Calls a tool with arguments it has not seen; its result, 10,000 rows that nobody has counted, is made beforehand."""
    return _miss(side, tokens=True)


@row("miss, character sizes", AtLeast(10), most_calls=NEW)
def miss_in_characters(side: Side) -> Contestants:
    """The same with sizes in characters; the original serialises the value some times over."""
    return _miss(side, tokens=False)


def first_pages(side: Side, here: object, ref_id: str) -> Contestants:
    """Hand out the call that gets the next page of 20, never the same one twice."""
    pages = iter(range(2, 501))
    shown = here.get(ref_id, page=1, page_size=20)
    assert len(shown.preview) == 20, "a page is 20 rows"
    return {side.mine: lambda: here.get(ref_id, page=next(pages), page_size=20)}


@row("`get(page=p)`, each for the first time", AtLeast(500), most_calls=490)
def new_page(side: Side) -> Contestants:
    """Gets pages of 20 of 10,000 rows, each once; the original counts the tokens of the whole value for each."""
    here = cache(tokens=True)
    return first_pages(side, here, here.set("rows", data.rows()).ref_id)


@row("the same page again", AtLeast(5_000))
def same_page(side: Side) -> Contestants:
    """Gets page 7 over and over; the original counts the tokens of the whole value each time."""
    here = cache(tokens=True)
    ref_id = here.set("rows", data.rows()).ref_id
    return {side.mine: lambda: here.get(ref_id, page=7, page_size=20)}


@row("`get(max_size=s)`, each for the first time", AtLeast(1_000), most_calls=1_000)
def new_preview(side: Side) -> Contestants:
    """Gets previews of 10,000 rows, each of a size not asked for before; the original counts all tokens for each."""
    here = cache(tokens=True)
    ref_id = here.set("rows", data.rows()).ref_id
    sizes = count(500)
    return {side.mine: lambda: here.get(ref_id, max_size=next(sizes))}
