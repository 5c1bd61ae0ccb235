"""Encryption at rest: what the store holds, a key that is rotated, and a key that is destroyed."""

import base64
import os
import tempfile
from pathlib import Path

from mcp_refcache import BackendError, RefCache
from mcp_refcache.backends import EncryptedBackend, SQLiteBackend


def new_key() -> str:
    """32 random bytes, as `openssl rand -base64 32` prints them."""
    return base64.b64encode(os.urandom(32)).decode()


folder = tempfile.TemporaryDirectory()
path = Path(folder.name, "cache.db")
first, second = new_key(), new_key()

# 1. the file shows the key name and the namespace, and nothing of the value
cache = RefCache(name="vault", backend=EncryptedBackend(SQLiteBackend(path), key=first))
salaries = cache.set("salaries", {"ada": 91_000}, namespace="org:acme")
in_files = b"".join(file.read_bytes() for file in Path(folder.name).iterdir())
assert b"salaries" in in_files
assert b"91000" not in in_files
assert b"ada" not in in_files

# 2. rotation: the first key of the list encrypts, the others still decrypt
cache = RefCache(name="vault", backend=EncryptedBackend(SQLiteBackend(path), key=[second, first]))
bonuses = cache.set("bonuses", {"ada": 9_000}, namespace="org:acme")
assert cache.resolve(salaries.ref_id) == {"ada": 91_000}

# 3. without the old key, what it encrypted is gone for good
cache = RefCache(name="vault", backend=EncryptedBackend(SQLiteBackend(path), key=second))
assert cache.resolve(bonuses.ref_id) == {"ada": 9_000}
try:
    cache.resolve(salaries.ref_id)
except BackendError as error:
    print(error)
else:
    raise AssertionError("it was readable without its key")
