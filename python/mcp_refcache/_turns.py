"""Whose turn it is to run a call: of the same calls in all processes on one store, one runs and the others wait."""

import asyncio
import time
from typing import TYPE_CHECKING, Final

from mcp_refcache._locks import AsyncLock, Lock, pauses
from mcp_refcache.exceptions import BackendError

if TYPE_CHECKING:
    from mcp_refcache._core import Found
    from mcp_refcache._plan import Plan, Request

#: Seconds after which the turn of a process that died is over; one that lives renews it.
_TTL: Final = 10.0


class Turn:
    """The turn of a call, as a context manager, sync and async.

    On entering it waits until the call may run, or another process has its result.

    Args:
        plan: What is known of the function.
        request: The call.

    Attributes:
        found: The result, if there is one: then the call need not run.
    """

    def __init__(self, plan: "Plan", request: "Request") -> None:
        self._plan = plan
        self._request = request
        self._core = plan.cache._core
        self._name = f"call:{plan.cache.name}:{request.namespace}:{request.key}"
        self._lock: Lock | None = None
        self._async_lock: AsyncLock | None = None
        self.found: Found | None = None

    def __enter__(self) -> "Turn":
        plan, request = self._plan, self._request
        self.found = plan.find(request)
        if self.found is not None or not self._core.shared or request.key is None:
            return self
        lock = Lock(self._core, self._name, ttl=_TTL)
        try:
            for pause in pauses(None):
                took = lock.acquire(0)
                if took:
                    self._lock, request.fence = lock, self._fence(lock.token)
                self.found = plan.find(request)
                if took or self.found is not None:
                    break
                time.sleep(pause)
        except BackendError as error:
            plan.bypass(request, error)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        if self._lock is not None:
            try:
                self._lock.release()
            except BackendError as error:
                self._plan.not_given_back(error)

    async def __aenter__(self) -> "Turn":
        plan, request = self._plan, self._request
        self.found = await plan.afind(request)
        if self.found is not None or not self._core.shared or request.key is None:
            return self
        lock = AsyncLock(self._core, self._name, ttl=_TTL)
        try:
            for pause in pauses(None):
                took = await lock.acquire(0)
                if took:
                    self._async_lock, request.fence = lock, self._fence(lock.token)
                self.found = await plan.afind(request)
                if took or self.found is not None:
                    break
                await asyncio.sleep(pause)
        except BackendError as error:
            plan.bypass(request, error)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *raised: object) -> None:
        if self._async_lock is not None:
            try:
                await self._async_lock.release()
            except BackendError as error:
                self._plan.not_given_back(error)

    def _fence(self, token: int | None) -> tuple[str, int] | None:
        return None if token is None else (self._name, token)
