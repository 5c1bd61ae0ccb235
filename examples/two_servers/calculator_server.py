"""The first of two servers on one store: it makes numbers.

python examples/two_servers/calculator_server.py --help
"""

from __future__ import annotations

from fastmcp import FastMCP
from serving import serve

from mcp_refcache import RefCache


def build(cache: RefCache) -> FastMCP:
    """Make sequences of numbers; large ones are answered by reference."""
    mcp = FastMCP("redis-calculator")

    @mcp.tool
    @cache.cached(max_size=50)
    def generate_primes(count: int = 50) -> list[int]:
        """Generate the first prime numbers."""
        primes: list[int] = []
        number = 2
        while len(primes) < count:
            if all(number % prime for prime in primes if prime * prime <= number):
                primes.append(number)
            number += 1
        return primes

    @mcp.tool
    @cache.cached(max_size=50)
    def generate_fibonacci(count: int = 50) -> list[int]:
        """Generate the first Fibonacci numbers."""
        numbers = [0, 1]
        while len(numbers) < count:
            numbers.append(numbers[-2] + numbers[-1])
        return numbers[:count]

    return mcp


if __name__ == "__main__":
    serve(build, name="calculator", port=8001)
