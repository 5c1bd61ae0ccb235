"""A small backend over a JSON file: what somebody with a store of their own would write.

It is one process's; threads may share it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

from mcp_refcache import AccessPolicy, CacheEntry


class JsonFileBackend:
    """Entries in one JSON file, read and written whole."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()

    def get(self, key: str) -> CacheEntry | None:
        stored = self._live().get(key)
        if stored is None:
            return None
        if "value" not in stored:
            raise ValueError("this entry is sealed")
        policy = AccessPolicy.model_validate(stored["policy"])
        return CacheEntry(**{**stored, "policy": policy})

    def set(self, key: str, entry: CacheEntry) -> None:
        fields = {**vars(entry), "policy": entry.policy.model_dump(mode="json")}
        with self._lock:
            self._write({**self._live(), key: fields})

    def delete(self, key: str) -> bool:
        with self._lock:
            live = self._live()
            was_there = live.pop(key, None) is not None
            self._write(live)
        return was_there

    def exists(self, key: str) -> bool:
        return key in self._live()

    def clear(self, namespace: str | None = None) -> int:
        with self._lock:
            gone = self.keys(namespace)
            self._write({key: stored for key, stored in self._live().items() if key not in gone})
        return len(gone)

    def keys(self, namespace: str | None = None) -> list[str]:
        return [key for key, stored in self._live().items() if namespace in (None, stored["namespace"])]

    def _live(self) -> dict[str, dict]:
        if not self.path.exists():
            return {}
        entries = json.loads(self.path.read_text())
        return {
            key: stored
            for key, stored in entries.items()
            if stored["expires_at"] is None or stored["expires_at"] > time.time()
        }

    def _write(self, entries: dict[str, dict]) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(entries, default=str))
        new.replace(self.path)  # readers see the old file or the new one


def from_environment() -> JsonFileBackend:
    """What `--store json_file_backend:from_environment` opens."""
    return JsonFileBackend(os.environ["JSON_STORE"])
