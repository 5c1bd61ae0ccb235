"""A server that exists already, with one middleware put on it: not one of its tools is changed.

Run `python examples/existing_server.py` (stdio), or with `--demo` to see what an agent reads of it.
"""

from __future__ import annotations

import asyncio
import json
import sys

from fastmcp import Client, FastMCP

from mcp_refcache import RefCache
from mcp_refcache.fastmcp import RefCacheMiddleware

# -- as it was: nothing here knows of references

mcp = FastMCP("sensors")


@mcp.tool
def readings(sensor: str, hours: int) -> list[float]:
    """One temperature a minute."""
    return [20 + (minute * 7 + len(sensor)) % 50 / 10 for minute in range(hours * 60)]


@mcp.tool
def mean(values: list[float]) -> float:
    """The mean of some numbers."""
    return sum(values) / len(values)


# -- what is added

cache = RefCache(name="sensors", default_ttl=900)
cache.install(mcp)
mcp.add_middleware(RefCacheMiddleware(cache, max_tokens=500))


async def demo() -> None:
    """Call the tools as an agent would."""
    async with Client(mcp) as client:
        small = (await client.call_tool("readings", {"sensor": "roof", "hours": 1})).structured_content
        print(f"an hour: all {len(small['result'])} numbers, as before")
        large = (await client.call_tool("readings", {"sensor": "roof", "hours": 240})).structured_content
        print(f"ten days: {json.dumps(large)[:150]}...")
        page = await client.call_tool(
            "get_cached_result", {"ref_id": large["ref_id"], "page": 2, "page_size": 3}
        )
        print(f"page 2 of it: {page.structured_content['preview']}")
        # the reference stands for 14,400 numbers that the agent has not read
        answer = (await client.call_tool("mean", {"values": large["ref_id"]})).structured_content["result"]
        assert answer == sum(readings_of_ten_days()) / 14_400
        print(f"their mean: {answer:.2f}")


def readings_of_ten_days() -> list[float]:
    """What the agent did not read."""
    return [20 + (minute * 7 + len("roof")) % 50 / 10 for minute in range(14_400)]


if __name__ == "__main__":
    if "--demo" in sys.argv[1:]:
        asyncio.run(demo())
    else:
        mcp.run()
