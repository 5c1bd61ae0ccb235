"""The second of two servers on one store: it takes what the first one made, by reference.

python examples/two_servers/analysis_server.py --help
"""

from __future__ import annotations

import statistics

from fastmcp import FastMCP
from serving import serve

from mcp_refcache import RefCache


def build(cache: RefCache) -> FastMCP:
    """Analyse numbers, given as a list or as a reference from any server on the same store."""
    mcp = FastMCP("redis-data-analysis")

    @mcp.tool
    @cache.cached()
    def analyze_data(data: list[float]) -> dict[str, float]:
        """Describe numbers: how many, how large, how spread."""
        return {
            "count": len(data),
            "min": min(data),
            "max": max(data),
            "mean": statistics.fmean(data),
            "median": statistics.median(data),
            "deviation": statistics.pstdev(data),
        }

    return mcp


if __name__ == "__main__":
    serve(build, name="analysis", port=8002)
