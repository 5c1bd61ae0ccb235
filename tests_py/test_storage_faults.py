"""What can go wrong with a disk, a server or a process: each a clear error in time, and no harm done."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis_server import RedisServer, need_redis
from stores import Place, end, holders, python
from stores import place as place  # a fixture

from mcp_refcache import POLICY_PUBLIC, RedisBackend, RefCache, SQLiteBackend
from mcp_refcache.exceptions import (
    BackendBusyError,
    BackendConnectionError,
    BackendError,
    BackendIOError,
    BackendTimeoutError,
)

#: Whether there is time for all.
LONG = bool(os.environ.get("REFCACHE_LONG"))
SECRET = "the-secret-value"
PASSWORD = "s3cret-password"

_runs: list[int] = []


def rows(n: int) -> list[str]:
    """A tool."""
    _runs.append(n)
    return [SECRET] * n


async def arows(n: int) -> list[str]:
    """The same, async."""
    return rows(n)


def output(code: str, *arguments: str) -> str:
    """What a process prints that ends well."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def assert_quiet(error: BaseException | str) -> None:
    """Hold that an error tells neither a stored value nor a password."""
    told = error if isinstance(error, str) else f"{error} {error!r} {error.__cause__!r} {error.__context__!r}"
    assert SECRET not in told
    assert PASSWORD not in told


def is_up(cache: RefCache) -> bool:
    """Whether a cache can store again."""
    try:
        cache.set("key", 2)
    except BackendError:
        return False
    return True


def until(holds: Callable[[], Any], seconds: float = 5.0) -> None:
    """Wait for something: a server that is back is tried again after at most a second."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


# -- processes -----------------------------------------------------------------------------------------

FORK = """
import asyncio, os, sys, traceback, warnings
warnings.simplefilter("ignore")
from mcp_refcache import RefCache
cache = RefCache("forks", backend=sys.argv[1])
cache.set("before", [1])

@cache.cached()
def tool(n):
    return [n]

@cache.cached()
async def atool(n):
    return [n]

first = tool(1)
asyncio.run(atool(2))

def use(name):
    assert cache.resolve("before") == [1]
    assert tool(1) == first
    for turn in range(20):
        ref = cache.set(f"{name} {turn}", [name, turn]).ref_id
        assert cache.resolve(ref) == [name, turn]
    async def awork():
        assert await cache.aresolve("before") == [1]
        assert (await atool(2))["value"] == [2]
        async with cache.alock("l", timeout=10):
            await cache.aset(f"{name} async", [name])
    asyncio.run(awork())
    with cache.lock("l", timeout=10):
        pass

children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        try:
            use(f"child {number}")
            grandchild = os.fork()
            if grandchild == 0:
                use(f"grandchild {number}")
                os._exit(0)
            _, status = os.waitpid(grandchild, 0)
            use(f"child {number} later")
            os._exit(status and 1)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    children.append(child)
    use(f"parent {number}")
statuses = [os.waitpid(child, 0)[1] for child in children]
use("parent")
for number in range(3):
    for who in (f"child {number}", f"grandchild {number}", f"child {number} later"):
        assert cache.resolve(f"{who} 19") == [who, 19], who
        assert cache.resolve(f"{who} async") == [who]
print(statuses)
"""


def test_parent_and_children_of_a_fork_use_the_store_before_and_after(place: Place) -> None:
    assert output(FORK, place.url) == "[0, 0, 0]\n"


INTERRUPTED = """
import sys, time
from mcp_refcache import RefCache
cache = RefCache("c", backend=sys.argv[1])
cache.set("before", [1])
print("ready", flush=True)
sys.stdin.readline()
started = time.monotonic()
try:
    if sys.argv[2] == "set":
        cache.set("waits", [2])
    elif sys.argv[2] == "lock":
        with cache.lock("held"):
            pass
    else:
        cache.cached()(lambda: 1)()
except KeyboardInterrupt:
    print(time.monotonic() - started, flush=True)
else:
    print("not interrupted", time.monotonic() - started, flush=True)
sys.stdin.readline()
cache.set("after", [3])
print(cache.resolve("after"), flush=True)
"""


@pytest.mark.parametrize("what", ["set", "tool", *(["lock"] if LONG else [])])
def test_ctrl_c_ends_a_long_wait(place: Place, what: str) -> None:
    process = python(INTERRUPTED, place.url, what)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        place.hold(2.0)
        process.stdin.write("\n")
        process.stdin.flush()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        waited = process.stdout.readline()
        assert float(waited) < 1.2
        time.sleep(1.7)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "[3]\n"
    finally:
        end(process)


READ = """
import json, sys
from mcp_refcache import RefCache
cache = RefCache("c", backend=sys.argv[1])
print(json.dumps([cache.resolve(sys.argv[2]), cache.resolve("key"), cache.resolve("user:a:key 2"), len(cache.keys())]))
"""


def test_references_and_keys_are_good_in_another_process(place: Place) -> None:
    cache = RefCache("c", backend=place.url)
    ref = cache.set("key", [1, None]).ref_id
    cache.set("key 2", "x", namespace="user:a")
    assert json.loads(output(READ, place.url, ref)) == [[1, None], [1, None], "x", 2]


# -- a failing store and tools --------------------------------------------------------------------------


async def test_tools_go_on_uncached_where_that_is_asked_for(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    cache = RefCache("c", backend=own_redis.url, on_backend_error="bypass")
    tool, atool = cache.cached()(rows), cache.cached()(arows)
    first = tool(3)
    own_redis.kill()
    caplog.set_level(logging.WARNING)
    _runs.clear()
    for _ in range(2):
        assert tool(3)["value"] == [SECRET] * 3  # type: ignore[call-overload]
        assert (await atool(3))["value"] == [SECRET] * 3  # type: ignore[call-overload]
    assert len(_runs) == 4
    assert "uncached" in caplog.text
    assert_quiet(caplog.text)
    own_redis.start()
    until(lambda: tool(3).get("ref_id") is not None)  # type: ignore[operator]
    _runs.clear()
    assert tool(3) != first
    assert _runs == []


async def test_tools_raise_what_the_store_raises_else(own_redis: RedisServer) -> None:
    cache = RefCache("c", backend=own_redis.url)
    tool, atool = cache.cached()(rows), cache.cached()(arows)
    own_redis.kill()
    with pytest.raises(BackendConnectionError) as raised:
        tool(3)
    assert_quiet(raised.value)
    with pytest.raises(BackendConnectionError):
        await atool(3)


def test_a_result_is_not_lost_when_the_store_dies_while_it_is_made(own_redis: RedisServer) -> None:
    cache = RefCache("c", backend=own_redis.url)

    @cache.cached()
    def tool() -> list[int]:
        own_redis.kill()
        return [1, 2]

    answer: Any = tool()
    assert answer["value"] == [1, 2]


# -- Redis ----------------------------------------------------------------------------------------------


def redis_cache(server: RedisServer, timeout: float = 0.5) -> RefCache:
    backend = RedisBackend(server.url, socket_timeout=timeout)
    return RefCache("c", backend=backend, default_policy=POLICY_PUBLIC)


def test_a_redis_that_is_gone_is_a_connection_error_until_it_is_back(own_redis: RedisServer) -> None:
    cache = redis_cache(own_redis)
    cache.set("key", [SECRET])
    own_redis.kill()
    calls = (
        lambda: cache.set("key", [SECRET]),
        lambda: cache.resolve("key"),
        lambda: cache.exists("key"),
        lambda: cache.keys(),
        lambda: cache.clear(),
        lambda: cache.lock("name").acquire(0),
        lambda: asyncio.run(cache.aget("key")),  # type: ignore[arg-type, return-value]
    )
    for call in calls:
        started = time.monotonic()
        with pytest.raises(BackendConnectionError) as raised:
            call()
        assert time.monotonic() - started < 2
        assert isinstance(raised.value, ConnectionError)
        assert_quiet(raised.value)
    own_redis.start()
    until(lambda: is_up(cache))
    assert cache.resolve("key") == 2


@pytest.mark.parametrize("is_frozen", [True, False], ids=["frozen", "paused"])
def test_a_redis_that_does_not_answer_is_a_timeout(own_redis: RedisServer, is_frozen: bool) -> None:
    cache = redis_cache(own_redis)
    cache.set("key", 1)
    if is_frozen:
        own_redis.freeze()
    else:
        own_redis.say("CLIENT", "PAUSE", "2000", "ALL")
    started = time.monotonic()
    for call in (lambda: cache.set("key", SECRET), lambda: cache.resolve("key"), lambda: cache.keys()):
        # the later ones may be told at once what is known of the connection
        with pytest.raises(BackendTimeoutError) as raised:
            call()
        assert 0.4 < time.monotonic() - started < 2.5
        assert isinstance(raised.value, TimeoutError)
        assert_quiet(raised.value)
    assert not RedisBackend(own_redis.url, socket_timeout=0.3).ping()
    if is_frozen:
        own_redis.thaw()
    until(lambda: is_up(cache))
    assert cache.resolve("key") == 2


def test_a_redis_that_was_flushed_has_nothing_and_goes_on(redis: RedisServer) -> None:
    cache = redis_cache(redis, 5)
    tool = cache.cached()(rows)
    first = tool(2)
    redis.say("FLUSHALL")
    redis.say("SCRIPT", "FLUSH")
    assert cache.keys() == []
    assert tool(2) != first
    assert tool(2) == tool(2)


def test_a_redis_without_memory_is_an_error_and_its_tools_still_answer(own_redis: RedisServer) -> None:
    cache = redis_cache(own_redis, 5)
    kept = cache.set("key", 1).ref_id
    own_redis.say("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(BackendError) as raised:
        cache.set("other", SECRET)
    assert_quiet(raised.value)
    assert cache.resolve(kept) == 1
    own_redis.say("CONFIG", "SET", "maxmemory", "0")
    assert cache.set("other", 2)


# B13
def test_a_wrong_password_is_an_error_that_does_not_tell_it() -> None:
    need_redis()
    with RedisServer("--requirepass", "right") as server:
        backend = RedisBackend(f"redis://:{PASSWORD}@127.0.0.1:{server.port}")
        with pytest.raises(BackendError) as raised:
            backend.keys()
        assert_quiet(raised.value)
        assert_quiet(repr(backend) + repr(RefCache("c", backend=backend)) + repr(backend.connection_info))
        assert not backend.ping()
        assert RedisBackend(f"redis://:right@127.0.0.1:{server.port}").ping()
        assert RedisBackend(port=server.port, host="127.0.0.1", password="right").keys() == []


# -- SQLite ---------------------------------------------------------------------------------------------


def test_a_locked_file_is_busy_when_the_time_is_up(tmp_path: Path) -> None:
    cache = RefCache("c", backend=SQLiteBackend(tmp_path / "cache.db", timeout=0.3))
    ref = cache.set("key", 1).ref_id
    with holders() as hold:
        hold(tmp_path / "cache.db", 60)
        for call in (lambda: cache.set("key", SECRET), lambda: asyncio.run(cache.aset("key", SECRET))):  # type: ignore[arg-type, return-value]
            started = time.monotonic()
            with pytest.raises(BackendBusyError) as raised:
                call()
            assert 0.2 < time.monotonic() - started < 2
            assert isinstance(raised.value, TimeoutError)
            assert_quiet(raised.value)
        assert cache.resolve(ref) == 1
    cache.set("key", 2)
    assert cache.resolve("key") == 2


UNWRITABLE = """
import os, sys
from mcp_refcache import RefCache, SQLiteBackend
from mcp_refcache.exceptions import BackendIOError
folder, kind = sys.argv[1:]
if kind == "file":
    RefCache("c", backend=SQLiteBackend(f"{folder}/cache.db")).set("key", 1)
    os.chmod(f"{folder}/cache.db", 0o444)
os.chmod(folder, 0o555)
if os.geteuid() == 0:
    os.setuid(65534)
try:
    RefCache("c", backend=SQLiteBackend(f"{folder}/cache.db")).set("key", "the-secret-value")
except BackendIOError as error:
    assert isinstance(error, OSError)
    print("refused", error)
"""


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_cannot_be_written_is_an_os_error(tmp_path: Path, kind: str) -> None:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.stat().st_uid == os.getuid() and folder != Path("/tmp"):
            folder.chmod(0o755)
    folder = tmp_path / "read-only"
    folder.mkdir()
    try:
        told = output(UNWRITABLE, str(folder), kind)
    finally:
        folder.chmod(0o755)
    assert told.startswith("refused")
    assert_quiet(told)


def test_a_place_that_can_hold_no_file_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "cache.db", tmp_path):
        with pytest.raises(BackendIOError) as raised:
            SQLiteBackend(path).keys()
        assert isinstance(raised.value, OSError)


@pytest.mark.parametrize("damage", ["no SQLite file", "its middle overwritten", "cut off"])
def test_a_damaged_file_is_a_backend_error(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "cache.db"
    if damage == "no SQLite file":
        path.write_bytes(b"this is no database " * 500)
    else:
        backend = SQLiteBackend(path)
        cache = RefCache("c", backend=backend)
        for number in range(200):
            cache.set(f"key {number}", SECRET * 100)
        backend.close()
        data = bytearray(path.read_bytes())
        assert len(data) > 100_000
        data[4096:] = os.urandom(len(data) - 4096) if damage != "cut off" else data[4096:50_000]
        path.write_bytes(data)

    def use() -> None:
        broken = RefCache("c", backend=SQLiteBackend(path))
        broken.keys()
        broken.set("key", SECRET)
        for number in range(200):
            broken.resolve(f"key {number}")

    with pytest.raises(BackendError) as raised:
        use()
    assert_quiet(raised.value)


def test_a_file_that_is_deleted_while_open_is_made_again(tmp_path: Path) -> None:
    cache = RefCache("c", backend=SQLiteBackend(tmp_path / "cache.db"))
    tool = cache.cached()(rows)
    tool(2)
    for file in tmp_path.iterdir():
        file.unlink()
    deadline = time.monotonic() + 5
    while not (tmp_path / "cache.db").exists():
        assert time.monotonic() < deadline, "the file was not made again"
        cache.set("key", 1)
        time.sleep(0.05)
    cache.set("key", 2)
    assert cache.resolve("key") == 2
    other = RefCache("c", backend=SQLiteBackend(tmp_path / "cache.db"))
    assert other.resolve("key") == 2


# B17
def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        backend = SQLiteBackend(tmp_path / "made" / "for it" / "cache.db")
        RefCache("c", backend=backend).set("key", 1)
        files = list((tmp_path / "made" / "for it").iterdir())
    finally:
        os.umask(before)
    assert len(files) >= 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    for folder in (tmp_path / "made", tmp_path / "made" / "for it"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("kind", "builtins"),
    [
        (BackendConnectionError, (ConnectionError, OSError)),
        (BackendTimeoutError, (TimeoutError,)),
        (BackendBusyError, (TimeoutError,)),
        (BackendIOError, (OSError,)),
    ],
)
def test_errors_of_stores_are_the_builtins_that_a_caller_would_catch(
    kind: type, builtins: tuple[type, ...]
) -> None:
    assert issubclass(kind, (BackendError, *builtins))
    assert all(issubclass(kind, builtin) for builtin in (BackendError, *builtins))
