"""What `RefCache.cached` was asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

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
        if self.async_timeout is not None and not self.async_timeout >= 0:
            raise ValueError(f"async_timeout must be 0 seconds or more, not {self.async_timeout}")
        if self.max_retries < 0:
            raise ValueError(f"max_retries must be 0 or greater, not {self.max_retries}")
        if self.max_size is not None:
            if not isinstance(self.max_size, int):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"max_size must be a whole number, not {type(self.max_size).__name__}")
            if self.max_size < 0:
                raise ValueError(f"max_size must be 0 or greater, not {self.max_size}")
        if self.key is not None and not callable(self.key):
            raise TypeError(f"key must be a function of the tool's arguments, not {type(self.key).__name__}")
        if self.resolve_refs not in (True, False, "shallow"):
            raise ValueError(f"resolve_refs must be True, False or 'shallow', not {self.resolve_refs!r}")
        if self.on_missing not in ("isolate", "error", "fallback"):
            raise ValueError(f"on_missing must be 'isolate', 'error' or 'fallback', not {self.on_missing!r}")
        if self.docs not in (None, "short", "none", "full"):
            raise ValueError(f"docs must be 'short', 'none', 'full' or None, not {self.docs!r}")
        _check_member("async_response_format", self.async_response_format, AsyncResponseFormat)
        if self.preview_type is not None:
            _check_member("preview_type", self.preview_type, PreviewStrategy)

    @property
    def is_scoped(self) -> bool:
        """Whether the context decides where results go or whose they are."""
        return bool(self.namespace_template or self.owner_template or self.session_scoped)


def _check_member(name: str, value: object, kind: type[Enum]) -> None:
    try:
        kind(value)
    except ValueError:
        allowed = ", ".join(repr(member.value) for member in kind)
        raise ValueError(f"{name} must be one of {allowed}, not {value!r}") from None
