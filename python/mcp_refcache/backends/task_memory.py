"""Background tasks in threads of this process."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from mcp_refcache._arguments import items, mapping, seconds, shown, text, whole, wrong_type
from mcp_refcache.backends._workers import Workers
from mcp_refcache.backends.task_base import ProgressCallback
from mcp_refcache.models import TaskInfo, TaskProgress, TaskStatus

__all__ = [
    "DEFAULT_MAX_TASK_HISTORY",
    "DEFAULT_MAX_WORKERS",
    "DEFAULT_TASK_TTL_SECONDS",
    "MemoryTaskBackend",
    "TaskRecord",
]

logger = logging.getLogger("mcp_refcache")

DEFAULT_MAX_WORKERS: Final = 4
DEFAULT_MAX_TASK_HISTORY: Final = 1000
DEFAULT_TASK_TTL_SECONDS: Final = 86400

_CALLBACK: Final = "progress_callback"


@dataclass
class TaskRecord:
    """A task, as its backend knows it.

    Attributes:
        info: Its state.
        result: What its function returned.
        exception: What its function raised.
        future: The run in a worker.
        on_progress: Is told each progress.
        is_cancelled: Whether it was asked to stop.
        stop: Stops it, where that takes more than telling it at its next progress.
    """

    info: TaskInfo
    result: Any = None
    exception: BaseException | None = None
    future: Future[Any] | None = None
    on_progress: ProgressCallback | None = None
    is_cancelled: bool = field(default=False, kw_only=True)
    stop: Callable[[], object] | None = field(default=None, kw_only=True)


class MemoryTaskBackend:
    """Runs tasks in a few daemon threads, made at the first task; what hangs does not hold up the exit.

    Args:
        max_workers: The most tasks that run at once; others wait.
        max_task_history: The most tasks that are remembered; beyond it those that ended first go.
        task_ttl_seconds: Seconds after its end a task is forgotten, at the next submit.

    Raises:
        ValueError: If `max_workers` or `max_task_history` is below 1, or `task_ttl_seconds` below 0.
    """

    def __init__(
        self,
        max_workers: int = DEFAULT_MAX_WORKERS,
        max_task_history: int = DEFAULT_MAX_TASK_HISTORY,
        task_ttl_seconds: float = DEFAULT_TASK_TTL_SECONDS,
    ) -> None:
        for name, number in (("max_workers", max_workers), ("max_task_history", max_task_history)):
            whole(name, number, 1)
        seconds("task_ttl_seconds", task_ttl_seconds, "0 or greater")
        self.max_workers = max_workers
        self.max_task_history = max_task_history
        self.task_ttl_seconds = task_ttl_seconds
        self._lock = threading.Lock()  # never held while code of others runs
        self._records: dict[str, TaskRecord] = {}
        self._workers: Workers | None = None

    def submit(
        self,
        task_id: str,
        func: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        on_progress: ProgressCallback | None = None,
    ) -> TaskInfo:
        """Start a task; see `TaskBackend.submit`.

        A coroutine function runs in an event loop of its own in the worker.
        """
        if not callable(func):  # pyright: ignore[reportUnnecessaryComparison]
            raise wrong_type("func", "a function", func)
        given, arguments = dict(mapping("kwargs", kwargs)), tuple(items("args", args))
        record = self._add(text("task_id", task_id), on_progress)
        if _CALLBACK in given or _takes_callback(func):
            given[_CALLBACK] = partial(self._report, record)
        workers = self._ready_workers()
        record.future = workers.submit(partial(self._run, record, func, arguments, given))
        return record.info

    def follow(
        self,
        task_id: str,
        future: Future[Any],
        on_progress: ProgressCallback | None = None,
        *,
        stop: Callable[[], object] | None = None,
    ) -> Callable[..., bool]:
        """Keep the state of a run that goes on elsewhere, such as on an event loop; it takes no worker.

        Args:
            task_id: The name of the task; one with the same id is replaced.
            future: The outcome of the run.
            on_progress: Is told each progress.
            stop: Stops the run; called when the task is asked to.

        Returns:
            The `progress_callback` for the run.
        """
        record = self._add(task_id, on_progress)
        record.future, record.stop = future, stop
        record.info.status = TaskStatus.PROCESSING

        def settle(future: Future[Any]) -> None:
            if future.cancelled():
                record.is_cancelled = True
                self._finish(record)
            elif (error := future.exception()) is not None:
                self._finish(record, error)
            else:
                self._finish(record, result=future.result())

        future.add_done_callback(settle)
        return partial(self._report, record)

    def get_status(self, task_id: str) -> TaskInfo | None:
        """Return the state of a task (the live object), or None if it is not known."""
        record = self._records.get(task_id)
        return None if record is None else record.info

    def get_result(self, task_id: str) -> Any:
        """Return what the task's function returned.

        Raises:
            KeyError: If the task is not known.
            RuntimeError: If it is not complete.
            Exception: What the function raised, the same object.
        """
        record = self._records.get(task_id)
        if record is None:
            raise KeyError(f"Task not found: {shown(task_id)[1:-1]}")
        with self._lock:
            status, exception, result = record.info.status, record.exception, record.result
        if exception is not None and status == TaskStatus.FAILED:
            raise exception
        if status != TaskStatus.COMPLETE:
            raise RuntimeError(f"Task not complete: {task_id} (status={status.value})")
        return result

    def cancel(self, task_id: str) -> bool:
        """Ask a task to stop: one that waits never runs, one that runs is told at its next progress.

        Returns:
            Whether the task was there and not at its end.
        """
        with self._lock:
            record = self._records.get(task_id)
            if record is None or record.info.is_terminal:
                return False
            record.is_cancelled = True
            if record.info.status == TaskStatus.PENDING:
                _end(record.info, TaskStatus.CANCELLED)
        if record.stop is not None:
            record.stop()
        elif record.future is not None:
            record.future.cancel()  # it leaves the queue; a run goes on
        return True

    def is_cancelled(self, task_id: str) -> bool:
        """Tell whether a task was asked to stop."""
        record = self._records.get(task_id)
        return record is not None and record.is_cancelled

    def cleanup(self, max_age_seconds: float) -> int:
        """Forget the tasks that ended, well or not, more than so many seconds ago; return how many."""
        if not isinstance(max_age_seconds, (int, float)) or not abs(max_age_seconds) < 2**63:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise wrong_type("max_age_seconds", "a number of seconds", max_age_seconds)
        with self._lock:
            return self._forget(self._ended_before(time.time() - max_age_seconds))

    def shutdown(self, wait: bool = True) -> None:
        """Let the threads end when all tasks have run; the next submit makes new ones.

        Args:
            wait: Whether to wait for that.
        """
        with self._lock:
            workers, self._workers = self._workers, None
        if workers is not None and workers.is_of_this_process:
            workers.stop(wait=wait)

    def get_stats(self) -> dict[str, Any]:
        """Return counts, for people who watch the backend."""
        with self._lock:
            records = list(self._records.values())
            executor_active = self._workers is not None
        return {
            "total_tasks": len(records),
            "status_counts": dict(Counter(record.info.status.value for record in records)),
            "max_workers": self.max_workers,
            "max_task_history": self.max_task_history,
            "executor_active": executor_active,
            "cancelled_count": sum(record.is_cancelled for record in records),
        }

    def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[list[TaskInfo], int]:
        """List tasks, newest first.

        Args:
            status: Only those with this status; None = all.
            limit: The most to list.
            offset: How many of the newest to leave out.

        Returns:
            The states, and how many there are in all.
        """
        with self._lock:
            infos = [record.info for record in reversed(self._records.values())]
        chosen = [info for info in infos if status is None or info.status == status]
        chosen.sort(key=lambda info: info.started_at, reverse=True)
        return chosen[offset : offset + limit], len(chosen)

    # -- a task's life --------------------------------------------------------------------------

    def _add(self, task_id: str, on_progress: ProgressCallback | None) -> TaskRecord:
        now = time.time()
        record = TaskRecord(TaskInfo(ref_id=task_id, started_at=now), on_progress=on_progress)
        with self._lock:
            self._records.pop(task_id, None)  # its place in the order is a new one, too
            self._records[task_id] = record
            self._forget(self._ended_before(now - self.task_ttl_seconds))
            surplus = len(self._records) - self.max_task_history
            if surplus > 0:
                self._forget(self._ended_before(math.inf)[:surplus])
        return record

    def _ready_workers(self) -> Workers:
        with self._lock:
            if self._workers is None or not self._workers.is_of_this_process:
                self._workers = Workers(self.max_workers, "task_worker")
            return self._workers

    def _run(
        self, record: TaskRecord, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        with self._lock:
            if record.is_cancelled:
                return
            record.info.status = TaskStatus.PROCESSING
            record.info.started_at = time.time()
        try:
            result = func(*args, **kwargs)
            if inspect.iscoroutine(result):
                result = asyncio.run(result)
        except BaseException as error:  # also a SystemExit ends the task alone
            self._finish(record, error)
        else:
            self._finish(record, result=result)

    def _finish(self, record: TaskRecord, exception: BaseException | None = None, result: Any = None) -> None:
        with self._lock:
            if record.is_cancelled:
                _end(record.info, TaskStatus.CANCELLED)
            elif exception is not None:
                record.exception = exception
                record.info.error = _error_text(exception)
                _end(record.info, TaskStatus.FAILED)
            else:
                record.result = result
                _end(record.info, TaskStatus.COMPLETE)

    def _report(self, record: TaskRecord, current: int, total: int, message: str | None = None) -> bool:
        """Note a progress; False tells the function that it is to stop."""
        progress = TaskProgress(current=current, total=total, message=message)
        with self._lock:
            record.info.progress = progress
            on_progress, goes_on = record.on_progress, not record.is_cancelled
        if on_progress is not None:
            try:
                on_progress(progress)
            except Exception as error:
                logger.warning("on_progress of task %s failed: %s", record.info.ref_id, type(error).__name__)
        return goes_on

    # -- with the lock held ---------------------------------------------------------------------

    def _ended_before(self, moment: float) -> list[str]:
        ended = [
            (record.info.completed_at, task_id)
            for task_id, record in self._records.items()
            if record.info.completed_at is not None and record.info.completed_at < moment
        ]
        return [task_id for _, task_id in sorted(ended)]

    def _forget(self, task_ids: list[str]) -> int:
        for task_id in task_ids:
            del self._records[task_id]
        return len(task_ids)


def _error_text(error: BaseException) -> str:
    """Return the text of an error; its type, where the text cannot be had."""
    try:
        return str(error)
    except Exception:  # user code
        return type(error).__name__


def _end(info: TaskInfo, status: TaskStatus) -> None:
    info.status = status
    info.completed_at = time.time()


def _takes_callback(func: Callable[..., Any]) -> bool:
    try:
        return _CALLBACK in inspect.signature(func).parameters
    except (TypeError, ValueError):  # a builtin without a signature
        return False
