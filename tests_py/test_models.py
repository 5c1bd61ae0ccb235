"""The models: fields, defaults, constraints and what tasks say about themselves."""

import time

import pytest
from pydantic import ValidationError

from mcp_refcache import models
from mcp_refcache.models import (
    AsyncResponseFormat,
    AsyncTaskResponse,
    CacheReference,
    CacheResponse,
    ExpectedSchema,
    PaginatedResponse,
    PreviewConfig,
    PreviewStrategy,
    RetryInfo,
    SizeMode,
    TaskInfo,
    TaskProgress,
    TaskStatus,
)

STARTED = 1_700_000_000.25


def task(**fields) -> TaskInfo:
    return TaskInfo(**{"ref_id": "c:0123456789abcdef", "started_at": STARTED, **fields})


class TestFields:
    @pytest.mark.parametrize(
        ("enum", "values"),
        [
            (SizeMode, ["token", "character"]),
            (PreviewStrategy, ["truncate", "paginate", "sample", "summary"]),
            (AsyncResponseFormat, ["minimal", "standard", "full"]),
            (TaskStatus, ["pending", "processing", "complete", "failed", "cancelled"]),
        ],
    )
    def test_enums_are_texts(self, enum, values):
        assert [member.value for member in enum] == values
        assert all(isinstance(member, str) for member in enum)
        assert all(enum(value) == value for value in values)

    @pytest.mark.parametrize(
        ("model", "dump"),
        [
            (PreviewConfig(), {"size_mode": "token", "max_size": 1000, "default_strategy": "sample"}),
            (
                CacheReference(ref_id="c:1", cache_name="c", created_at=1),
                {
                    "ref_id": "c:1",
                    "cache_name": "c",
                    "namespace": "public",
                    "tool_name": None,
                    "created_at": 1.0,
                    "expires_at": None,
                    "total_items": None,
                    "total_size": None,
                    "total_tokens": None,
                },
            ),
            (
                CacheResponse(ref_id="c:1", cache_name="c", preview=[1], preview_strategy="sample"),
                {
                    "ref_id": "c:1",
                    "cache_name": "c",
                    "namespace": "public",
                    "total_items": None,
                    "total_tokens": None,
                    "original_size": None,
                    "preview_size": None,
                    "preview": [1],
                    "preview_strategy": "sample",
                    "page": None,
                    "total_pages": None,
                    "available_actions": ["get_page", "resolve_full", "pass_to_tool"],
                },
            ),
            (
                task(),
                {
                    "ref_id": "c:0123456789abcdef",
                    "status": "pending",
                    "progress": None,
                    "started_at": STARTED,
                    "completed_at": None,
                    "error": None,
                    "retry_count": 0,
                    "max_retries": 3,
                    "retry_history": [],
                },
            ),
            (
                ExpectedSchema(),
                {"return_type": None, "fields": None, "example": None, "description": None},
            ),
            (
                AsyncTaskResponse(ref_id="c:1", status="failed", started_at="now"),
                {
                    "ref_id": "c:1",
                    "status": "failed",
                    "progress": None,
                    "started_at": "now",
                    "eta_seconds": None,
                    "error": None,
                    "retry_count": 0,
                    "can_retry": True,
                    "message": None,
                    "expected_schema": None,
                },
            ),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_dump_has_every_field_in_order(self, model, dump):
        dumped = model.model_dump(mode="json")
        assert dumped == dump
        assert list(dumped) == list(dump)

    @pytest.mark.parametrize(
        ("model", "fields"),
        [
            ("PreviewConfig", {"max_size": 0}),
            ("PreviewConfig", {"size_mode": "bytes"}),
            ("CacheReference", {"ref_id": "c:1", "cache_name": "c"}),
            ("CacheResponse", {"ref_id": "c:1", "cache_name": "c", "preview": 1}),
            ("TaskProgress", {"current": -1}),
            ("TaskProgress", {"total": -1}),
            ("TaskProgress", {"percentage": 100.5}),
            ("RetryInfo", {"attempt": 0, "error": "e", "timestamp": 1}),
            ("TaskInfo", {"ref_id": "c:1", "started_at": 1, "retry_count": -1}),
            ("TaskInfo", {"ref_id": "c:1", "started_at": 1, "max_retries": -1}),
            ("AsyncTaskResponse", {"ref_id": "c:1", "status": "failed", "started_at": "", "eta_seconds": -1}),
        ],
    )
    def test_what_is_out_of_range_or_missing_is_refused(self, model, fields):
        with pytest.raises(ValidationError):
            getattr(models, model)(**fields)

    def test_unknown_fields_are_ignored_and_models_are_mutable(self):
        config = PreviewConfig(max_size=5, unknown=1)
        config.max_size = 7
        assert config.model_dump(mode="json")["max_size"] == 7
        assert not hasattr(config, "unknown")

    def test_lists_are_not_shared_between_models(self):
        make = lambda: CacheResponse(ref_id="c:1", cache_name="c", preview=1, preview_strategy="sample")  # noqa: E731
        make().available_actions.append("more")
        assert "more" not in make().available_actions


class TestPage:
    @pytest.mark.parametrize(
        ("total", "page", "page_size", "items", "total_pages", "has_next", "has_previous"),
        [
            (0, 1, 20, [], 0, False, False),
            (5, 1, 2, [0, 1], 3, True, False),
            (5, 2, 2, [2, 3], 3, True, True),
            (5, 3, 2, [4], 3, False, True),
            (5, 9, 2, [], 3, False, True),
            (4, 2, 2, [2, 3], 2, False, True),
        ],
    )
    def test_page_is_cut_from_the_list(
        self, total, page, page_size, items, total_pages, has_next, has_previous
    ):
        assert PaginatedResponse.from_list(list(range(total)), page, page_size).model_dump() == {
            "items": items,
            "page": page,
            "page_size": page_size,
            "total_items": total,
            "total_pages": total_pages,
            "has_next": has_next,
            "has_previous": has_previous,
        }

    def test_defaults_are_the_first_twenty_items(self):
        assert PaginatedResponse.from_list(list(range(30))).items == list(range(20))

    @pytest.mark.parametrize("arguments", [{"page_size": 0}, {"page_size": -3}, {"page": 0}, {"page": -1}])
    @pytest.mark.parametrize("items", [[], [1, 2, 3]])
    def test_page_and_page_size_below_one_are_refused_by_name(self, items, arguments):
        with pytest.raises(ValidationError, match=next(iter(arguments))):
            PaginatedResponse.from_list(items, **arguments)


class TestProgress:
    @pytest.mark.parametrize(
        ("fields", "percentage"),
        [
            ({"current": 1, "total": 4}, 25.0),
            ({"current": 0, "total": 4}, 0.0),
            ({"current": 6, "total": 4}, 150.0),
            ({"current": 1, "total": 4, "percentage": 3}, 3.0),
            ({"current": 1, "total": 0}, None),
            ({"current": 1}, None),
            ({"total": 4}, None),
            ({}, None),
        ],
    )
    def test_percentage_is_worked_out_where_it_can_be(self, fields, percentage):
        assert TaskProgress(**fields).percentage == percentage

    def test_worked_out_percentage_does_not_count_as_given(self):
        assert TaskProgress(current=1, total=2).model_dump(exclude_unset=True) == {"current": 1, "total": 2}


class TestTask:
    @pytest.mark.parametrize(
        ("status", "retry_count", "can_retry", "is_terminal"),
        [
            ("pending", 0, False, False),
            ("processing", 0, False, False),
            ("complete", 0, False, True),
            ("cancelled", 0, False, True),
            ("failed", 2, True, False),
            ("failed", 3, False, True),
        ],
    )
    def test_only_a_failure_with_retries_left_can_be_retried(
        self, status, retry_count, can_retry, is_terminal
    ):
        info = task(status=status, retry_count=retry_count)
        assert (info.can_retry, info.is_terminal) == (can_retry, is_terminal)

    def test_elapsed_time_ends_with_the_task(self):
        assert task(completed_at=STARTED + 2.5).elapsed_seconds == 2.5

    def test_elapsed_time_of_a_running_task_ends_now(self, monkeypatch):
        monkeypatch.setattr(time, "time", lambda: STARTED + 7)
        assert task().elapsed_seconds == 7

    def test_retry_history_holds_the_attempts(self):
        info = task(retry_history=[RetryInfo(attempt=1, error="e", timestamp=1)])
        assert info.model_dump()["retry_history"] == [{"attempt": 1, "error": "e", "timestamp": 1.0}]


class TestTaskResponse:
    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"status": "pending"}, "Task is queued and will start shortly"),
            ({"status": "processing"}, "Task is processing (ref_id=c:0123456789abcdef)"),
            ({"status": "processing", "progress": TaskProgress(message="half way")}, "half way"),
            ({"status": "failed", "error": "no disk"}, "Task failed: no disk"),
            ({"status": "failed"}, "Task failed: None"),
            ({"status": "cancelled"}, "Task was cancelled"),
            ({"status": "complete"}, "Task completed successfully"),
        ],
    )
    def test_message_fits_the_status(self, fields, message):
        assert AsyncTaskResponse.from_task_info(task(**fields)).message == message

    @pytest.mark.parametrize("message", ["", "mine"])
    def test_given_message_wins(self, message):
        assert AsyncTaskResponse.from_task_info(task(), message=message).message == message

    @pytest.mark.parametrize(
        ("started_at", "text"),
        [
            (STARTED, "2023-11-14T22:13:20.250000+00:00"),
            (1_700_000_000, "2023-11-14T22:13:20+00:00"),
        ],
    )
    def test_start_is_iso_text_in_utc(self, started_at, text):
        assert AsyncTaskResponse.from_task_info(task(started_at=started_at)).started_at == text

    def test_minimal_answer_knows_only_reference_status_and_start(self):
        info = task(status="failed", error="e", retry_count=3)
        answer = AsyncTaskResponse.from_task_info(
            info, 1.0, "m", ExpectedSchema(), AsyncResponseFormat.MINIMAL
        )
        assert answer.model_dump(exclude_unset=True) == {
            "ref_id": info.ref_id,
            "status": TaskStatus.FAILED,
            "started_at": "2023-11-14T22:13:20.250000+00:00",
        }

    @pytest.mark.parametrize(
        ("response_format", "has_schema"),
        [("standard", False), (AsyncResponseFormat.STANDARD, False), ("full", True), ("unheard of", False)],
    )
    def test_schema_is_in_the_full_answer_only(self, response_format, has_schema):
        answer = AsyncTaskResponse.from_task_info(
            task(), expected_schema=ExpectedSchema(return_type="int"), response_format=response_format
        )
        assert (answer.expected_schema is not None) is has_schema

    @pytest.mark.parametrize(
        ("response_format", "keys"),
        [
            ("minimal", []),
            ("standard", ["started_at", "progress", "message"]),
            ("unheard of", ["started_at", "progress", "message"]),
            (
                AsyncResponseFormat.FULL,
                [
                    "started_at",
                    "progress",
                    "message",
                    "eta_seconds",
                    "error",
                    "retry_count",
                    "can_retry",
                    "expected_schema",
                ],
            ),
        ],
    )
    def test_dict_has_the_keys_of_its_format_in_order(self, response_format, keys):
        answer = AsyncTaskResponse.from_task_info(task()).to_dict(response_format)
        assert list(answer) == ["ref_id", "status", "is_complete", "is_async", *keys]

    def test_dict_holds_plain_values(self):
        answer = AsyncTaskResponse.from_task_info(
            task(status="processing", progress=TaskProgress(current=1, total=2)),
            expected_schema=ExpectedSchema(return_type="int"),
            response_format="full",
        ).to_dict("full")
        assert type(answer["status"]) is str
        assert answer["status"] == "processing"
        assert (answer["is_complete"], answer["is_async"]) == (False, True)
        assert answer["progress"] == {"current": 1, "total": 2, "message": None, "percentage": 50.0}
        assert answer["expected_schema"]["return_type"] == "int"
