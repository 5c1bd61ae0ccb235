"""What `RefCache.cached` was asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

from mcp_refcache._arguments import one_of, seconds, shown, text, whole, wrong_type
from mcp_refcache.models import AsyncResponseFormat, PreviewStrategy

if TYPE_CHECKING:
    from mcp_refcache.access.actor import ActorLike
    from mcp_refcache.permissions import AccessPolicy


@dataclass(frozen=True, kw_only=True)
class Options:
    """The arguments of `RefCache.cached`; see there.

    Raises:
        ValueError: For an unknown `preview_type`, `resolve_refs` or `async_response_format`, and a
            `max_size` below 0.
    """

    namespace: str | None = None
    policy: "AccessPolicy | None" = None
    ttl: Any = None
    max_size: int | None = None
    resolve_refs: bool | Literal["shallow"] = True
    actor: "ActorLike" = "agent"
    namespace_template: str | None = None
    owner_template: str | None = None
    session_scoped: bool = False
    async_timeout: float | None = None
    async_response_format: AsyncResponseFormat | str = "standard"
    preview_type: PreviewStrategy | str | None = None
    accept_refs: bool = True
    key: Callable[..., Any] | None = None
    shared: bool = False
    on_missing: Literal["isolate", "error", "fallback"] = "isolate"
    docs: Literal["short", "none", "full"] | None = None
    max_retries: int = 0
    declassify: bool = False

    def __post_init__(self) -> None:
        if self.async_timeout is not None:
            seconds("async_timeout", self.async_timeout)
        whole("max_retries", self.max_retries, 0)
        if self.max_size is not None:
            whole("max_size", self.max_size, 0)
        if self.key is not None and not callable(self.key):
            raise wrong_type("key", "a function of the tool's arguments", self.key)
        one_of("resolve_refs", self.resolve_refs, True, False, "shallow")
        one_of("on_missing", self.on_missing, "isolate", "error", "fallback")
        one_of("docs", self.docs, "short", "none", "full", None)
        _check_member("async_response_format", self.async_response_format, AsyncResponseFormat)
        for name in ("namespace", "namespace_template", "owner_template"):
            if getattr(self, name) is not None:
                text(name, getattr(self, name))
        if self.preview_type is not None:
            _check_member("preview_type", self.preview_type, PreviewStrategy)

    @property
    def is_scoped(self) -> bool:
        """Whether the context decides where results go or whose they are."""
        return bool(self.namespace_template or self.owner_template or self.session_scoped)


def _check_member(name: str, value: object, kind: type[Enum]) -> None:
    choices = [member.value for member in kind]
    if not isinstance(value, kind) and (type(value) is not str or value not in choices):
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {shown(value)}")
