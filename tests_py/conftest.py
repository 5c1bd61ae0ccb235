"""What the Python tests share."""

from __future__ import annotations

import hypothesis
import pytest

from mcp_refcache import PreviewConfig, RefCache

# how long an example takes says more about the machine than about the code
hypothesis.settings.register_profile(
    "laws", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("laws")


@pytest.fixture
def cache() -> RefCache:
    """A cache that counts characters, 100 of them."""
    return RefCache(name="c", preview_config=PreviewConfig(size_mode="character", max_size=100))


class Clock:
    """Stands in for `time.time`."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that calls use, standing still until it is moved."""
    clock = Clock(1_000_000.0)
    monkeypatch.setattr("time.time", clock)
    return clock
