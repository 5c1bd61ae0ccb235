"""Encryption at rest: what the store holds, a key that is rotated, and a key that is destroyed."""

import tempfile
from pathlib import Path

from mcp_refcache import BackendError, RefCache
from mcp_refcache.backends import EncryptedBackend, SQLiteBackend

first, second = EncryptedBackend.generate_key(), EncryptedBackend.generate_key()

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "cache.db")

    # 1. the files show the name of the key and the namespace, and nothing of the value
    cache = RefCache(name="vault", backend=EncryptedBackend(SQLiteBackend(path), key=first))
    salaries = cache.set("salaries", {"lovelace": 91_000}, namespace="org:acme")
    in_files = b"".join(file.read_bytes() for file in Path(folder).iterdir())
    assert b"salaries" in in_files
    assert b"91000" not in in_files
    assert b"lovelace" not in in_files

    # 2. rotation: the first key of the list encrypts, the others still decrypt
    cache = RefCache(name="vault", backend=EncryptedBackend(SQLiteBackend(path), key=[second, first]))
    bonuses = cache.set("bonuses", {"lovelace": 9_000}, namespace="org:acme")
    assert cache.resolve(salaries.ref_id) == {"lovelace": 91_000}

    # 3. without the old key, what it encrypted is gone for good
    cache = RefCache(name="vault", backend=EncryptedBackend(SQLiteBackend(path), key=second))
    assert cache.resolve(bonuses.ref_id) == {"lovelace": 9_000}
    try:
        cache.resolve(salaries.ref_id)
    except BackendError as error:
        print(error)
    else:
        raise AssertionError("it was readable without its key")
