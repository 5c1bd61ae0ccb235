"""The command `mcp-refcache`: one module per subcommand, each with `HELP`, `add_arguments` and `run`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from mcp_refcache import __version__
from mcp_refcache._arguments import shortened
from mcp_refcache._cli import audit, clear, config, doctor, export, import_, ls, proxy, show, stats
from mcp_refcache._cli.errors import CliError
from mcp_refcache._cli.screen import plain

__all__ = ["main"]

_COMMANDS = {
    "proxy": proxy,
    "config": config,
    "stats": stats,
    "ls": ls,
    "show": show,
    "clear": clear,
    "export": export,
    "import": import_,
    "audit": audit,
    "doctor": doctor,
}
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments without the program's name. None = those of the process.

    Returns:
        The exit code: 0 fine, 1 it could not be done, 2 used wrongly, 130 interrupted.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    # by hand: what is behind `--` belongs to another program, whatever it looks like
    own, behind = (
        (given[: given.index("--")], given[given.index("--") + 1 :]) if "--" in given else (given, [])
    )
    arguments = _parser().parse_args(own)
    arguments.command = behind
    try:
        return arguments.run(arguments)
    except CliError as error:
        return _complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough; what is left in the buffer has no reader
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # of a name that no file can have, for one
        return _complain(error.strerror or str(error), 1)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(plain(shortened(message)))


def _complain(message: str, exit_code: int) -> int:
    lines = shortened(message).splitlines()
    print("mcp-refcache:", "\n".join(map(plain, lines)), file=sys.stderr)
    return exit_code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="mcp-refcache",
        description="Large tool results by reference for any MCP server, and a look into the stores they are in.",
    )
    parser.add_argument("--version", action="version", version=f"mcp-refcache {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, module in _COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser
