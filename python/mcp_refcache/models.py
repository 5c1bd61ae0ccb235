"""Pydantic models of what the cache takes and answers: previews, references, pages and background tasks."""

import time
from datetime import datetime, timezone
from enum import Enum
from typing import Any, TypeVar

from pydantic import BaseModel, Field, model_validator

from mcp_refcache._arguments import having, whole
from mcp_refcache._model import Model

M = TypeVar("M", bound=BaseModel)


class SizeMode(str, Enum):
    """The unit in which sizes and limits are counted."""

    TOKEN = "token"  # noqa: S105 -- a unit, not a password
    CHARACTER = "character"


class PreviewStrategy(str, Enum):
    """How a value that is too large is cut down to a preview."""

    TRUNCATE = "truncate"
    PAGINATE = "paginate"
    SAMPLE = "sample"
    SUMMARY = "summary"


class AsyncResponseFormat(str, Enum):
    """How much an answer about a background task says."""

    MINIMAL = "minimal"
    STANDARD = "standard"
    FULL = "full"


class TaskStatus(str, Enum):
    """Where a background task stands."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: Puts in place what pydantic keeps of a model; looking each name up again takes as long as the rest.
_put_fields, _put_given, _put_extra, _put_private = (
    vars(BaseModel)[slot].__set__
    for slot in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)


def built(model: type[M], fields: dict[str, Any], given: set[str]) -> M:
    """Make a model of values that are known to be right, in a fifth of the time that validation takes.

    Args:
        model: The class, without private attributes.
        fields: All its fields in their order, which it keeps.
        given: The names of those that are no defaults.
    """
    instance = object.__new__(model)
    _put_fields(instance, fields)
    _put_given(instance, given)
    _put_extra(instance, None)
    _put_private(instance, None)
    return instance


class PreviewConfig(Model):
    """The preview settings of a cache; tools and calls may override the size.

    Attributes:
        size_mode: Unit of `max_size`.
        max_size: Largest preview, in tokens or characters.
        default_strategy: How larger values are cut down.
    """

    size_mode: SizeMode = SizeMode.TOKEN
    max_size: int = Field(default=1000, gt=0)
    default_strategy: PreviewStrategy = PreviewStrategy.SAMPLE


_ACTIONS = ("get_page", "resolve_full", "pass_to_tool")
_STRATEGIES = {strategy.value: strategy for strategy in PreviewStrategy}


class CacheReference(Model):
    """What `RefCache.set` answers: the handle of a stored value.

    Attributes:
        ref_id: The reference, `<cache name>:<hex digits>`.
        cache_name: Name of the cache that stored the value.
        namespace: Namespace of the entry.
        tool_name: The tool that made the value, if one did.
        created_at: Unix time in seconds.
        expires_at: Unix time in seconds; None means never.
        total_items: Length of a list, tuple, set, frozenset or dict; None for other values.
        total_size: Bytes of the JSON text; None if there is none.
        total_tokens: Tokens of the JSON text, where they were counted.
    """

    ref_id: str
    cache_name: str
    namespace: str = "public"
    tool_name: str | None = None
    created_at: float
    expires_at: float | None = None
    total_items: int | None = None
    total_size: int | None = None
    total_tokens: int | None = None

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "CacheReference":
        """Make the reference of what the core says of a stored value: all fields but one, which it never knows."""
        given = set(fields)
        fields["total_tokens"] = None
        return built(cls, fields, given)


class CacheResponse(Model):
    """What `RefCache.get` answers: a preview of a stored value.

    Attributes:
        ref_id: The reference that was read.
        cache_name: Name of the cache that answered.
        namespace: Namespace of the entry.
        total_items: Length of the stored collection; None for other values.
        total_tokens: Tokens of the value, where they were counted.
        original_size: Size of the value, in the unit of the cache.
        preview_size: Size of the preview, in the same unit.
        preview: As much of the value as the limit allows.
        preview_strategy: How the preview was made.
        page: The page shown, if the value was paged.
        total_pages: Number of pages, if the value was paged.
        available_actions: What can be done with the reference next.
    """

    ref_id: str
    cache_name: str
    namespace: str = "public"
    total_items: int | None = None
    total_tokens: int | None = None
    original_size: int | None = None
    preview_size: int | None = None
    preview: Any
    preview_strategy: PreviewStrategy
    page: int | None = None
    total_pages: int | None = None
    available_actions: list[str] = Field(default_factory=lambda: [*_ACTIONS])

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "CacheResponse":
        """Make the response of what the core says of a preview that it made: all fields, the last as None."""
        given = _GIVEN[fields["page"] is not None, fields["total_tokens"] is not None].copy()
        fields["preview_strategy"] = _STRATEGIES[fields["preview_strategy"]]
        fields["available_actions"] = [*_ACTIONS]
        return built(cls, fields, given)


#: The fields of a response that are no defaults, by whether it is of a page, and tells tokens.
_GIVEN = {
    (of_page, in_tokens): {*CacheResponse.model_fields}
    - {"available_actions"}
    - (set() if of_page else {"page", "total_pages"})
    - (set() if in_tokens else {"total_tokens"})
    for of_page in (False, True)
    for in_tokens in (False, True)
}


class PaginatedResponse(Model):
    """One page of a list, and where it lies in the whole.

    Attributes:
        items: The items of this page.
        page: Number of this page, from 1.
        page_size: Items on a full page.
        total_items: Items in the whole list.
        total_pages: Number of pages, 0 for an empty list.
        has_next: Whether a later page holds items.
        has_previous: Whether this is not the first page.
    """

    items: list[Any]
    page: int = Field(ge=1)
    page_size: int = Field(ge=1)
    total_items: int = Field(ge=0)
    total_pages: int = Field(ge=0)
    has_next: bool
    has_previous: bool

    @classmethod
    def from_list(cls, items: list[Any], page: int = 1, page_size: int = 20) -> "PaginatedResponse":
        """Cut one page out of a list.

        Args:
            items: The whole list.
            page: Number of the page, from 1; past the end the page is empty.
            page_size: Items per page, at least 1.

        Returns:
            The page.

        Raises:
            pydantic.ValidationError: `page` or `page_size` is below 1 (a `ValueError` too).
        """
        usable_size = max(
            whole("page_size", page_size, -(2**63)), 1
        )  # what is below 1 is refused by the field, in its own words
        total_pages = -(-len(items) // usable_size)
        start = (page - 1) * usable_size
        return cls(
            items=items[start : start + usable_size],
            page=page,
            page_size=page_size,
            total_items=len(items),
            total_pages=total_pages,
            has_next=page < total_pages,
            has_previous=page > 1,
        )


class TaskProgress(Model):
    """How far a background task has come.

    Attributes:
        current: Steps done.
        total: Steps in all.
        message: What the task is doing.
        percentage: 0 to 100; worked out from `current` and `total` where it is not given.
    """

    current: int | None = Field(default=None, ge=0)
    total: int | None = Field(default=None, ge=0)
    message: str | None = None
    percentage: float | None = Field(default=None, ge=0.0, le=100.0)

    @model_validator(mode="after")
    def _work_out_percentage(self) -> "TaskProgress":
        if self.percentage is None and self.current is not None and self.total:
            self.percentage = self.current / self.total * 100
            self.model_fields_set.discard("percentage")  # not given: `exclude_unset` leaves it out
        return self


class RetryInfo(Model):
    """One failed attempt of a background task.

    Attributes:
        attempt: Number of the attempt, from 1.
        error: Text of the error.
        timestamp: Unix time in seconds.
    """

    attempt: int = Field(ge=1)
    error: str
    timestamp: float


class TaskInfo(Model):
    """The state of a background task.

    Attributes:
        ref_id: The reference under which the result will be found.
        status: Where the task stands.
        progress: How far it has come, if it says so.
        started_at: Unix time in seconds.
        completed_at: Unix time in seconds; None while it runs.
        error: Text of the error, if it failed.
        retry_count: Retries made so far.
        max_retries: Retries allowed.
        retry_history: The failed attempts, oldest first.
    """

    ref_id: str
    status: TaskStatus = TaskStatus.PENDING
    progress: TaskProgress | None = None
    started_at: float
    completed_at: float | None = None
    error: str | None = None
    retry_count: int = Field(default=0, ge=0)
    max_retries: int = Field(default=3, ge=0)
    retry_history: list[RetryInfo] = Field(default_factory=list[RetryInfo])

    @property
    def can_retry(self) -> bool:
        """Whether the task failed with retries left."""
        return self.status == TaskStatus.FAILED and self.retry_count < self.max_retries

    @property
    def is_terminal(self) -> bool:
        """Whether the status will not change any more."""
        if self.status == TaskStatus.FAILED:
            return not self.can_retry
        return self.status in (TaskStatus.COMPLETE, TaskStatus.CANCELLED)

    @property
    def elapsed_seconds(self) -> float:
        """Seconds from the start to the end, or to now while the task runs."""
        return (self.completed_at or time.time()) - self.started_at


class ExpectedSchema(Model):
    """What the result of a background task will look like.

    Attributes:
        return_type: Name of the annotated return type.
        fields: Field name to type name, for models, typed dicts and dataclasses.
        example: An example value.
        description: First line of the type's docstring.
    """

    return_type: str | None = None
    fields: dict[str, str] | None = None
    example: Any | None = None
    description: str | None = None


class AsyncTaskResponse(Model):
    """What a tool answers while its result is still being made.

    Attributes:
        ref_id: The reference to ask for later.
        status: Where the task stands.
        progress: How far it has come, if it says so.
        started_at: ISO 8601 text, UTC.
        eta_seconds: Seconds it will probably take from now.
        error: Text of the error, if it failed.
        retry_count: Retries made so far.
        can_retry: Whether a retry is possible.
        message: One sentence for the reader.
        expected_schema: What the result will look like.
    """

    ref_id: str
    status: TaskStatus
    progress: TaskProgress | None = None
    started_at: str
    eta_seconds: float | None = Field(default=None, ge=0.0)
    error: str | None = None
    retry_count: int = Field(default=0, ge=0)
    can_retry: bool = True
    message: str | None = None
    expected_schema: ExpectedSchema | None = None

    @classmethod
    def from_task_info(
        cls,
        task_info: TaskInfo,
        eta_seconds: float | None = None,
        message: str | None = None,
        expected_schema: ExpectedSchema | None = None,
        response_format: AsyncResponseFormat = AsyncResponseFormat.STANDARD,
    ) -> "AsyncTaskResponse":
        """Describe a task to the caller of the tool.

        Args:
            task_info: State of the task.
            eta_seconds: Seconds it will probably take from now.
            message: Sentence for the reader; None writes one that fits the status.
            expected_schema: What the result will look like; kept in the full format only.
            response_format: How much to say (also as the text of the enum); an unknown text means standard.

        Returns:
            The answer.
        """
        having("task_info", task_info, "a TaskInfo", "ref_id", "started_at", "status")
        started_at = datetime.fromtimestamp(task_info.started_at, tz=timezone.utc).isoformat()
        if response_format == AsyncResponseFormat.MINIMAL:
            return cls(ref_id=task_info.ref_id, status=task_info.status, started_at=started_at)
        return cls(
            ref_id=task_info.ref_id,
            status=task_info.status,
            progress=task_info.progress,
            started_at=started_at,
            eta_seconds=eta_seconds,
            error=task_info.error,
            retry_count=task_info.retry_count,
            can_retry=task_info.can_retry,
            message=_status_message(task_info) if message is None else message,
            expected_schema=expected_schema if response_format == AsyncResponseFormat.FULL else None,
        )

    def to_dict(self, response_format: AsyncResponseFormat = AsyncResponseFormat.STANDARD) -> dict[str, Any]:
        """Turn the answer into the dict a tool returns.

        Args:
            response_format: How much to say (also as the text of the enum); an unknown text means standard.

        Returns:
            `ref_id`, `status`, `is_complete`, `is_async`; from standard on also `started_at`, `progress`,
            `message`; in full also `eta_seconds`, `error`, `retry_count`, `can_retry`, `expected_schema`.
        """
        answer: dict[str, Any] = {
            "ref_id": self.ref_id,
            "status": self.status.value,
            "is_complete": False,
            "is_async": True,
        }
        if response_format == AsyncResponseFormat.MINIMAL:
            return answer
        answer["started_at"] = self.started_at
        answer["progress"] = self.progress.model_dump() if self.progress else None
        answer["message"] = self.message
        if response_format == AsyncResponseFormat.FULL:
            answer["eta_seconds"] = self.eta_seconds
            answer["error"] = self.error
            answer["retry_count"] = self.retry_count
            answer["can_retry"] = self.can_retry
            answer["expected_schema"] = self.expected_schema.model_dump() if self.expected_schema else None
        return answer


def _status_message(task: TaskInfo) -> str:
    if task.status == TaskStatus.PROCESSING:
        progress_message = task.progress.message if task.progress else None
        return progress_message or f"Task is processing (ref_id={task.ref_id})"
    if task.status == TaskStatus.PENDING:
        return "Task is queued and will start shortly"
    if task.status == TaskStatus.FAILED:
        return f"Task failed: {task.error}"
    if task.status == TaskStatus.CANCELLED:
        return "Task was cancelled"
    return "Task completed successfully"
