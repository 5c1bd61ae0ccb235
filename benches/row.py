"""What a row of the table is: a named function that hands out the calls to compare, and the goal they have.

A row's function is called once in each process. It returns `{contestant: call}`; a call takes nothing and is timed, a number is
taken as it is. `side.mine` is the contestant whose package is installed in this process: `original` or `ours`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

ORIGINAL, OURS = "original", "ours"
#: Timed beside each row in both environments, so that the original's times can be kept as multiples of it.
YARDSTICK = "yardstick"


@dataclass(frozen=True)
class AtLeast:
    """Ours is so many times faster than another contestant, usually the original.

    `watch` is the ratio below which `make bench-quick` fails; half the goal unless said.
    """

    limit: float
    of: str = ORIGINAL
    watch: float | None = None
    slack: ClassVar = 1 / 2

    def ratio(self, times: dict[str, float]) -> float | None:
        return times[self.of] / times[OURS] if self.of in times else None

    def met(self, ratio: float, *, watching: bool = False) -> bool:
        return ratio >= bound(self, watching)

    def __str__(self) -> str:
        return f"≥ {self.limit:,g}x" + ("" if self.of == ORIGINAL else f" {self.of}")


@dataclass(frozen=True)
class AtMost:
    """Ours takes at most so many times what another contestant takes; `watch` as above, half as much more unless said."""

    limit: float
    of: str
    watch: float | None = None
    slack: ClassVar = 3 / 2

    def ratio(self, times: dict[str, float]) -> float | None:
        return times[OURS] / times[self.of] if self.of in times else None

    def met(self, ratio: float, *, watching: bool = False) -> bool:
        return ratio <= bound(self, watching)

    def __str__(self) -> str:
        return f"≤ {self.limit:g}x {self.of}"


@dataclass(frozen=True)
class Below:
    """Ours is at most this, in the row's unit; `watch` is twice as much unless said."""

    limit: float
    unit: str = "s"
    watch: float | None = None
    slack: ClassVar = 2

    def ratio(self, times: dict[str, float]) -> float:
        return times[OURS]

    def met(self, ratio: float, *, watching: bool = False) -> bool:
        return ratio <= bound(self, watching)

    def __str__(self) -> str:
        return f"≤ {shown(self.limit, self.unit)}"


@dataclass(frozen=True)
class Reaches:
    """Ours is at least this, in the row's unit; `watch` is 0.7 of it unless said."""

    limit: float
    unit: str = "x"
    watch: float | None = None
    slack: ClassVar = 7 / 10

    def ratio(self, times: dict[str, float]) -> float:
        return times[OURS]

    def met(self, ratio: float, *, watching: bool = False) -> bool:
        return ratio >= bound(self, watching)

    def __str__(self) -> str:
        return f"≥ {shown(self.limit, self.unit)}"


Goal = AtLeast | AtMost | Below | Reaches


def bound(goal: Goal, watching: bool) -> float:
    """Return the number that the ratio is held against: the goal's, or where noise does not reach."""
    if not watching:
        return goal.limit
    return goal.limit * goal.slack if goal.watch is None else goal.watch


Contestants = dict[str, Callable[[], object] | float]


@dataclass
class Side:
    """Whose package this process has, and what a row may use."""

    mine: str
    redis_port: int | None
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="refcache-bench-")))

    @property
    def ours(self) -> bool:
        """Whether peers take part: they run once, beside ours."""
        return self.mine == OURS


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    does: str
    make: Callable[[Side], Contestants]
    goal: Goal | None
    unit: str
    compared: bool
    floor: str | None
    most_calls: int
    yardstick: str
    quick: bool
    rounds: int
    per: int

    @property
    def theme(self) -> str:
        return self.make.__module__.rpartition(".")[2]


ROWS: dict[str, Row] = {}


def row(
    name: str,
    goal: Goal | None = None,
    *,
    compared: bool = True,
    unit: str = "s",
    floor: str | None = None,
    most_calls: int = 10**6,
    yardstick: str = "json",
    quick: bool = True,
    rounds: int = 99,
    per: int = 1,
) -> Callable[[Callable[[Side], Contestants]], Callable[[Side], Contestants]]:
    """Register a row.

    Args:
        name: What stands in the table.
        goal: What ours has to reach; None = shown for interest.
        compared: Whether the original takes part.
        unit: Of numbers: "s", "bytes", "x" or "count".
        floor: The contestant that does only what nobody can avoid.
        most_calls: How often the call may be made in one round, where each needs something new.
        yardstick: What the original's time is kept as a multiple of: "json", "sqlite" or "redis".
        quick: Whether `make bench-quick` watches it.
        rounds: In how many rounds at most, where one takes long and varies little.
        per: How many operations one call stands for: the table shows the time of one.
    """

    def register(make: Callable[[Side], Contestants]) -> Callable[[Side], Contestants]:
        assert name not in ROWS, f"two rows are called {name!r}"
        assert make.__doc__, f"say what {name!r} measures"
        does = " ".join(make.__doc__.split())
        ROWS[name] = Row(
            name, does, make, goal, unit, compared, floor, most_calls, yardstick, quick, rounds, per
        )
        return make

    return register


def shown(number: float, unit: str) -> str:
    """Write a number with three digits that matter."""
    if unit == "bytes":
        return f"{number / 1e6:.3g} MB"
    if unit != "s":
        return f"{number:.3g}" + ("x" if unit == "x" else "")
    for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if number * factor >= 1:
            return f"{number * factor:.3g} {name}"
    return f"{number * 1e9:.0f} ns"
