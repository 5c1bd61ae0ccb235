"""What a backend of background tasks must be able to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from mcp_refcache.models import TaskInfo, TaskProgress

__all__ = ["ProgressCallback", "TaskBackend"]

#: What is told each progress of a task.
ProgressCallback = Callable[[TaskProgress], None]


@runtime_checkable
class TaskBackend(Protocol):
    """Runs functions in the background; any object with these methods can be given to `RefCache(task_backend=)`."""

    def submit(
        self,
        task_id: str,
        func: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        on_progress: ProgressCallback | None = None,
    ) -> TaskInfo:
        """Start a task; one with the same id is replaced.

        Args:
            task_id: Its name from now on.
            func: A function, `async def` or not. If it has a parameter `progress_callback`, it gets a
                function `(current, total, message=None) -> bool`, which answers False once the task is
                to stop.
            args: Positional arguments.
            kwargs: Keyword arguments.
            on_progress: Is told each progress.

        Returns:
            The state of the task, kept up to date.
        """
        ...

    def get_status(self, task_id: str) -> TaskInfo | None:
        """Return the state of a task, or None if it is not known."""
        ...

    def get_result(self, task_id: str) -> Any:
        """Return what the task's function returned.

        Raises:
            KeyError: If the task is not known.
            RuntimeError: If it is not complete.
            Exception: What the function raised, the same object.
        """
        ...

    def cancel(self, task_id: str) -> bool:
        """Ask a task to stop; tell whether it was there and not at its end."""
        ...

    def is_cancelled(self, task_id: str) -> bool:
        """Tell whether a task was asked to stop."""
        ...

    def cleanup(self, max_age_seconds: float) -> int:
        """Forget the tasks that ended more than so many seconds ago; return how many."""
        ...

    def shutdown(self, wait: bool = True) -> None:
        """Let go of the workers, if asked after waiting for all tasks."""

    def get_stats(self) -> dict[str, Any]:
        """Return counts, for people who watch the backend."""
        ...
