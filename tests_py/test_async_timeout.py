"""Calls that take longer than their caller waits: one execution, polled, cancelled, retried, kept from others."""

import asyncio
import contextvars
import dataclasses
import importlib
import inspect
import threading
import time
from typing import Optional, TypedDict

import anyio.from_thread
import pydantic
import pytest

from mcp_refcache import (
    POLICY_EXECUTE_ONLY,
    POLICY_USER_ONLY,
    AccessPolicy,
    AsyncTaskResponse,
    DefaultActor,
    PermissionDenied,
    PreviewConfig,
    RefCache,
    TaskInfo,
    TaskProgress,
    TaskStatus,
)
from mcp_refcache._expected import expected_schema
from mcp_refcache._plan import Plan
from mcp_refcache.backends import MemoryTaskBackend
from mcp_refcache.fastmcp import register_cache_tools

SECRET = "password=hunter2"


@pytest.fixture
def backend():
    backend = MemoryTaskBackend()
    yield backend
    backend.shutdown(wait=False)


@pytest.fixture
def cache(backend):
    config = PreviewConfig(size_mode="character", max_size=100)
    return RefCache(name="c", preview_config=config, task_backend=backend)


async def until(true, seconds=5.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        await asyncio.sleep(0.005)


class Gate:
    """A tool, sync or async, that runs until it is let go on."""

    def __init__(self, cache, is_async, **options):
        self.runs, self.progress, self.is_async = 0, [], is_async
        self.go_on, self.result, self.error = threading.Event(), {"done": True}, None
        options = {"async_timeout": 0.05, **options}

        @cache.cached(**options)
        def sync_tool(n=1, progress_callback=None):
            self.begin(progress_callback)
            while not self.go_on.wait(0.005):
                if progress_callback(self.runs, 10) is False:
                    break
            return self.end()

        @cache.cached(**options)
        async def async_tool(n=1, progress_callback=None):
            self.begin(progress_callback)
            await until(self.go_on.is_set)
            return self.end()

        self.tool = async_tool if is_async else sync_tool

    def begin(self, progress_callback):
        self.runs += 1
        self.report = progress_callback

    def end(self):
        if self.error is not None:
            raise self.error
        return self.result

    async def __call__(self, *args, **kwargs):
        result = self.tool(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result


@pytest.fixture(params=[True, False], ids=["async", "sync"])
def is_async(request):
    return request.param


@pytest.fixture
def gate(cache, is_async):
    gate = Gate(cache, is_async)
    yield gate
    gate.go_on.set()


class TestOneExecution:
    async def test_a_call_in_time_answers_as_ever(self, gate, cache):
        gate.go_on.set()
        answer = await gate()
        assert (answer["value"], answer["is_complete"], answer["is_async"]) == ({"done": True}, True, False)
        assert (await gate())["ref_id"] == answer["ref_id"]
        assert gate.runs == 1

    async def test_a_longer_one_goes_on_and_its_result_is_found_under_the_promised_reference(
        self, gate, cache, backend
    ):
        started = time.monotonic()
        answer = await gate()
        assert time.monotonic() - started < 1
        assert answer == {
            "ref_id": answer["ref_id"],
            "status": "processing",
            "is_complete": False,
            "is_async": True,
            "started_at": answer["started_at"],
            "progress": answer["progress"],
            "message": f"Task is processing (ref_id={answer['ref_id']})",
        }
        ref = answer["ref_id"]
        assert isinstance(cache.get(ref), AsyncTaskResponse)
        assert cache.exists(ref) is False
        assert cache.delete(ref) is False
        with pytest.raises(KeyError):
            cache.resolve(ref)
        assert list(cache._active_tasks) == [ref]
        gate.go_on.set()
        await until(lambda: cache.exists(ref))
        assert cache.resolve(ref) == {"done": True}
        assert cache.get(ref).preview == {"done": True}
        hit = await gate()
        assert (hit["ref_id"], hit["value"], hit["is_async"]) == (ref, {"done": True}, False)
        assert gate.runs == 1
        await until(lambda: backend.get_status(ref).status == TaskStatus.COMPLETE)
        assert cache._active_tasks == {}

    async def test_the_same_call_meanwhile_gets_the_same_reference(self, gate):
        first, second = await gate(), await gate()
        assert first["ref_id"] == second["ref_id"]
        assert (await gate(2))["ref_id"] != first["ref_id"]
        assert gate.runs == 2

    async def test_equal_calls_at_one_time_share_the_execution_and_its_answer(self, cache):
        gate = Gate(cache, True, async_timeout=5)
        calls = [asyncio.create_task(gate()) for _ in range(5)]
        await asyncio.sleep(0.02)
        gate.go_on.set()
        answers = await asyncio.gather(*calls)
        assert gate.runs == 1
        assert all(answer == answers[0] for answer in answers)

    async def test_loop_bound_objects_and_context_variables_are_the_callers(self, cache):
        queue, who = asyncio.Queue(), contextvars.ContextVar("who")

        @cache.cached(async_timeout=0.02)
        async def tool():
            return [await queue.get(), who.get()]

        who.set("alice")
        ref = (await tool())["ref_id"]
        queue.put_nowait("item")
        await until(lambda: cache.exists(ref))
        assert cache.resolve(ref) == ["item", "alice"]

    def test_a_sync_tool_sees_the_callers_context_variables(self, cache):
        who = contextvars.ContextVar("who")

        @cache.cached(async_timeout=5)
        def tool():
            return [who.get(), threading.current_thread().name]

        who.set("alice")
        name, thread = tool()["value"]
        assert name == "alice"
        assert thread.startswith("task_worker")

    async def test_a_timeout_error_of_the_tool_is_its_own(self, gate, cache):
        gate.error = TimeoutError("the tool's")
        gate.go_on.set()
        with pytest.raises(TimeoutError, match="the tool's"):
            await gate()
        assert gate.runs == 1

    async def test_results_that_look_like_task_answers_are_results(self, gate):
        gate.result = {"is_async": True, "data": 1}
        gate.go_on.set()
        assert (await gate())["value"] == gate.result
        assert (await gate())["value"] == gate.result
        assert gate.runs == 1

    async def test_a_caller_that_gives_up_in_time_ends_the_execution_if_nobody_else_waits(self, cache):
        gate = Gate(cache, True, async_timeout=5)
        call = asyncio.create_task(gate())
        await until(lambda: gate.runs)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: not cache._active_tasks)

    async def test_a_caller_that_gives_up_leaves_the_execution_to_the_others(self, cache):
        gate = Gate(cache, True, async_timeout=5)
        first, second = asyncio.create_task(gate()), asyncio.create_task(gate())
        await until(lambda: gate.runs)
        first.cancel()
        await asyncio.sleep(0.01)
        gate.go_on.set()
        assert (await second)["value"] == {"done": True}
        assert gate.runs == 1

    async def test_a_timeout_of_zero_is_a_timeout(self, cache, is_async):
        gate = Gate(cache, is_async, async_timeout=0)
        answer = await gate()
        gate.go_on.set()
        assert answer["status"] == "processing"
        await until(lambda: cache.exists(answer["ref_id"]))

    async def test_results_expire_as_others(self, clock, cache, is_async):
        gate = Gate(cache, is_async)
        ref = (await gate())["ref_id"]
        gate.go_on.set()
        await until(lambda: cache.exists(ref))
        entry = cache._backend.get(ref)
        assert entry.expires_at == clock.now + 3600
        assert entry.metadata["async_completed"] is True

    async def test_a_result_that_was_removed_is_made_again(self, gate, cache):
        ref = (await gate())["ref_id"]
        gate.go_on.set()
        await until(lambda: cache.exists(ref))
        cache.delete(ref, actor="user")
        assert (await gate())["ref_id"] != ref
        assert gate.runs == 2


class TestManyAtOnce:
    """Calls that end just when their callers stop waiting: none is lost, none runs twice."""

    async def test_async(self, cache):
        runs = []

        @cache.cached(async_timeout=0.02)
        async def tool(n):
            runs.append(n)
            await asyncio.sleep(0.015 + n % 10 / 1000)
            return {"n": n}

        answers = await asyncio.gather(*(tool(n % 50) for n in range(200)))
        await until(lambda: not cache._active_tasks)
        assert len(runs) == 50
        assert [cache.resolve(answer["ref_id"])["n"] for answer in answers] == [n % 50 for n in range(200)]

    async def test_sync(self):
        cache = RefCache(name="c", task_backend=MemoryTaskBackend(max_workers=16))
        runs = []

        @cache.cached(async_timeout=0.02)
        def tool(n):
            runs.append(n)
            time.sleep(0.015 + n % 10 / 1000)
            return {"n": n}

        answers = await asyncio.gather(*(asyncio.to_thread(tool, n % 50) for n in range(200)))
        await until(lambda: not cache._active_tasks)
        assert len(runs) == 50
        assert [cache.resolve(answer["ref_id"])["n"] for answer in answers] == [n % 50 for n in range(200)]


class TestAnswers:
    async def test_formats(self, cache, is_async):
        gate = Gate(cache, is_async, async_response_format="minimal")
        assert list(await gate()) == ["ref_id", "status", "is_complete", "is_async"]
        full = await gate(_async_response_format="full")
        assert list(full)[-4:] == ["error", "retry_count", "can_retry", "expected_schema"]
        with pytest.raises(ValueError, match="loud"):
            await gate(_async_response_format="loud")
        gate.go_on.set()

    def test_what_the_result_will_look_like_is_told_in_full(self, cache):
        go_on = threading.Event()

        @cache.cached(async_timeout=0.01, async_response_format="full")
        def tool() -> dict[str, int]:
            go_on.wait(5)
            return {}

        assert tool()["expected_schema"]["return_type"] == "dict"
        go_on.set()

    def test_expected_schemas(self):
        class Model(pydantic.BaseModel):
            """A model.

            More of it.
            """

            name: str
            tags: list[str] = []

        class Typed(TypedDict):
            a: int

        @dataclasses.dataclass
        class Data:
            b: float

        assert expected_schema(inspect.Signature.empty, None) is None
        model = expected_schema(Model, Model)
        assert (model.return_type, model.description) == ("Model", "A model.")
        assert model.fields == {"name": "str", "tags": "list"}
        assert expected_schema(Typed, Typed).fields == {"a": "int"}
        assert expected_schema(Data, Data).fields == {"b": "float"}
        assert expected_schema(Data, Data).description is None
        assert expected_schema("list[int]", list[int]).return_type == "list[int]"
        assert expected_schema(int | None, int | None).return_type == "int | None"
        assert expected_schema(Optional[int], Optional[int]).fields is None  # noqa: UP045
        assert expected_schema(None, type(None)).return_type == "None"

    def test_without_a_backend_the_timeout_is_warned_of_and_ignored(self, caplog):
        @RefCache().cached(async_timeout=0.01)
        def tool():
            time.sleep(0.05)
            return 1

        assert "async_timeout is ignored" in caplog.text
        assert tool()["value"] == 1

    @pytest.mark.parametrize("options", [{"async_timeout": -1}, {"max_retries": -1}])
    def test_what_makes_no_sense_is_refused(self, cache, options):
        with pytest.raises(ValueError, match=next(iter(options))):
            cache.cached(**options)

    def test_what_is_no_task_backend_is_refused(self):
        with pytest.raises(TypeError, match="task_backend must have the methods"):
            RefCache(task_backend=object())


class TestProgress:
    async def test_progress_is_noted_with_the_time_that_is_left(self, gate, cache, backend):
        ref = (await gate())["ref_id"]
        assert gate.report(5, 10, "half of it") is True
        told = cache.get(ref)
        assert told.progress.percentage == 50.0 or not gate.is_async
        assert told.eta_seconds > 0
        assert backend.get_status(ref).progress is not None

    async def test_more_than_all_leaves_no_time(self, cache):
        gate = Gate(cache, True)
        ref = (await gate())["ref_id"]
        gate.report(15, 10)
        told = cache.get(ref)
        assert (told.eta_seconds, told.progress.percentage) == (0.0, 150.0)
        gate.go_on.set()

    @pytest.mark.parametrize(
        ("progress", "seconds"),
        [
            (None, None),
            (TaskProgress(current=0, total=10), None),
            (TaskProgress(current=5), None),
            (TaskProgress(current=5, total=10), 100.0),
            (TaskProgress(current=15, total=10), 0.0),
        ],
    )
    def test_the_time_left_is_worked_out_from_the_progress(self, cache, clock, progress, seconds):
        info = TaskInfo(ref_id="c:1", started_at=clock.now - 100, progress=progress)
        assert cache._calculate_eta(info) == seconds

    def test_the_parameter_is_hidden_and_no_part_of_the_key(self, gate):
        assert list(inspect.signature(gate.tool).parameters) == ["n"]
        assert "progress_callback" not in gate.tool.__annotations__

    async def test_a_callers_own_callback_is_left_to_it(self, gate):
        told = []
        gate.go_on.set()
        await gate(progress_callback=lambda *progress: told.append(progress))
        gate.report(1, 2)
        assert told == [(1, 2)]

    def test_it_may_be_required_and_may_be_given_by_place(self, cache):
        runs = []

        @cache.cached(async_timeout=5)
        def tool(n, progress_callback):
            runs.append(progress_callback(1, 2))
            return n

        assert tool(1)["ref_id"] == tool(n=1)["ref_id"]
        assert tool(2, lambda *progress: "mine")["value"] == 2
        assert runs == [True, "mine"]


class TestFailures:
    async def test_a_failure_is_told_and_the_next_call_runs_again(self, gate, cache):
        gate.error = ValueError("no luck")
        ref = (await gate())["ref_id"]
        gate.go_on.set()
        await until(lambda: cache.get(ref).status == TaskStatus.FAILED)
        told = cache.get(ref)
        assert (told.error, told.message, told.can_retry) == ("no luck", "Task failed: no luck", False)
        assert cache.get_task_status(ref).status == TaskStatus.FAILED
        assert cache.exists(ref) is False
        with pytest.raises(KeyError):
            cache.resolve(ref)
        gate.error = None
        assert (await gate())["value"] == {"done": True}
        assert gate.runs == 2

    async def test_it_is_run_again_as_often_as_was_asked(self, cache, is_async):
        gate = Gate(cache, is_async, max_retries=2, async_timeout=5)
        gate.go_on.set()
        gate.error = ValueError("no luck")
        with pytest.raises(ValueError, match="no luck"):
            await gate()
        assert gate.runs == 3

    async def test_retries_are_told(self, cache, is_async):
        gate = Gate(cache, is_async, max_retries=1)
        ref = (await gate())["ref_id"]
        gate.error = ValueError("no luck")
        gate.go_on.set()
        await until(lambda: cache.get(ref).status == TaskStatus.FAILED)
        info = cache.get_task_status(ref)
        assert (info.retry_count, info.can_retry, info.is_terminal) == (1, False, True)
        assert [(each.attempt, each.error) for each in info.retry_history] == [(1, "no luck")]

    async def test_a_result_that_cannot_be_kept_is_a_failure_for_those_who_come_back(self, gate, cache):
        content = importlib.import_module("mcp.types")
        ref = (await gate())["ref_id"]
        gate.result = content.TextContent(type="text", text="as it is")
        gate.go_on.set()
        await until(lambda: cache.get(ref).status == TaskStatus.FAILED)
        assert "could not be stored" in cache.get(ref).error
        assert (await gate(2)) is gate.result

    async def test_failures_are_forgotten_after_an_hour(self, clock, cache):
        gate = Gate(cache, True)
        gate.error = ValueError("no luck")
        ref = (await gate())["ref_id"]
        gate.go_on.set()
        await until(lambda: cache.get(ref).status == TaskStatus.FAILED)
        clock.now += 3601
        gate.error = None
        await gate()
        with pytest.raises(KeyError):
            cache.get(ref)


class TestCancelling:
    async def test_a_cancelled_call_stops_and_stores_nothing(self, gate, cache, backend):
        ref = (await gate())["ref_id"]
        assert cache.cancel_task(ref) is True
        await until(lambda: not cache._active_tasks)
        assert backend.get_status(ref).status == TaskStatus.CANCELLED
        with pytest.raises(KeyError):
            cache.get(ref)
        assert cache.cancel_task(ref) is False
        assert (await gate())["ref_id"] != ref

    async def test_through_the_backend_as_well(self, gate, cache, backend):
        ref = (await gate())["ref_id"]
        assert backend.cancel(ref) is True
        await until(lambda: not cache._active_tasks)
        assert not cache.exists(ref)

    async def test_a_call_that_still_waits_for_a_worker_never_runs(self):
        backend = MemoryTaskBackend(max_workers=1)
        cache = RefCache(name="c", task_backend=backend)
        first, second = Gate(cache, False), Gate(cache, False)
        await first()
        ref = (await second(2))["ref_id"]
        assert cache.get(ref).status == TaskStatus.PROCESSING
        assert backend.cancel(ref) is True
        with pytest.raises(KeyError):
            cache.get(ref)
        first.go_on.set()
        backend.shutdown()
        assert second.runs == 0

    async def test_only_who_made_the_call_or_may_delete_may_stop_it(self, cache, monkeypatch):
        gate = Gate(cache, True)
        ref = (await gate())["ref_id"]
        with pytest.raises(PermissionDenied):
            cache.cancel_task(ref, actor=DefaultActor.agent(id="other"))
        assert cache.get(ref).status == TaskStatus.PROCESSING
        assert cache.cancel_task(ref, actor="user") is True

    async def test_what_was_stored_while_it_was_cancelled_is_removed(self, cache, backend, monkeypatch):
        @cache.cached(async_timeout=0)
        def tool():
            time.sleep(0.02)
            return 1

        store = Plan.store

        def cancelled_meanwhile(self, request, result):
            found = store(self, request, result)
            backend.cancel(request.execution.ref_id)
            return found

        monkeypatch.setattr(Plan, "store", cancelled_meanwhile)
        ref = tool()["ref_id"]
        await until(lambda: not cache._active_tasks)
        assert not cache.exists(ref)

    async def test_unknown_references_cannot_be_cancelled(self, cache):
        assert cache.cancel_task("c:0123456789abcdef") is False
        assert RefCache().cancel_task("c:0123456789abcdef") is False


class TestWhoMayKnow:
    # B10
    async def test_those_who_may_not_read_the_result_may_not_ask(self, cache, is_async):
        gate = Gate(cache, is_async, namespace="user:alice", policy=POLICY_USER_ONLY)
        gate.error = ValueError(SECRET)
        ref = (await gate())["ref_id"]
        for _ in range(2):
            with pytest.raises(PermissionDenied):
                cache.get(ref, actor="agent")
            with pytest.raises(PermissionDenied):
                cache.get(ref, actor=DefaultActor.user(id="bob"))
            with pytest.raises(PermissionDenied):
                cache.cancel_task(ref, actor=DefaultActor.user(id="bob"))
            alice = cache.get(ref, actor=DefaultActor.user(id="alice"))
            gate.go_on.set()
            await until(lambda: cache.get_task_status(ref).completed_at)
        assert alice.error == SECRET

    # B10
    async def test_those_who_may_only_use_it_learn_no_texts(self, cache, is_async):
        gate = Gate(cache, is_async, policy=POLICY_EXECUTE_ONLY)
        gate.error = ValueError(SECRET)
        ref = (await gate())["ref_id"]
        gate.report(1, 2, SECRET)
        assert cache.get(ref).progress.message is None
        gate.go_on.set()
        await until(lambda: cache.get_task_status(ref).completed_at)
        told = cache.get(ref)
        assert told.status == TaskStatus.FAILED
        assert SECRET not in told.model_dump_json()
        assert SECRET in cache.get(ref, actor="user").model_dump_json()

    async def test_rights_of_the_namespace_hold(self, backend):
        from mcp_refcache import Namespace

        cache = RefCache(
            name="c",
            task_backend=backend,
            namespaces=[Namespace("vault", policy=POLICY_USER_ONLY)],
            default_namespace="vault",
        )
        gate = Gate(cache, True)
        ref = (await gate())["ref_id"]
        with pytest.raises(PermissionDenied):
            cache.get(ref, actor="agent")
        gate.go_on.set()

    async def test_an_exchanged_default_policy_holds(self, cache):
        cache.default_policy = POLICY_USER_ONLY
        gate = Gate(cache, True)
        ref = (await gate())["ref_id"]
        with pytest.raises(PermissionDenied):
            cache.get(ref, actor="agent")
        gate.go_on.set()

    async def test_a_joining_caller_without_rights_is_refused(self, cache):
        gate = Gate(cache, True, policy=AccessPolicy(agent_permissions=0))
        assert (await gate())["status"] == "processing"
        with pytest.raises(PermissionDenied):
            await gate()
        gate.go_on.set()

    def test_tasks_of_the_authors_own_are_told_with_the_rights_of_the_cache(self, cache, backend):
        go_on, started = threading.Event(), threading.Event()

        def job(progress_callback):
            progress_callback(15, 10)
            started.set()
            go_on.wait(5)

        backend.submit("c:0123456789abcdef", job, (), {})
        started.wait(5)
        assert cache.get("c:0123456789abcdef").eta_seconds == 0.0
        assert cache.get_task_status("c:0123456789abcdef").status == TaskStatus.PROCESSING
        cache.default_policy = POLICY_USER_ONLY
        with pytest.raises(PermissionDenied):
            cache.get("c:0123456789abcdef")
        go_on.set()


class PlainTaskBackend:
    """A task backend of the user's own: a thread for each task."""

    def __init__(self):
        self.infos, self.cancelled = {}, set()

    def submit(self, task_id, func, args, kwargs, on_progress=None):
        info = self.infos[task_id] = TaskInfo(ref_id=task_id, started_at=time.time())

        def report(current, total, message=None):
            info.progress = TaskProgress(current=current, total=total, message=message)
            return task_id not in self.cancelled

        def run():
            info.status = TaskStatus.PROCESSING
            try:
                func(*args, **{**kwargs, "progress_callback": report})
                info.status = TaskStatus.COMPLETE
            except BaseException:
                info.status = TaskStatus.FAILED

        threading.Thread(target=run, daemon=True).start()
        return info

    def get_status(self, task_id):
        return self.infos.get(task_id)

    def cancel(self, task_id):
        self.cancelled.add(task_id)
        return True

    def is_cancelled(self, task_id):
        return task_id in self.cancelled


class TestBackendOfTheUsersOwn:
    async def test_it_runs_and_watches_and_cancels(self, is_async):
        backend = PlainTaskBackend()
        cache = RefCache(name="c", task_backend=backend)
        gate = Gate(cache, is_async)
        ref = (await gate())["ref_id"]
        await until(lambda: backend.infos[ref].status == TaskStatus.PROCESSING)
        gate.go_on.set()
        await until(lambda: cache.exists(ref))
        await until(lambda: backend.infos[ref].status == TaskStatus.COMPLETE)
        gate.go_on.clear()
        other = (await gate(2))["ref_id"]
        assert cache.cancel_task(other) is True
        await until(lambda: not cache._active_tasks)
        assert not cache.exists(other)

    async def test_one_that_fails_to_start_a_task_loses_nothing(self, is_async, caplog):
        backend = PlainTaskBackend()
        cache = RefCache(name="c", task_backend=backend)
        gate, submit = Gate(cache, is_async), backend.submit

        def fail(*args):
            raise OSError("no more threads")

        backend.submit = fail
        if is_async:
            ref = (await gate())["ref_id"]
            assert "the task backend does not watch" in caplog.text
            gate.go_on.set()
            await until(lambda: cache.exists(ref))
            return
        with pytest.raises(OSError, match="no more threads"):
            await gate()
        assert cache._active_tasks == {}
        backend.submit = submit
        gate.go_on.set()
        assert (await gate())["value"] == {"done": True}


class TestInAServer:
    @pytest.fixture
    def fastmcp(self):
        return importlib.import_module("fastmcp")

    @pytest.fixture
    def server(self, fastmcp, cache, is_async):
        mcp = fastmcp.FastMCP("s")
        register_cache_tools(mcp, cache)
        self.go_on = threading.Event()

        def steps(n, progress_callback):
            for number in range(n):
                progress_callback(number + 1, n, f"step {number + 1}")

        if is_async:

            @mcp.tool
            @cache.cached(async_timeout=0.2)
            async def tool(n: int, wait: bool = True, progress_callback=None) -> dict:
                steps(n, progress_callback)
                if wait:
                    await until(self.go_on.is_set)
                return {"n": n}
        else:

            @mcp.tool
            @cache.cached(async_timeout=0.2)
            def tool(n: int, wait: bool = True, progress_callback=None) -> dict:
                steps(n, progress_callback)
                while wait and not self.go_on.wait(0.005) and progress_callback(n, n):
                    pass
                return {"n": n}

        yield mcp
        self.go_on.set()

    async def test_the_client_polls_until_the_result_is_there(self, server, fastmcp, cache):
        async with fastmcp.Client(server) as client:
            (tool,) = [each for each in await client.list_tools() if each.name == "tool"]
            schema = getattr(tool, "input_schema", None) or tool.inputSchema
            assert list(schema["properties"]) == ["n", "wait"]
            answer = (await client.call_tool("tool", {"n": 2})).structured_content
            assert answer["status"] == "processing"
            ref = answer["ref_id"]
            polled = (await client.call_tool("get_cached_result", {"ref_id": ref})).structured_content
            assert (polled["status"], polled["progress"]["percentage"]) == ("processing", 100.0)
            assert polled["retry_after_s"] >= 1
            self.go_on.set()
            await until(lambda: cache.exists(ref))
            done = (await client.call_tool("get_cached_result", {"ref_id": ref})).structured_content
            assert done["preview"] == {"n": 2}

    async def test_the_client_cancels(self, server, fastmcp, cache):
        async with fastmcp.Client(server) as client:
            ref = (await client.call_tool("tool", {"n": 2})).structured_content["ref_id"]
            answer = await client.call_tool("get_cached_result", {"ref_id": ref, "cancel": True})
            assert answer.structured_content["status"] == "cancelled"
            await until(lambda: not cache._active_tasks)
            gone = await client.call_tool("get_cached_result", {"ref_id": ref}, raise_on_error=False)
        assert "ref_not_found" in gone.content[0].text

    async def test_progress_reaches_the_client_while_it_waits(self, server, fastmcp, is_async):
        told, threads = [], []

        @server.tool
        def where() -> None:
            threads.append(threading.current_thread())

        async def listen(progress, total, message):
            told.append((progress, total, message))

        async with fastmcp.Client(server) as client:
            answer = await client.call_tool("tool", {"n": 3, "wait": False}, progress_handler=listen)
            await client.call_tool("where", {})
        assert answer.structured_content["value"] == {"n": 3}
        if not is_async and threads == [threading.current_thread()]:
            assert told == []  # FastMCP 2 runs sync tools on its event loop, which can send nothing meanwhile
        else:
            assert told == [(1.0, 3.0, "step 1"), (2.0, 3.0, "step 2"), (3.0, 3.0, "step 3")]

    @pytest.mark.parametrize("waits", [False, True])
    async def test_a_sync_tool_reaches_what_is_async_before_and_after_its_caller_left(
        self, fastmcp, cache, waits
    ):
        mcp = fastmcp.FastMCP("s")
        register_cache_tools(mcp, cache)
        threads, go_on = [], threading.Event()

        def reach() -> str:
            async def look() -> str:
                context = importlib.import_module("fastmcp.server.dependencies").get_context()
                return context.fastmcp.name

            return anyio.from_thread.run(look)

        @mcp.tool
        def plain() -> str:
            threads.append(threading.current_thread())
            return "" if threads[0] is threading.main_thread() else reach()

        @mcp.tool
        @cache.cached(async_timeout=0.1 if waits else 5)
        def tool() -> str:
            if waits:
                go_on.wait(5)
            return reach()

        async with fastmcp.Client(mcp) as client:
            said = (await client.call_tool("plain", {})).data
            if not said:
                pytest.skip(
                    "this FastMCP runs sync tools on its event loop, from where nothing async is reached"
                )
            answer = (await client.call_tool("tool", {})).structured_content
            if waits:
                assert answer["status"] == "processing"
                go_on.set()
                await until(lambda: cache.exists(answer["ref_id"]))
                answer["value"] = cache.get(answer["ref_id"]).preview
        assert answer["value"] == said == "s"

    async def test_without_a_task_backend_the_tool_has_no_cancel(self, fastmcp):
        mcp = fastmcp.FastMCP("s")
        register_cache_tools(mcp, RefCache(name="c"))
        async with fastmcp.Client(mcp) as client:
            (tool,) = await client.list_tools()
        schema = getattr(tool, "input_schema", None) or tool.inputSchema
        assert "cancel" not in schema["properties"]


def test_a_loop_that_ends_ends_its_calls(cache, backend):
    gate = Gate(cache, True)
    ref = asyncio.run(gate())["ref_id"]
    assert cache._active_tasks == {}
    assert backend.get_status(ref).status == TaskStatus.CANCELLED
    with pytest.raises(KeyError):
        cache.get(ref)
