"""
Native core of the Python package `mcp_refcache`.
"""

from collections.abc import Sequence
from typing import Any, Final, final

VERSION: Final[str]
"""
The version of the crate.
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
    ) -> Cache: ...
    def answer(self, /, ref_id: str, *, actor: Any, producer: bool) -> dict[str, Any] | None:
        """
        What a tool answers in place of its result; None if the entry is gone.
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
    def clear(self, /, namespace: Any | None = None, *, actor: Any | None = None) -> int:
        """
        Removes entries of this cache; how many.
        """
    def delete(self, /, ref_id: Any, *, actor: Any | None = None) -> bool:
        """
        Removes an entry; whether it was there. With an actor, needs DELETE.
        """
    def exists(self, /, ref_id: Any) -> bool:
        """
        Whether a live entry has this reference or key.
        """
    def expires_at(self, /, ref_id: str) -> float | None:
        """
        When an entry ends, in seconds since 1970; None = never, or it is gone.
        """
    def find(self, /, key: str, namespace: str) -> str | None:
        """
        The reference of a live entry by its exact key.
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
    ) -> dict[str, Any]:
        """
        The fields of a `CacheResponse`.
        """
    def is_large(self, /, ref_id: str) -> bool:
        """
        Whether answering for this entry may take long.
        """
    def knows(self, /, text: str) -> bool:
        """
        Whether a text is a reference that this cache may follow.
        """
    def resolve(self, /, ref_id: Any, *, actor: Any, use: bool = False) -> Any:
        """
        The value: for `use`, READ or EXECUTE is enough.
        """
    def set(
        self,
        /,
        key: Any,
        value: Any,
        *,
        namespace: Any | None = None,
        policy: Any | None = None,
        ttl: Any | None = None,
        tool_name: Any | None = None,
        actor: Any | None = None,
        max_size: int | None = None,
        strategy: str | None = None,
        bound: bool = False,
        any: bool = False,
    ) -> tuple[str, str, float, float | None, int | None, int | None]:
        """
        Stores a value. Gives `ref_id, namespace, created_at, expires_at, total_items, total_size`.

        With `any`, a value that has no JSON text is kept as the object it is; else it is an error.
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
class MemoryStore:
    """
    The native store behind `mcp_refcache.backends.MemoryBackend`: entries by any string.
    """
    def __len__(self, /) -> int: ...
    def __new__(cls, /, max_size: Any | None = None) -> MemoryStore: ...
    def all_keys(self, /) -> list[str]:
        """
        All keys, also of entries that are expired and not yet removed.
        """
    def clear(self, /, namespace: Any | None = None) -> int:
        """
        Removes the entries of a namespace, or all; how many.
        """
    def delete(self, /, key: Any) -> bool:
        """
        Removes an entry; whether it was there.
        """
    def exists(self, /, key: Any) -> bool:
        """
        Whether a live entry has this key.
        """
    def get(self, /, key: Any) -> Any | None:
        """
        The live entry with this key as a `CacheEntry`, or None.
        """
    def keys(self, /, namespace: Any | None = None) -> list[str]:
        """
        Keys of the live entries of a namespace, or of all.
        """
    def peek(self, /, key: str) -> Any | None:
        """
        The entry with this key, also if it is expired and not yet removed.
        """
    def set(self, /, key: Any, entry: Any) -> None:
        """
        Stores a snapshot of a `CacheEntry`.
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

def actor_matches(pattern: str, actor_type: str, actor_id: str | None) -> bool:
    """
    Whether an actor of this type and id matches the pattern.
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

def namespace_admits(namespace: str, actor: Any) -> bool:
    """
    Whether the actor may enter the namespace by the core's rules.
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
    "Cache",
    "Encoding",
    "MemoryStore",
    "Never",
    "Unkeyable",
    "VERSION",
    "actor_matches",
    "check_permission",
    "contains_refs",
    "count_characters",
    "count_tokens",
    "effective_permissions",
    "fingerprint",
    "from_stored",
    "generate",
    "identity_of",
    "is_ref_id",
    "json_text",
    "namespace_admits",
    "namespace_name",
    "parse_namespace",
    "required_session",
    "resolve_refs",
    "to_stored",
]
