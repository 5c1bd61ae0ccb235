"""Regenerates tests/fixtures/previews.jsonl from mcp-refcache 0.2.1, whose previews are the reference.

Run it with a Python that has the original installed::

    python scripts/make_preview_fixtures.py tests/fixtures/previews.jsonl

Each line is one case: the value's JSON text, the request, and what the original answers (its preview as
JSON text).
Left out are the cases where this project answers differently on purpose: previews larger than the limit, dict
samples that leave out an entry which alone is larger than the limit, and shortened pages.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TypeAlias

from mcp_refcache.context import CharacterFallback, CharacterMeasurer, TokenMeasurer
from mcp_refcache.preview import PaginateGenerator, PreviewResult, SampleGenerator, TruncateGenerator

Value: TypeAlias = object

MEASURERS = {"characters": CharacterMeasurer(), "quarters": TokenMeasurer(CharacterFallback())}
GENERATORS = {
    "sample": SampleGenerator(),
    "paginate": PaginateGenerator(),
    "truncate": TruncateGenerator(),
}
LETTERS = 'abcdefgh  _-"\\\n\té漢😀\ud800\x7f'


def text(rng: random.Random, longest: int) -> str:
    """Make random text, half of the time with characters that JSON escapes."""
    alphabet = rng.choice(["abcdefghij ", LETTERS])
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, longest)))


def scalar(rng: random.Random) -> Value:
    """Make a random value that has no parts."""
    return rng.choice(
        [
            None,
            True,
            False,
            rng.randint(-9, 9),
            rng.randint(0, 10**20),
            rng.random() * 10 ** rng.randint(-8, 18),
            float("nan"),
            float("-inf"),
            text(rng, 12),
        ]
    )


def value(rng: random.Random, depth: int = 0) -> Value:
    """Make a random value, at most two levels deep."""
    kind = rng.random()
    if depth >= 2 or kind < 0.3:
        return scalar(rng)
    length = rng.choice([0, 1, 2, 3, 5, 8, 13, 40 if depth == 0 else 4])
    if kind < 0.65:
        return [value(rng, depth + 1) for _ in range(length)]
    return {f"{text(rng, 4)}{i}": value(rng, depth + 1) for i in range(length)}


def kept_as_it_is(
    stored: Value,
    strategy: str,
    limit: int,
    page_size: int,
    measurer: CharacterMeasurer | TokenMeasurer,
    result: PreviewResult,
) -> bool:
    """Tell whether this project answers exactly like the original."""
    if result.preview_size > limit:
        return False
    if strategy == "sample" and isinstance(stored, dict):
        hidden = stored.keys() - result.preview.keys()
        return all(measurer.measure({key: stored[key]}) <= limit for key in hidden)
    if strategy == "paginate":
        start = ((result.page or 1) - 1) * page_size
        return isinstance(stored, (list, dict)) and result.sampled_items == len(
            list(stored)[start : start + page_size]
        )
    return True


def cases(rng: random.Random) -> Iterator[dict[str, Value]]:
    """Make random cases without end."""
    while True:
        top = rng.choice(["any", "any", "numbers", "record", "text"])
        stored = {
            "any": lambda: value(rng),
            "numbers": lambda: [rng.randint(0, 999) for _ in range(rng.randint(0, 60))],
            "record": lambda: {f"k{i}": scalar(rng) for i in range(rng.randint(5, 25))},
            "text": lambda: text(rng, 60),
        }[top]()
        written = json.dumps(stored)
        if len(written) > 300:
            continue
        strategy, unit = rng.choice(list(GENERATORS)), rng.choice(list(MEASURERS))
        limit = rng.randint(0, max(len(written) // (4 if unit == "quarters" else 1), 1) + 8)
        page = rng.choice([None, 1, 2, 3, 9]) if strategy == "paginate" else None
        page_size = rng.choice([None, 1, 3, 7]) if strategy == "paginate" else None
        measurer = MEASURERS[unit]
        result = GENERATORS[strategy].generate(stored, limit, measurer, page=page, page_size=page_size)
        if not kept_as_it_is(stored, strategy, limit, page_size or 20, measurer, result):
            continue
        if result.sampled_items == result.total_items and rng.random() < 0.8:
            continue  # shown whole: a few of these are enough
        expected = asdict(result) | {"preview": json.dumps(result.preview), "strategy": result.strategy.value}
        yield {
            "value": written,
            "strategy": strategy,
            "unit": unit,
            "max_size": limit,
            "page": page,
            "page_size": page_size,
            "expected": expected,
        }


def main() -> None:
    """Write as many cases as 145 kB hold."""
    found = cases(random.Random(20))  # noqa: S311 - the same cases on every run
    with open(sys.argv[1], "w", encoding="ascii", newline="\n") as out:
        room = 145_000
        for case in found:
            line = json.dumps(case, separators=(",", ":")) + "\n"
            room -= len(line)
            if room < 0:
                break
            out.write(line)


if __name__ == "__main__":
    main()
