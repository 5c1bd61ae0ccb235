"""What an agent reads of large tool results: a real server in a child process, driven over stdio.

Run by `make demo`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import PythonStdioTransport

from mcp_refcache import TiktokenAdapter

SERVER = Path(__file__).with_name("atlas_server.py")
WIDTH = 100
tokens = TiktokenAdapter("gpt-4o").count_tokens


class Table:
    """Prints one line per tool call: what the agent read against what it stands for."""

    def __init__(self) -> None:
        self.read = self.raw = 0
        print(f"\n{'the agent calls':<50}{'took':>8}{'agent reads':>14}{'raw result':>14}{'saved':>9}")
        print("-" * WIDTH)

    def row(self, call: str, answer: dict[str, Any], raw: int | None, took: float) -> None:
        read = tokens(json.dumps(answer))
        raw = raw or read
        self.read, self.raw = self.read + read, self.raw + raw
        saved = f"{1 - read / raw:>9.1%}" if raw > read else f"{'-':>9}"
        print(f"{call:<50}{took * 1000:>5.0f} ms{read:>14,}{raw:>14,}{saved}")

    def total(self) -> None:
        print("-" * WIDTH)
        print(f"{'tokens in all':<58}{self.read:>14,}{self.raw:>14,}{1 - self.read / self.raw:>9.1%}\n")


def show(title: str, value: Any, lines: int = 4) -> None:
    """Print what the agent saw, an item to a line."""
    items = list(value) if isinstance(value, list) else [{key: value[key]} for key in value]
    print(f"  {title}")
    for item in items[:lines]:
        text = json.dumps(item, ensure_ascii=False)
        print(f"    | {text if len(text) < WIDTH - 6 else text[: WIDTH - 9] + '...'}")
    if len(items) > lines:
        print(f"    | ({len(items) - lines} more lines)")


async def main() -> None:
    """Drive the server as an agent would."""
    transport = PythonStdioTransport(SERVER, python_cmd=sys.executable, env={"FASTMCP_LOG_LEVEL": "ERROR"})
    async with Client(transport) as client:
        table = Table()

        async def call(label: str, tool: str, raw: int | None = None, **arguments: Any) -> dict[str, Any]:
            started = time.perf_counter()
            answer = (await client.call_tool(tool, arguments)).structured_content or {}
            took = time.perf_counter() - started
            table.row(label, answer, None if "page" in answer else answer.get("original_size", raw), took)
            return answer

        cities = await call("list_cities()", "list_cities")
        ref, size = cities["ref_id"], cities["original_size"]
        again = await call("list_cities() again: a hit", "list_cities")
        page = await call(
            "get_cached_result(ref, page=2, page_size=5)",
            "get_cached_result",
            ref_id=ref,
            page=2,
            page_size=5,
        )
        counts = await call("count_by_timezone(cities=ref)", "count_by_timezone", size, cities=ref)
        countries = await call("describe_countries(), summarised", "describe_countries")
        shelters = await call("list_shelters(): to be used, not seen", "list_shelters")
        beds = await call(
            "count_beds(ref, country='DE')", "count_beds", shelters=shelters["ref_id"], country="DE"
        )
        table.total()

        print("what the agent saw")
        show(f"list_cities(): {cities['total_items']:,} cities as {ref}", cities["preview"])
        show(f"get_cached_result: page 2 of {page['total_pages']:,}", page["preview"])
        show(
            "count_by_timezone(ref): the server put the cities in the place of the reference", counts["value"]
        )
        show("describe_countries(): the shape of 2 MB", countries["preview"], 8)
        show("list_shelters(): nothing of the value", {key: shelters[key] for key in ("preview", "message")})
        show("count_beds(ref, 'DE'): computed from what the agent never saw", beds["value"])

        assert again["ref_id"] == ref
        assert counts["value"]["Europe"] > 1000
        assert beds["value"]["beds"] > 0
        assert "beds" not in json.dumps(shelters)


if __name__ == "__main__":
    asyncio.run(main())
