"""The commands that look into a store, and the one that writes a client's configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from json_file_backend import JsonFileBackend
from redis_server import RedisServer, need_redis

import mcp_refcache
from mcp_refcache import NEVER, AccessPolicy, CacheEntry, EncryptedBackend, Permission, RefCache
from mcp_refcache._cli import main, store
from mcp_refcache._cli.entries import Store
from mcp_refcache._cli.servers import command_name
from mcp_refcache._cli.store_checks import store_findings

HERE = Path(__file__).parent
SECRET = "the-secret-of-alice"
KEY = EncryptedBackend.generate_key()


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    need_redis()
    with RedisServer() as redis:
        yield redis


@pytest.fixture(params=["json", "sqlite", "sealed sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a store that does not exist yet; that of a sealed one needs the key in `CACHE_KEY`."""
    if request.param == "json":
        monkeypatch.setenv("JSON_STORE", str(tmp_path / "store.json"))
        return "json_file_backend:from_environment"
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis")
        server.say("FLUSHALL")
        return server.url
    if request.param.startswith("sealed"):
        monkeypatch.setenv("CACHE_KEY", KEY)
    return f"sqlite:///{tmp_path / 'store' / 'cache.db'}"


@pytest.fixture
def cache(url: str) -> RefCache:
    """A cache in that store with three entries; a second cache has one more."""
    backend: Any = (
        JsonFileBackend(os.environ["JSON_STORE"])
        if url.startswith("json")
        else RefCache("x", backend=url)._backend
    )
    if "CACHE_KEY" in os.environ:
        backend = EncryptedBackend(backend, key=KEY)
    RefCache("other", backend=backend).set("k", "short", ttl=NEVER)
    cache = RefCache("calc", backend=backend)
    cache.set("primes", list(range(500)), tool_name="primes")
    private = AccessPolicy(owner="user:alice", agent_permissions=Permission.EXECUTE)
    cache.set("salaries", {"alice": SECRET}, namespace="user:alice", policy=private, tool_name="payroll")
    cache.set("brief", [1], namespace="session:s1", ttl=60)
    return cache


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], url: str) -> Callable[..., tuple[int, str, str]]:
    """Runs a command on the store; gives exit code, output and errors."""

    def run(command: str, *arguments: str) -> tuple[int, str, str]:
        key = ["--key-env", "CACHE_KEY"] if "CACHE_KEY" in os.environ else []
        code = main([command, *key, *arguments, "--store", url])
        return code, *capsys.readouterr()

    return run


def ref_of(cache: RefCache, key: str, namespace: str = "public") -> str:
    return cache._core.find(key, namespace).ref_id


def test_ls_lists_the_newest_entries_first_as_a_table(cache: RefCache, run) -> None:
    code, out, _ = run("ls")
    assert code == 0
    assert "4 of 4 entries" in out
    order = [out.index(name) for name in ("session:s1", "payroll", "primes", "other:")]
    assert order == sorted(order)
    assert "user:alice" in out
    assert "never" in out


def test_ls_as_json_has_what_is_known_and_no_values(cache: RefCache, run, url: str) -> None:
    _, out, err = run("ls", "--json")
    listing = json.loads(out)
    assert err == ""
    assert listing["total"] == 4
    entry = next(entry for entry in listing["entries"] if entry["tool"] == "payroll")
    assert entry.pop("created_at") == pytest.approx(time.time(), abs=60)
    assert entry.pop("expires_at") == pytest.approx(time.time() + 3600, abs=60)
    assert entry == {
        "ref_id": ref_of(cache, "salaries", "user:alice"),
        "cache": "calc",
        "readable": True,
        "namespace": "user:alice",
        "tool": "payroll",
        "owner": "user:alice",
        "items": 1,
        "size": len(json.dumps({"alice": SECRET})),
    }


@pytest.mark.parametrize("command", [["ls"], ["ls", "--json"], ["stats"], ["stats", "--json"], ["doctor"]])
def test_values_are_not_shown_unasked(command: list[str], cache: RefCache, run) -> None:
    _, out, err = run(*command)
    assert SECRET not in out + err


def test_ls_shows_the_beginning_of_values_when_asked(cache: RefCache, run) -> None:
    assert SECRET in run("ls", "--values")[1]
    entries = json.loads(run("ls", "--values", "--json")[1])["entries"]
    assert next(entry["value"] for entry in entries if entry["tool"] == "primes").startswith("[0, 1, 2")


@pytest.mark.parametrize(
    ("options", "total"),
    [
        (["--namespace", "user:*"], 1),
        (["--namespace", "public"], 2),
        (["--cache", "other"], 1),
        (["--cache", "calc", "--tool", "p*"], 2),
        (["--tool", "none"], 0),
    ],
)
def test_filters_choose_entries(options: list[str], total: int, cache: RefCache, run) -> None:
    assert json.loads(run("ls", "--json", *options)[1])["total"] == total
    assert json.loads(run("stats", "--json", *options)[1])["entries"] == total


def test_ls_sorts_and_limits(cache: RefCache, run) -> None:
    _, out, err = run("ls", "--sort", "largest", "--limit", "1")
    assert "1 of 4" in out
    assert "primes" in out
    assert "3 more" in err
    soonest = json.loads(run("ls", "--sort", "expiry", "--json")[1])["entries"][0]
    assert soonest["namespace"] == "session:s1"


def test_show_tells_policy_and_metadata_but_no_value(cache: RefCache, run) -> None:
    code, out, err = run("show", ref_of(cache, "salaries", "user:alice"))
    assert code == 0
    assert "EXECUTE" in out
    assert "payroll" in out
    assert SECRET not in out + err


def test_show_with_values_prints_the_value_alone_to_be_piped_on(cache: RefCache, run) -> None:
    code, out, _ = run("show", ref_of(cache, "salaries", "user:alice"), "--values")
    assert (code, json.loads(out)) == (0, {"alice": SECRET})


def test_show_as_json_has_the_value_only_when_asked(cache: RefCache, run) -> None:
    ref = ref_of(cache, "salaries", "user:alice")
    shown = json.loads(run("show", ref, "--json")[1])
    assert shown["policy"]["agent_permissions"] == "EXECUTE"
    assert "value" not in shown
    assert json.loads(run("show", ref, "--json", "--values")[1])["value"] == {"alice": SECRET}


def test_show_of_a_missing_entry_fails_and_says_so(cache: RefCache, run) -> None:
    code, out, err = run("show", "calc:0123456789abcdef")
    assert (code, out) == (1, "")
    assert "no live entry" in err


def test_stats_count_by_cache_namespace_and_tool(cache: RefCache, run) -> None:
    stats = json.loads(run("stats", "--json")[1])
    assert stats["entries"] == 4
    assert stats["not_readable"] == 0
    assert stats["never_expire"] == 1
    assert stats["expire_within_an_hour"] == 3
    assert stats["caches"]["calc"]["entries"] == 3
    assert stats["namespaces"]["public"]["entries"] == 2
    assert stats["tools"]["primes"] == {"entries": 1, "characters": len(json.dumps(list(range(500))))}
    assert stats["characters"] == sum(one["characters"] for one in stats["caches"].values())
    assert "payroll" in run("stats")[1]


def test_clear_wants_to_know_what(cache: RefCache, run) -> None:
    for options in ([], ["--all", "--cache", "calc"], ["calc:0123456789abcdef", "--all"]):
        code, _, err = run("clear", "--yes", *options)
        assert code == 2
        assert "say what to remove" in err


def test_clear_asks_first_and_does_nothing_where_nobody_answers(
    cache: RefCache, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    code, _, err = run("clear", "--all")
    assert code == 2
    assert "--yes" in err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "")
    code, _, err = run("clear", "--all")
    assert (code, len(cache._backend.keys())) == (1, 4)
    assert "nothing was removed" in err


@pytest.mark.parametrize(
    ("options", "left"),
    [(["--namespace", "user:*"], 3), (["--cache", "other"], 3), (["--tool", "primes"], 3), (["--all"], 0)],
)
def test_clear_removes_what_was_chosen(options: list[str], left: int, cache: RefCache, run) -> None:
    _, out, _ = run("clear", "--dry-run", *options)
    assert f"{4 - left} entries would be removed" in out
    assert len(cache._backend.keys()) == 4
    code, out, _ = run("clear", "--yes", "--json", *options)
    assert (code, json.loads(out)["removed"]) == (0, 4 - left)
    assert len(cache._backend.keys()) == left


def test_clear_removes_single_references(cache: RefCache, run) -> None:
    code, out, _ = run("clear", "--yes", ref_of(cache, "primes"), "calc:0123456789abcdef")
    assert code == 0
    assert "1 entries removed" in out
    assert not cache.exists("primes")


def test_export_and_import_move_entries_with_their_policies(
    cache: RefCache, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "entries.jsonl"
    assert run("export", str(file))[0] == 2  # which of the two caches?
    code, out, _ = run("export", str(file), "--cache", "calc", "--json")
    assert (code, json.loads(out)["entries"]) == (0, 3)
    assert file.stat().st_mode & 0o777 == 0o600
    assert run("export", str(file), "--cache", "calc")[0] == 1  # not over an existing file
    ref = ref_of(cache, "salaries", "user:alice")
    policy = cache._backend.get(ref).policy
    monkeypatch.setenv("JSON_STORE", str(tmp_path / "second.json"))
    assert main(["import", str(file), "--store", "json_file_backend:from_environment"]) == 0
    entry = JsonFileBackend(tmp_path / "second.json").get(ref)
    assert entry is not None
    assert (entry.value, entry.policy) == ({"alice": SECRET}, policy)


def test_what_was_exported_comes_back_into_the_store(cache: RefCache, run, tmp_path: Path) -> None:
    file = tmp_path / "entries.jsonl"
    ref = ref_of(cache, "salaries", "user:alice")
    assert run("export", str(file), "--cache", "calc")[0] == 0
    assert run("clear", "--cache", "calc", "--yes")[0] == 0
    assert not cache.exists(ref)
    assert run("import", str(file))[0] == 0
    entry = cache._backend.get(ref)
    assert entry is not None
    assert entry.value == {"alice": SECRET}


def test_what_is_encrypted_is_not_shown_without_the_key(
    cache: RefCache, run, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if "CACHE_KEY" not in os.environ:
        assert SECRET in run("show", ref_of(cache, "salaries", "user:alice"), "--values")[1]
        return
    monkeypatch.delenv("CACHE_KEY")
    ref = ref_of(cache, "salaries", "user:alice")
    code, out, err = run("show", ref, "--values")
    assert (code, out) == (1, "")
    assert "--key-env" in err
    code, out, err = run("ls", "--values", "--json")
    assert SECRET not in out + err
    assert [each["readable"] for each in json.loads(out)["entries"]] == [False] * 4
    assert json.loads(run("stats", "--json")[1])["not_readable"] == 4
    assert run("doctor")[0] == 1
    assert run("export", str(tmp_path / "out.jsonl"), "--cache", "calc")[0] == 1
    monkeypatch.setenv("CACHE_KEY", EncryptedBackend.generate_key())  # another one
    code, out, err = run("show", ref, "--values")
    assert (code, out) == (1, "")
    assert SECRET not in err


def test_import_refuses_a_file_that_is_no_export(run, tmp_path: Path) -> None:
    file = tmp_path / "other.jsonl"
    file.write_text('{"some": "thing"}\n')
    code, _, err = run("import", str(file))
    assert code == 1
    assert "no export" in err
    assert run("import", str(tmp_path / "none.jsonl"))[0] == 1


def test_doctor_finds_a_healthy_store_healthy(cache: RefCache, run) -> None:
    code, out, _ = run("doctor", "--json")
    report = json.loads(out)
    findings = {finding["subject"]: finding for finding in report["findings"]}
    assert (code, report["healthy"]) == (0, True)
    assert findings["entries"]["text"] == "all 4 can be read"
    assert findings["writing"]["state"] == "ok"
    assert findings["fastmcp"]["state"] == "ok"
    assert len(cache._backend.keys()) == 4  # the trial entry is gone
    assert "doctor" in run("doctor")[1]


def test_doctor_knows_entries_of_the_original(cache: RefCache, run) -> None:
    entry = CacheEntry([1], "public", AccessPolicy(), created_at=time.time())
    cache._backend.set("calc:0123456789abcdef", entry)
    assert "1 with references of mcp-refcache 0.2" in run("doctor", "--read-only", "--json")[1]


def test_doctor_sees_clocks_that_differ(cache: RefCache, run) -> None:
    entry = CacheEntry([1], "public", AccessPolicy(), created_at=time.time() + 600)
    cache._backend.set("calc:" + 32 * "a", entry)
    report = json.loads(run("doctor", "--json")[1])
    clocks = next(finding for finding in report["findings"] if finding["subject"] == "clocks")
    assert clocks["state"] == "warning"
    assert "NTP" in clocks["text"]


def test_doctor_asks_redis_for_its_time(redis: RedisServer, capsys, monkeypatch) -> None:
    def clocks() -> dict[str, str]:
        assert main(["doctor", "--json", "--store", redis.url]) == 0
        findings = json.loads(capsys.readouterr().out)["findings"]
        return next(each for each in findings if each["subject"] == "clocks")

    redis.say("FLUSHALL")
    assert clocks()["state"] == "ok"
    now = time.time
    monkeypatch.setattr("time.time", lambda: now() - 600)
    assert clocks()["state"] == "warning"
    assert "600 s" in clocks()["text"]


class TestAnEntryThatCannotBeRead:
    """Sealed without a key, or somebody else's: the others are still good."""

    @pytest.fixture
    def url(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setenv("JSON_STORE", str(tmp_path / "store.json"))
        return "json_file_backend:from_environment"

    @pytest.fixture
    def sealed(self, cache: RefCache, tmp_path: Path) -> str:
        ref = ref_of(cache, "primes")
        entries = json.loads((tmp_path / "store.json").read_text())
        del entries[ref]["value"]
        (tmp_path / "store.json").write_text(json.dumps(entries))
        return ref

    def test_it_is_listed_without_a_value(self, sealed: str, run) -> None:
        assert "(not readable)" in run("ls", "--values")[1]
        entry = next(
            entry for entry in json.loads(run("ls", "--json")[1])["entries"] if entry["ref_id"] == sealed
        )
        assert entry == {
            "ref_id": sealed,
            "cache": "calc",
            "readable": False,
            "problem": "this entry is sealed",
        }

    def test_it_is_counted_apart(self, sealed: str, run) -> None:
        stats = json.loads(run("stats", "--json")[1])
        assert (stats["entries"], stats["not_readable"]) == (4, 1)

    def test_show_says_how_to_give_the_key(self, sealed: str, run) -> None:
        code, out, err = run("show", sealed, "--values")
        assert (code, out) == (1, "")
        assert "--key-env" in err

    def test_doctor_finds_it_broken(self, sealed: str, run) -> None:
        code, out, _ = run("doctor", "--json")
        assert code == 1
        assert "1 of 4 cannot be read" in out


def test_text_of_others_cannot_steer_the_terminal(cache: RefCache, run) -> None:
    cache.set("k", 1, namespace="custom:\x1b[2J[bold red]", tool_name="\x1b]0;title\x07")
    for command in (
        ["ls"],
        ["ls", "--values"],
        ["stats"],
        ["show", ref_of(cache, "k", "custom:\x1b[2J[bold red]")],
    ):
        _, out, err = run(*command)
        assert "\x1b" not in out + err
        assert "\x07" not in out + err
        assert "[bold red]" in out


def test_json_comes_without_rich_and_a_table_says_what_to_install(
    cache: RefCache, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name == "rich" or name.startswith("rich.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    assert run("ls", "--json")[0] == 0
    code, _, err = run("ls")
    assert code == 2
    assert "pip install 'mcp-refcache[cli]'" in err
    code, out, _ = run("doctor")
    assert code == 0
    assert "rich: " in out


class TestTheFileOfAStore:
    """What `doctor` says about it."""

    @pytest.fixture
    def findings(self, tmp_path: Path) -> Callable[[], list[Any]]:
        folder = tmp_path / "folder"
        folder.mkdir(mode=0o700)
        path = folder / "store.json"
        backend = JsonFileBackend(path)
        RefCache("calc", backend=backend).set("k", 1)
        path.chmod(0o600)
        return lambda: list(store_findings(Store("here", backend, path), may_write=True))

    def test_a_private_one_is_well(self, findings) -> None:
        assert {finding.state for finding in findings()} == {"ok"}
        assert "free space" in {finding.subject for finding in findings()}

    @pytest.mark.skipif(os.name != "posix", reason="has no such modes")
    @pytest.mark.parametrize(("name", "mode", "advice"), [("store.json", 0o644, "600"), ("", 0o755, "700")])
    def test_one_that_is_open_to_others_is_told_with_what_to_do(
        self, name: str, mode: int, advice: str, findings, tmp_path: Path
    ) -> None:
        path = tmp_path / "folder" / name
        path.chmod(mode)
        (finding,) = [finding for finding in findings() if finding.state != "ok"]
        assert finding.state == "warning"
        assert f"chmod {advice} '{path}'" in finding.text


class TestTheChoiceOfAStore:
    """What `--store` means."""

    def test_a_store_that_is_not_there_is_not_made(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "none.db"
        assert main(["ls", "--store", f"sqlite:///{path}"]) == 1
        assert "there is no store at" in capsys.readouterr().err
        assert not path.exists()

    def test_the_default_is_the_file_of_the_servers(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("MCP_REFCACHE_DB_PATH", raising=False)
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        assert store.default_path() == Path.home() / ".cache" / "mcp-refcache" / "cache.db"
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert store.default_path() == tmp_path / "mcp-refcache" / "cache.db"
        monkeypatch.setenv("MCP_REFCACHE_DB_PATH", str(tmp_path / "mine.db"))
        assert store.default_path() == tmp_path / "mine.db"

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("memory", "lives in its server"),
            ("no_such_module:backend", "No module named"),
            ("json_file_backend:nothing", "has no attribute"),
            ("json_file_backend:json", "must be a backend"),
            ("ftp://somewhere", "ftp://somewhere"),
        ],
    )
    def test_what_is_no_store_is_refused(
        self, url: str, says: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["ls", "--store", url]) == 2
        assert says in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("redis://:secret@host:6379/0", "redis://:***@host:6379/0"),
            ("redis://me:secret@host/0", "redis://me:***@host/0"),
            ("redis://host/0?password=secret&x=1", "redis://host/0?password=***&x=1"),
            ("redis://host", "redis://host"),
        ],
    )
    def test_passwords_are_not_shown(self, url: str, shown: str) -> None:
        assert store.without_password(url) == shown

    def test_a_cache_of_a_server_can_be_opened(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "my_server_of_test.py").write_text(
            "from mcp_refcache import RefCache\ncache = RefCache('mine')\ncache.set('k', [1, 2])\n"
        )
        monkeypatch.chdir(tmp_path)
        assert main(["ls", "--json", "--store", "my_server_of_test:cache"]) == 0
        assert json.loads(capsys.readouterr().out)["total"] == 1

    def test_a_key_that_is_not_there_is_said(
        self, cache: RefCache, run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("NO_SUCH_KEY", raising=False)
        code, _, err = run("ls", "--key-env", "NO_SUCH_KEY")
        assert code == 2
        assert "NO_SUCH_KEY" in err


class TestTheClientsConfiguration:
    """`mcp-refcache config`."""

    @pytest.fixture
    def config(self, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
        def config(*arguments: str) -> dict[str, Any]:
            assert main(["config", "--launcher", "mcp-refcache", *arguments]) == 0
            return json.loads(capsys.readouterr().out)["mcpServers"]

        return config

    def test_a_command_is_wrapped(self, config) -> None:
        assert config(
            "--max-tokens", "500", "--exclude", "a*", "--", "npx", "-y", "@scope/server-x", "--", "/d"
        ) == {
            "server-x": {
                "command": "mcp-refcache",
                "args": [
                    *("proxy", "--max-tokens", "500", "--exclude", "a*"),
                    *("--", "npx", "-y", "@scope/server-x", "--", "/d"),
                ],
            }
        }

    def test_a_url_is_wrapped(self, config) -> None:
        assert config("--url", "https://example.org/mcp", "--name", "web") == {
            "web": {"command": "mcp-refcache", "args": ["proxy", "--url", "https://example.org/mcp"]}
        }

    def test_each_server_of_a_configuration_is_wrapped(self, config, tmp_path: Path) -> None:
        file = tmp_path / "mcp.json"
        servers = {
            "files": {
                "command": "npx",
                "args": ["server", "${HOME}"],
                "env": {"A": "${TOKEN}"},
                "autoApprove": ["x"],
            },
            "web": {
                "url": "https://example.org/sse",
                "type": "sse",
                "headers": {"Authorization": "Bearer t0ken"},
            },
            "off": {"command": "x", "disabled": True},
        }
        file.write_text(json.dumps({"mcpServers": servers}))
        wrapped = config("--config", str(file), "--store", "sqlite:///x.db")
        assert wrapped == {
            "files": {
                "command": "mcp-refcache",
                "args": ["proxy", "--store", "sqlite:///x.db", "--", "npx", "server", "${HOME}"],
                "env": {"A": "${TOKEN}"},
                "autoApprove": ["x"],
            },
            "web": {
                "command": "mcp-refcache",
                "args": [
                    *("proxy", "--store", "sqlite:///x.db"),
                    *("--header-env", "Authorization=MCP_REFCACHE_WEB_AUTHORIZATION"),
                    *("--url-transport", "sse", "--url", "https://example.org/sse"),
                ],
                "env": {"MCP_REFCACHE_WEB_AUTHORIZATION": "Bearer t0ken"},
            },
        }

    def test_one_proxy_can_stand_before_all(self, config, tmp_path: Path) -> None:
        file = tmp_path / "mcp.json"
        file.write_text(json.dumps({"servers": {"a": {"command": "x"}, "b": {"command": "y"}}}))
        assert config("--config", str(file), "--together") == {
            "refcache": {"command": "mcp-refcache", "args": ["proxy", "--config", str(file)]}
        }

    def test_what_is_printed_runs_this_program(self, capsys: pytest.CaptureFixture[str]) -> None:
        main(["config", "--", "some-server"])
        entry = json.loads(capsys.readouterr().out)["mcpServers"]["some-server"]
        assert [entry["command"], *entry["args"][:3]] == [sys.executable, "-m", "mcp_refcache", "proxy"]

    @pytest.mark.parametrize(
        ("command", "name"),
        [
            ("npx -y @modelcontextprotocol/server-filesystem@1.2 /data", "server-filesystem"),
            ("uvx mcp-server-time==1.0", "mcp-server-time"),
            ("python -m mcp_server_time", "mcp_server_time"),
            ("/usr/bin/python3.11 server.py", "server"),
            ("docker run -i --rm mcp/fetch", "fetch"),
            ("uv run tools/weather.py --port 1", "weather"),
            ("node build/index.js", "index"),
        ],
    )
    def test_a_server_is_named_after_its_command(self, command: str, name: str) -> None:
        assert command_name(command.split()) == name

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("{", "is no JSON"),
            ("{}", "names no server"),
            ('{"mcpServers": {"a": {}}}', "neither a command nor a url"),
            ('{"mcpServers": {"a": {"command": "x", "disabled": true}}}', "disabled"),
            ('{"mcpServers": {"a": {"command": ["x"]}}}', "expected text"),
        ],
    )
    def test_a_file_that_is_no_configuration_is_refused(
        self, text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "mcp.json"
        file.write_text(text)
        assert main(["config", "--config", str(file)]) == 2
        assert says in capsys.readouterr().err


class TestTheProgram:
    """As a process."""

    @pytest.fixture
    def program(self) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
        def program(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "mcp_refcache", *arguments]
            return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)

        return program

    def test_it_runs_as_a_module_and_tells_its_version(self, program) -> None:
        assert program("--version").stdout == f"mcp-refcache {mcp_refcache.__version__}\n"

    def test_wrong_use_is_exit_code_2(self, program) -> None:
        result = program("frobnicate")
        assert result.returncode == 2
        assert "invalid choice" in result.stderr

    def test_a_reader_that_has_seen_enough_is_no_error(self, program, tmp_path: Path) -> None:
        store = JsonFileBackend(tmp_path / "store.json")
        cache = RefCache("calc", backend=store)
        for number in range(50):
            cache.set(str(number), number)
        script = f"{sys.executable} -m mcp_refcache ls --store json_file_backend:from_environment | head -1"
        environment = {**os.environ, "JSON_STORE": str(tmp_path / "store.json")}
        result = subprocess.run(
            script, shell=True, cwd=HERE, env=environment, capture_output=True, text=True, timeout=60
        )
        assert result.stderr == ""

    def test_the_proxy_says_what_to_wrap(self, program) -> None:
        assert "say what to wrap" in program("proxy").stderr
        result = program("proxy", "--", "no-such-command-anywhere")
        assert result.returncode == 1
        assert "not on the PATH" in result.stderr
