"""A FastMCP server whose cached tools are observations in Langfuse: hits, misses, what was kept out of the context.

    pip install "mcp-refcache[mcp,langfuse]"
    export LANGFUSE_PUBLIC_KEY=pk-lf-... LANGFUSE_SECRET_KEY=sk-lf-... LANGFUSE_BASE_URL=https://cloud.langfuse.com
    python examples/langfuse_server.py            # serves over stdio; traces go to Langfuse
    python examples/langfuse_server.py --demo     # calls its own tools and prints what the traces tell

Observations carry references and sizes, never an argument or a value.
"""

import asyncio
import sys

from fastmcp import Client, FastMCP

from mcp_refcache import PreviewConfig, RefCache
from mcp_refcache.fastmcp import register_cache_tools
from mcp_refcache.langfuse import TracedRefCache
from mcp_refcache.metrics import CacheMetrics

mcp = FastMCP("primes")
# used in the place of the cache, which does the work
cache = TracedRefCache(RefCache(name="primes", preview_config=PreviewConfig(max_size=100)))
metrics = CacheMetrics(cache.cache)
register_cache_tools(mcp, cache)


@mcp.tool
@cache.cached()
def primes(below: int) -> list[int]:
    """List the primes below a number."""
    sieve = bytearray([1]) * max(below, 2)
    sieve[:2] = b"\0\0"
    for number in range(2, int(below**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, len(sieve), number)))
    return [number for number, is_prime in enumerate(sieve) if is_prime]


@mcp.tool
@cache.cached()
def total(numbers: list[int]) -> int:
    """Add numbers, given as a list or as a reference to one."""
    return sum(numbers)


async def demo() -> None:
    """Call the tools as an agent would."""
    async with Client(mcp) as client:
        first = (await client.call_tool("primes", {"below": 10_000})).structured_content
        await client.call_tool("primes", {"below": 10_000})  # a hit: the function does not run
        answer = await client.call_tool("total", {"numbers": first["ref_id"]})
    told = metrics.snapshot()
    print(f"sum of the primes below 10,000: {answer.structured_content['value']:,}")
    print(f"{told['misses']} runs, {told['hits']} saved, {told['kept_out']:,} tokens kept out of the context")
    cache.close()


if __name__ == "__main__":
    if "--demo" in sys.argv:
        asyncio.run(demo())
    else:
        mcp.run()
