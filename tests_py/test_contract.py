"""The contract of backends, kept by ours and by one that somebody else might write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from json_file_backend import JsonFileBackend
from key_value.aio.stores.memory import MemoryStore
from redis_server import RedisServer

from mcp_refcache import (
    EncryptedBackend,
    KeyValueBackend,
    MemoryBackend,
    RedisBackend,
    RefCache,
    SQLiteBackend,
)
from mcp_refcache.testing import JSON_VALUES, BackendContract

KEY = EncryptedBackend.generate_key()


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


class TestSQLite(BackendContract):
    finds_calls = True

    @pytest.fixture
    def backend(self, tmp_path: Path) -> SQLiteBackend:
        return SQLiteBackend(tmp_path / "cache.db")

    def reopen(self, backend: SQLiteBackend) -> SQLiteBackend:
        backend.close()
        return SQLiteBackend(backend.database_path)


class TestSQLiteInMemory(BackendContract):
    @pytest.fixture
    def backend(self) -> SQLiteBackend:
        return SQLiteBackend(":memory:")


class TestSQLiteCompressed(TestSQLite):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> SQLiteBackend:
        return SQLiteBackend(tmp_path / "cache.db", compress=0)

    def reopen(self, backend: SQLiteBackend) -> SQLiteBackend:
        backend.close()
        return SQLiteBackend(backend.database_path, compress=0)


class TestRedis(BackendContract):
    finds_calls = True

    @pytest.fixture
    def backend(self, redis: RedisServer) -> RedisBackend:
        return RedisBackend(redis.url)

    def reopen(self, backend: RedisBackend) -> RedisBackend:
        return RedisBackend(backend.connection_info["url"])


class TestRedisOfItsOwn(TestRedis):
    @pytest.fixture
    def backend(self, redis: RedisServer) -> RedisBackend:
        return RedisBackend(redis.url, shared_with_original=False)

    def reopen(self, backend: RedisBackend) -> RedisBackend:
        return RedisBackend(backend.connection_info["url"], shared_with_original=False)


class TestKeyValueInMemory(BackendContract):
    finds_calls = True

    @pytest.fixture
    def backend(self) -> KeyValueBackend:
        return KeyValueBackend(MemoryStore())

    def reopen(self, backend: KeyValueBackend) -> KeyValueBackend:
        return KeyValueBackend(backend.store)


class TestKeyValueOnDisk(TestKeyValueInMemory):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> KeyValueBackend:
        disk = pytest.importorskip("key_value.aio.stores.disk", exc_type=ImportError)
        return KeyValueBackend(disk.DiskStore(directory=str(tmp_path)))


class Sealed:
    """The same with a seal around it."""

    compress = False

    def reopen(self, backend: Any) -> EncryptedBackend | None:
        inner = super().reopen(backend.backend)  # pyright: ignore[reportAttributeAccessIssue]
        return None if inner is None else EncryptedBackend(inner, key=KEY, compress=self.compress)


class TestSealedMemory(Sealed, TestMemory):
    @pytest.fixture
    def backend(self) -> EncryptedBackend:
        return EncryptedBackend(MemoryBackend(), key=KEY)


class TestSealedSQLite(Sealed, TestSQLite):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> EncryptedBackend:
        return EncryptedBackend(SQLiteBackend(tmp_path / "cache.db"), key=KEY)


class TestSealedRedis(Sealed, TestRedis):
    compress = True

    @pytest.fixture
    def backend(self, redis: RedisServer) -> EncryptedBackend:
        return EncryptedBackend(RedisBackend(redis.url), key=KEY, compress=True)


class TestSealedJsonFile(Sealed, TestJsonFile):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> EncryptedBackend:
        return EncryptedBackend(JsonFileBackend(tmp_path / "store.json"), key=KEY)


class TestSealedKeyValue(Sealed, TestKeyValueInMemory):
    @pytest.fixture
    def backend(self) -> EncryptedBackend:
        return EncryptedBackend(KeyValueBackend(MemoryStore()), key=KEY)


@pytest.mark.parametrize("wrap", [False, True])
def test_compression_can_be_switched_on_and_off(tmp_path, wrap) -> None:
    def opened(compress: bool) -> RefCache:
        if wrap:
            backend = EncryptedBackend(SQLiteBackend(tmp_path / "c.db"), key=KEY, compress=compress)
        else:
            backend = SQLiteBackend(tmp_path / "c.db", compress=compress)
        return RefCache("c", backend=backend)

    rows = [{"id": number, "name": "row"} for number in range(10_000)]
    for before, after in ((True, False), (False, True)):
        ref_id = opened(before).set("rows", rows).ref_id
        assert opened(after).resolve(ref_id) == rows
        assert opened(after).get(ref_id, page=2).preview == rows[20:40]
