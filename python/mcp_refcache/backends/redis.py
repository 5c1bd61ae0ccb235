"""Entries in Redis or Valkey: one server, Sentinel or Cluster."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Final

from mcp_refcache import _core
from mcp_refcache._arguments import seconds, shown, whole
from mcp_refcache.backends._native import NativeBackend, compress_above, near_bytes

__all__ = ["REDIS_AVAILABLE", "RedisBackend"]

#: Kept from the original: the client is native and always there.
REDIS_AVAILABLE: Final = True

_DEFAULT_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
#: Room for a few thousand results of some kilobytes.
_NEAR_BYTES: Final = 32 * 1024 * 1024
_TRUE: Final = frozenset({"true", "1", "yes"})

Node = str | tuple[str, int]


class RedisBackend(NativeBackend):
    """A native store in Redis or Valkey; the original package can use the database at the same time.

    Nothing is connected before the first use, and a connection that fails is made again. Each parameter is taken
    from the argument, else from the environment (`REDIS_URL`, `REDIS_HOST`, `REDIS_PORT`, `REDIS_DB`,
    `REDIS_USERNAME`, `REDIS_PASSWORD`, `REDIS_SSL`), else from the default; a URL comes before host, port, db,
    password and ssl.

    Args:
        url: `redis://[user[:password]@]host[:port][/db]`, `rediss://` with TLS, `redis+sentinel://host,.../service`,
            `redis+cluster://host:port,...`, `unix:///path/to/socket`.
        host: The server. Default `localhost`.
        port: Its port. Default 6379.
        db: The number of the database. Default 0.
        password: The password.
        ssl: Whether to use TLS. Default False.
        socket_timeout: The most seconds an operation may take, connecting included.
        max_connections: Accepted for users of the original: connections are shared, however many threads call.
        username: The ACL user.
        nodes: Some nodes of a Cluster, as `"host:port"` or `(host, port)`.
        sentinel: The Sentinels, likewise; needs `service`.
        service: The name under which the Sentinels know the master.
        sentinel_username: The ACL user at the Sentinels.
        sentinel_password: The password at the Sentinels.
        ssl_ca_certs: PEM file of the authorities to trust instead of those of the system.
        ssl_certfile: PEM file of our own certificate.
        ssl_keyfile: PEM file of its key.
        ssl_insecure: Whether to take any certificate, of anybody.
        max_entries: The most entries to keep; beyond it expired ones go first, then the oldest. None = no limit.
        max_bytes: The most bytes that entries may take, likewise.
        shared_with_original: Whether the original package writes to this database, too: then listing and clearing
            walk over all its keys.
        near_cache: Whether entries that were read are kept in this process (True = in 32 MB), or in how many bytes:
            reading one again asks the server nothing, for as long as it tells of each change. What another process
            changes is seen at once on one machine, else when the network brings the news. Not with TLS or a Cluster.
        compress: Whether large values are compressed (True = from 4096 characters of JSON text on), or from
            how many characters on. The original cannot read those.

    Raises:
        ValueError: For a URL or port that is none, limits below 1, a timeout of 0, and a near_cache that cannot be.
    """

    KEY_PREFIX: Final = "mcp-refcache:entry:"

    def __init__(
        self,
        url: str | None = None,
        host: str | None = None,
        port: int | None = None,
        db: int | None = None,
        password: str | None = None,
        ssl: bool | None = None,
        socket_timeout: float = 5.0,
        max_connections: int = 10,
        *,
        username: str | None = None,
        nodes: Iterable[Node] | None = None,
        sentinel: Iterable[Node] | None = None,
        service: str | None = None,
        sentinel_username: str | None = None,
        sentinel_password: str | None = None,
        ssl_ca_certs: str | os.PathLike[str] | None = None,
        ssl_certfile: str | os.PathLike[str] | None = None,
        ssl_keyfile: str | os.PathLike[str] | None = None,
        ssl_insecure: bool = False,
        max_entries: int | None = None,
        max_bytes: int | None = None,
        shared_with_original: bool = True,
        near_cache: bool | int = False,
        compress: bool | int | None = None,
    ) -> None:
        if (sentinel is None) != (service is None):
            raise ValueError(
                "sentinel and service go together: the Sentinels, and the name of the master there"
            )
        for name, limit in (("max_entries", max_entries), ("max_bytes", max_bytes)):
            if limit is not None:
                whole(name, limit, 1)
        for name, number in (("port", port), ("db", db)):
            if number is not None:
                whole(name, number, 0)
        seconds("socket_timeout", socket_timeout)
        environ = os.environ
        options: dict[str, Any] = {}
        if nodes is None and sentinel is None:
            url = url or environ.get("REDIS_URL") or None
        if url is not None:
            options["url"] = url
        else:
            if nodes is not None:
                options["nodes"] = [_node(node, _DEFAULT_PORT) for node in nodes]
            elif sentinel is not None:
                options["sentinels"] = [_node(node, _SENTINEL_PORT) for node in sentinel]
                options["service"] = service
            else:
                options["host"] = host or environ.get("REDIS_HOST") or "localhost"
                options["port"] = _number("REDIS_PORT", port, environ, _DEFAULT_PORT)
            options["db"] = _number("REDIS_DB", db, environ, 0)
            options["password"] = password or environ.get("REDIS_PASSWORD") or None
            options["ssl"] = environ.get("REDIS_SSL", "").lower() in _TRUE if ssl is None else ssl
            username = username or environ.get("REDIS_USERNAME") or None
        self.max_connections = max_connections
        self._options: dict[str, Any] = {
            **options,
            "username": username,
            "sentinel_username": sentinel_username,
            "sentinel_password": sentinel_password,
            "ca_file": ssl_ca_certs,
            "cert_file": ssl_certfile,
            "key_file": ssl_keyfile,
            "insecure": ssl_insecure,
            "socket_timeout": None if url is not None and "socket_timeout=" in url else socket_timeout,
            "max_entries": max_entries,
            "max_bytes": max_bytes,
            "shared_with_original": shared_with_original,
            "near_cache": _NEAR_BYTES if near_cache is True else near_bytes(near_cache),
            "compress": compress_above(compress),
        }
        self._open()

    def _open(self) -> None:
        store = _core.RedisStore(**self._options)
        self._use(store, RedisBackend)
        self._redis = store

    def _limit(self, max_entries: int) -> None:
        """Keep at most so many entries; for a cache that is given a limit and this backend."""
        self._redis.close()
        self._options["max_entries"] = max_entries
        self._open()

    @property
    def connection_info(self) -> dict[str, Any]:
        """What may be shown of the connection: `url` without name and password, `host`, `port`, `db`, `ssl`."""
        return self._redis.connection_info()

    def ping(self) -> bool:
        """Tell whether the server answers."""
        try:
            self._redis.ping()
        except Exception:  # whatever keeps it from answering
            return False
        return True

    def close(self) -> None:
        """Close the connections; the next use connects again."""
        self._redis.close()

    def __repr__(self) -> str:
        return f"RedisBackend({self.connection_info['url']!r})"


def _node(given: Node, default_port: int) -> tuple[str, int]:
    if isinstance(given, str):
        host, _, port = given.rpartition(":") if given.rpartition(":")[2].isdigit() else (given, "", "")
        return host, int(port) if port else default_port
    return given


def _number(name: str, given: int | None, environ: Mapping[str, str], default: int) -> int:
    if given is not None:
        return given
    text = environ.get(name)
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{name} must be a number, not {shown(text)}") from None
