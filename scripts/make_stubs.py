"""Write `python/mcp_refcache/_core.pyi` from the native module; with `--check`, tell whether it is up to date.

PyO3 describes what it knows; three things it does not know are added here: the exception that is created at
run time, what the plain `dict`s hold, and which base no other base goes with.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
STUB = ROOT / "python" / "mcp_refcache" / "_core.pyi"
BIN = Path(sys.executable).parent

ADDED = '''
class Unkeyable(Exception):
    """A value has no content that a key could be made of."""

__all__ = [{names}]
'''


def generated() -> str:
    """Return the stub that belongs to the sources."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            BIN / "maturin",
            "generate-stubs",
            "-q",
            "--features",
            "stubs",
            "--profile",
            "dev",
            "-o",
            folder,
        ]
        subprocess.run([str(part) for part in command], cwd=ROOT, check=True)
        text = next(Path(folder).rglob("_core.pyi")).read_text(encoding="utf-8")
        text = re.sub(r"-> dict\b(?!\[)", "-> dict[str, Any]", text)
        text = re.sub(r"\bdict(?=[\],)])", "dict[str, str]", text)
        text = re.sub(r"^def __getattr__.*\n", "", text, flags=re.MULTILINE)  # all names are here
        text = text.replace("from _typeshed import Incomplete\n", "")
        text = text.replace("\nclass Store:", "\n@disjoint_base\nclass Store:")
        text = text.replace("\nVERSION:", "\nfrom typing_extensions import disjoint_base\n\nVERSION:", 1)
        names = re.findall(r"^(?:class|def) (\w+)|^(\w+): Final", text, re.MULTILINE)
        exported = sorted({*(name for pair in names for name in pair if name), "Unkeyable"})
        draft = Path(folder) / "_core.pyi"
        draft.write_text(text + ADDED.format(names=", ".join(map(repr, exported))), encoding="utf-8")
        subprocess.run([str(BIN / "ruff"), "format", "-q", str(draft)], cwd=ROOT, check=True)
        return draft.read_text(encoding="utf-8")


def main() -> None:
    """Write the stub, or compare it."""
    stub = generated()
    if "--check" not in sys.argv:
        STUB.write_text(stub, encoding="utf-8")
    elif STUB.read_text(encoding="utf-8") != stub:
        sys.exit("python/mcp_refcache/_core.pyi is out of date: run `make stubs` and commit it")


if __name__ == "__main__":
    main()
