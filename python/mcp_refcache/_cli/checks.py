"""What `doctor` looks at in an installation."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from mcp_refcache import _core
from mcp_refcache._compat import OLDEST

State = Literal["ok", "warning", "failed"]

#: Package, what it is for, first and first too new version that this package is tested with.
_OPTIONAL = (
    ("fastmcp", "FastMCP servers and `mcp-refcache proxy`", OLDEST, (5,), "mcp"),
    ("rich", "tables on the command line", (13,), None, "cli"),
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What.
        state: How it is.
        text: What was found, and what to do if it is not well.
    """

    subject: str
    state: State
    text: str

    def facts(self) -> dict[str, Any]:
        """Return it for JSON output."""
        return asdict(self)


def installation() -> Iterator[Finding]:
    """Look at Python, this package and those it works with."""
    yield Finding("python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield _own_version()
    yield _tokens()
    pydantic = _version("pydantic") or "0"
    fits = _numbers(pydantic) >= (2,)
    yield Finding(
        "pydantic",
        "ok" if fits else "failed",
        pydantic if fits else f"{pydantic} is too old: pip install 'pydantic>=2'",
    )
    for package, use, least, beyond, extra in _OPTIONAL:
        yield _optional(package, use, least, beyond, extra)


def _own_version() -> Finding:
    installed = _version("mcp-refcache")
    if installed is None:
        return Finding(
            "mcp-refcache", "warning", f"{_core.VERSION}, run from its sources: no package is installed"
        )
    if installed != _core.VERSION:
        return Finding(
            "mcp-refcache",
            "failed",
            f"the package says {installed}, its native module {_core.VERSION}: files of two versions are mixed; "
            "pip install --force-reinstall mcp-refcache",
        )
    return Finding("mcp-refcache", "ok", installed)


def _tokens() -> Finding:
    try:
        counted = _core.Encoding.for_model("gpt-4o").count_tokens("tokens are counted offline")
    except Exception as error:
        return Finding("tokens", "failed", f"cannot be counted: {error}; reinstall mcp-refcache")
    return Finding("tokens", "ok" if counted else "failed", "counted exactly and offline")


def _optional(
    package: str, use: str, least: tuple[int, ...], beyond: tuple[int, ...] | None, extra: str
) -> Finding:
    found = _version(package)
    if found is None:
        return Finding(package, "warning", f"not installed; for {use}: pip install 'mcp-refcache[{extra}]'")
    if _numbers(found) < least:
        return Finding(package, "failed", f"{found} is too old for {use}: pip install --upgrade {package}")
    if beyond is not None and _numbers(found) >= beyond:
        return Finding(package, "warning", f"{found} is newer than what {use} were tested with")
    return Finding(package, "ok", found)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    parts: list[int] = []
    for part in text.split("."):
        if not part.isdigit():
            break
        parts.append(int(part))
    return tuple(parts)
