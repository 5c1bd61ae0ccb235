"""Verify an audit log, or show its records.

`verify` takes the files of a log, the oldest first, and prints the hash of its last record. Keep that elsewhere: with
`--expect HASH` a later check fails if the end of the log was cut off.
"""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any, Final

from mcp_refcache import _core
from mcp_refcache._cli import screen
from mcp_refcache._cli.errors import CliError, UsageError
from mcp_refcache.exceptions import AuditError

HELP = "verify or show an audit log"

_FILTERS: Final = ("actor", "user", "ref_id", "action", "tool", "namespace")


def add_arguments(parser: ArgumentParser) -> None:
    """Add `verify` and `show` with their options."""
    tasks = parser.add_subparsers(title="tasks", metavar="TASK", required=True)
    verify = tasks.add_parser("verify", help="check that nothing was changed")
    verify.add_argument("files", nargs="+", metavar="FILE")
    verify.add_argument("--key-env", metavar="NAME", help="the environment variable that holds the log's key")
    verify.add_argument("--expect", metavar="HASH", help="the hash of a record that must be there")
    verify.add_argument("--json", action="store_true", help="print JSON")
    verify.set_defaults(task=_verify)
    show = tasks.add_parser("show", help="list records, the latest last")
    show.add_argument("files", nargs="+", metavar="FILE")
    show.add_argument("--actor", help="only of this actor (type:id)")
    show.add_argument("--user", help="only on behalf of this user (user:id)")
    show.add_argument("--ref", dest="ref_id", metavar="REFERENCE", help="only of this reference")
    show.add_argument("--action", help="only what happened so: read, denied, ...")
    show.add_argument("--tool", help="only through this tool")
    show.add_argument("--namespace", help="only in this namespace")
    show.add_argument("--json", action="store_true", help="print one JSON object a line")
    show.set_defaults(task=_show)


def run(options: Namespace) -> int:
    """Verify or show a log."""
    try:
        return options.task(options)
    except (AuditError, ValueError) as error:
        raise CliError(screen.plain(str(error))) from None


def _verify(options: Namespace) -> int:
    key = _key(options.key_env)
    records, first, head, torn = _core.audit_verify(options.files, key, options.expect)
    if options.json:
        screen.print_json({"records": records, "first": first, "head": head, "torn": torn})
        return 0
    print(f"{records} records, none changed; the last one has the hash\n{head}")
    if first > 1:
        screen.note(f"it begins with record {first}: earlier ones are in a file that was not given")
    if torn:
        screen.note(f"{torn} lines were left unfinished by a crash")
    return 0


def _show(options: Namespace) -> int:
    wanted = {name: value for name in _FILTERS if (value := getattr(options, name)) is not None}
    records = (
        record
        for record in _records(options.files)
        if all(record.get(name) == value for name, value in wanted.items())
    )
    if options.json:
        for record in records:
            print(json.dumps(record))
        return 0
    columns = ("action", "actor", "user", "ref_id", "namespace", "tool", "reason")
    screen.print_table(
        "audit log",
        ("when", *columns),
        ([screen.age(record.get("at")), *map(record.get, columns)] for record in records),
    )
    return 0


def _records(files: list[str]) -> Iterator[dict[str, Any]]:
    for file in files:
        for line in _core.AuditLines(file):
            try:
                record = json.loads(line)
            except ValueError:  # torn by a crash; `verify` tells
                continue
            if isinstance(record, dict):
                yield record


def _key(name: str | None) -> bytes | None:
    if name is None:
        return None
    if name not in os.environ:
        raise UsageError(f"the environment variable {name} is not set")
    return os.environ[name].encode()
