"""A few daemon threads that take calls from a queue."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from itertools import count
from queue import SimpleQueue
from typing import Any

Call = Callable[[], Any]


class Workers:
    """Runs calls in threads, made when there is more to do than threads are idle.

    Unlike those of `concurrent.futures.ThreadPoolExecutor` they are not waited for when the interpreter
    ends: a call that hangs must not keep a server from stopping.

    Args:
        most: The most threads.
        name: What their names begin with.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._numbers = count()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle = threading.Semaphore(0)
        self._calls: SimpleQueue[tuple[Future[Any], Call] | None] = SimpleQueue()
        self._process = os.getpid()

    @property
    def is_of_this_process(self) -> bool:
        """Whether the threads are here; a forked child has none of its parent's."""
        return self._process == os.getpid()

    def submit(self, call: Call) -> Future[Any]:
        """Queue a call, to run in the context variables of now."""
        future: Future[Any] = Future()
        context = copy_context()
        self._calls.put((future, lambda: context.run(call)))
        with self._lock:
            if not self._idle.acquire(blocking=False) and len(self._threads) < self._most:
                thread = threading.Thread(
                    target=self._work, name=f"{self._name}_{next(self._numbers)}", daemon=True
                )
                self._threads.append(thread)
                thread.start()
        return future

    def stop(self, *, wait: bool) -> None:
        """End the threads when the queue is empty, if asked after waiting for that."""
        with self._lock:
            threads = list(self._threads)
        for _ in threads:
            self._calls.put(None)
        for thread in threads if wait else ():
            if thread is not threading.current_thread():
                thread.join()

    def _work(self) -> None:
        while (job := self._calls.get()) is not None:
            future, call = job
            if future.set_running_or_notify_cancel():
                try:
                    result = call()
                except BaseException as error:  # also a SystemExit ends the call, not the worker
                    future.set_exception(error)
                else:
                    future.set_result(result)
                    del result
            del job, future, call  # what the call held is not kept until the next one
            self._idle.release()
