"""The values that are stored: the same in every process, from one seed."""

from __future__ import annotations

import json
import random
from typing import Any

Rows = list[dict[str, Any]]

CITIES = ["Zürich", "São Paulo", "Kyōto", "Boston", "Łódź", "Lagos", "Austin", "Malmö"]


def rows(count: int = 10_000, seed: int = 0) -> Rows:
    """Make rows as a tool returns them, about 100 bytes of JSON each; new objects at each call."""
    source = random.Random(seed)
    return [
        {
            "id": seed * 1_000_000 + number,
            "name": f"user {number}",
            "email": f"user{number}@example.com",
            "city": source.choice(CITIES),
            "score": round(source.random() * 100, 3),
        }
        for number in range(count)
    ]


def nested(count: int = 10_000, seed: int = 0) -> Rows:
    """Make rows that hold lists and dicts, about 200 bytes each."""
    source = random.Random(seed)
    return [
        {
            "id": number,
            "active": source.random() < 0.5,
            "score": source.random() * 100,
            "tags": source.sample(CITIES, 2),
            "address": {"city": source.choice(CITIES), "at": [source.random(), source.random()]},
            "parent": None,
        }
        for number in range(count)
    ]


def small(seed: int = 0) -> dict[str, Any]:
    """Make a value of 1 KB of JSON."""
    return {"id": seed, "rows": [{"a": number, "b": f"text {number}"} for number in range(33)]}


def of_size(size: int) -> Rows:
    """Make rows whose JSON text has about so many bytes."""
    each = len(json.dumps(rows(1000))) / 1000
    return rows(max(1, int(size / each)))
