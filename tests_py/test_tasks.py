"""Background tasks: what `MemoryTaskBackend` promises, and the models that tell of them."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from mcp_refcache import AsyncTaskResponse, TaskInfo, TaskProgress, TaskStatus
from mcp_refcache.backends import MemoryTaskBackend, TaskBackend
from mcp_refcache.backends.task_memory import (
    DEFAULT_MAX_TASK_HISTORY,
    DEFAULT_MAX_WORKERS,
    DEFAULT_TASK_TTL_SECONDS,
    TaskRecord,
)


@pytest.fixture
def backend():
    backend = MemoryTaskBackend()
    yield backend
    backend.shutdown(wait=False)


def wait_until(true, seconds=5.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.002)


def finished(backend, *task_ids):
    wait_until(lambda: all(backend.get_status(each).completed_at for each in task_ids))
    return backend.get_status(task_ids[0])


class TestRunning:
    def test_it_is_a_task_backend_with_the_documented_defaults(self, backend):
        assert isinstance(backend, TaskBackend)
        assert (DEFAULT_MAX_WORKERS, DEFAULT_MAX_TASK_HISTORY, DEFAULT_TASK_TTL_SECONDS) == (4, 1000, 86400)
        assert (backend.max_workers, backend.max_task_history, backend.task_ttl_seconds) == (4, 1000, 86400)

    def test_result_is_what_the_function_returned(self, backend):
        info = backend.submit("t", lambda a, b: a + b, (1,), {"b": 2})
        assert isinstance(info, TaskInfo)
        assert finished(backend, "t") is info
        assert info.status == TaskStatus.COMPLETE
        assert backend.get_result("t") == 3

    def test_coroutine_function_runs_in_the_worker(self, backend):
        async def work():
            await asyncio.sleep(0)
            return threading.current_thread().name

        backend.submit("t", work, (), {})
        finished(backend, "t")
        assert backend.get_result("t").startswith("task_worker")

    def test_failure_is_kept_and_raised_as_the_same_object(self, backend):
        error = ValueError("no such thing")

        def work():
            raise error

        backend.submit("t", work, (), {})
        info = finished(backend, "t")
        assert (info.status, info.error) == (TaskStatus.FAILED, "no such thing")
        with pytest.raises(ValueError, match="no such thing") as raised:
            backend.get_result("t")
        assert raised.value is error

    def test_a_system_exit_ends_the_task_and_not_the_worker(self, backend):
        backend.submit("t", sys.exit, (3,), {})
        assert finished(backend, "t").status == TaskStatus.FAILED
        backend.submit("u", lambda: 1, (), {})
        assert finished(backend, "u").status == TaskStatus.COMPLETE

    def test_an_error_whose_text_fails_still_ends_the_task(self, backend):
        class SilentError(Exception):
            def __str__(self):
                raise RuntimeError

        def work():
            raise SilentError

        backend.submit("t", work, (), {})
        assert finished(backend, "t").error == "SilentError"

    def test_unknown_and_unfinished_tasks_have_no_result(self, backend):
        with pytest.raises(KeyError, match="Task not found: t"):
            backend.get_result("t")
        go_on = threading.Event()
        backend.submit("t", go_on.wait, (5,), {})
        wait_until(lambda: backend.get_status("t").status == TaskStatus.PROCESSING)
        with pytest.raises(RuntimeError, match=r"Task not complete: t \(status=processing\)"):
            backend.get_result("t")
        go_on.set()
        assert backend.get_status("u") is None

    def test_same_id_replaces_the_task_and_the_former_run_does_not_touch_it(self, backend):
        go_on = threading.Event()
        backend.submit("t", lambda: go_on.wait(5) and "old", (), {})
        backend.submit("t", lambda: "new", (), {})
        finished(backend, "t")
        go_on.set()
        backend.shutdown(wait=True)
        assert backend.get_result("t") == "new"

    def test_no_more_than_max_workers_run_at_once(self):
        backend = MemoryTaskBackend(max_workers=2)
        running, most, lock = 0, 0, threading.Lock()

        def work():
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.01)
            with lock:
                running -= 1

        for number in range(8):
            backend.submit(str(number), work, (), {})
        backend.shutdown(wait=True)
        assert most == 2
        assert backend.get_stats()["status_counts"] == {"complete": 8}

    def test_shutdown_waits_for_what_was_submitted_and_a_later_submit_works(self, backend):
        backend.submit("t", time.sleep, (0.05,), {})
        backend.shutdown()
        assert backend.get_status("t").status == TaskStatus.COMPLETE
        assert backend.get_stats()["executor_active"] is False
        backend.submit("u", lambda: 1, (), {})
        assert finished(backend, "u").status == TaskStatus.COMPLETE

    def test_a_task_may_shut_its_own_backend_down(self, backend):
        backend.submit("t", backend.shutdown, (), {})
        assert finished(backend, "t").status == TaskStatus.COMPLETE

    def test_a_hanging_task_does_not_hold_up_the_end_of_the_process(self):
        code = (
            "import time; from mcp_refcache.backends import MemoryTaskBackend\n"
            "MemoryTaskBackend().submit('t', time.sleep, (60,), {}); time.sleep(0.1); print('end')"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], timeout=20, capture_output=True, text=True, check=True
        )
        assert done.stdout == "end\n"
        assert done.stderr == ""

    @pytest.mark.parametrize(
        "settings", [{"max_workers": 0}, {"max_task_history": 0}, {"task_ttl_seconds": -1}]
    )
    def test_settings_that_make_no_sense_are_refused(self, settings):
        with pytest.raises(ValueError, match=next(iter(settings))):
            MemoryTaskBackend(**settings)


class TestProgress:
    def test_progress_is_noted_and_told(self, backend):
        told = []

        def work(progress_callback):
            return progress_callback(1, 4, "first")

        backend.submit("t", work, (), {}, told.append)
        info = finished(backend, "t")
        assert info.progress == TaskProgress(current=1, total=4, message="first", percentage=25.0)
        assert told == [info.progress]
        assert backend.get_result("t") is True

    def test_a_function_without_the_parameter_gets_none(self, backend):
        backend.submit("t", lambda **named: named, (), {"a": 1})
        backend.submit("u", lambda **named: sorted(named), (), {"progress_callback": None})
        finished(backend, "t", "u")
        assert backend.get_result("t") == {"a": 1}
        assert backend.get_result("u") == ["progress_callback"]

    def test_a_listener_that_fails_is_warned_of_and_harms_nothing(self, backend, caplog):
        def listener(progress):
            raise RuntimeError("secret")

        backend.submit("t", lambda progress_callback: progress_callback(1, 2), (), {}, listener)
        assert finished(backend, "t").status == TaskStatus.COMPLETE
        assert "on_progress of task t failed: RuntimeError" in caplog.text
        assert "secret" not in caplog.text

    def test_a_listener_may_ask_the_backend(self, backend):
        seen = []
        backend.submit(
            "t",
            lambda progress_callback: progress_callback(1, 2),
            (),
            {},
            lambda progress: seen.append(
                (backend.get_status("t").status, backend.get_stats()["total_tasks"])
            ),
        )
        finished(backend, "t")
        assert seen == [(TaskStatus.PROCESSING, 1)]


class TestCancelling:
    def test_a_running_task_is_told_and_is_cancelled_when_it_returns(self, backend):
        asked, answers = threading.Event(), []

        def work(progress_callback):
            answers.append(progress_callback(1, 2))
            asked.wait(5)
            answers.append(progress_callback(2, 2))
            return "too late"

        info = backend.submit("t", work, (), {})
        wait_until(lambda: answers)
        assert backend.cancel("t") is True
        assert (info.status, backend.is_cancelled("t")) == (TaskStatus.PROCESSING, True)
        asked.set()
        assert finished(backend, "t").status == TaskStatus.CANCELLED
        assert answers == [True, False]
        with pytest.raises(RuntimeError, match="status=cancelled"):
            backend.get_result("t")

    def test_a_waiting_task_never_runs(self):
        backend, ran, go_on = MemoryTaskBackend(max_workers=1), [], threading.Event()
        backend.submit("first", go_on.wait, (5,), {})
        info = backend.submit("second", ran.append, (1,), {})
        assert backend.cancel("second") is True
        assert info.status == TaskStatus.CANCELLED
        assert info.completed_at is not None
        go_on.set()
        backend.shutdown()
        assert ran == []

    def test_unknown_and_finished_tasks_cannot_be_cancelled(self, backend):
        assert backend.cancel("t") is False
        backend.submit("t", lambda: 1, (), {})
        finished(backend, "t")
        assert backend.cancel("t") is False
        assert backend.is_cancelled("t") is False

    def test_a_failed_task_with_retries_left_is_flagged(self, backend):
        backend.submit("t", lambda: 1 / 0, (), {})
        assert finished(backend, "t").can_retry
        assert backend.cancel("t") is True
        assert backend.is_cancelled("t") is True


class TestForgetting:
    def test_cleanup_forgets_what_ended_long_ago_and_nothing_else(self, backend):
        go_on = threading.Event()
        backend.submit("done", lambda: 1, (), {})
        backend.submit("failed", lambda: 1 / 0, (), {})
        backend.submit("running", go_on.wait, (5,), {})
        finished(backend, "done", "failed")
        assert backend.cleanup(3600) == 0
        assert backend.cleanup(-1) == 2
        assert [info.ref_id for info in backend.list_tasks()[0]] == ["running"]
        go_on.set()

    def test_the_history_is_limited_and_the_oldest_ended_tasks_go(self):
        backend = MemoryTaskBackend(max_task_history=2)
        for name in ("a", "b", "c", "d"):
            backend.submit(name, lambda: 1, (), {})
            finished(backend, name)
        assert [info.ref_id for info in backend.list_tasks()[0]] == ["d", "c"]

    def test_tasks_are_forgotten_when_their_time_is_over(self, clock):
        backend = MemoryTaskBackend(task_ttl_seconds=10)
        backend.submit("a", lambda: 1, (), {})
        backend.shutdown()
        clock.now += 11
        backend.submit("b", lambda: 1, (), {})
        assert backend.get_status("a") is None

    def test_tasks_are_listed_by_status_in_parts(self, backend):
        for name in ("a", "b", "c"):
            backend.submit(name, lambda: 1, (), {})
            finished(backend, name)
        infos, total = backend.list_tasks(status=TaskStatus.COMPLETE, limit=1, offset=1)
        assert ([info.ref_id for info in infos], total) == (["b"], 3)
        assert backend.list_tasks(status=TaskStatus.FAILED) == ([], 0)

    def test_stats_have_the_documented_keys(self, backend):
        assert backend.get_stats() == {
            "total_tasks": 0,
            "status_counts": {},
            "max_workers": 4,
            "max_task_history": 1000,
            "executor_active": False,
            "cancelled_count": 0,
        }


class TestFollowing:
    """A run on an event loop is kept track of without a worker."""

    async def test_its_outcome_becomes_that_of_the_task(self, backend):
        from concurrent.futures import Future

        future = Future()
        report = backend.follow("t", future)
        assert report(1, 2) is True
        assert backend.get_status("t").status == TaskStatus.PROCESSING
        future.set_result(5)
        assert backend.get_result("t") == 5
        assert backend.get_stats()["executor_active"] is False

    async def test_cancelling_stops_it(self, backend):
        from concurrent.futures import Future

        future, stopped = Future(), []
        backend.follow("t", future, stop=lambda: stopped.append(future.cancel()))
        assert backend.cancel("t") is True
        assert stopped == [True]
        assert backend.get_status("t").status == TaskStatus.CANCELLED


def test_a_record_has_the_documented_fields():
    info = TaskInfo(ref_id="c:1", started_at=1.0)
    record = TaskRecord(info)
    assert (record.info, record.result, record.exception, record.future, record.on_progress) == (
        info,
        None,
        None,
        None,
        None,
    )


def test_progress_beyond_the_total_is_told_as_it_is():
    assert TaskProgress(current=15, total=10).percentage == 150.0


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (TaskStatus.PENDING, "Task is queued and will start shortly"),
        (TaskStatus.PROCESSING, "Task is processing (ref_id=c:1)"),
        (TaskStatus.FAILED, "Task failed: None"),
        (TaskStatus.CANCELLED, "Task was cancelled"),
        (TaskStatus.COMPLETE, "Task completed successfully"),
    ],
)
def test_answers_say_where_the_task_stands(status, message):
    info = TaskInfo(ref_id="c:1", status=status, started_at=1_700_000_000.25)
    answer = AsyncTaskResponse.from_task_info(info)
    assert answer.message == message
    assert answer.started_at == "2023-11-14T22:13:20.250000+00:00"
    assert list(answer.to_dict("full")) == [
        "ref_id",
        "status",
        "is_complete",
        "is_async",
        "started_at",
        "progress",
        "message",
        "eta_seconds",
        "error",
        "retry_count",
        "can_retry",
        "expected_schema",
    ]
