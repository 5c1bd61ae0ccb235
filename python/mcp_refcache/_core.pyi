"""
Native core of the Python package `mcp_refcache`.
"""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Final, final

from typing_extensions import disjoint_base

VERSION: Final[str]
"""
The version of the crate.
"""

@final
class AuditLines:
    """
    The lines of a log, oldest first.
    """
    def __iter__(self, /) -> AuditLines: ...
    def __new__(cls, /, path: str | PathLike[str]) -> AuditLines: ...
    def __next__(self, /) -> bytes: ...

@final
class AuditLog:
    """
    Where the records of a cache go.
    """
    @staticmethod
    def function(called: Any) -> AuditLog:
        """
        A function of an `AuditRecord`.
        """
    @staticmethod
    def json_lines(path: str | PathLike[str], key: Sequence[int] | None = None) -> AuditLog:
        """
        A file of JSON lines.
        """
    @staticmethod
    def sqlite(path: str | PathLike[str], key: Sequence[int] | None = None) -> AuditLog:
        """
        A SQLite file.
        """

@final
class Awaitable:
    """
    An awaitable of the core.
    """
    def __await__(self, /) -> Awaitable: ...
    def __iter__(self, /) -> Awaitable: ...
    def __next__(self, /) -> Any:
        """
        Works on; what there is to wait for next, or `StopIteration` with the result.
        """

@final
class Cache:
    """
    The native half of a `RefCache`: storage, permissions, previews.
    """
    def __new__(
        cls,
        /,
        name: Any,
        *,
        backend: Any,
        default_policy: Any,
        default_ttl: Any,
        default_namespace: Any,
        preview_config: Any,
        measurer: Any,
        checker: Any,
        namespaces: Sequence[tuple[str, Any, Any | None]],
        rules: Sequence[tuple[str, Any, Any | None]],
        trusted: Sequence[str],
        copy_values: bool,
        resolve_requires: str,
        max_entries: int | None,
        default: Any | None = None,
        audit: tuple[AuditLog, Any, Any | None] | None = None,
        rate_limits: Sequence[tuple[str, str]] = ...,
    ) -> Cache: ...
    def acquire(self, /, lease: str, seconds: float, *, wait: bool = True) -> Any:
        """
        Takes a lease of the store for so many seconds: its token, or None while somebody else has it.
        """
    def answer(
        self, /, found: Found, *, actor: Any, producer: bool, counted: bool = False, wait: bool = True
    ) -> Any:
        """
        What a tool answers in place of its result; `counted` for what was found, against limits of rates.
        """
    def check_namespace(self, /, namespace: Any) -> None:
        """
        Raises ValueError for a namespace that was not declared.
        """
    @staticmethod
    def check_ttl(ttl: Any) -> None:
        """
        Raises TypeError or ValueError for what is no TTL.
        """
    def clear(
        self,
        /,
        namespace: Any | None = None,
        *,
        actor: Any | None = None,
        caller: Any | None = None,
        wait: bool = True,
    ) -> Any:
        """
        Removes entries of this cache; how many.
        """
    def count(
        self, /, actor: Any, *, namespace: str | None = None, ref_id: str | None = None, wait: bool = True
    ) -> Any:
        """
        Counts an attempt of an actor against the limits of rates; with a namespace, the use of what is there.
        """
    def delete(
        self,
        /,
        ref_id: Any,
        *,
        actor: Any | None = None,
        own: bool = False,
        caller: Any | None = None,
        wait: bool = True,
    ) -> Any:
        """
        Removes an entry; whether it was there. With an actor, needs DELETE.
        """
    def exists(self, /, ref_id: Any, *, wait: bool = True) -> Any:
        """
        Whether a live entry has this reference or key.
        """
    def expires_at(self, /, ref_id: str) -> Any:
        """
        When an entry ends, in seconds since 1970; None = never, or it is gone.
        """
    def export(
        self,
        /,
        target: Any,
        *,
        namespace: str | None = None,
        skip_unportable: bool = False,
        progress: Any | None = None,
    ) -> tuple[int, int, int]:
        """
        Writes the live entries to a path or stream; how many were written and left out, and the bytes.
        """
    def fetch(self, /, ref_id: Any, *, actor: Any, wait: bool = True) -> Any:
        """
        The live entry of a reference or key, if the actor may see it.
        """
    def find(self, /, key: str, namespace: str, *, wait: bool = True) -> Any:
        """
        The live entry that has exactly this key.
        """
    def get(
        self,
        /,
        ref_id: Any,
        *,
        actor: Any,
        page: Any | None = None,
        page_size: Any | None = None,
        max_size: Any | None = None,
        own: bool = False,
        uses: Uses | None = None,
        wait: bool = True,
    ) -> Any:
        """
        The fields of a `CacheResponse`. An `own` call is the server's, which no rate limits; `uses` notes what
        was shown.
        """
    def import_(
        self,
        /,
        source: Any,
        *,
        overwrite: bool = False,
        rename_namespaces: Sequence[tuple[str, str]] = ...,
        dry_run: bool = False,
        progress: Any | None = None,
    ) -> tuple[int, int, int, int]:
        """
        Reads entries from a path or stream; how many were stored, left out and had expired, and the bytes.
        """
    def keys(self, /, namespace: Any | None = None, *, actor: Any | None = None, wait: bool = True) -> Any:
        """
        References of this cache's live entries; with an actor, of those that it may read.
        """
    def knows(self, /, text: str, *, wait: bool = True) -> Any:
        """
        Whether a text is a reference that this cache may follow.
        """
    def note(self, /, found: Found, uses: Uses) -> None:
        """
        Notes that the value of an entry that was found is used.
        """
    def policy_of(self, /, namespace: str) -> Any:
        """
        Who may do what in a namespace where nothing else is said.
        """
    def record(
        self,
        /,
        action: str,
        *,
        ref_id: str | None = None,
        namespace: str | None = None,
        actor: Any | None = None,
        tool: str | None = None,
        reason: str | None = None,
    ) -> None:
        """
        Writes down what is done without the cache's own methods; nothing where nothing is written down.
        """
    def release(self, /, lease: str, token: int, *, wait: bool = True) -> Any:
        """
        Gives a lease back; whether the holder of the token still had it.
        """
    def removed(self, /) -> Removed | None:
        """
        What the store removes of this cache by itself, from now on; None for a store that does not know.
        """
    def renew(self, /, lease: str, token: int, seconds: float, *, wait: bool = True) -> Any:
        """
        Lets a lease end so many seconds from now instead; whether the holder of the token still has it.
        """
    def resolve(
        self,
        /,
        ref_id: Any,
        *,
        actor: Any,
        use: bool = False,
        own: bool = False,
        uses: Uses | None = None,
        alike: bool = False,
        wait: bool = True,
    ) -> Any:
        """
        The value: for `use`, READ or EXECUTE is enough; `own` as for `get`. `uses` notes that it was given out.
        `alike`: what is forbidden is answered as what is missing.
        """
    def set(
        self,
        /,
        key: Any,
        value: Any,
        namespace: Any | None = None,
        policy: Any | None = None,
        ttl: Any | None = None,
        tool_name: Any | None = None,
        *,
        actor: Any | None = None,
        caller: Any | None = None,
        max_size: int | None = None,
        strategy: str | None = None,
        bound: bool = False,
        any: bool = False,
        prepare: bool = False,
        promised: str | None = None,
        fence: tuple[str, int] | None = None,
        uses: Uses | None = None,
        wait: bool = True,
    ) -> Any:
        """
        Stores a value.

        With `any`, a value that has no JSON text is kept as the object it is; else it is an error. `prepare`
        makes the preview at once. `fence` is the name and token of the lease under which it was made,
        `uses` what it was made of.
        """
    def set_checker(self, /, checker: Any) -> None:
        """
        Exchanges the object that decides on permissions.
        """
    def set_default_policy(self, /, policy: Any) -> None:
        """
        Exchanges the default policy.
        """
    def set_default_ttl(self, /, seconds: Any) -> None:
        """
        Exchanges the default TTL; None or NEVER = never expires.
        """
    def set_generator(self, /, generator: Any | None, samples: bool) -> None:
        """
        Exchanges the object that makes previews; None = the built-in one of the strategy.
        """
    def set_measurer(self, /, measurer: Any) -> None:
        """
        Exchanges the object that measures.
        """
    def set_preview_config(self, /, preview_config: Any) -> None:
        """
        Exchanges the preview configuration, whose attributes are read at each call.
        """
    @property
    def shared(self, /) -> bool:
        """
        Whether other processes see the same entries and leases.
        """
    def value(self, /, found: Found, *, wait: bool = True) -> Any:
        """
        The value of an entry that was found, for the server itself.
        """
    @property
    def waits(self, /) -> bool:
        """
        Whether operations wait for a disk, a network or other code.
        """

@final
class Completion:
    """
    Takes the outcome of a call.
    """
    def __call__(self, /, error: Any | None, result: Any) -> None: ...

@final
class Encoding:
    """
    A built-in vocabulary: `o200k_base` or `cl100k_base`.
    """
    def count_tokens(self, /, text: Any) -> int:
        """
        Number of tokens of a text.
        """
    def encode(self, /, text: Any) -> list[int]:
        """
        Token ids of a text; what looks like a special token is text. Lone surrogates count as U+FFFD.
        """
    @staticmethod
    def for_model(model: str) -> Encoding:
        """
        The vocabulary of this name or of a model; `cl100k_base` for models without a built-in one.
        """
    @property
    def name(self, /) -> str:
        """
        Its name.
        """

@final
class Found:
    """
    An entry and its reference.
    """
    @property
    def created_at(self, /) -> float:
        """
        When it was stored, in seconds since 1970.
        """
    @property
    def expires_at(self, /) -> float | None:
        """
        When it ends, in seconds since 1970; None = never.
        """
    def facts(self, /, cache_name: str) -> dict[str, Any]:
        """
        What a `CacheReference` says of it, by the names of its fields in their order.
        """
    @property
    def namespace(self, /) -> str:
        """
        Where it lives.
        """
    @property
    def policy(self, /) -> Any:
        """
        Who may do what with it.
        """
    @property
    def ref_id(self, /) -> str:
        """
        Its reference.
        """
    def stands_in(
        self,
        /,
        texts: Sequence[Sequence[int]],
        known: Sequence[Sequence[int]],
        *,
        min_characters: int,
        min_digits: int,
        max_memory: int,
    ) -> Any:
        """
        Whether a part of the value stands in one of these texts, in UTF-8, and in none of the known ones; None if
        that cannot be told, as the index of the value would be too large.

        Reads the value from its store if it is not here.
        """
    @property
    def tool_name(self, /) -> str | None:
        """
        The tool that made the value.
        """
    @property
    def total_items(self, /) -> int | None:
        """
        Number of items of a collection.
        """
    @property
    def total_size(self, /) -> int | None:
        """
        Characters of the JSON text.
        """
    def under(self, /, policy: Any) -> Found:
        """
        The same entry as if it had another policy.
        """

@final
class KeyValueStore(Store):
    """
    The native store behind `mcp_refcache.backends.KeyValueBackend`.
    """
    def __new__(cls, /, bridge: Any, *, compress: int | None = None) -> KeyValueStore:
        """
        Over an object whose `start(method, arguments, completion)` begins a call of the store and calls
        `completion(error, result)` when it is done.
        """

@final
class MemoryStore(Store):
    """
    The native store behind `mcp_refcache.backends.MemoryBackend`.
    """
    def __len__(self, /) -> int: ...
    def __new__(cls, /, max_size: Any | None = None) -> MemoryStore: ...
    def all_keys(self, /) -> list[str]:
        """
        All keys, also of entries that are expired and not yet removed.
        """
    def peek(self, /, key: str) -> Any:
        """
        The entry with this key, also if it is expired and not yet removed.
        """
    def set_max_bytes(self, /, max_bytes: Any | None) -> None:
        """
        Sets the most bytes of JSON text to keep; None = no limit.
        """
    def set_max_size(self, /, max_size: Any | None) -> None:
        """
        Sets the most entries to keep; None = no limit.
        """

@final
class Never:
    """
    "Never expires": a TTL, to be told from None, which means "as the cache says".
    """
    def __new__(cls, /) -> Never: ...
    def __repr__(self, /) -> str: ...

@final
class RedisStore(Store):
    """
    The native store behind `mcp_refcache.backends.RedisBackend`.
    """
    def __new__(
        cls,
        /,
        *,
        url: str | None = None,
        host: str | None = None,
        port: int | None = None,
        nodes: Sequence[tuple[str, int]] | None = None,
        sentinels: Sequence[tuple[str, int]] | None = None,
        service: str | None = None,
        db: int | None = None,
        username: str | None = None,
        password: str | None = None,
        sentinel_username: str | None = None,
        sentinel_password: str | None = None,
        ssl: bool | None = None,
        ca_file: str | PathLike[str] | None = None,
        cert_file: str | PathLike[str] | None = None,
        key_file: str | PathLike[str] | None = None,
        insecure: bool = False,
        socket_timeout: float | None = None,
        max_entries: int | None = None,
        max_bytes: int | None = None,
        shared_with_original: bool = True,
        near_cache: int = 0,
        compress: int | None = None,
    ) -> RedisStore: ...
    def close(self, /) -> None:
        """
        Closes the connections; the next use connects again.
        """
    def connection_info(self, /) -> dict[str, Any]:
        """
        What may be shown of the connection: no user name, no password.
        """
    def ping(self, /) -> None:
        """
        Raises what keeps the server from answering.
        """

@final
class Removed:
    """
    What the store of a cache removes by itself, from now on.
    """
    def take(self, /) -> tuple[list[tuple[str, str, bool]], int, int]:
        """
        What went since the last time: reference, namespace and whether it was evicted, not expired; then how many
        more expired, and how many more were evicted, than are told one by one.
        """

@final
class SealedStore(Store):
    """
    The native store behind `mcp_refcache.backends.EncryptedBackend`.
    """
    def __new__(cls, /, backend: Any, key: Any, *, compress: int | None = None) -> SealedStore:
        """
        Around a native store, or any object with the methods of a `CacheBackend`. `key` is a key, a list of
        them with the current one first, or a callable that gives either.
        """
    def destroy_key(self, /, key_id: str) -> bool:
        """
        Forgets a key by its id; whether it was there. What was sealed with it cannot be opened any more.
        """
    def key_ids(self, /) -> list[str]:
        """
        Ids of the keys, that of the current one first.
        """
    def rotate(self, /, key: Any) -> None:
        """
        Seals with another key from now on; the former one still opens.
        """

@final
class SqliteStore(Store):
    """
    The native store behind `mcp_refcache.backends.SQLiteBackend`.
    """
    def __new__(
        cls,
        /,
        path: str | PathLike[str],
        *,
        timeout: float,
        max_entries: int | None = None,
        max_bytes: int | None = None,
        near_cache: int | None = None,
        compress: int | None = None,
    ) -> SqliteStore: ...
    def after_fork(self, /) -> None:
        """
        Ends what `before_fork` began.
        """
    def before_fork(self, /) -> None:
        """
        To be called before a fork, and `after_fork` in the parent.
        """
    def close(self, /) -> None:
        """
        Closes the file; the next use opens it again.
        """
    def totals(self, /) -> Any:
        """
        Number of entries and their bytes, expired ones that are not yet removed included.
        """

@disjoint_base
class Store:
    """
    A native store: entries by any string.
    """
    def clear(self, /, namespace: Any | None = None) -> Any:
        """
        Removes the entries of a namespace, or all; how many.
        """
    def delete(self, /, key: Any) -> Any:
        """
        Removes an entry; whether it was there.
        """
    def exists(self, /, key: Any) -> Any:
        """
        Whether a live entry has this key.
        """
    def get(self, /, key: Any) -> Any:
        """
        The live entry with this key as a `CacheEntry`, or None.
        """
    def keys(self, /, namespace: Any | None = None) -> Any:
        """
        Keys of the live entries of a namespace, or of all.
        """
    def set(self, /, key: Any, entry: Any) -> None:
        """
        Stores a snapshot of a `CacheEntry`.
        """

@final
class Uses:
    """
    The entries whose values a call used.
    """
    def __len__(self, /) -> int:
        """
        How many entries were used.
        """
    def __new__(cls, /) -> Uses:
        """
        An empty collection.
        """
    def hidden_from(self, /, actor: Any) -> list[Found]:
        """
        Of what was used, that which the actor may not see.
        """
    def inherited(self, /, policy: Any, *, alone: bool = False) -> Any | None:
        """
        The policy of a result with this policy of its own; None if it is the same.

        What the calls around this one used counts as well, unless `alone`.
        """
    def inner(self, /) -> Uses:
        """
        One for a call inside this one: what it uses, this one uses as well.
        """

def actor_matches(pattern: str, actor_type: str, actor_id: str | None) -> bool:
    """
    Whether an actor of this type and id matches the pattern.
    """

def audit_verify(
    paths: Sequence[str | PathLike[str]], key: Sequence[int] | None = None, expect: str | None = None
) -> tuple[int, int, str, int]:
    """
    Checks the chain of a log: how many records, the number of the first, the last hash, and how many torn lines.
    """

def check_masked_paths(paths: Any) -> None:
    """
    Raise ValueError for what is no masked path, TypeError for what is no text.
    """

def check_permission(policy: Any, required: Any, actor: Any, namespace: str, resolver: Any) -> None:
    """
    Raise `PermissionDenied` unless the actor has all of the required permissions.
    """

def contains_refs(value: Any, knows: Any | None = None) -> bool:
    """
    Whether a value holds a reference, at any depth, where resolving would replace it.

    `knows(ref)` tells references from text of the same form; None = all are references.
    """

def count_characters(value: Any) -> int:
    """
    Characters of `json.dumps(value, default=str)`.
    """

def count_tokens(value: Any, tokenizer: Any) -> int:
    """
    Tokens of `json.dumps(value, default=str)` by any tokenizer.
    """

def effective_permissions(policy: Any, actor: Any, namespace: str, resolver: Any) -> Any:
    """
    Everything that the actor may do.
    """

def escape_template_value(value: str) -> str:
    """
    The id as templates write it.
    """

def expand_template(template: str, values: Any, texts: Any) -> str:
    """
    The template with its placeholders filled: with values, escaped, or else with the text for their names. Both are
    mappings.
    """

def fingerprint(value: Any, *, frozen: bool = False) -> tuple[str, bool]:
    """
    Digest of a value: 32 hex digits, and whether an identity is part of it.

    A digest without an identity is the same in every process. With `frozen` only what cannot change counts by content
    (a list, say, does not).
    """

def from_stored(text: str, types: str | None = None) -> Any:
    """
    The value that was stored as these texts.
    """

def generate(
    strategy: str, value: Any, max_size: int, measurer: Any, page: Any | None, page_size: Any | None
) -> tuple[Any, str, int, int, int | None, int | None, int | None, int | None]:
    """
    What the built-in generator of a strategy shows of a value.
    """

def identity_of(value: Any) -> str:
    """
    Text that no other object of any process ever has; the same for one object as long as it lives.
    """

def is_ref_id(value: Any) -> bool:
    """
    Whether a value is a str with the form of a reference.
    """

def json_text(value: Any) -> str:
    """
    The text that `json.dumps(value, default=str)` gives.
    """

def masked(value: Any, policy: Any, actor: Any | None = None) -> Any:
    """
    A value as an actor sees it under this policy, None = as agents do: itself if nothing of it is hidden.
    """

def namespace_admits(namespace: str, actor: Any, strict: bool) -> bool:
    """
    Whether the actor may enter the namespace by the core's rules; `strict` as in `DefaultNamespaceResolver`.
    """

def namespace_name(parts: Sequence[tuple[str, str]]) -> str:
    """
    The name of a namespace made of `(scope, id)` pairs.
    """

def parse_namespace(namespace: str) -> tuple[str | None, str | None]:
    """
    Identifier and implied owner of a namespace.
    """

def required_session(namespace: str) -> str | None:
    """
    The session one has to be in to enter the namespace.
    """

def resolve_refs(
    value: Any, resolve: Any, follow: Any | None, knows: Any | None, fail_on_missing: bool
) -> tuple[Any, list[str], dict[str, str]]:
    """
    Replaces references inside a value.

    `resolve(ref)` gives the value of a reference of the caller's, `follow(ref)` of one that stands in
    a stored value (None = those are left alone), `knows(ref)` tells references from text of the same
    form (None = all are references). Gives the new value, the list of replaced references and a dict
    of those that failed.
    """

def to_stored(value: Any, default: Any | None = None, *, any: bool = False) -> tuple[str, str | None]:
    """
    A value as stores that outlive the process keep it: its JSON text, and JSON text of what that does
    not tell (None = it tells everything).

    `default` stands in for what cannot be kept. With `any`, a value without JSON text is kept as a whole.
    """

class Unkeyable(Exception):
    """A value has no content that a key could be made of."""

__all__ = [
    "AuditLines",
    "AuditLog",
    "Awaitable",
    "Cache",
    "Completion",
    "Encoding",
    "Found",
    "KeyValueStore",
    "MemoryStore",
    "Never",
    "RedisStore",
    "Removed",
    "SealedStore",
    "SqliteStore",
    "Store",
    "Unkeyable",
    "Uses",
    "VERSION",
    "actor_matches",
    "audit_verify",
    "check_masked_paths",
    "check_permission",
    "contains_refs",
    "count_characters",
    "count_tokens",
    "effective_permissions",
    "escape_template_value",
    "expand_template",
    "fingerprint",
    "from_stored",
    "generate",
    "identity_of",
    "is_ref_id",
    "json_text",
    "masked",
    "namespace_admits",
    "namespace_name",
    "parse_namespace",
    "required_session",
    "resolve_refs",
    "to_stored",
]
