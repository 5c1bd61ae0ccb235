"""Encryption at rest around any backend."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Iterable
from typing import Any

from mcp_refcache import _core
from mcp_refcache.backends._native import NativeBackend, compress_above

__all__ = ["EncryptedBackend"]

Key = bytes | str
Keys = Key | Iterable[Key]


class EncryptedBackend(NativeBackend):
    """Values, types and previews are encrypted in the backend around which this is put.

    XChaCha20-Poly1305; each part of a value is bound to its entry, so that rows cannot be exchanged or changed
    unnoticed. Namespaces, policies, names of keys and tools, times and sizes stay readable there. Entries that were
    stored without encryption are refused. The original package cannot read encrypted entries: its read fails.

    Args:
        backend: Any backend: memory, SQLite, Redis, or one of your own.
        key: 32 random bytes, or their hex or base64 text; a list of keys, of which the first encrypts and all
            decrypt; or a callable that gives either when it is needed. None = the environment variable `key_env`.
        key_env: The environment variable that holds the key as text, or several, separated by commas.
        compress: Whether large values are compressed before, as in `SQLiteBackend`. Sizes then tell a little of
            what is in a value.

    Raises:
        ValueError: For what is no key, such as a passphrase; `generate_key` makes one.
        TypeError: For a backend without the six methods.
    """

    def __init__(
        self,
        backend: Any,
        key: Keys | Callable[[], Keys] | None = None,
        *,
        key_env: str = "MCP_REFCACHE_KEY",
        compress: bool | int | None = None,
    ) -> None:
        missing = [name for name in _METHODS if not callable(getattr(backend, name, None))]
        if missing:
            raise TypeError(
                f"backend must have the methods {', '.join(_METHODS)}; "
                f"{type(backend).__name__} lacks {', '.join(missing)}"
            )
        if key is None:
            key = os.environ.get(key_env)
            if not key:
                raise ValueError(
                    f"no key: give key=, or set {key_env} to what EncryptedBackend.generate_key() gave"
                )
        self.backend = backend
        inner = getattr(backend, "_native_store", backend)
        self._sealed = _core.SealedStore(inner, key, compress=compress_above(compress))
        self._use(self._sealed, EncryptedBackend)

    @staticmethod
    def generate_key() -> str:
        """Return a new random key as base64 text."""
        return base64.b64encode(secrets.token_bytes(32)).decode()

    def rotate(self, key: Key) -> None:
        """Encrypt with another key from now on; what the former ones encrypted is still read."""
        self._sealed.rotate(key)

    @property
    def key_ids(self) -> list[str]:
        """The ids of the keys, that of the current one first; an id tells nothing of its key."""
        return self._sealed.key_ids()

    def destroy_key(self, key_id: str) -> bool:
        """Forget a key: what it encrypted cannot be read any more through this backend; tell whether it was there.

        The values are gone for good once no copy of the key is left anywhere.
        """
        return self._sealed.destroy_key(key_id)

    def close(self) -> None:
        """Close the backend, if it can be closed."""
        if callable(close := getattr(self.backend, "close", None)):
            close()

    def __repr__(self) -> str:
        return f"EncryptedBackend({self.backend!r})"


_METHODS = ("get", "set", "delete", "exists", "clear", "keys")
