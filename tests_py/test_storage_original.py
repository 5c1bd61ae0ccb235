"""The original reads and writes the same SQLite file and the same Redis, at the same time."""

from __future__ import annotations

import json
import math
import subprocess
import time
from typing import Any

import pytest
from original import original_python
from stores import Place
from stores import place as place  # a fixture

from mcp_refcache import POLICY_EXECUTE_ONLY, RefCache

#: What both packages can do, done by the original.
THEIRS = """
import json, sys, time
from mcp_refcache import PreviewConfig, RedisBackend, RefCache, SQLiteBackend
url, task = sys.argv[1:3]
backend = RedisBackend(url=url) if url.startswith("redis") else SQLiteBackend(url.removeprefix("sqlite:///"))
cache = RefCache(name="shared", backend=backend)
if task == "write":
    refs = {}
    for name, text in json.loads(sys.argv[3]).items():
        refs[name] = cache.set(name, json.loads(text), tool_name="theirs", ttl=600).ref_id
    print(json.dumps(refs))
elif task == "read":
    print(json.dumps({ref: cache.resolve(ref, actor="user") for ref in json.loads(sys.argv[3])}))
elif task == "work":
    made = {}
    for number in range(int(sys.argv[3])):
        value = ["theirs", number, "x" * (number * 10)]
        ref = cache.set(f"theirs {number}", value).ref_id
        assert cache.resolve(ref, actor="user") == value
        made[ref] = value
    print(json.dumps(made))
elif task == "clear":
    print(json.dumps([cache.clear(sys.argv[3]), cache.exists(sys.argv[4])]))
else:
    from mcp_refcache import PermissionDenied
    try:
        cache.resolve(sys.argv[3], actor="agent")
    except PermissionDenied:
        print(json.dumps("denied"))
"""

VALUES: dict[str, Any] = {
    "rows": [{"id": number, "name": f"row {number}", "score": number / 7} for number in range(400)],
    "text": "é \u2028 😀 " * 100,
    "numbers": [math.inf, -0.0, 1e300, 2**200, 0.1],
    "surrogate": {"\ud800": "\udfff"},
    "nested": {"a": {"b": [{}, [], "", None, True]}},
}


@pytest.fixture(scope="module")
def python() -> str:
    return original_python()


def theirs(python: str, url: str, task: str, *arguments: str) -> Any:
    """What the original answers."""
    done = subprocess.run(
        [python, "-c", THEIRS, url, task, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_what_it_wrote_is_read_here(python: str, place: Place) -> None:
    refs = theirs(
        python, place.url, "write", json.dumps({name: json.dumps(value) for name, value in VALUES.items()})
    )
    cache = RefCache("shared", backend=place.url)
    for name, ref in refs.items():
        assert cache.resolve(ref) == VALUES[name]
    page: Any = cache.get(refs["rows"], page=3, page_size=10)
    assert page.preview == VALUES["rows"][20:30]
    assert sorted(cache.keys()) == sorted(refs.values())
    assert cache.delete(refs["text"], actor="user")
    assert cache.clear() == len(VALUES) - 1


def test_what_is_written_here_it_reads(python: str, place: Place) -> None:
    cache = RefCache("shared", backend=place.url)
    values: dict[str, Any] = {**VALUES, "typed": {1: (2, 3), "tags": {"only"}}}
    refs = {cache.set(name, value, ttl=600).ref_id: value for name, value in values.items()}
    secret = cache.set("secret", 1, policy=POLICY_EXECUTE_ONLY).ref_id
    read = theirs(python, place.url, "read", json.dumps(list(refs)))
    for ref, value in refs.items():
        expected = json.loads(json.dumps(value, default=str))
        assert read[ref] == expected
    assert theirs(python, place.url, "denied", secret) == "denied"
    kept = cache.set("kept", 1, namespace="user:a").ref_id
    cleared, is_there = theirs(python, place.url, "clear", "public", kept)
    assert (cleared, is_there) == (len(values) + 1, True)
    assert (cache.keys(), cache.exists("secret"), cache.resolve("kept")) == ([kept], False, 1)


def test_both_work_at_the_same_time(python: str, place: Place) -> None:
    cache = RefCache("shared", backend=place.url)
    cache.set("first", 1)
    with subprocess.Popen(
        [python, "-c", THEIRS, place.url, "work", "60"], stdout=subprocess.PIPE, text=True
    ) as process:
        ours: dict[str, Any] = {}
        number = 0
        while process.poll() is None:
            value = ["ours", number, ("tuple",)]
            ref = cache.set(f"ours {number}", value).ref_id
            assert cache.resolve(ref) == cache.resolve(f"ours {number}") == value
            ours[ref] = value
            number += 1
            time.sleep(0.005)
        assert process.stdout is not None
        made = json.loads(process.stdout.read())
    assert len(made) == 60
    for ref, value in {**made, **ours}.items():
        assert cache.resolve(ref) == value
    assert len(cache.keys()) == len(made) + len(ours) + 1
    some = list(ours)[-50:]
    assert theirs(python, place.url, "read", json.dumps(some)) == {
        ref: json.loads(json.dumps(ours[ref])) for ref in some
    }
