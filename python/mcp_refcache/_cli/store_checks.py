"""What `doctor` looks at in a store."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mcp_refcache._cli import screen
from mcp_refcache._cli.checks import Finding
from mcp_refcache._cli.entries import Store
from mcp_refcache._cli.errors import CliError
from mcp_refcache.backends.base import CacheEntry
from mcp_refcache.cache import RefCache
from mcp_refcache.permissions import AccessPolicy, Permission

_MEGABYTE = 1_000_000
_LEAST_FREE_BYTES = 100 * _MEGABYTE
_SKEW_SECONDS = 5.0
_TRIAL_SECONDS = 60.0
_LOCK_SECONDS = 1.0
_MICROSECONDS = 1e6
#: The original's references are this short; ours have 32 digits.
_ORIGINAL_REF = re.compile(r"[^:]+:[a-f0-9]{16}\Z")


def store_findings(store: Store, *, may_write: bool) -> Iterator[Finding]:
    """Look at a store."""
    if store.path is not None:
        yield from _file(store.path)
    try:
        refs = store.refs()
    except CliError as error:
        yield Finding("store", "failed", f"{error}. Is it running, and are address and password right?")
        return
    yield Finding("store", "ok", f"{store.location} answers: {len(refs)} entries")
    yield from _entries(store, refs)
    if may_write:
        yield from _trial(store)


def _file(path: Path) -> Iterator[Finding]:
    for file in (path, *(Path(f"{path}{suffix}") for suffix in ("-wal", "-shm"))):
        if file.exists():
            yield _private(file, 0o600)
    yield _private(path.parent, 0o700)
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        yield Finding("file", "failed", f"{path} or its folder is not writable for this user: see ls -ld")
    usage = shutil.disk_usage(path.parent)
    least = max(_LEAST_FREE_BYTES, path.stat().st_size)
    has_space = usage.free >= least
    advice = "" if has_space else "; free some, or remove entries: mcp-refcache clear"
    yield Finding(
        "free space",
        "ok" if has_space else "warning",
        f"{screen.amount(usage.free)} bytes at {path.parent}{advice}",
    )


def _private(path: Path, most: int) -> Finding:
    subject = "file" if most == 0o600 else "folder"
    if os.name != "posix":  # no mode bits that mean anything
        return Finding(subject, "ok", str(path))
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid != os.getuid():
        return Finding(
            subject, "warning", f"{path} belongs to user {found.st_uid}, not to you: run as that user"
        )
    if mode & ~most & 0o077:
        return Finding(
            subject, "warning", f"{path} is open to others (mode {mode:03o}): chmod {most:03o} '{path}'"
        )
    return Finding(subject, "ok", f"{path} (mode {mode:03o})")


def _entries(store: Store, refs: list[str]) -> Iterator[Finding]:
    problems: Counter[str] = Counter()
    originals, future, moment = 0, 0, time.time()
    for ref in screen.tracked(refs, "reading"):
        stored = store.read(ref)
        if stored is None:  # expired meanwhile
            continue
        if stored.entry is None:
            problems[stored.problem or "unknown"] += 1
            continue
        originals += bool(_ORIGINAL_REF.match(ref))
        future += stored.entry.created_at > moment + _SKEW_SECONDS
    unreadable = sum(problems.values())
    if unreadable:
        reason, _ = problems.most_common(1)[0]
        yield Finding(
            "entries",
            "failed",
            f"{unreadable} of {len(refs)} cannot be read, mostly: {reason}. Encrypted ones need --key-env NAME",
        )
    else:
        yield Finding("entries", "ok", f"all {len(refs)} can be read")
    if originals:
        yield Finding(
            "entries of the original", "ok", f"{originals} with references of mcp-refcache 0.2, readable"
        )
    if future:
        yield Finding(
            "clocks",
            "warning",
            f"{future} entries were stored in the future: the clocks of the machines that share this store differ; "
            "keep them in step (NTP), or entries expire early or late",
        )


def _trial(store: Store) -> Iterator[Finding]:
    ref_id = f"doctor:{secrets.token_hex(16)}"
    value = {"text": "a trial of mcp-refcache doctor", "number": 1}
    # nobody but the store's owner may even look at it
    policy = AccessPolicy(user_permissions=Permission.NONE, agent_permissions=Permission.NONE)
    entry = CacheEntry(
        value, "public", policy, created_at=time.time(), expires_at=time.time() + _TRIAL_SECONDS
    )
    try:
        store.backend.set(ref_id, entry)
        read = store.backend.get(ref_id)
        is_removed = store.backend.delete(ref_id)
    except Exception as error:
        yield Finding("writing", "failed", f"a trial entry cannot be written and read: {error}")
        return
    if read is None:
        yield Finding(
            "writing",
            "failed",
            "a trial entry was gone at once: the store's clock differs, or it is full and evicts",
        )
    elif read.value != value or not is_removed:
        yield Finding("writing", "failed", "a trial entry came back changed or could not be removed")
    else:
        yield Finding("writing", "ok", "a trial entry was written, read and removed")
    yield from _file_clock(store)
    yield from _server_clock(store)


def _file_clock(store: Store) -> Iterator[Finding]:
    if store.path is None:
        return
    files = [file for file in (store.path, Path(f"{store.path}-wal")) if file.exists()]
    # just written: its time is the clock of the file system, on a network that of another machine
    skew = abs(max(file.stat().st_mtime for file in files) - time.time())
    if skew > _SKEW_SECONDS:
        yield Finding(
            "clocks", "warning", f"the file's clock differs from this machine's by {skew:.0f} s: see NTP"
        )


def _server_clock(store: Store) -> Iterator[Finding]:
    """Compare with the clock of Redis, which is that of all who share it: tokens of its locks are its time."""
    core = RefCache("doctor", backend=store.backend)._core
    if store.path is not None or not core.shared:
        return
    before = time.time()
    try:
        token = core.acquire(f"doctor:{secrets.token_hex(16)}", _LOCK_SECONDS)
    except Exception as error:
        yield Finding("clocks", "warning", f"the store gives no locks, which tell its time: {error}")
        return
    told = (token or 0) / _MICROSECONDS
    skew = max(before - told, told - time.time(), 0.0)
    if skew > _SKEW_SECONDS:
        yield Finding(
            "clocks", "warning", f"the store's clock differs from this machine's by {skew:,.0f} s: see NTP"
        )
    else:
        yield Finding("clocks", "ok", f"the store's is within {_SKEW_SECONDS:.0f} s of this machine's")
