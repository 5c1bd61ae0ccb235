"""Check the installation and a store, and say what to do about what is wrong.

Exit code 0: nothing is broken (there may be warnings); 1: something is.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from mcp_refcache._cli import screen
from mcp_refcache._cli.checks import Finding, installation
from mcp_refcache._cli.errors import CliError
from mcp_refcache._cli.store import add_store_arguments, default_path, open_store
from mcp_refcache._cli.store_checks import store_findings

HELP = "check the installation and a store"
_SIGNS = {"ok": "ok", "warning": "WARNING", "failed": "FAILED"}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `doctor`."""
    add_store_arguments(parser)
    parser.add_argument(
        "--read-only",
        action="store_true",
        help="do not write a trial entry into the store (it is removed again)",
    )


def run(options: Namespace) -> int:
    """Check."""
    findings = [*installation(), *_store(options)]
    is_broken = any(finding.state == "failed" for finding in findings)
    if options.json:
        screen.print_json({"healthy": not is_broken, "findings": [finding.facts() for finding in findings]})
    elif screen.has_tables():
        rows = ((_SIGNS[finding.state], finding.subject, finding.text) for finding in findings)
        screen.print_table("mcp-refcache doctor", ("", "what", "found"), rows)
    else:  # a missing package must not keep the doctor from saying so
        for finding in findings:
            print(f"{_SIGNS[finding.state]:8} {finding.subject}: {screen.plain(finding.text)}")
    return int(is_broken)


def _store(options: Namespace) -> Iterator[Finding]:
    if options.store is None and not default_path().exists():
        yield Finding("store", "ok", f"none yet at {default_path()}; a server with backend='sqlite' makes it")
        return
    try:
        store = open_store(options)
    except CliError as error:
        yield Finding("store", "failed", str(error))
        return
    yield from store_findings(store, may_write=not options.read_only)
