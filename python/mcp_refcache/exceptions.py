"""The exceptions of the package; each is also the builtin that a caller would catch."""

__all__ = [
    "AuditError",
    "BackendBusyError",
    "BackendConnectionError",
    "BackendError",
    "BackendIOError",
    "BackendTimeoutError",
    "CodecError",
    "RateLimitExceeded",
    "RefCacheError",
    "WithheldError",
    "rate_limit_exceeded",
]


class RefCacheError(Exception):
    """Something went wrong in the cache."""


class AuditError(RefCacheError):
    """What happens cannot be written to the audit log, or the log does not hold what was written."""


class CodecError(RefCacheError, ValueError):
    """A value cannot be kept in a store, or what a store holds cannot be read."""


class BackendError(RefCacheError):
    """The store failed, or what it holds is damaged."""


class BackendConnectionError(BackendError, ConnectionError):
    """The store cannot be reached."""


class BackendTimeoutError(BackendError, TimeoutError):
    """The store did not answer in time."""


class BackendBusyError(BackendTimeoutError):
    """Somebody else holds the store, or a part of it; trying again may work."""


class BackendIOError(BackendError, OSError):
    """The disk does not do its part: full, read-only, not to be opened."""


class WithheldError(RefCacheError, RuntimeError):
    """A tool used values that its caller may use and not see; what it said is kept back, as it may tell of them.

    Attributes:
        tool: The name of the tool.
        kind: The name of the type of what it raised or returned.
    """

    tool: str = ""
    kind: str = ""


class RateLimitExceeded(RefCacheError):  # noqa: N818 - it says what happened; nothing is wrong
    """Somebody came more often than `RefCache(rate_limits=)` allows.

    Args:
        message: Which limit, and when to come back.
        retry_after: Seconds until it is worth trying again.
    """

    def __init__(self, message: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def rate_limit_exceeded(message: str, retry_after: float) -> RateLimitExceeded:
    """Make the exception whose text FastMCP, where it is in use, hands to the model."""
    from mcp_refcache import _compat  # a server without FastMCP need not know

    error = _compat.telling(RateLimitExceeded)(message)
    assert isinstance(error, RateLimitExceeded)  # noqa: S101 - for type checkers: it is a subclass
    error.retry_after = retry_after
    return error
