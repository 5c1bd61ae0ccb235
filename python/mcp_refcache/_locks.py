"""Locks that all processes on one store share: leases of the store, renewed while they are held."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Final

from mcp_refcache._arguments import seconds

if TYPE_CHECKING:
    from mcp_refcache import _core

#: How long, at first and at most, a waiter sleeps before it asks again.
_FIRST_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.25


class _Lease:
    """A lease of the store: what locks have in common.

    Attributes:
        token: The fencing token while it is held; None else.
    """

    def __init__(self, core: _core.Cache, name: str, *, ttl: float, timeout: float | None = None) -> None:
        if not seconds("ttl", ttl, allowed := "more than 0 seconds") > 0:
            raise ValueError(f"ttl must be {allowed}, not {ttl}")
        if timeout is not None:
            seconds("timeout", timeout, "0 seconds or more, or None")
        self._core = core
        self._name = name
        self._ttl = ttl
        self._timeout = timeout
        self.token: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether it is held, as far as is known: a store that was out of reach may have given it away."""
        return self.token is not None and _keeper.keeps(self)

    def _taken(self, token: int | None) -> bool:
        if token is None:
            return False
        self.token = token
        _keeper.keep(self)
        return True

    def _given_up(self) -> int:
        token, self.token = self.token, None
        if token is None:
            raise RuntimeError("the lock is not held")
        _keeper.drop(self)
        return token

    def _expired(self) -> TimeoutError:
        return TimeoutError(f"another holder kept the lock for longer than {self._timeout} seconds")

    def renew(self) -> bool:
        """Let it end `ttl` seconds from now; tell whether it is still held."""
        token = self.token
        return token is not None and self._core.renew(self._name, token, self._ttl)

    @property
    def period(self) -> float:
        """Seconds between two renewals."""
        return self._ttl / 3


class Lock(_Lease):
    """A lock for threads; see `RefCache.lock`."""

    def acquire(self, timeout: float | None = None) -> bool:
        """Take it; tell whether that was possible.

        Args:
            timeout: The most seconds to wait; 0 = try once, None = for ever.
        """
        for pause in pauses(timeout):
            if self._taken(self._core.acquire(self._name, self._ttl)):
                return True
            time.sleep(pause)
        return False

    def release(self) -> bool:
        """Give it back; False if it had ended before.

        Raises:
            RuntimeError: If it is not held.
        """
        return self._core.release(self._name, self._given_up())

    def __enter__(self) -> Lock:
        if not self.acquire(self._timeout):
            raise self._expired()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class AsyncLock(_Lease):
    """A lock for tasks; see `RefCache.alock`."""

    async def acquire(self, timeout: float | None = None) -> bool:
        """Take it; tell whether that was possible.

        Args:
            timeout: The most seconds to wait; 0 = try once, None = for ever.
        """
        for pause in pauses(timeout):
            if self._taken(await self._core.acquire(self._name, self._ttl, wait=False)):
                return True
            await asyncio.sleep(pause)
        return False

    async def release(self) -> bool:
        """Give it back; False if it had ended before.

        Raises:
            RuntimeError: If it is not held.
        """
        return await self._core.release(self._name, self._given_up(), wait=False)

    async def __aenter__(self) -> AsyncLock:
        if not await self.acquire(self._timeout):
            raise self._expired()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.release()


def pauses(timeout: float | None) -> Iterator[float]:
    """Yield how long to sleep between two attempts: longer each time, not all waiters alike, until time is up."""
    end = None if timeout is None else time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        left = pause if end is None else end - time.monotonic()
        yield max(0.0, min(pause * random.uniform(0.5, 1.0), left))  # noqa: S311 - no secret
        if end is not None and time.monotonic() >= end:
            return
        pause = min(2 * pause, _LONGEST_PAUSE)


class _Keeper:
    """The thread that renews the leases of this process."""

    def __init__(self) -> None:
        self._due: dict[_Lease, float] = {}
        self._changed = threading.Condition()
        self._process: int | None = None

    def keep(self, lease: _Lease) -> None:
        """Renew a lease from now on."""
        with self._changed:
            self._due[lease] = time.monotonic() + lease.period
            if self._process != os.getpid():
                self._process = os.getpid()
                threading.Thread(target=self._run, name="refcache-leases", daemon=True).start()
            self._changed.notify()

    def drop(self, lease: _Lease) -> None:
        """Renew a lease no longer."""
        with self._changed:
            self._due.pop(lease, None)

    def keeps(self, lease: _Lease) -> bool:
        """Tell whether a lease is renewed."""
        return lease in self._due

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._due:
                    self._changed.wait()
                    continue
                lease = min(self._due, key=self._due.__getitem__)
                left = self._due[lease] - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
                self._due[lease] = time.monotonic() + lease.period
            try:
                is_held = lease.renew()
            except Exception:  # noqa: S112 - the store cannot be reached: it may be by the next time
                continue
            if not is_held:
                self.drop(lease)


_keeper = _Keeper()


def _forget_leases() -> None:
    # they are the parent's; a child has its own thread at first need
    _keeper.__init__()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_leases)
