"""Who stored, read, used, was denied, exported or removed what: records for `RefCache(audit=)`, never with a value."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

from mcp_refcache import _core
from mcp_refcache._arguments import one_of, wrong_type
from mcp_refcache._made import running_tool

__all__ = ["Audit", "AuditRecord"]

logger = logging.getLogger("mcp_refcache")

_SQLITE_URL = "sqlite:///"
_SQLITE_SUFFIXES = (".db", ".sqlite", ".sqlite3")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One thing that happened; what is not known of it is None.

    Attributes:
        at: When, in seconds since 1970.
        cache: The name of the cache.
        action: `stored`, `read`, `used`, `denied`, `exported`, `imported`, `deleted` or `cleared`.
        ref_id: The reference; of a denial also one that does not exist. Never a key.
        namespace: Where the entry lives.
        actor: Who, as `type:id`; `server` where no actor asked.
        user: The user a model acts for, as `type:id`.
        session: The session of the request.
        tool: The tool through which it happened, or that made the value.
        reason: Why it was denied: the `reason` of `PermissionDenied`, `not_found`, `rate_limited`, `egress` (an
            answer that was withheld), `not_admin`, or `refused` by a checker of the user's own.
        count: How many entries a clearing concerned.
    """

    at: float
    cache: str
    action: str
    actor: str
    ref_id: str | None = None
    namespace: str | None = None
    user: str | None = None
    session: str | None = None
    tool: str | None = None
    reason: str | None = None
    count: int | None = None


Audit = Callable[[AuditRecord], object] | str | os.PathLike[str]


def open_audit(
    audit: Audit | None, key: str | bytes | None, failure: Literal["raise", "log"]
) -> tuple[_core.AuditLog, Callable[[], str | None], Callable[[str], None] | None] | None:
    """Return what the core needs to keep records; None = it keeps none.

    Raises:
        TypeError: For what is neither a function nor a path.
        ValueError: For an unknown `failure`, and a key without a file or that is too short.
        AuditError: If the file cannot be written, or holds something else.
    """
    one_of("audit_failure", failure, "raise", "log")
    if audit is None:
        if key is not None:
            raise ValueError("audit_key needs a file to protect: audit=")
        return None
    return _log(audit, key), running_tool, _told if failure == "log" else None


def _log(audit: Audit, key: str | bytes | None) -> _core.AuditLog:
    if isinstance(audit, (str, os.PathLike)):
        path: str = os.fspath(cast("str | os.PathLike[str]", audit))
        secret = key.encode() if isinstance(key, str) else key
        if path.startswith(_SQLITE_URL):
            return _core.AuditLog.sqlite(path.removeprefix(_SQLITE_URL), secret)
        if path.endswith(_SQLITE_SUFFIXES):
            return _core.AuditLog.sqlite(path, secret)
        return _core.AuditLog.json_lines(path, secret)
    if not callable(audit):
        raise wrong_type("audit", "a function, a path or a sqlite:/// URL", audit)
    if key is not None:
        raise ValueError("audit_key is for files; a function may sign records itself")
    return _core.AuditLog.function(audit)


def _told(message: Any) -> None:
    logger.error("something happens that is not in the audit log: %s", message)
