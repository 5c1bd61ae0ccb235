"""Calls with an `async_timeout`: one that takes longer goes on in the background, the same one."""

import asyncio
import logging
import queue
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import wait
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from mcp_refcache._elsewhere import as_here
from mcp_refcache._execution import Execution
from mcp_refcache._expected import expected_schema
from mcp_refcache._tasks import Tasks
from mcp_refcache.models import (
    AsyncResponseFormat,
    AsyncTaskResponse,
    TaskInfo,
    TaskProgress,
    TaskStatus,
)

if TYPE_CHECKING:
    from mcp_refcache._plan import Plan, Request

#: The parameter that a tool gets its progress function by; clients do not see it.
CALLBACK: Final = "progress_callback"

logger = logging.getLogger("mcp_refcache")

Run = Callable[["Request"], Any]
AsyncRun = Callable[["Request"], Awaitable[Any]]


def unheard(current: int, total: int, message: str | None = None) -> bool:
    """Stand for a `progress_callback` where nobody follows the run."""
    return True


class Background:
    """Runs the calls of one decorated function, and waits for each no longer than its author said.

    Args:
        plan: What is known of the function.
        tasks: The executions of the cache.
        timeout: Seconds that a caller waits.
    """

    def __init__(self, plan: "Plan", tasks: Tasks, timeout: float) -> None:
        self._plan = plan
        self._tasks = tasks
        self._timeout = timeout
        options = plan.options
        self._max_retries = options.max_retries
        self._format = AsyncResponseFormat(options.async_response_format)
        returns = plan.signature.return_annotation
        self._schema = expected_schema(returns, plan.hints.get("return"))

    def call(self, request: "Request", run: Run) -> Any:
        """Answer a call of a sync function, which runs in a worker of the task backend.

        Args:
            request: The call.
            run: Runs the function, stores its result and answers.
        """
        end = time.monotonic() + self._timeout
        execution, leads = self._board(request)
        if leads:
            self._prepare(execution, request)
            context = _context_of(request)
            progress: queue.SimpleQueue[TaskProgress | None] = queue.SimpleQueue()
            if context is not None:
                execution.notify = progress.put
                execution.outcome.add_done_callback(lambda _: progress.put(None))
            try:
                self._submit(execution, partial(self._work, execution, request, run))
            except BaseException as error:
                self._tasks.finish(execution, error, None)
                raise
            if context is not None:
                _pass_on(context, progress, end)
        wait([execution.outcome], max(0.0, end - time.monotonic()))
        if not execution.outcome.done() and self._tasks.detach(execution):
            return self._leave(execution, request, leads)
        wait([execution.outcome])
        answer = self._settled(execution, request, leads)
        return run(request) if answer is None else answer

    async def acall(self, request: "Request", run: AsyncRun) -> Any:
        """Answer a call of an async function, which runs on the event loop of its first caller.

        Args:
            request: The call.
            run: Runs the function, stores its result and answers.
        """
        execution, leads = self._board(request)
        notices: list[asyncio.Task[None]] = []
        if leads:
            self._prepare(execution, request)
            self._listen(execution, request, notices)
            loop = asyncio.get_running_loop()
            task = loop.create_task(self._awork(execution, request, run))
            execution.stop = partial(_stop, loop, task)
        settled = asyncio.wrap_future(execution.outcome)
        settled.add_done_callback(_look_at)
        try:
            await asyncio.wait({settled}, timeout=self._timeout)
        except asyncio.CancelledError:
            execution.waiting -= 1
            if not execution.waiting and not execution.is_detached:
                execution.stop()  # nobody is left who wants it
            raise
        if not execution.outcome.done() and self._tasks.detach(execution):
            self._hand_over(execution)
            return self._leave(execution, request, leads)
        await asyncio.wait({settled})
        if notices:  # they belong before the answer
            await asyncio.wait(notices)
        if execution.info.status == TaskStatus.COMPLETE and not leads:
            execution.waiting -= 1
            landed = execution.outcome.result()
            answer = None if landed is None else await self._plan.aanswer(request, landed)
        else:
            answer = self._settled(execution, request, leads)
        return await run(request) if answer is None else answer

    # -- running --------------------------------------------------------------------------------

    def _board(self, request: "Request") -> tuple[Execution, bool]:
        return self._tasks.board(request, self._plan.name, self._max_retries)

    def _prepare(self, execution: Execution, request: "Request") -> None:
        request.execution = execution
        if request.kwargs.get(CALLBACK) is unheard:
            request.kwargs = {**request.kwargs, CALLBACK: execution.report}

    def _work(
        self, execution: Execution, request: "Request", run: Run, progress_callback: Any = None
    ) -> None:
        execution.report_to_backend = progress_callback
        error: BaseException | None = None
        while True:
            try:
                execution.answer = run(request)
            except BaseException as failure:  # also a SystemExit is the caller's
                if execution.may_retry(failure):
                    continue
                error = failure
            break
        self._tasks.finish(execution, error, request.landed)
        if error is not None:
            raise error  # for the task backend

    async def _awork(self, execution: Execution, request: "Request", run: AsyncRun) -> None:
        error: BaseException | None = None
        while True:
            try:
                execution.answer = await run(request)
            except BaseException as failure:
                if execution.may_retry(failure):
                    continue
                error = failure
            break
        self._tasks.finish(execution, error, request.landed)

    def _submit(self, execution: Execution, work: Callable[..., Any]) -> None:
        self._tasks.backend.submit(execution.ref_id, as_here(work), (), {CALLBACK: None})

    # -- waiting no longer ----------------------------------------------------------------------

    def _leave(self, execution: Execution, request: "Request", leads: bool) -> dict[str, Any]:
        execution.waiting -= 1
        # what the context scoped is the caller's own
        actor = None if leads or self._plan.options.is_scoped else request.caller.actor
        try:
            told = self._tasks.describe(execution, actor, self._schema)
        except KeyError:  # it has ended since; the next question is answered with the result
            info = TaskInfo(ref_id=execution.ref_id, started_at=execution.info.started_at)
            told = AsyncTaskResponse.from_task_info(info)
        told.status = TaskStatus.PROCESSING
        return told.to_dict(request.format or self._format)

    def _hand_over(self, execution: Execution) -> None:
        """Let the task backend know of a run on an event loop, once."""
        if execution.report_to_backend is not None:
            return
        backend = self._tasks.backend
        if hasattr(backend, "follow"):  # it needs no worker to watch
            execution.report_to_backend = backend.follow(
                execution.ref_id, execution.outcome, stop=execution.stop
            )
            return
        try:
            self._submit(execution, partial(_watch, execution))
        except Exception as error:  # the run goes on all the same
            logger.warning("the task backend does not watch %s: %s", execution.ref_id, type(error).__name__)

    def _settled(self, execution: Execution, request: "Request", leads: bool) -> Any:
        """What a caller gets that waited to the end; None: there is nothing to share, run it yourself."""
        execution.waiting -= 1
        if execution.info.status == TaskStatus.CANCELLED:
            told = self._tasks.describe(execution, None)
            return told.to_dict(request.format or self._format)
        with self._plan.withholding(request, execution) as instead:
            landed = execution.outcome.result()
        instead.raise_told()
        if leads:
            return execution.answer
        return None if landed is None else self._plan.answer(request, landed)

    def _listen(self, execution: Execution, request: "Request", notices: list[asyncio.Task[None]]) -> None:
        """Send progress to the client while its request is open."""
        context = _context_of(request)
        if context is None:
            return
        loop = asyncio.get_running_loop()

        def send(told: TaskProgress) -> None:
            notices.append(loop.create_task(_send(context, told)))

        execution.notify = partial(loop.call_soon_threadsafe, send)


def _context_of(request: "Request") -> Any | None:
    # looked up in that module at each call: there it is replaced to stand in for a context
    find = sys.modules["mcp_refcache.cache"].try_get_fastmcp_context
    return find() if request.caller.in_context else None


def _pass_on(context: Any, progress: "queue.SimpleQueue[TaskProgress | None]", end: float) -> None:
    """Send progress from this thread, where FastMCP runs sync tools, until the call is over or due."""
    from anyio import from_thread

    while (left := end - time.monotonic()) > 0:
        try:
            told = progress.get(timeout=left)
        except queue.Empty:
            return
        if told is None:
            return
        with suppress(Exception):  # on the event loop itself, or the client is gone
            from_thread.run(_send, context, told)


async def _send(context: Any, told: TaskProgress) -> None:
    with suppress(Exception):  # the client is gone, or wants to hear of no progress
        await context.report_progress(told.current, told.total, told.message)


def _watch(execution: Execution, progress_callback: Any = None) -> Any:
    """Stand for a run on an event loop in a worker of a task backend."""
    execution.report_to_backend = progress_callback
    return execution.outcome.result()


def _stop(loop: asyncio.AbstractEventLoop, task: "asyncio.Task[None]") -> None:
    with suppress(RuntimeError):  # the loop has ended, and the task with it
        loop.call_soon_threadsafe(task.cancel)


def _look_at(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()  # else asyncio complains of one that nobody waited for
