"""Reference-based result cache for MCP servers: previews, namespaces, access control, private computation.

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from mcp_refcache._core import VERSION as __version__  # noqa: N811 -- a constant under Python's own name

if TYPE_CHECKING:
    from mcp_refcache._declassified import Declassified
    from mcp_refcache._identity import Identity, use_identity
    from mcp_refcache._ref import Ref, TakesRef
    from mcp_refcache.access.actor import Actor, ActorLike, ActorType, DefaultActor, resolve_actor
    from mcp_refcache.access.checker import DefaultPermissionChecker, PermissionChecker, PermissionDenied
    from mcp_refcache.access.namespace import (
        DefaultNamespaceResolver,
        Namespace,
        NamespaceInfo,
        NamespaceResolver,
    )
    from mcp_refcache.audit import AuditRecord
    from mcp_refcache.backends import (
        CacheBackend,
        CacheEntry,
        EncryptedBackend,
        KeyValueBackend,
        MemoryBackend,
        RedisBackend,
        SQLiteBackend,
    )
    from mcp_refcache.cache import NEVER, RefCache
    from mcp_refcache.context import (
        CharacterFallback,
        CharacterMeasurer,
        HuggingFaceAdapter,
        SizeMeasurer,
        TiktokenAdapter,
        Tokenizer,
        TokenMeasurer,
        get_default_measurer,
        get_default_tokenizer,
    )
    from mcp_refcache.context_integration import (
        DEFAULT_FALLBACKS,
        build_context_scoped_policy,
        derive_actor_from_context,
        expand_template,
        get_context_values,
        try_get_fastmcp_context,
    )
    from mcp_refcache.egress import EgressGuard
    from mcp_refcache.exceptions import (
        AuditError,
        BackendBusyError,
        BackendConnectionError,
        BackendError,
        BackendIOError,
        BackendTimeoutError,
        CodecError,
        RateLimitExceeded,
        RefCacheError,
        WithheldError,
    )
    from mcp_refcache.models import (
        AsyncTaskResponse,
        CacheReference,
        CacheResponse,
        PaginatedResponse,
        PreviewConfig,
        PreviewStrategy,
        RetryInfo,
        SizeMode,
        TaskInfo,
        TaskProgress,
        TaskStatus,
    )
    from mcp_refcache.permissions import (
        POLICY_EXECUTE_ONLY,
        POLICY_PUBLIC,
        POLICY_READ_ONLY,
        POLICY_USER_ONLY,
        AccessPolicy,
        Permission,
    )
    from mcp_refcache.preview import (
        PaginateGenerator,
        PreviewGenerator,
        PreviewResult,
        SampleGenerator,
        SummaryGenerator,
        TruncateGenerator,
        get_default_generator,
    )
    from mcp_refcache.resolution import (
        CircularReferenceError,
        RefResolver,
        ResolutionResult,
        is_ref_id,
        resolve_args_and_kwargs,
        resolve_kwargs,
        resolve_refs,
    )

__all__ = [
    "AccessPolicy",
    "Actor",
    "ActorLike",
    "ActorType",
    "AsyncTaskResponse",
    "AuditError",
    "AuditRecord",
    "BackendBusyError",
    "BackendConnectionError",
    "BackendError",
    "BackendIOError",
    "BackendTimeoutError",
    "CacheBackend",
    "CacheEntry",
    "CacheReference",
    "CacheResponse",
    "CharacterFallback",
    "CharacterMeasurer",
    "CircularReferenceError",
    "CodecError",
    "DEFAULT_FALLBACKS",
    "Declassified",
    "DefaultActor",
    "DefaultNamespaceResolver",
    "DefaultPermissionChecker",
    "EgressGuard",
    "EncryptedBackend",
    "HuggingFaceAdapter",
    "Identity",
    "KeyValueBackend",
    "MemoryBackend",
    "NEVER",
    "Namespace",
    "NamespaceInfo",
    "NamespaceResolver",
    "POLICY_EXECUTE_ONLY",
    "POLICY_PUBLIC",
    "POLICY_READ_ONLY",
    "POLICY_USER_ONLY",
    "PaginateGenerator",
    "PaginatedResponse",
    "Permission",
    "PermissionChecker",
    "PermissionDenied",
    "PreviewConfig",
    "PreviewGenerator",
    "PreviewResult",
    "PreviewStrategy",
    "RateLimitExceeded",
    "RedisBackend",
    "Ref",
    "RefCache",
    "RefCacheError",
    "RefResolver",
    "ResolutionResult",
    "RetryInfo",
    "SQLiteBackend",
    "SampleGenerator",
    "SizeMeasurer",
    "SizeMode",
    "SummaryGenerator",
    "TakesRef",
    "TaskInfo",
    "TaskProgress",
    "TaskStatus",
    "TiktokenAdapter",
    "TokenMeasurer",
    "Tokenizer",
    "TruncateGenerator",
    "WithheldError",
    "__version__",
    "build_context_scoped_policy",
    "derive_actor_from_context",
    "expand_template",
    "get_context_values",
    "get_default_generator",
    "get_default_measurer",
    "get_default_tokenizer",
    "is_ref_id",
    "resolve_actor",
    "resolve_args_and_kwargs",
    "resolve_kwargs",
    "resolve_refs",
    "try_get_fastmcp_context",
    "use_identity",
]

_NAMES = {
    "._declassified": "Declassified",
    "._identity": "Identity use_identity",
    "._ref": "Ref TakesRef",
    ".access.actor": "Actor ActorLike ActorType DefaultActor resolve_actor",
    ".access.checker": "DefaultPermissionChecker PermissionChecker PermissionDenied",
    ".access.namespace": "DefaultNamespaceResolver Namespace NamespaceInfo NamespaceResolver",
    ".backends": (
        "CacheBackend CacheEntry EncryptedBackend KeyValueBackend MemoryBackend RedisBackend SQLiteBackend"
    ),
    ".audit": "AuditRecord",
    ".cache": "NEVER RefCache",
    ".context": (
        "CharacterFallback CharacterMeasurer HuggingFaceAdapter SizeMeasurer TiktokenAdapter "
        "TokenMeasurer Tokenizer get_default_measurer get_default_tokenizer"
    ),
    ".context_integration": (
        "DEFAULT_FALLBACKS build_context_scoped_policy derive_actor_from_context expand_template "
        "get_context_values try_get_fastmcp_context"
    ),
    ".egress": "EgressGuard",
    ".exceptions": (
        "AuditError BackendBusyError BackendConnectionError BackendError BackendIOError BackendTimeoutError CodecError "
        "RateLimitExceeded RefCacheError WithheldError"
    ),
    ".models": (
        "AsyncTaskResponse CacheReference CacheResponse PaginatedResponse PreviewConfig "
        "PreviewStrategy RetryInfo SizeMode TaskInfo TaskProgress TaskStatus"
    ),
    ".permissions": (
        "POLICY_EXECUTE_ONLY POLICY_PUBLIC POLICY_READ_ONLY POLICY_USER_ONLY AccessPolicy Permission"
    ),
    ".preview": (
        "PaginateGenerator PreviewGenerator PreviewResult SampleGenerator SummaryGenerator "
        "TruncateGenerator get_default_generator"
    ),
    ".resolution": (
        "CircularReferenceError RefResolver ResolutionResult is_ref_id resolve_args_and_kwargs "
        "resolve_kwargs resolve_refs"
    ),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}
_MODULES = {module.split(".")[1] for module in _NAMES if not module.startswith("._")}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value  # the next look finds it at once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
