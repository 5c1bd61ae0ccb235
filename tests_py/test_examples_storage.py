"""The examples with stores run as they stand, in SQLite files and in a real Redis."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from redis_server import RedisServer, free_port, need_redis

EXAMPLES = Path(__file__).parent.parent / "examples"
SERVERS = EXAMPLES / "two_servers"
DOCKER = EXAMPLES / "redis-docker"
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    need_redis()
    with RedisServer(password=settings()["VALKEY_PASSWORD"]) as server:
        yield server


def run(script: str, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, EXAMPLES / script, *arguments], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("transport", ["stdio", "sse", "http"])
def test_a_reference_goes_from_one_server_to_the_other_through_a_file(transport, tmp_path) -> None:
    told = run("two_servers/demo.py", "--transport", transport, "--store", f"sqlite:///{tmp_path}/cache.db")
    assert "2000 primes went from one server to the other" in told
    assert "17389" in told


def test_a_reference_goes_from_one_server_to_the_other_through_redis(redis) -> None:
    assert "2000 primes went" in run("two_servers/demo.py", "--store", redis.url)


def test_an_encrypted_store_shows_nothing_and_keys_rotate() -> None:
    assert "is not in the keyring" in run("encrypted_store.py")


def test_entries_move_from_a_file_into_memory_and_into_redis(redis) -> None:
    for arguments in ([], [redis.url]):
        assert "still not to be seen" in run("move_between_stores.py", *arguments)


def test_equal_calls_of_several_processes_run_once_on_a_file_and_on_redis(redis) -> None:
    for arguments in ([], [redis.url]):
        assert "4 processes: 1 run, 4 passages" in run("one_at_a_time.py", *arguments)


# -- examples/redis-docker: no Docker here, so what Compose would do is done by hand ----------------


def settings() -> dict[str, str]:
    """What `.env.example` says."""
    lines = (DOCKER / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def compose(variables: dict[str, str]) -> dict:
    """The Compose file with its variables filled in."""
    yaml = importlib.import_module("yaml")
    text = (DOCKER / "docker-compose.yml").read_text()
    return yaml.safe_load(VARIABLE.sub(lambda found: variables.get(found[1], found[2] or ""), text))


def test_all_that_the_env_file_says_is_read_and_all_that_is_read_is_in_it() -> None:
    read = {name for name, _ in VARIABLE.findall((DOCKER / "docker-compose.yml").read_text())}
    assert read == set(settings())


def test_the_services_wait_for_each_others_health_and_listen_on_this_machine_only() -> None:
    services = compose({})["services"]
    assert set(services) == {"valkey", "redis-calculator", "redis-data-analysis"}
    for name, service in services.items():
        assert service["healthcheck"]["test"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    for name in ("redis-calculator", "redis-data-analysis"):
        assert services[name]["depends_on"] == {"valkey": {"condition": "service_healthy"}}
        assert (DOCKER / services[name]["build"]["context"] / services[name]["build"]["dockerfile"]).is_file()


def test_zed_connects_to_where_the_services_listen() -> None:
    zed = json.loads((DOCKER / ".zed" / "settings.json").read_text())["context_servers"]
    for variables in ({}, settings()):
        services = compose(variables)["services"]
        for name, server in zed.items():
            _, outside, inside = services[name]["ports"][0].split(":")
            assert server["args"] == ["mcp-remote", f"http://localhost:{outside}/sse"]
            assert services[name]["command"][-1] == inside


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    kept = {line[1:] for line in (DOCKER / "Dockerfile.dockerignore").read_text().split() if line[0] == "!"}
    assert {"Cargo.toml", "pyproject.toml", "src", "python", "examples/two_servers"} <= kept
    assert all((EXAMPLES.parent / path).exists() for path in kept)


@asynccontextmanager
async def served(service: dict, redis: RedisServer):
    """Start a service as Compose would, at a port that is free; the port."""
    port = free_port()
    script, *arguments, _ = service["command"]
    arguments = ["127.0.0.1" if argument == "0.0.0.0" else argument for argument in arguments]
    there = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *[script, *arguments, str(port)],
        cwd=SERVERS,
        env={**os.environ, **service["environment"], **there, "FASTMCP_LOG_LEVEL": "ERROR"},
    )
    try:
        deadline = time.monotonic() + 60
        while await asyncio.to_thread(health, port) != 200:
            assert process.returncode is None, "the server ended; what it said stands above"
            assert time.monotonic() < deadline, "the server did not become healthy"
            await asyncio.sleep(0.1)
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def health(port: int, host: str = "localhost") -> int:
    """What the server answers to who calls it by this name; 0 = nothing."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/health", headers={"Host": host})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


async def test_the_two_services_share_a_reference_over_sse(redis) -> None:
    client = importlib.import_module("fastmcp").Client
    services = compose(settings())["services"]
    async with (
        served(services["redis-calculator"], redis) as calculator,
        served(services["redis-data-analysis"], redis) as analysis,
        client(f"http://localhost:{calculator}/sse") as one,
        client(f"http://localhost:{analysis}/sse") as two,
    ):
        primes = (await one.call_tool("generate_primes", {"count": 500})).structured_content
        assert not primes["is_complete"]
        found = (await two.call_tool("analyze_data", {"data": primes["ref_id"]})).structured_content
        assert await asyncio.to_thread(health, calculator, host="evil.example") == 421
        assert found["value"]["count"] == 500
        assert found["value"]["max"] == 3571


async def test_a_service_without_its_store_is_not_healthy(tmp_path) -> None:
    service = compose(settings())["services"]["redis-calculator"]
    with ExitStack() as store:
        redis = store.enter_context(RedisServer(password=settings()["VALKEY_PASSWORD"]))
        async with served(service, redis) as port:
            assert await asyncio.to_thread(health, port) == 200
            store.close()
            assert await asyncio.to_thread(health, port) == 503
