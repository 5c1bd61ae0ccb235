"""`mcp-refcache proxy` around servers that nobody here wrote, as a client sees it.

They come from PyPI and npm (`make test` installs them); `MCP_TEST_SERVERS` names further folders to look for them.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from json_file_backend import JsonFileBackend

from mcp_refcache import AccessPolicy, Permission, RefCache

fastmcp = pytest.importorskip("fastmcp")
from fastmcp import Client  # noqa: E402 -- only where it is there
from fastmcp.client.transports import StdioTransport  # noqa: E402

HERE = Path(__file__).parent
FOLDERS = [
    str(Path(sys.executable).parent),
    str(HERE.parent / ".servers" / "node_modules" / ".bin"),
    *os.environ.get("MCP_TEST_SERVERS", "").split(os.pathsep),
]
LINES = [f"{number}: a line of text that is long enough to count for something" for number in range(2000)]


def server(name: str) -> str:
    """The path of a server's program; where there is none a loud skip, or a failure in CI."""
    found = shutil.which(name, path=os.pathsep.join(filter(None, FOLDERS)))
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed: make test does it")
    return found


Connect = Callable[..., AbstractAsyncContextManager[Client]]


#: The eras of the protocol that this FastMCP speaks; old ones know that of the handshake alone.
HAS_ERAS = "mode" in inspect.signature(Client.__init__).parameters
ERAS = ["auto", "legacy"] if HAS_ERAS else ["legacy"]

#: A process for each client, proxy and server takes its time: both eras where they differ.
in_both_eras = pytest.mark.parametrize("connect", ERAS, indirect=True)


@pytest.fixture
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Connect:
    """Connects a client to a program, in the later era of the protocol unless asked for the other."""
    mode = getattr(request, "param", "auto")

    @asynccontextmanager
    async def connect(
        command: list[str], env: dict[str, str] | None = None, **options: Any
    ) -> AsyncIterator[Client]:
        program, *arguments = command
        environment = {**os.environ, **(env or {})}
        with (tmp_path / "errors.txt").open("a") as errors:
            transport = StdioTransport(
                program, arguments, env=environment, cwd=str(HERE), keep_alive=False, log_file=errors
            )
            async with client_of(transport, timeout=60, **{"mode": mode, **options}) as client:
                yield client

    return connect


def client_of(target: Any, *, mode: str, **options: Any) -> Client:
    return Client(target, **({"mode": mode} if HAS_ERAS else {}), **options)


def instructions_of(client: Client) -> str:
    return client.instructions if HAS_ERAS else client.initialize_result.instructions


def proxy(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "mcp_refcache", "proxy", *arguments]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a small and a large file."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "small.txt").write_text("small enough")
    (folder / "large.txt").write_text("\n".join(LINES))
    return folder


@pytest.fixture
def files(folder: Path) -> list[str]:
    """The command of `@modelcontextprotocol/server-filesystem` on that folder."""
    return [server("mcp-server-filesystem"), str(folder)]


@pytest.fixture
def everything() -> list[str]:
    """The command of `@modelcontextprotocol/server-everything`."""
    return [server("mcp-server-everything"), "stdio"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with many commits."""
    path = tmp_path / "repository"
    script = "\n".join(
        f"commit refs/heads/main\ncommitter A <a@example.org> {1_700_000_000 + number} +0000\ndata 9\n"
        f"change{number:03}\n"
        for number in range(300)
    )
    subprocess.run(["git", "init", "-q", "-b", "main", path], check=True)
    subprocess.run(["git", "-C", path, "fast-import", "--quiet"], input=script, text=True, check=True)
    return path


def wire(result: Any) -> dict[str, Any]:
    """What a result is on the wire."""
    return {
        "content": [
            block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content
        ],
        "structured": result.structured_content,
        "error": result.is_error,
    }


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    return await client.call_tool(tool, arguments, raise_on_error=False)


def answer(result: Any) -> dict[str, Any]:
    """The answer of a result, the same in both channels."""
    assert not result.is_error, result.content
    assert len(result.content) == 1
    said = json.loads(result.content[0].text)
    if result.structured_content is not None:
        assert result.structured_content == said
    return said


@in_both_eras
async def test_small_results_pass_as_they_are(connect: Connect, files: list[str], folder: Path) -> None:
    calls = [
        ("read_text_file", {"path": str(folder / "small.txt")}),
        ("list_directory", {"path": str(folder)}),
    ]
    async with connect(files) as direct, connect(proxy("--", *files)) as proxied:
        for tool, arguments in calls:
            assert wire(await call(proxied, tool, **arguments)) == wire(await call(direct, tool, **arguments))


@in_both_eras
async def test_a_large_result_comes_as_a_reference_in_both_channels(
    connect: Connect, files: list[str], folder: Path
) -> None:
    async with connect(proxy("--max-tokens", "200", "--", *files)) as client:
        result = await call(client, "read_text_file", path=str(folder / "large.txt"))
        said = answer(result)
        assert said["ref_id"].startswith("refcache:")
        assert said["is_complete"] is False
        assert LINES[0][:20] in json.dumps(said["preview"])
        assert len(result.content[0].text) < 3000


async def test_nothing_of_a_large_result_is_lost(connect: Connect, files: list[str], folder: Path) -> None:
    async with connect(proxy("--max-tokens", "2000", "--", *files)) as client:
        ref = answer(await call(client, "read_text_file", path=str(folder / "large.txt")))["ref_id"]
        text, page, has_more = "", 0, True
        while has_more:
            page += 1
            said = answer(await call(client, "get_cached_result", ref_id=ref, page=page))
            text, has_more = text + said["preview"], said["has_more"]
    assert text == "\n".join(LINES)


async def test_the_whole_value_can_be_read_at_once(connect: Connect, files: list[str], folder: Path) -> None:
    async with connect(proxy("--max-tokens", "200", "--", *files)) as client:
        path = str(folder / "large.txt")
        ref = answer(await call(client, "read_text_file", path=path, head=500))["ref_id"]
        said = answer(await call(client, "get_cached_result", ref_id=ref, full=True))
    assert said == {"ref_id": ref, "value": "\n".join(LINES[:500]), "is_complete": True}


@in_both_eras
async def test_errors_pass(connect: Connect, files: list[str]) -> None:
    async with connect(files) as direct, connect(proxy("--", *files)) as proxied:
        expected = wire(await call(direct, "read_text_file", path="/etc/passwd"))
        assert expected["error"]
        assert wire(await call(proxied, "read_text_file", path="/etc/passwd")) == expected


async def test_images_and_other_content_pass(connect: Connect, everything: list[str]) -> None:
    async with (
        connect(everything) as direct,
        connect(proxy("--max-tokens", "50", "--", *everything)) as proxied,
    ):
        for tool in ("get-tiny-image", "get-resource-links"):
            assert wire(await call(proxied, tool)) == wire(await call(direct, tool))


@in_both_eras
async def test_tools_are_listed_with_references_where_they_take_structures(
    connect: Connect, files: list[str]
) -> None:
    async with connect(files) as direct, connect(proxy("--", *files)) as proxied:
        expected = {tool.name: tool for tool in await direct.list_tools()}
        listed = {tool.name: tool for tool in await proxied.list_tools()}
    assert set(listed) == {*expected, "get_cached_result", "list_cached_results"}
    paths = schema(listed["read_multiple_files"])["properties"]["paths"]
    assert paths["anyOf"][0]["type"] == "array"
    assert "refcache" in paths["anyOf"][-1]["pattern"] or "a-z" in paths["anyOf"][-1]["pattern"]
    assert schema(listed["read_text_file"])["properties"]["path"] == {"type": "string"}
    for name, tool in expected.items():
        assert listed[name].description == tool.description
        assert listed[name].annotations == tool.annotations


def schema(tool: Any) -> dict[str, Any]:
    return getattr(tool, "input_schema", None) or tool.inputSchema


@in_both_eras
async def test_a_reference_of_one_server_is_the_argument_of_another(
    connect: Connect, files: list[str], folder: Path, repository: Path, tmp_path: Path
) -> None:
    git = server("mcp-server-git")
    config = tmp_path / "mcp.json"
    servers = {"git": {"command": git}, "files": {"command": files[0], "args": files[1:]}}
    config.write_text(json.dumps({"mcpServers": servers}))
    async with connect(proxy("--config", str(config), "--max-tokens", "200")) as client:
        log = answer(await call(client, "git_git_log", repo_path=str(repository), max_count=300))
        assert "change299" in json.dumps(log["preview"])
        target = folder / "log.txt"
        written = await call(client, "files_write_file", path=str(target), content=log["ref_id"])
        assert not written.is_error, written.content
    text = target.read_text()
    assert all(f"change{number:03}" in text for number in range(300))


async def test_a_list_given_by_reference_reaches_a_strict_server_as_a_list(
    connect: Connect, files: list[str], folder: Path, store: JsonFileBackend
) -> None:
    ref = RefCache("refcache", backend=store).set("paths", [str(folder / "small.txt")]).ref_id
    async with connect(proxy("--store", STORE, "--", *files)) as client:
        result = await call(client, "read_multiple_files", paths=ref)
        assert "small enough" in result.content[0].text


STORE = "json_file_backend:from_environment"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JsonFileBackend:
    """A store that the proxy shares with others."""
    monkeypatch.setenv("JSON_STORE", str(tmp_path / "store.json"))
    return JsonFileBackend(tmp_path / "store.json")


async def test_what_may_only_be_used_is_used_and_not_shown(
    connect: Connect, files: list[str], folder: Path, store: JsonFileBackend
) -> None:
    private = AccessPolicy(agent_permissions=Permission.EXECUTE)
    ref = RefCache("refcache", backend=store).set("secret", "the secret", policy=private).ref_id
    async with connect(proxy("--store", STORE, "--", *files)) as client:
        refused = await call(client, "get_cached_result", ref_id=ref, full=True)
        assert refused.is_error
        assert "the secret" not in refused.content[0].text
        target = folder / "target.txt"
        assert not (await call(client, "write_file", path=str(target), content=ref)).is_error
    assert target.read_text() == "the secret"


async def test_a_tool_that_repeats_its_input_does_not_show_what_may_only_be_used(
    connect: Connect, everything: list[str], store: JsonFileBackend
) -> None:
    private = AccessPolicy(agent_permissions=Permission.EXECUTE)
    ref = RefCache("refcache", backend=store).set("secret", "the secret", policy=private).ref_id
    async with connect(proxy("--store", STORE, "--", *everything)) as client:
        result = await call(client, "echo", message=ref)
        said = answer(result)
        assert "the secret" not in str(wire(result))
        assert said["preview"] is None
        assert (await call(client, "get_cached_result", ref_id=said["ref_id"], full=True)).is_error
        # through two tools, and through an error
        again = await call(client, "echo", message=said["ref_id"])
        assert "the secret" not in str(wire(again))
        failed = await call(client, "get-structured-content", location=ref)
        assert failed.is_error
        assert "the secret" not in str(wire(failed))
    assert store.get(said["ref_id"]).value == "Echo: the secret"


async def test_data_is_given_as_json_where_a_server_wants_text(
    connect: Connect, everything: list[str], store: JsonFileBackend
) -> None:
    ref = RefCache("refcache", backend=store).set("data", {"a": [1, 2]}).ref_id
    async with connect(proxy("--store", STORE, "--", *everything)) as client:
        result = await call(client, "echo", message=ref)
        assert result.content[0].text == 'Echo: {"a": [1, 2]}'


async def test_a_reference_that_is_gone_says_what_to_do(
    connect: Connect, files: list[str], folder: Path
) -> None:
    gone = "refcache:" + 32 * "0"
    async with connect(proxy("--", *files)) as client:
        for tool, arguments in (
            ("get_cached_result", {"ref_id": gone}),
            ("write_file", {"path": str(folder / "x"), "content": gone}),
        ):
            result = await call(client, tool, **arguments)
            assert result.is_error
            assert "ref_not_found" in result.content[0].text or "again" in result.content[0].text
    assert not (folder / "x").exists()


@in_both_eras
async def test_results_in_a_store_outlive_the_proxy(
    connect: Connect, files: list[str], folder: Path, store: JsonFileBackend
) -> None:
    async with connect(proxy("--store", STORE, "--max-tokens", "200", "--", *files)) as client:
        ref = answer(await call(client, "read_text_file", path=str(folder / "large.txt")))["ref_id"]
    async with connect(proxy("--store", STORE, "--", *files)) as client:
        said = answer(await call(client, "get_cached_result", ref_id=ref, page=1, page_size=50))
        assert said["preview"] == "\n".join(LINES)[:50]


async def test_tools_can_be_chosen_and_left_out(connect: Connect, files: list[str], folder: Path) -> None:
    path = str(folder / "large.txt")
    for options in (["--exclude", "read_text_*"], ["--tools", "list_directory"]):
        async with connect(proxy("--max-tokens", "200", *options, "--", *files)) as client:
            result = await call(client, "read_text_file", path=path)
            assert result.content[0].text == "\n".join(LINES)


@in_both_eras
async def test_the_servers_own_instructions_are_handed_on(connect: Connect, everything: list[str]) -> None:
    async with connect(everything) as direct, connect(proxy("--", *everything)) as proxied:
        said = instructions_of(proxied)
        assert instructions_of(direct)
        assert said.startswith(instructions_of(direct))
        assert "get_cached_result" in said


@in_both_eras
async def test_the_server_keeps_its_state_between_calls(connect: Connect, everything: list[str]) -> None:
    async with connect(proxy("--", *everything)) as client:
        said = [(await call(client, "toggle-simulated-logging")).content[0].text for _ in range(2)]
    assert said[0].startswith("Started")
    assert said[1].startswith("Stopped")


async def test_the_server_gets_the_environment_of_the_proxy(connect: Connect, everything: list[str]) -> None:
    async with connect(
        proxy("--max-tokens", "100000", "--", *everything), env={"API_KEY_OF_TEST": "k"}
    ) as client:
        text = (await call(client, "get-env")).content[0].text
        assert json.loads(text)["API_KEY_OF_TEST"] == "k"


@in_both_eras
async def test_progress_reaches_the_call_that_it_is_about(connect: Connect, everything: list[str]) -> None:
    async with connect(proxy("--", *everything)) as client:

        async def run(steps: int) -> list[tuple[float, float | None]]:
            seen: list[tuple[float, float | None]] = []

            async def handle(progress: float, total: float | None, message: str | None) -> None:
                seen.append((progress, total))

            await client.call_tool(
                "trigger-long-running-operation", {"duration": 1, "steps": steps}, progress_handler=handle
            )
            return seen

        for steps, seen in zip((2, 3), await asyncio.gather(run(2), run(3)), strict=True):
            assert seen
            assert {total for _, total in seen} == {steps}


async def test_a_question_of_the_server_reaches_the_client(connect: Connect, everything: list[str]) -> None:
    from fastmcp.client.elicitation import ElicitResult

    async def handle(message: str, kind: Any, parameters: Any, context: Any) -> ElicitResult:
        return ElicitResult(action="decline")

    # a server of the handshake era cannot ask in the later one
    options = {"elicitation_handler": handle, "mode": "legacy"}
    async with (
        connect(everything, **options) as direct,
        connect(proxy("--", *everything), **options) as proxied,
    ):
        asked = await call(proxied, "trigger-elicitation-request")
        assert wire(asked) == wire(await call(direct, "trigger-elicitation-request"))


async def test_sampling_roots_and_logs_pass(connect: Connect, everything: list[str]) -> None:
    told: list[str] = []

    async def sample(messages: Any, parameters: Any, context: Any) -> str:
        return f"sampled: {messages[0].content.text}"

    async def log(message: Any) -> None:
        told.append(str(message.data))

    # in the later era of the protocol a server does not ask for these on its own
    options = {"mode": "legacy", "roots": ["file:///mine"], "sampling_handler": sample, "log_handler": log}
    async with connect(proxy("--", *everything), **options) as client:
        sampled = await call(client, "trigger-sampling-request", prompt="a poem", maxTokens=10)
        assert "sampled:" in sampled.content[0].text
        assert "a poem" in sampled.content[0].text
        assert "file:///mine" in (await call(client, "get-roots-list")).content[0].text
        await call(client, "toggle-simulated-logging")
        end = time.monotonic() + 12
        while not any("evel" in text for text in told):  # the first comes at once, if its level is wanted
            assert time.monotonic() < end, told
            await asyncio.sleep(0.1)


async def test_a_page_that_was_fetched_comes_by_reference(connect: Connect, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    rows = "".join(f"<p>{line}</p>" for line in LINES[:300])
    (site / "index.html").write_text(f"<html><body><article>{rows}</article></body></html>")
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=web.serve_forever, daemon=True).start()
    command = proxy(
        "--max-tokens", "200", "--", server("mcp-server-fetch"), "--ignore-robots-txt", "--allow-private-ips"
    )
    try:
        async with connect(command) as client:
            url = f"http://127.0.0.1:{web.server_address[1]}/index.html"
            fetched = answer(await call(client, "fetch", url=url, max_length=100_000))
            assert not fetched["is_complete"]
            whole = answer(await call(client, "get_cached_result", ref_id=fetched["ref_id"], full=True))
            assert all(line in whole["value"] for line in LINES[:300])
    finally:
        web.shutdown()
        web.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the process in /proc")
async def test_a_server_that_dies_is_started_again(connect: Connect, files: list[str], folder: Path) -> None:
    async with connect(proxy("--", *files)) as client:
        path = str(folder / "small.txt")
        await call(client, "read_text_file", path=path)
        pid = _pid_of(files[-1])
        os.kill(pid, signal.SIGKILL)
        results = [await call(client, "read_text_file", path=path) for _ in range(3)]
        assert results[-1].content[0].text == "small enough"
        assert _pid_of(files[-1]) != pid


def _pid_of(argument: str) -> int:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            words = path.read_bytes().split(b"\0")
            if words[0].endswith(b"node") and argument.encode() in words:
                return int(path.parent.name)
    raise AssertionError("the server does not run")


class Programs:
    """Programs that listen on a port."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []

    def __call__(self, command: list[str], port: int, env: dict[str, str] | None = None) -> int:
        process = subprocess.Popen(command, cwd=HERE, env={**os.environ, **(env or {})})
        self._started.append(process)
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return port
            if process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"{command} does not listen")

    def stop(self) -> None:
        while self._started:
            process = self._started.pop()
            process.terminate()
            process.wait(20)


class TestOverHttp:
    """Clients reach the proxy, and the proxy its server, by HTTP."""

    @pytest.fixture
    def start(self) -> Iterator[Programs]:
        programs = Programs()
        yield programs
        programs.stop()

    @pytest.fixture
    def upstream(self, start: Programs, everything: list[str]) -> str:
        port = start([everything[0], "streamableHttp"], free := free_port(), {"PORT": str(free)})
        return f"http://127.0.0.1:{port}/mcp"

    def test_a_running_server_is_wrapped_by_its_url(
        self, upstream: str, start: Programs, connect: Connect
    ) -> None:
        async def run() -> None:
            async with connect(proxy("--url", upstream)) as client:
                assert (await call(client, "get-sum", a=1, b=2)).content[0].text == "The sum of 1 and 2 is 3."
                said = [(await call(client, "toggle-simulated-logging")).content[0].text for _ in range(2)]
                assert [text[:7] for text in said] == ["Started", "Stopped"]

        asyncio.run(run())

    @pytest.mark.skipif(
        fastmcp.__version__.startswith("2."),
        reason="FastMCP 2 does not notice that a server behind a URL went",
    )
    def test_a_server_that_was_restarted_is_reached_again(
        self, start: Programs, everything: list[str], connect: Connect
    ) -> None:
        port = free_port()
        command, env = [everything[0], "streamableHttp"], {"PORT": str(port)}
        start(command, port, env)

        async def run() -> None:
            async with connect(proxy("--url", f"http://127.0.0.1:{port}/mcp")) as client:
                await call(client, "get-sum", a=1, b=2)
                start.stop()
                assert (await call(client, "get-sum", a=1, b=2)).is_error
                await asyncio.to_thread(start, command, port, env)
                results = [await call(client, "get-sum", a=1, b=2) for _ in range(2)]
                assert results[-1].content[0].text == "The sum of 1 and 2 is 3."

        asyncio.run(run())

    @pytest.fixture
    def url(self, start: Programs, files: list[str]) -> str:
        port = free_port()
        start(proxy("--transport", "http", "--port", str(port), "--max-tokens", "200", "--", *files), port)
        return f"http://127.0.0.1:{port}/mcp"

    @pytest.mark.parametrize("mode", ERAS)
    def test_clients_use_references_over_http(self, mode: str, url: str, folder: Path) -> None:
        async def run() -> None:
            async with client_of(url, mode=mode) as client:
                ref = answer(await call(client, "read_text_file", path=str(folder / "large.txt")))["ref_id"]
                copy = str(folder / "copy.txt")
                written = await call(client, "write_file", path=copy, content=ref)
                assert not written.is_error, written.content

        asyncio.run(run())
        assert (folder / "copy.txt").read_text() == "\n".join(LINES)

    def test_a_session_cannot_use_the_references_of_another(self, url: str, folder: Path) -> None:
        async def run() -> None:
            async with client_of(url, mode="legacy") as one, client_of(url, mode="legacy") as other:
                ref = answer(await call(one, "read_text_file", path=str(folder / "large.txt")))["ref_id"]
                assert (await call(other, "get_cached_result", ref_id=ref)).is_error
                assert (await call(other, "write_file", path=str(folder / "copy.txt"), content=ref)).is_error

        asyncio.run(run())
        assert not (folder / "copy.txt").exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
