"""The contract of backends, kept by ours and by one that somebody else might write."""

from __future__ import annotations

from pathlib import Path

import pytest
from json_file_backend import JsonFileBackend

from mcp_refcache import MemoryBackend
from mcp_refcache.testing import JSON_VALUES, BackendContract


class TestMemory(BackendContract):
    @pytest.fixture
    def backend(self) -> MemoryBackend:
        return MemoryBackend()


class TestJsonFile(BackendContract):
    values = JSON_VALUES

    @pytest.fixture
    def backend(self, tmp_path: Path) -> JsonFileBackend:
        return JsonFileBackend(tmp_path / "store.json")

    def reopen(self, backend: JsonFileBackend) -> JsonFileBackend:
        return JsonFileBackend(backend.path)
