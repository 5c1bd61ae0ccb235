"""What a proxy keeps back and where: the options, and the same as arguments for a client's configuration."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass

from mcp_refcache._cli.errors import UsageError

_DEFAULT_TOKENS = 1000
_DEFAULT_TTL_SECONDS = 3600.0
_DEFAULT_NAME = "refcache"


@dataclass(frozen=True)
class Limits:
    """What a proxy keeps back.

    Attributes:
        max_tokens: The largest result that passes as it is, and the size of previews.
        tools: Patterns of the tools that it is about; empty = all.
        exclude: Patterns of tools whose results always pass.
        ttl: Seconds that results are kept; 0 = for ever.
        cache: The name of the cache, the part of references before the colon.
        store: Where results are kept; None = in the memory of the proxy.
        key_env: The environment variable with the key of an encrypted store.
    """

    max_tokens: int
    tools: tuple[str, ...]
    exclude: tuple[str, ...]
    ttl: float
    cache: str
    store: str | None
    key_env: str | None

    def arguments(self) -> list[str]:
        """Return the options that differ from their defaults."""
        arguments: list[str] = []
        for option, value, default in (
            ("--max-tokens", self.max_tokens, _DEFAULT_TOKENS),
            ("--ttl", self.ttl, _DEFAULT_TTL_SECONDS),
            ("--cache", self.cache, _DEFAULT_NAME),
            ("--store", self.store, None),
            ("--key-env", self.key_env, None),
        ):
            if value != default:
                arguments += [option, f"{value:g}" if isinstance(value, float) else str(value)]
        for option, patterns in (("--tools", self.tools), ("--exclude", self.exclude)):
            for pattern in patterns:
                arguments += [option, pattern]
        return arguments


def add_limit_arguments(parser: ArgumentParser) -> None:
    """Add the options of `Limits`."""
    parser.add_argument(
        "--max-tokens",
        type=int,
        default=_DEFAULT_TOKENS,
        help=f"larger results are answered by reference (default {_DEFAULT_TOKENS})",
    )
    parser.add_argument(
        "--tools", metavar="PATTERN", action="append", default=[], help="only these tools; may be repeated"
    )
    parser.add_argument(
        "--exclude", metavar="PATTERN", action="append", default=[], help="not these tools; may be repeated"
    )
    parser.add_argument(
        "--ttl",
        type=float,
        default=_DEFAULT_TTL_SECONDS,
        help="seconds to keep results (default 3600; 0 = for ever)",
    )
    parser.add_argument(
        "--cache",
        metavar="NAME",
        default=_DEFAULT_NAME,
        help=f"name in the references (default {_DEFAULT_NAME})",
    )
    parser.add_argument(
        "--store",
        metavar="URL",
        help="keep results here, e.g. sqlite:///PATH; default: in the proxy's memory",
    )
    parser.add_argument(
        "--key-env", metavar="NAME", help="the environment variable with the key of an encrypted store"
    )


def chosen_limits(options: Namespace) -> Limits:
    """Return the limits that the options set.

    Raises:
        UsageError: If a number is out of its range.
    """
    if options.max_tokens < 1:
        raise UsageError(f"--max-tokens must be 1 or greater, not {options.max_tokens}")
    if options.ttl < 0:
        raise UsageError(f"--ttl must be 0 (for ever) or more seconds, not {options.ttl:g}")
    return Limits(
        max_tokens=options.max_tokens,
        tools=tuple(options.tools),
        exclude=tuple(options.exclude),
        ttl=options.ttl,
        cache=options.cache,
        store=options.store,
        key_env=options.key_env,
    )
