"""Several processes on one store: equal calls run once for all of them, and a lock lets in one at a time.

python examples/one_at_a_time.py                     # a SQLite file
python examples/one_at_a_time.py redis://localhost   # Redis or Valkey
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mcp_refcache import RefCache

PROCESSES = 4


def work(store: str, notes: Path) -> None:
    """What each process does; `notes` tells afterwards what really happened."""
    cache = RefCache(name="one-at-a-time", backend=store)

    @cache.cached()
    def build(year: int) -> list[int]:
        with notes.open("a") as file:
            file.write(f"build {os.getpid()}\n")
        time.sleep(0.5)  # long enough for the others to ask meanwhile
        return [year * n for n in range(1000)]

    print(f"process {os.getpid()} got {build(2026)['ref_id']}")

    with cache.lock("mailbox", ttl=10) as lock:
        with notes.open("a") as file:
            file.write(f"enter {lock.token}\n")
        time.sleep(0.05)
        with notes.open("a") as file:
            file.write(f"leave {lock.token}\n")


def main(store: str | None) -> None:
    """Start the processes at the same time and look at what they noted."""
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder, "notes")
        store = store or f"sqlite:///{folder}/cache.db"
        RefCache(name="one-at-a-time", backend=store).clear()  # what an earlier run left there
        command = [sys.executable, __file__, store, str(notes)]
        processes = [subprocess.Popen(command) for _ in range(PROCESSES)]
        assert [process.wait() for process in processes] == [0] * PROCESSES
        lines = [line.split() for line in notes.read_text().splitlines()]

    assert sum(what == "build" for what, _ in lines) == 1, "it ran more than once"
    passages = [(what, int(token)) for what, token in lines if what != "build"]
    tokens = sorted(token for what, token in passages if what == "enter")
    # nobody enters before the last one left, and tokens only grow
    assert passages == [(what, token) for token in tokens for what in ("enter", "leave")]
    print(f"{PROCESSES} processes: 1 run, {len(tokens)} passages one after the other, tokens {tokens}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        work(sys.argv[1], Path(sys.argv[2]))
    else:
        main(sys.argv[1] if len(sys.argv) == 2 else None)
