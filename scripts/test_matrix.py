"""Test the FastMCP parts on every supported version of FastMCP, one virtual environment each.

Run by `make test-matrix`, after `make build`. `test_matrix.py 2.14 4.1` tests only these; `--oldest-and-newest`
the two ends, as `make test` does. The native module comes from the source tree.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: Where the servers of others are installed that the proxy wraps.
SERVERS = str(Path(sys.executable).parent)
VENVS = ROOT / ".venv-matrix"
#: What users have: the first of 2.14 that is supported, and the last of each later series.
VERSIONS = {
    "2.14": "fastmcp==2.14.*",
    "3.4": "fastmcp[tasks]==3.4.*",
    "4.0": "fastmcp[tasks]==4.0.*",
    "4.1": "fastmcp[tasks]==4.1.*",
}
TOOLS = ("pytest", "pytest-asyncio", "hypothesis", "numpy", "pandas", "polars", "uvicorn")
#: The tests that touch FastMCP.
TESTS = (
    "test_accept_refs.py",
    "test_cache_tools.py",
    "test_cached.py",
    "test_context_integration.py",
    "test_egress.py",
    "test_identity.py",
    "test_install.py",
    "test_middleware.py",
    "test_ref.py",
    "test_fastmcp_tasks.py",
    "test_proxy.py",
    "test_events.py",
    "test_admin_tools.py",
    "test_async_timeout.py",
)


def test(version: str, folder: Path) -> bool:
    """Make the environment of a version if there is none, and run the tests in it."""
    venv = folder / version
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*install, VERSIONS[version], *TOOLS], check=True)
    shown = "import importlib.metadata as m; print('fastmcp', m.version('fastmcp'), 'mcp', m.version('mcp'))"
    subprocess.run([str(python), "-c", shown], check=True)
    tests = [str(ROOT / "tests_py" / name) for name in TESTS]
    # old versions warn about their own dependencies, which is no fault of ours
    command = [str(python), "-m", "pytest", "-p", "no:warnings", *tests]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "MCP_TEST_SERVERS": SERVERS}
    return subprocess.run(command, cwd=ROOT, env=environment).returncode == 0


def main() -> None:
    """Test every version, and say at the end which ones failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=", ".join(VERSIONS))
    parser.add_argument("--oldest-and-newest", action="store_true", help="only the two ends")
    parser.add_argument("--venvs", type=Path, default=VENVS, help="where the environments are kept")
    options = parser.parse_args()
    names = list(VERSIONS)
    versions: list[str] = options.versions or ([names[0], names[-1]] if options.oldest_and_newest else names)
    unknown = sorted(set(versions) - set(names))
    if unknown:
        sys.exit(f"not supported: {', '.join(unknown)}; there are {', '.join(names)}")
    failed = [version for version in versions if not test(version, options.venvs)]
    if failed:
        sys.exit(f"failed with FastMCP {', '.join(failed)}")
    print(f"passed with FastMCP {', '.join(versions)}")


if __name__ == "__main__":
    main()
