"""The calls of a cache that go on in the background: what they are doing, who may know, who may stop them."""

import asyncio
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final

from mcp_refcache import _core
from mcp_refcache._execution import Execution, error_text, eta
from mcp_refcache.access.checker import PermissionDenied
from mcp_refcache.backends.memory import MemoryBackend
from mcp_refcache.events import EventKind
from mcp_refcache.models import (
    AsyncResponseFormat,
    AsyncTaskResponse,
    ExpectedSchema,
    TaskInfo,
    TaskStatus,
)
from mcp_refcache.permissions import Permission

if TYPE_CHECKING:
    from mcp_refcache._core import Found
    from mcp_refcache._plan import Request
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.cache import RefCache

#: How long, and how many of, those that ended badly can be asked for.
_SECONDS_REMEMBERED: Final = 3600.0
_MOST_REMEMBERED: Final = 1000

#: The digits of a reference that the core makes.
_PROMISED_DIGITS: Final = 32

#: What those are told who come back for a picture, say, or if the store failed.
_NOT_KEPT: Final = "the call succeeded, but its result could not be stored"

_ENDS: Final = {
    TaskStatus.COMPLETE: EventKind.TASK_COMPLETED,
    TaskStatus.FAILED: EventKind.TASK_FAILED,
    TaskStatus.CANCELLED: EventKind.TASK_CANCELLED,
}

_UNFINISHED: Final = (TaskStatus.PENDING, TaskStatus.PROCESSING)
_POLLED: Final = (*_UNFINISHED, TaskStatus.FAILED)


class Tasks:
    """All executions of one cache.

    A reference is promised when an execution starts. What may be done with it is kept as that of an entry, in a
    store of its own, so that the same checks decide who may ask how far it is as later decide on the result.

    Args:
        cache: The cache.
        backend: The task backend.
        promises: A native cache with the settings of this one, and `store` as its backend.
        store: Where the promises are.
    """

    def __init__(self, cache: "RefCache", backend: Any, promises: _core.Cache, store: MemoryBackend) -> None:
        self.backend = backend
        self._cache = cache
        self._promises = promises
        self._store = store
        self._lock = threading.Lock()
        self._running: dict[Hashable, Execution] = {}
        self._known: OrderedDict[str, Execution] = OrderedDict()

    def board(self, request: "Request", tool_name: str, max_retries: int) -> tuple[Execution, bool]:
        """Join an equal call that is running, or lead one.

        Returns:
            The execution, and whether the caller has to start it.
        """
        key = (request.namespace, request.key or object())
        former = self._running.get(key)
        if former is not None and not (former.is_cancelled or self._has_ended(former)):
            former = None  # it may be joined
        with self._lock:
            execution = self._running.get(key)
            if execution is not None and execution is not former:
                execution.waiting += 1
                return execution, False
            ref_id = self._promise(request, tool_name)
            execution = Execution(
                ref_id,
                key,
                request.asker,
                max_retries,
                self.backend,
                tool=tool_name,
                namespace=request.namespace,
            )
            self._running[key] = self._known[ref_id] = execution
            self._forget_old()
            execution.waiting = 1
            return execution, True

    def detach(self, execution: Execution) -> bool:
        """Leave an execution with its reference; False if it has just ended."""
        with self._lock:
            is_left = not execution.has_ended
            is_first = is_left and not execution.is_detached
            execution.is_detached = execution.is_detached or is_left
        if is_first:
            self._tell(EventKind.TASK_STARTED, execution)
        return is_left

    def finish(self, execution: Execution, error: BaseException | None, landed: "Found | None") -> None:
        """Note the end of an execution, before its waiters learn of it."""
        info, is_cancelled = execution.info, execution.is_cancelled
        with self._lock:
            if is_cancelled or not (error is None or isinstance(error, Exception)):
                info.status = TaskStatus.CANCELLED
            elif error is not None:
                info.status, info.error = TaskStatus.FAILED, error_text(error)
            elif landed is None and execution.is_detached:
                info.status, info.error = TaskStatus.FAILED, _NOT_KEPT
            else:
                info.status = TaskStatus.COMPLETE
            info.completed_at = time.time()
            if self._running.get(execution.key) is execution:
                del self._running[execution.key]
            if info.status != TaskStatus.FAILED or not execution.is_detached:
                self._forget(execution.ref_id)
        if info.status == TaskStatus.CANCELLED:
            self.backend.cancel(execution.ref_id)  # where its event loop ended, nobody has said so yet
            if landed is not None:  # it was stored while it was being cancelled
                self._cache._core.delete(landed.ref_id)
        if execution.is_detached:
            self._tell_end(execution, info.status)
        if isinstance(error, Exception) and not is_cancelled:
            execution.outcome.set_exception(error)
        else:
            execution.outcome.set_result(landed)

    # -- asking ---------------------------------------------------------------------------------

    async def apoll(self, ref_id: str, actor: "Actor") -> AsyncTaskResponse | None:
        """Tell what `poll` tells, without blocking the event loop for the store of rate limits."""
        if self._cache._is_limited and self._cache._core.waits:
            return await asyncio.to_thread(self.poll, ref_id, actor)
        return self.poll(ref_id, actor)

    def poll(self, ref_id: str, actor: "Actor") -> AsyncTaskResponse | None:
        """Tell how far a task is; None if the reference is none of an unfinished or failed task.

        Raises:
            PermissionDenied: If the actor could neither see nor use the result.
            RateLimitExceeded: If the actor comes too often.
        """
        if not _core.is_ref_id(ref_id):
            return None
        execution = self._known.get(ref_id)
        if execution is None:
            return self._poll_backend(ref_id, actor)
        is_own = self._cache._is_own()
        if not is_own:
            self._cache._core.count(actor)
        try:
            told = self.describe(execution, actor)
        except KeyError:
            return None
        except PermissionDenied as denied:
            self._tell_denied("get", ref_id, actor, denied)
            raise
        if self._has_ended(execution, but_failed=True):
            return None
        promise = None if is_own else self._store.get(ref_id)
        if promise is not None:
            self._cache._core.count(actor, namespace=promise.namespace, ref_id=ref_id)
        self._cache._core.record("read", ref_id=ref_id, namespace=execution.namespace, actor=actor)
        return told

    def describe(
        self, execution: Execution, actor: "Actor | None", schema: ExpectedSchema | None = None
    ) -> AsyncTaskResponse:
        """Tell where an execution stands.

        Args:
            execution: The execution.
            actor: Who asks; who may use the result but not see it gets no texts. None = whose call it is.
            schema: What the result will look like.

        Raises:
            PermissionDenied: If the actor could neither see nor use the result.
        """
        info = execution.info
        if actor is not None and (not self._may_read(execution.ref_id, actor) or execution.hides_from(actor)):
            info = _without_texts(info)
        return AsyncTaskResponse.from_task_info(
            info, eta_seconds=eta(info), expected_schema=schema, response_format=AsyncResponseFormat.FULL
        )

    def cancel(self, ref_id: str, actor: "Actor | None") -> bool:
        """Stop a task.

        Args:
            ref_id: Its reference.
            actor: Who asks: whoever made the call and may use the result, or who may DELETE it. None = the
                server itself.

        Returns:
            Whether it was running.

        Raises:
            PermissionDenied: If the actor may not.
        """
        execution = self._known.get(ref_id)
        if execution is None:
            return False
        if actor is not None:
            try:
                self._check_cancel(execution, actor)
            except KeyError:
                return False
            except PermissionDenied as denied:
                self._tell_denied("cancel", ref_id, actor, denied)
                raise
        if self._has_ended(execution):
            return False
        self._cache._core.record("deleted", ref_id=ref_id, namespace=execution.namespace, actor=actor)
        execution.cancel()
        if not execution.has_ended and self._has_ended(execution):  # it waited for a worker, and never runs
            self._tell_end(execution, TaskStatus.CANCELLED)
        return True

    def status(self, ref_id: str) -> TaskInfo | None:
        """Return the state of a task, for the server itself."""
        execution = self._known.get(ref_id)
        return execution.info if execution is not None else self.backend.get_status(ref_id)

    @property
    def running(self) -> dict[str, TaskInfo]:
        """The executions that have not ended, by reference."""
        with self._lock:
            return {each.ref_id: each.info for each in self._known.values() if not each.has_ended}

    # -- permissions ----------------------------------------------------------------------------

    def _promise(self, request: "Request", tool_name: str) -> str:
        self._promises.set_default_policy(self._cache.default_policy)
        return self._promises.set(
            uuid.uuid4().hex,
            None,
            namespace=request.namespace,
            policy=request.policy,
            ttl=_core.Never(),
            tool_name=tool_name,
        ).ref_id

    def _check(self, ref_id: str, permission: Permission, actor: "Actor") -> None:
        promise = self._store.get(ref_id)
        if promise is None:  # the execution has just ended
            raise KeyError(f"Reference '{ref_id}' not found")
        self._cache._permission_checker.check(promise.policy, permission, actor, promise.namespace)

    def _may_read(self, ref_id: str, actor: "Actor") -> bool:
        """Whether an actor may read the result, not only use it."""
        try:
            self._check(ref_id, Permission.READ, actor)
        except PermissionDenied as denied:
            try:
                self._check(ref_id, Permission.EXECUTE, actor)
            except PermissionDenied:
                raise denied from None
            return False
        return True

    def _check_cancel(self, execution: Execution, actor: "Actor") -> None:
        self._may_read(execution.ref_id, actor)
        if not _is_same(actor, execution.starter):
            self._check(execution.ref_id, Permission.DELETE, actor)

    def _tell_denied(self, operation: str, ref_id: str, actor: "Actor", denied: PermissionDenied) -> None:
        self._cache._core.record(
            "denied", ref_id=ref_id, namespace=denied.namespace, actor=actor, reason=denied.reason or ""
        )
        if events := self._cache._events:
            events.emit(
                EventKind.DENIED,
                operation=operation,
                ref_id=ref_id,
                namespace=denied.namespace,
                actor=actor.to_string(),
                reason=denied.reason,
            )

    def _tell_end(self, execution: Execution, status: TaskStatus) -> None:
        with self._lock:
            is_told, execution.is_told = execution.is_told, True
        if not is_told:
            info = execution.info
            seconds = (info.completed_at or time.time()) - (info.started_at or time.time())
            self._tell(_ENDS[status], execution, seconds=seconds)

    def _tell(self, kind: EventKind, execution: Execution, **facts: Any) -> None:
        if events := self._cache._events:
            events.emit(
                kind,
                operation="task",
                ref_id=execution.ref_id,
                namespace=execution.namespace,
                tool=execution.tool,
                actor=execution.starter.to_string(),
                **facts,
            )

    def _poll_backend(self, ref_id: str, actor: "Actor") -> AsyncTaskResponse | None:
        """Tell of a task that the author's own code submitted; the rights are those of the cache.

        An id that a cache may have promised is none of these: what the backend still knows of it has other rights.
        """
        cache = self._cache
        name, _, digits = ref_id.partition(":")
        is_own = name == cache.name and len(digits) != _PROMISED_DIGITS
        info = self.backend.get_status(ref_id) if is_own else None
        if not isinstance(info, TaskInfo) or info.status not in _POLLED:
            return None
        try:
            cache._permission_checker.check(
                cache.default_policy, Permission.READ, actor, cache.default_namespace
            )
        except PermissionDenied as denied:
            self._tell_denied("get", ref_id, actor, denied)
            raise
        cache._core.record("read", ref_id=ref_id, actor=actor)
        return AsyncTaskResponse.from_task_info(info, eta_seconds=eta(info))

    # -- ends -----------------------------------------------------------------------------------

    def _has_ended(self, execution: Execution, *, but_failed: bool = False) -> bool:
        if execution.info.status == TaskStatus.FAILED:
            return not but_failed
        # one that waits for a worker may have been cancelled in the backend: it never runs
        info = self.backend.get_status(execution.ref_id)
        return execution.has_ended or (info is not None and info.status == TaskStatus.CANCELLED)

    def _forget(self, ref_id: str) -> None:
        self._known.pop(ref_id, None)
        self._promises.delete(ref_id)

    def _forget_old(self) -> None:
        before = time.time() - _SECONDS_REMEMBERED
        ended = [each for each in self._known.values() if each.has_ended]
        for place, execution in enumerate(ended):
            is_surplus = place < len(ended) - _MOST_REMEMBERED
            if is_surplus or (execution.info.completed_at or 0.0) < before:
                self._forget(execution.ref_id)


def _without_texts(info: TaskInfo) -> TaskInfo:
    """The same without what the tool wrote: it may tell of the value."""
    progress = info.progress and info.progress.model_copy(update={"message": None})
    error = None if info.error is None else "hidden: you may use this result, but not see it"
    return info.model_copy(update={"progress": progress, "error": error, "retry_history": []})


def _is_same(one: "Actor", other: "Actor") -> bool:
    """Whether two requests come from the same one; who says no name is told by its session."""
    names = [
        (each.type, each.id, getattr(each, "user_id", None), getattr(each, "org_id", None))
        for each in (one, other)
    ]
    if names[0] != names[1]:
        return False
    # not for those with a name: some protocols have a new session for each request
    has_name = one.id is not None or getattr(one, "user_id", None) is not None
    return has_name or one.session_id == other.session_id
