"""One run of a tool in the background: how far it is, and how it is stopped."""

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from mcp_refcache.models import RetryInfo, TaskInfo, TaskProgress, TaskStatus

if TYPE_CHECKING:
    from mcp_refcache._core import Found
    from mcp_refcache._provenance import Collector
    from mcp_refcache.access.actor import Actor


class Execution:
    """One run of a tool, which callers may stop waiting for.

    Attributes:
        ref_id: The reference under which its result will be found.
        key: What is called, with what.
        tool: The name of the tool.
        namespace: Where its result goes.
        info: Where it stands.
        outcome: The stored result, None if there is none to share; or what the tool raised.
        answer: What the caller that started it gets.
        waiting: How many callers wait.
        is_detached: Whether a caller has left with the reference.
        is_told: Whether its end was told as an event.
        stop: Stops it.
        report_to_backend: The progress function of the task backend.
        notify: Tells the client of the caller that started it.
        collector: What the tool uses; None until it runs.
    """

    def __init__(
        self,
        ref_id: str,
        key: Hashable,
        starter: "Actor",
        max_retries: int,
        backend: Any,
        *,
        tool: str,
        namespace: str,
    ) -> None:
        self.ref_id = ref_id
        self.key = key
        self.starter = starter
        self.tool = tool
        self.namespace = namespace
        self.info = TaskInfo(
            ref_id=ref_id,
            status=TaskStatus.PROCESSING,
            started_at=time.time(),
            max_retries=max_retries,
        )
        self.outcome: Future[Found | None] = Future()
        self.outcome.set_running_or_notify_cancel()  # a caller that gives up cannot cancel it for the others
        self.answer: Any = None
        self._backend = backend
        self._is_cancelled = False
        self.waiting = 0
        self.is_detached = False
        self.is_told = False
        self.stop: Callable[[], object] = lambda: None
        self.report_to_backend: Callable[..., bool] | None = None
        self.notify: Callable[[TaskProgress], object] | None = None
        self.collector: Collector | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it is over, well or not."""
        return self.info.completed_at is not None

    @property
    def is_cancelled(self) -> bool:
        """Whether it was asked to stop, here or through the task backend."""
        # a mock would answer anything
        return self._is_cancelled or self._backend.is_cancelled(self.ref_id) is True

    def cancel(self) -> None:
        """Ask it to stop."""
        self._is_cancelled = True
        self._backend.cancel(self.ref_id)
        self.stop()

    def report(self, current: int, total: int, message: str | None = None) -> bool:
        """Note a progress: the `progress_callback` of tools.

        Args:
            current: Steps done.
            total: Steps in all.
            message: What is being done.

        Returns:
            False once the tool is to stop.
        """
        if message is not None and self.hides_from(self.starter):
            message = None  # it may tell of what the caller must not see
        progress = TaskProgress(current=current, total=total, message=message)
        self.info.progress = progress
        goes_on = self.report_to_backend is None or self.report_to_backend(current, total, message)
        if self.notify is not None and not self.is_detached:
            self.notify(progress)
        return goes_on and not self.is_cancelled

    def hides_from(self, actor: "Actor") -> bool:
        """Whether the tool uses something that an actor may not see."""
        return self.collector is not None and self.collector.hides_from(actor)

    def may_retry(self, error: BaseException) -> bool:
        """Note a failed attempt; tell whether there is to be another."""
        info = self.info
        if self.is_cancelled or not isinstance(error, Exception) or info.retry_count >= info.max_retries:
            return False
        info.retry_count += 1
        info.retry_history.append(
            RetryInfo(attempt=info.retry_count, error=error_text(error), timestamp=time.time())
        )
        return True


def eta(info: TaskInfo) -> float | None:
    """Estimate the seconds until a task ends; None where its progress does not tell."""
    progress = info.progress
    if progress is None or not progress.current or progress.total is None:
        return None
    return max(0.0, (progress.total - progress.current) * info.elapsed_seconds / progress.current)


def error_text(error: BaseException) -> str:
    """Return the text of an error; its type, where the text cannot be had."""
    try:
        return str(error)
    except Exception:  # user code
        return type(error).__name__
