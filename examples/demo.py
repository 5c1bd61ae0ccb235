"""What an agent reads of large tool results: a real server in a child process, driven over stdio.

Run by `make demo`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import PythonStdioTransport

from mcp_refcache import TiktokenAdapter

SERVER = Path(__file__).with_name("atlas_server.py")
WIDTH = 96
tokens = TiktokenAdapter("gpt-4o").count_tokens


class Table:
    """Prints one line per tool call: what the agent read against what the tool made."""

    def __init__(self) -> None:
        self.read = self.raw = 0
        print(f"\n{'the agent calls':<58}{'reads':>10}{'result':>14}{'saved':>10}")
        print("-" * WIDTH)

    def row(self, call: str, answer: dict[str, Any], raw: int | None) -> None:
        read = tokens(json.dumps(answer))
        raw = raw if raw is not None else read
        self.read, self.raw = self.read + read, self.raw + raw
        saved = f"{1 - read / raw:>9.1%}" if raw > read else "        -"
        print(f"{call:<58}{read:>10,}{raw:>14,}{saved:>10}")

    def total(self) -> None:
        print("-" * WIDTH)
        print(f"{'tokens in all':<58}{self.read:>10,}{self.raw:>14,}{1 - self.read / self.raw:>10.1%}\n")


def show(title: str, value: Any, lines: int = 6) -> None:
    """Print the beginning of what the agent saw."""
    print(f"  {title}")
    for line in json.dumps(value, indent=1, ensure_ascii=False).splitlines()[:lines]:
        print(f"    | {line[: WIDTH - 8]}")
    print("    | ...")


async def main() -> None:
    """Drive the server as an agent would."""
    async with Client(PythonStdioTransport(SERVER, python_cmd=sys.executable)) as client:

        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            return (await client.call_tool(tool, arguments)).structured_content or {}

        table = Table()
        cities = await call("list_cities")
        table.row("list_cities()", cities, cities["original_size"])
        ref = cities["ref_id"]
        page = await call("get_cached_result", ref_id=ref, page=2, page_size=5)
        table.row("get_cached_result(ref, page=2, page_size=5)", page, None)
        counts = await call("count_by_timezone", cities=ref)
        table.row("count_by_timezone(cities=ref)", counts, cities["original_size"])
        again = await call("list_cities")
        table.row("list_cities() again: a hit, the same reference", again, again["original_size"])
        countries = await call("describe_countries")
        table.row("describe_countries(), as a summary", countries, countries["original_size"])
        shelters = await call("list_shelters")
        table.row("list_shelters(): may be used, not seen", shelters, None)
        beds = await call("count_beds", shelters=shelters["ref_id"], country="DE")
        table.row("count_beds(shelters=ref, country='DE')", beds, None)
        table.total()

        print("what the agent saw")
        show(f"list_cities() -> {cities['total_items']:,} cities as {ref}", cities["preview"], 8)
        show(f"page 2 of {page['total_pages']:,}", page["preview"], 8)
        show("count_by_timezone(ref): the server put the cities in", counts["value"], 8)
        show("list_shelters(): nothing of the value", {k: shelters[k] for k in ("preview", "is_complete", "message")})
        show("count_beds(ref, 'DE'): computed from what it never saw", beds["value"])

        assert again["ref_id"] == ref
        assert counts["value"]["Europe"] > 1000
        assert beds["value"]["beds"] > 0
        assert "beds" not in json.dumps(shelters)


if __name__ == "__main__":
    asyncio.run(main())
