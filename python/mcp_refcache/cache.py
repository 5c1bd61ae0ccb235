"""`RefCache`: results that agents hold by reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from mcp_refcache import _core
from mcp_refcache._arguments import mapping, names, one_of, text, whole, wrong_type
from mcp_refcache._as_key_value import KeyValue
from mcp_refcache._cached import Options, decorate
from mcp_refcache._caller import aread_caller, in_request, read_caller
from mcp_refcache._compat import check_version
from mcp_refcache._execution import eta
from mcp_refcache._locks import AsyncLock, Lock
from mcp_refcache._made import Ledger
from mcp_refcache._observed import Observed
from mcp_refcache._provenance import current_uses
from mcp_refcache._ref import enlist
from mcp_refcache._tasks import Tasks
from mcp_refcache._transfer import Exported, Imported
from mcp_refcache.access.actor import ActorLike, resolve_actor
from mcp_refcache.access.checker import DefaultPermissionChecker
from mcp_refcache.access.namespace import Namespace
from mcp_refcache.audit import open_audit
from mcp_refcache.backends._by_url import open_backend
from mcp_refcache.backends.memory import MemoryBackend
from mcp_refcache.context import TiktokenAdapter, TokenMeasurer, get_default_measurer
from mcp_refcache.context_integration import (
    try_get_fastmcp_context as try_get_fastmcp_context,  # looked up here, where suites replace it
)
from mcp_refcache.egress import EgressGuard
from mcp_refcache.events import EventStream
from mcp_refcache.models import (
    AsyncTaskResponse,
    CacheReference,
    CacheResponse,
    PreviewConfig,
    PreviewStrategy,
    SizeMode,
)
from mcp_refcache.permissions import AccessPolicy
from mcp_refcache.preview import PaginateGenerator, SampleGenerator, get_default_generator

if TYPE_CHECKING:
    from os import PathLike

    from mcp_refcache._transfer import Progress, SupportsRead, SupportsWrite
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.access.checker import PermissionChecker
    from mcp_refcache.audit import Audit
    from mcp_refcache.backends.base import CacheBackend
    from mcp_refcache.backends.task_base import TaskBackend
    from mcp_refcache.context import SizeMeasurer, Tokenizer
    from mcp_refcache.models import TaskInfo
    from mcp_refcache.preview import PreviewGenerator, PreviewResult
    from mcp_refcache.resolution import ResolveRefs

__all__ = ["NEVER", "RefCache"]

#: A TTL: never expires. (None as a TTL means "as the namespace or the cache says".)
NEVER: Final = _core.Never()

Ttl = float | _core.Never | None
Function = TypeVar("Function", bound=Callable[..., Any])

#: What is looked at where nothing else is said.
_GUARD: Final = EgressGuard()
_TASK_METHODS: Final = ("submit", "get_status", "cancel", "is_cancelled")
_BACKEND_METHODS: Final = ("get", "set", "delete", "exists", "clear", "keys")


class RefCache:
    """A cache of results: agents get a reference and a preview, servers the value.

    Args:
        name: A letter, then letters, digits, `_` and `-`; the part of references before the colon.
        backend: `"memory"`, `"sqlite"`, `"redis"`, a URL (`sqlite:///path/to/file`, `redis://host`, ...), or any
            object with the methods of `CacheBackend`. None = memory.
        default_policy: Who may do what where nothing else is said. None = `AccessPolicy()`.
        default_ttl: Seconds an entry lives where nothing else is said. None or NEVER = for ever.
        preview_config: Size, unit and strategy of previews. None = 1000 tokens, sampled.
        tokenizer: What counts tokens, also where the config says characters.
        measurer: What measures; comes before `tokenizer`.
        preview_generator: What makes previews; comes before the config's strategy.
        permission_checker: What decides on permissions. None = `DefaultPermissionChecker()`.
        task_backend: Runs what `cached(async_timeout=)` lets go on in the background, such as
            `MemoryTaskBackend()`. None = calls run to their end.
        namespaces: Namespaces that may be used, as names, patterns (`session:*`) or `Namespace`s with
            `ttl` and `policy`. Any other is a ValueError. None = no restriction.
        default_namespace: Where values go when no namespace is given.
        namespace_ttls: Seconds (or NEVER) for the namespaces of a pattern: `{"session:*": 900}`.
        max_size: The most entries to keep. Beyond it, in memory the one used longest ago goes, in SQLite and Redis
            the oldest of the store, in a backend of your own the oldest of this cache. None = no limit.
        preview_length: Previews of at most so many characters; in place of `preview_config`.
        resolve_requires: What `resolve` without an actor needs: `"execute"` (READ or EXECUTE) or
            `"read"`, for servers whose tools hand resolved values to the agent.
        trusted_caches: Names of other caches whose references are recognised in arguments.
        copy_values: False shares stored objects with callers in memory: faster, but changes to them show.
        types: Dataclasses, pydantic models, enums and namedtuples whose instances are kept in stores that outlive
            the process. They are registered for the whole process.
        default: What such a store keeps in place of an object that it cannot keep: a callable like the `default`
            of `json.dumps`, usually `str`. None = such an object is a `CodecError`.
        identity: Says who makes a request: a function of the FastMCP context, async or not, that answers an
            `Identity`, a mapping of template names (`{"user_id": ...}`), or None if it does not know.
            None = middleware (`use_identity`), the access token and the state of the context say it.
        egress: What the results of plain tools, resources and prompts of a server in which the cache is installed
            must not contain: values that were resolved in them and that their caller may not read. None = they
            are not looked at.
        on_backend_error: What a decorated tool does while the store fails: `"raise"` a `BackendError`, or run
            uncached (`"bypass"`).
        audit: Where it is written down who did what, before it takes effect: a path (`.db`, `.sqlite` or a
            `sqlite:///` URL = SQLite, any other = JSON lines), or a function that is called with each
            `AuditRecord` on the thread where it happens, by several at once. None = nowhere.
        audit_key: 16 bytes or more, without which nobody can write records that `mcp-refcache audit verify` takes.
        audit_failure: What cannot be written down fails with an `AuditError` (`"raise"`), or happens and is
            logged as an error (`"log"`).
        rate_limits: How often callers may come: `{"session:*": "60/min", "actor:agent:*": "5/s burst 20"}`. A key
            is a namespace or a pattern of namespaces, `actor:` and a pattern (`actor:user:alice`, `actor:*`), or
            `ref:` and one. Each namespace, actor or reference has a bucket of its own, which processes on one
            SQLite file or Redis share; all limits that match hold. The server's own calls do not count.

    Raises:
        TypeError: For a backend without the six methods, for `preview_length` beside `preview_config`, and for
            what is none of the `types` above.
        ValueError: For a name that no reference can carry, for sizes below 1, and for limits that are none.
    """

    def __init__(
        self,
        name: str = "default",
        backend: CacheBackend | str | None = None,
        default_policy: AccessPolicy | None = None,
        default_ttl: Ttl = 3600,
        preview_config: PreviewConfig | None = None,
        tokenizer: Tokenizer | None = None,
        measurer: SizeMeasurer | None = None,
        preview_generator: PreviewGenerator | None = None,
        permission_checker: PermissionChecker | None = None,
        task_backend: TaskBackend | None = None,
        *,
        namespaces: Iterable[str] | None = None,
        default_namespace: str = "public",
        namespace_ttls: Mapping[str, Ttl] | None = None,
        max_size: int | None = None,
        preview_length: int | None = None,
        resolve_requires: Literal["execute", "read"] = "execute",
        trusted_caches: Iterable[str] = (),
        copy_values: bool = True,
        types: Iterable[type[Any]] = (),
        default: Callable[[Any], Any] | None = None,
        identity: Callable[[Any], Any] | None = None,
        egress: EgressGuard | None = _GUARD,
        on_backend_error: Literal["raise", "bypass"] = "raise",
        audit: Audit | None = None,
        audit_key: str | bytes | None = None,
        audit_failure: Literal["raise", "log"] = "raise",
        rate_limits: Mapping[str, str] | None = None,
    ) -> None:
        one_of("resolve_requires", resolve_requires, "execute", "read")
        if default_policy is not None:
            _check_policy("default_policy", default_policy)
        _check_part("tokenizer", tokenizer, "count_tokens")
        _check_part("measurer", measurer, "measure")
        _check_part("preview_generator", preview_generator, "generate")
        _check_part("permission_checker", permission_checker, "check")
        if default is not None and not callable(default):
            raise wrong_type("default", "a callable", default)
        if types:
            from mcp_refcache._codec import register_types  # not every server needs it

            register_types(types)
        if identity is not None and not callable(identity):
            raise wrong_type("identity", "a function of the context", identity)
        _check_part("task_backend", task_backend, *_TASK_METHODS)
        one_of("on_backend_error", on_backend_error, "raise", "bypass")
        _check_egress(egress)
        self.name = name
        self.egress = egress
        self.on_backend_error = on_backend_error
        self.identity = identity
        self._made = Ledger()
        self._full_docs: set[str] = set()
        self._backend = _make_backend(backend, max_size)
        self._task_backend = task_backend
        self._tokenizer = tokenizer
        self._default_policy = default_policy if default_policy is not None else AccessPolicy()
        self._default_ttl = default_ttl
        self._preview_config = _make_preview_config(preview_config, preview_length)
        self._measurer_object = self._make_measurer(measurer)
        self._checker_object = (
            permission_checker if permission_checker is not None else DefaultPermissionChecker()
        )
        declared = [_declaration(item) for item in names("namespaces", namespaces or ())]
        settings: dict[str, Any] = {
            "default_policy": self._default_policy,
            "default_ttl": default_ttl,
            "default_namespace": default_namespace,
            "preview_config": self._preview_config,
            "measurer": self._measurer_object,
            "checker": self._checker_object,
            "namespaces": declared,
            "rules": [
                (pattern, ttl, None)
                for pattern, ttl in mapping("namespace_ttls", namespace_ttls or {}).items()
            ],
            "trusted": names("trusted_caches", trusted_caches),
            "copy_values": copy_values,
            "resolve_requires": resolve_requires,
            "default": default,
        }
        records = open_audit(audit, audit_key, audit_failure)
        self._is_audited = records is not None
        limits = _limits(rate_limits or {})
        self._is_limited = bool(limits)
        self._core = _core.Cache(
            name,
            backend=self._backend,
            max_entries=max_size,
            audit=records,
            rate_limits=limits,
            **settings,
        )
        self._tasks: Tasks | None = None
        if task_backend is not None:
            store = MemoryBackend()
            promises = _core.Cache(name, backend=store, max_entries=None, **settings)
            self._tasks = Tasks(self, task_backend, promises, store)
        self._events: EventStream | None = None
        self.default_namespace = default_namespace
        enlist(self)
        self._preview_generator = (
            preview_generator
            if preview_generator is not None
            else get_default_generator(self._preview_config.default_strategy)
        )

    # -- settings that may be exchanged ---------------------------------------------------------

    @property
    def default_policy(self) -> AccessPolicy:
        """Who may do what where nothing else is said."""
        return self._default_policy

    @default_policy.setter
    def default_policy(self, policy: AccessPolicy) -> None:
        _check_policy("default_policy", policy)
        self._core.set_default_policy(policy)
        self._default_policy = policy

    @property
    def default_ttl(self) -> Ttl:
        """Seconds an entry lives where nothing else is said; None or NEVER = for ever."""
        return self._default_ttl

    @default_ttl.setter
    def default_ttl(self, ttl: Ttl) -> None:
        self._core.set_default_ttl(ttl)
        self._default_ttl = ttl

    @property
    def preview_config(self) -> PreviewConfig:
        """Size, unit and strategy of previews; read at each call."""
        return self._preview_config

    @preview_config.setter
    def preview_config(self, config: PreviewConfig) -> None:
        self._core.set_preview_config(config)
        self._preview_config = config

    @property
    def _measurer(self) -> SizeMeasurer:
        return self._measurer_object

    @_measurer.setter
    def _measurer(self, measurer: SizeMeasurer) -> None:
        self._core.set_measurer(measurer)
        self._measurer_object = measurer

    @property
    def _preview_generator(self) -> PreviewGenerator:
        return self._generator_object

    @_preview_generator.setter
    def _preview_generator(self, generator: PreviewGenerator) -> None:
        default = get_default_generator(self._preview_config.default_strategy)
        if type(generator) is type(default):
            self._core.set_generator(None, False)
        else:
            self._core.set_generator(generator, isinstance(generator, SampleGenerator))
        self._generator_object = generator

    @property
    def _permission_checker(self) -> PermissionChecker:
        return self._checker_object

    @_permission_checker.setter
    def _permission_checker(self, checker: PermissionChecker) -> None:
        self._core.set_checker(checker)
        self._checker_object = checker

    @property
    def events(self) -> EventStream:
        """What happens here, for metrics, traces and logs: `cache.events.subscribe(print)`."""
        if self._events is None:
            self._events = EventStream(self.name, self._observe)
        return self._events

    def _observe(self, listened: bool) -> None:
        if listened != isinstance(self._core, Observed):  # pyright: ignore[reportUnnecessaryIsInstance]
            self._core = Observed.of(self) if listened else Observed.behind(self._core)

    # -- the cache ------------------------------------------------------------------------------

    def set(
        self,
        key: str,
        value: Any,
        namespace: str | None = None,
        policy: AccessPolicy | None = None,
        ttl: Ttl = None,
        tool_name: str | None = None,
        *,
        actor: ActorLike | None = None,
    ) -> CacheReference:
        """Store a snapshot of a value under a key; each time under a new reference.

        The entry that had the key before keeps its reference for at most one more default TTL.

        Args:
            key: Any text, unique within the cache's name and the namespace.
            value: Any value with JSON text (`json.dumps(value, default=str)`).
            namespace: Where to store it. None = the cache's `default_namespace`.
            policy: Who may do what. None = as the namespace or the cache says.
            ttl: Seconds until it expires (0 = at once), or NEVER. None = as the namespace or the cache says.
            tool_name: The tool that made the value.
            actor: Who stores it; needs WRITE, or UPDATE where the key exists. None = the server itself.

        Returns:
            The reference, and what is known about the value.

        Raises:
            PermissionDenied: If the actor may not.
            TypeError: If a dict key is no str, int, float, bool or None, or the policy is no policy.
            ValueError: If the value contains itself, for a negative TTL, and for an undeclared namespace.
            CodecError: If the backend outlives the process and cannot keep an object in the value.
        """
        stored = self._store(key, value, namespace, policy, ttl, tool_name, actor, wait=True)
        return CacheReference.of(stored.facts(self.name))

    async def aset(
        self,
        key: str,
        value: Any,
        namespace: str | None = None,
        policy: AccessPolicy | None = None,
        ttl: Ttl = None,
        tool_name: str | None = None,
        *,
        actor: ActorLike | None = None,
    ) -> CacheReference:
        """Store a value as `set` does, without blocking the event loop."""
        stored = await self._store(key, value, namespace, policy, ttl, tool_name, actor, wait=False)
        return CacheReference.of(stored.facts(self.name))

    def _store(
        self,
        key: str,
        value: Any,
        namespace: str | None,
        policy: AccessPolicy | None,
        ttl: Ttl,
        tool_name: str | None,
        actor: ActorLike | None,
        *,
        wait: bool,
    ) -> Any:
        """Have the core store a value: what it found of it, or that to be awaited."""
        if policy is not None:
            _check_policy("policy", policy)
        who = None if actor is None else resolve_actor(actor)
        uses = current_uses()
        return self._core.set(key, value, namespace, policy, ttl, tool_name, actor=who, uses=uses, wait=wait)

    def get(
        self,
        ref_id: str,
        *,
        page: int | None = None,
        page_size: int | None = None,
        max_size: int | None = None,
        actor: ActorLike | None = None,
    ) -> CacheResponse | AsyncTaskResponse:
        """Return a preview or page of an entry; of one that is still being made, how far it is.

        Args:
            ref_id: A reference, or a key of this cache.
            page: The page to show, from 1. None = a preview of the whole.
            page_size: Items (of a text: characters) on a page; default 20.
            max_size: The most the preview may measure. None = as the tool, else the cache says.
            actor: Who reads; needs READ. None = the current caller, as an agent.

        Raises:
            KeyError: If nothing lives under this reference or key.
            PermissionDenied: If the actor may not see the value.
            RateLimitExceeded: If it comes more often than `rate_limits` allow; so for all that an actor asks for.
            ValueError: If `page` or `page_size` is below 1.
        """
        reader = self._caller() if actor is None else resolve_actor(actor)
        if self._tasks is not None and (unfinished := self._tasks.poll(ref_id, reader)) is not None:
            return unfinished
        how: dict[str, Any] = {"own": self._is_own(actor), "uses": current_uses()}
        return self._response(
            self._core.get(ref_id, actor=reader, page=page, page_size=page_size, max_size=max_size, **how)
        )

    async def aget(
        self,
        ref_id: str,
        *,
        page: int | None = None,
        page_size: int | None = None,
        max_size: int | None = None,
        actor: ActorLike | None = None,
    ) -> CacheResponse | AsyncTaskResponse:
        """Return a preview or page as `get` does, without blocking the event loop."""
        reader = await self._acaller() if actor is None else resolve_actor(actor)
        if self._tasks is not None and (unfinished := await self._tasks.apoll(ref_id, reader)):
            return unfinished
        how: dict[str, Any] = {"own": self._is_own(actor), "uses": current_uses(), "wait": False}
        return self._response(
            await self._core.get(
                ref_id, actor=reader, page=page, page_size=page_size, max_size=max_size, **how
            )
        )

    def _response(self, fields: dict[str, Any]) -> CacheResponse:
        # what a generator of the user's own says is not known to be right, nor complete
        return CacheResponse.of(fields) if "available_actions" in fields else CacheResponse(**fields)

    def resolve(self, ref_id: str, *, actor: ActorLike | None = None) -> Any:
        """Return a fresh copy of the stored value.

        Args:
            ref_id: A reference, or a key of this cache.
            actor: Who is given the value; needs READ. None = the server itself uses it on behalf of the
                current caller: READ or EXECUTE, and namespaces that the author wrote as a literal are not
                checked. Do not hand such a value to the agent (see `resolve_requires`).

        Raises:
            KeyError: If nothing lives under this reference or key.
            PermissionDenied: If the actor may not.
        """
        if actor is None:
            who, uses = self._caller(), current_uses()
            return self._core.resolve(ref_id, actor=who, use=True, own=self._is_own(), uses=uses)
        return self._core.resolve(ref_id, actor=resolve_actor(actor), uses=current_uses())

    def _resolve_alike(self, ref_id: str, *, actor: ActorLike | None = None) -> Any:
        """As `resolve`, but what is forbidden is answered as what is missing."""
        how: dict[str, Any] = {"uses": current_uses(), "alike": True}
        if actor is None:
            return self._core.resolve(ref_id, actor=self._caller(), use=True, own=self._is_own(), **how)
        return self._core.resolve(ref_id, actor=resolve_actor(actor), **how)

    async def aresolve(self, ref_id: str, *, actor: ActorLike | None = None) -> Any:
        """Return the stored value as `resolve` does, without blocking the event loop."""
        if actor is None:
            who, uses = await self._acaller(), current_uses()
            return await self._core.resolve(
                ref_id, actor=who, use=True, own=self._is_own(), uses=uses, wait=False
            )
        return await self._core.resolve(ref_id, actor=resolve_actor(actor), uses=current_uses(), wait=False)

    def delete(self, ref_id: str, *, actor: ActorLike | None = None) -> bool:
        """Remove an entry.

        Args:
            ref_id: A reference, or a key of this cache.
            actor: Who removes it; needs DELETE. None = the current caller, as an agent.

        Returns:
            Whether it was there.

        Raises:
            PermissionDenied: If the actor may not.
        """
        who = self._caller() if actor is None else resolve_actor(actor)
        return self._core.delete(ref_id, actor=who, own=self._is_own(actor))

    async def adelete(self, ref_id: str, *, actor: ActorLike | None = None) -> bool:
        """Remove an entry as `delete` does, without blocking the event loop."""
        who = await self._acaller() if actor is None else resolve_actor(actor)
        return await self._core.delete(ref_id, actor=who, own=self._is_own(actor), wait=False)

    def exists(self, ref_id: str) -> bool:
        """Tell whether a live entry has this reference or key."""
        return self._core.exists(ref_id)

    async def aexists(self, ref_id: str) -> bool:
        """Tell whether a live entry is there as `exists` does, without blocking the event loop."""
        return await self._core.exists(ref_id, wait=False)

    def clear(self, namespace: str | None = None, *, actor: ActorLike | None = None) -> int:
        """Remove this cache's entries of exactly one namespace, or all.

        Args:
            namespace: The namespace; None = all.
            actor: Who removes them; entries that it may not DELETE stay. None = the server itself.

        Returns:
            How many were removed.
        """
        return self._core.clear(namespace, actor=None if actor is None else resolve_actor(actor))

    async def aclear(self, namespace: str | None = None, *, actor: ActorLike | None = None) -> int:
        """Remove entries as `clear` does, without blocking the event loop."""
        who = None if actor is None else resolve_actor(actor)
        return await self._core.clear(namespace, actor=who, wait=False)

    def keys(self, namespace: str | None = None, *, actor: ActorLike | None = None) -> list[str]:
        """Return the references of this cache's live entries.

        Args:
            namespace: Exactly this namespace; None = all.
            actor: Only entries that this actor may READ. None = all, for the server itself.
        """
        return self._core.keys(namespace, actor=None if actor is None else resolve_actor(actor))

    async def akeys(self, namespace: str | None = None, *, actor: ActorLike | None = None) -> list[str]:
        """Return references as `keys` does, without blocking the event loop."""
        who = None if actor is None else resolve_actor(actor)
        return await self._core.keys(namespace, actor=who, wait=False)

    def lock(self, name: str, *, ttl: float = 30.0, timeout: float | None = None) -> Lock:
        """Return a lock that all processes on one store share; a context manager.

        It is renewed while it is held, and ends by itself `ttl` seconds after its holder died. `token` is a
        number that only grows from holder to holder: whoever writes for the holder of a lock can refuse a
        smaller one than it has seen (a fencing token).

        Args:
            name: Any text; it is this cache's own.
            ttl: Seconds until it ends by itself, more than 0.
            timeout: The most seconds to wait for it. None = for ever.

        Raises:
            TimeoutError: On entering, if somebody else holds it for longer than `timeout`.
        """
        return Lock(self._core, f"lock:{self.name}:{text('name', name)}", ttl=ttl, timeout=timeout)

    def alock(self, name: str, *, ttl: float = 30.0, timeout: float | None = None) -> AsyncLock:
        """Return the lock of `lock` for `async with`."""
        return AsyncLock(self._core, f"lock:{self.name}:{text('name', name)}", ttl=ttl, timeout=timeout)

    def as_key_value(self) -> KeyValue:
        """Return this cache as a key-value store (py-key-value's `AsyncKeyValue`).

        FastMCP takes it as `session_state_store`, and its caching middleware as `cache_storage`. What it holds
        stands in namespaces `kv:<collection>`, and no client can read it. A cache with declared namespaces must
        declare `kv:*`.
        """
        return KeyValue(self)

    def export(
        self,
        target: str | PathLike[str] | SupportsWrite,
        *,
        namespace: str | None = None,
        skip_unportable: bool = False,
        progress: Progress | None = None,
    ) -> Exported:
        """Write this cache's live entries as JSON Lines, with policies, TTLs, keys and metadata.

        The file holds every value in plain text, whoever may read it and however the store keeps it. A new file is
        readable by its owner only. It blocks; memory holds one entry at a time.

        Args:
            target: A path, or a stream for bytes.
            namespace: Only entries of exactly this namespace. None = all.
            skip_unportable: Leave out entries whose value another process could not read, instead of raising.
            progress: Called with the entries that are done, and how many there are.

        Raises:
            CodecError: If a value cannot be written.
            BackendIOError: If the file cannot be written; what a stream raises comes out as it is.
        """
        return Exported(
            *self._core.export(
                target, namespace=namespace, skip_unportable=skip_unportable, progress=progress
            )
        )

    def import_(
        self,
        source: str | PathLike[str] | SupportsRead,
        *,
        overwrite: bool = False,
        rename_namespaces: Mapping[str, str] | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Imported:
        """Read the entries of an export into this cache, which must have the name of the exported one.

        References, policies, TTLs, keys and metadata stay. Expired entries are left out. Each line is checked
        before it is stored; those before a bad one stay stored (`dry_run=True` checks all of them first).

        Args:
            source: A path, or a stream of bytes.
            overwrite: Whether an entry whose reference or key is there already is replaced, or left as it is.
            rename_namespaces: Other names for namespaces.
            dry_run: Check and count, but store nothing.
            progress: Called with the entries that are done, and how many there are if that is known.

        Raises:
            CodecError: For a line that is none of an export, with its number; and for a file that was cut off.
            ValueError: If the export is of a cache of another name.
        """
        renamed = list(mapping("rename_namespaces", rename_namespaces or {}).items())
        return Imported(
            *self._core.import_(
                source, overwrite=overwrite, rename_namespaces=renamed, dry_run=dry_run, progress=progress
            )
        )

    def get_task_status(self, ref_id: str) -> TaskInfo | None:
        """Return the state of a background task, for the server itself; None if it is not known."""
        return None if self._tasks is None else self._tasks.status(ref_id)

    def cancel_task(self, ref_id: str, *, actor: ActorLike | None = None) -> bool:
        """Stop a call that goes on in the background; its result is not stored.

        An async function is cancelled where it awaits, a sync one learns it at its next progress.

        Args:
            ref_id: The reference that the call answered with.
            actor: Who asks: whoever made the call and may use its result, or who may DELETE it. None = the
                current caller, as an agent.

        Returns:
            Whether it was running.

        Raises:
            PermissionDenied: If the actor may not.
        """
        if self._tasks is None:
            return False
        return self._tasks.cancel(ref_id, self._caller() if actor is None else resolve_actor(actor))

    def cached(
        self,
        namespace: str | None = None,
        policy: AccessPolicy | None = None,
        ttl: Ttl = None,
        max_size: int | None = None,
        resolve_refs: ResolveRefs = True,
        actor: ActorLike = "agent",
        namespace_template: str | None = None,
        owner_template: str | None = None,
        session_scoped: bool = False,
        async_timeout: float | None = None,
        async_response_format: str = "standard",
        *,
        preview_type: PreviewStrategy | str | None = None,
        accept_refs: bool = True,
        key: Callable[..., Any] | None = None,
        shared: bool = False,
        on_missing: Literal["isolate", "error", "fallback"] = "isolate",
        docs: Literal["short", "none", "full"] | None = None,
        max_retries: int = 0,
        declassify: bool = False,
    ) -> Callable[[Function], Function]:
        """Cache a tool's results: the caller gets a dict with a reference and the value or a preview.

        Args:
            namespace: Where results are stored. None = the cache's `default_namespace`.
            policy: Who may do what with them. None = as the namespace or the cache says.
            ttl: Seconds until they expire, or NEVER. None = as the namespace or the cache says.
            max_size: The most that is shown of a result; larger ones are previewed. None = as the cache says.
            resolve_refs: Whether references in arguments are replaced by their values; `"shallow"` leaves
                references inside stored values alone.
            actor: Who resolves and reads where the context names nobody.
            namespace_template: The namespace with placeholders of the context: `"user:{user_id}"`.
            owner_template: The owner of results, likewise.
            session_scoped: Whether results are bound to the context's session.
            async_timeout: Seconds a caller waits; then the call goes on in the background, and its caller gets
                the reference to ask for later. Needs `RefCache(task_backend=)`. None = to the end.
            async_response_format: What such a caller is told: `"minimal"`, `"standard"` or `"full"`.
            preview_type: `"sample"`, `"paginate"`, `"truncate"` or `"summary"`. None = as the cache says.
            accept_refs: Whether strictly typed parameters take references, too.
            key: Makes the cache key from the bound arguments.
            shared: Whether a tool with injected parameters (a `Context`) has one result for all callers.
            on_missing: What happens if the request lacks an id that a template or `session_scoped` needs:
                `"isolate"` runs the tool and keeps the result for nobody, `"error"` refuses to run it,
                `"fallback"` puts it under `DEFAULT_FALLBACKS`, where everybody without that id finds it.
            docs: What the docstring says of references: `"full"`, one `"short"` sentence, or `"none"`. None =
                full, and short in the lists of servers with `install`.
            max_retries: With `async_timeout`, how often the function is run again after it raised.
            declassify: Whether results are open under `policy` alone, whatever they were made of. False = they
                inherit from the values that the call used: who may not read one of those may not read the result.

        Raises:
            TypeError: If it is put above `@mcp.tool`, or the policy or TTL is none.
            ValueError: For an undeclared namespace, an unknown `preview_type`, and sizes and TTLs below 0.
        """
        if policy is not None:
            _check_policy("policy", policy)
        if namespace_template is None:
            self._core.check_namespace(self.default_namespace if namespace is None else namespace)
        self._core.check_ttl(ttl)
        return decorate(
            self,
            Options(
                namespace=namespace,
                policy=policy,
                ttl=ttl,
                max_size=max_size,
                resolve_refs=resolve_refs,
                actor=actor,
                namespace_template=namespace_template,
                owner_template=owner_template,
                session_scoped=session_scoped,
                async_timeout=async_timeout,
                async_response_format=async_response_format,
                preview_type=preview_type,
                accept_refs=accept_refs,
                key=key,
                shared=shared,
                on_missing=on_missing,
                docs=docs,
                max_retries=max_retries,
                declassify=declassify,
            ),
        )

    def install(
        self,
        mcp: Any,
        *,
        tools: bool = True,
        resources: bool = True,
        prompt: bool = True,
        instructions: bool = True,
        admin: Callable[..., Any] | None = None,
        identity: Callable[[Any], Any] | None = None,
    ) -> list[str]:
        """Give a FastMCP server what its model needs to work with references; several caches may share one.

        Tools decorated with `cached` are listed with one sentence in place of the whole explanation, which
        stands in the server's instructions.

        Args:
            mcp: The server.
            tools: Add `get_cached_result` and `list_cached_results` (of the caller's own).
            resources: Add the resource template `refcache://{cache}/{id}{?page,page_size}`.
            prompt: Add the guide for people who want the model to know all.
            instructions: Add one sentence to the server's instructions.
            admin: Says who is an admin; adds the admin tools, which are listed for admins alone. None = no
                such tools.
            identity: Says who makes a request; see `RefCache`. None = as the cache says.

        Returns:
            The names of the registered tools.

        Example:
            ```python
            mcp = FastMCP("calculator")
            cache.install(mcp)
            ```
        """
        check_version()
        from mcp_refcache.fastmcp.install import install  # needs FastMCP

        if identity is not None:
            self.identity = identity
        return install(
            self,
            mcp,
            tools=tools,
            resources=resources,
            prompt=prompt,
            instructions=instructions,
            admin=admin,
        )

    # -- for the decorator and the tools --------------------------------------------------------

    def _caller(self) -> Actor:
        """The current caller in the agent role, from the request if there is one."""
        return read_caller(self).actor

    async def _acaller(self) -> Actor:
        """The same, with what only an event loop can find out."""
        return (await aread_caller(self)).actor

    def _is_own(self, actor: ActorLike | None = None) -> bool:
        """Whether a call is the server's own, which no rate limits."""
        return not self._is_limited or (actor is None and not in_request())

    def _policy_of(self, namespace: str) -> AccessPolicy:
        """Who may do what in a namespace where nothing else is said."""
        return self._core.policy_of(namespace)

    def _knows(self, text: str) -> bool:
        """Whether a text is a reference that this cache may follow."""
        return self._core.knows(text)

    def _create_preview(
        self, value: Any, page: int | None = None, page_size: int | None = None, max_size: int | None = None
    ) -> PreviewResult:
        """What `get` would show of a value, for test suites that look inside."""
        generator = self._preview_generator
        if page is not None and isinstance(generator, SampleGenerator):
            generator = PaginateGenerator()
        limit = self._preview_config.max_size if max_size is None else max_size
        return generator.generate(
            value=value, max_size=limit, measurer=self._measurer, page=page, page_size=page_size
        )

    @property
    def _active_tasks(self) -> dict[str, TaskInfo]:
        """What goes on in the background, by reference, for test suites that look inside."""
        return {} if self._tasks is None else self._tasks.running

    def _calculate_eta(self, task_info: TaskInfo) -> float | None:
        """Seconds until a task ends, likewise."""
        return eta(task_info)

    def _make_measurer(self, measurer: SizeMeasurer | None) -> SizeMeasurer:
        if measurer is not None:
            return measurer
        if self._tokenizer is not None:
            return TokenMeasurer(self._tokenizer)
        tokenizer = None if self._preview_config.size_mode == SizeMode.CHARACTER else TiktokenAdapter()
        self._tokenizer = tokenizer
        return get_default_measurer(self._preview_config.size_mode, tokenizer)

    def __repr__(self) -> str:
        return f"RefCache(name={self.name!r}, backend={type(self._backend).__name__})"


def _make_backend(backend: Any, max_size: int | None) -> CacheBackend:
    if max_size is not None:
        whole("max_size", max_size, 1, unit=" entry")
    if isinstance(backend, str) and backend != "memory":
        return open_backend(backend, max_size)
    if backend is None or isinstance(backend, str):
        return MemoryBackend(max_size)
    _check_part("backend", backend, *_BACKEND_METHODS)
    if max_size is not None:
        if callable(limit := getattr(backend, "_limit", None)):
            limit(max_size)
        elif hasattr(backend, "_native_store"):
            raise ValueError(
                f"give the limit to the backend inside {type(backend).__name__}: max_entries=, or MemoryBackend(max_size)"
            )
    return backend


def _make_preview_config(config: PreviewConfig | None, preview_length: int | None) -> PreviewConfig:
    if preview_length is None:
        if config is None:
            return PreviewConfig()
        if not hasattr(config, "max_size") or not hasattr(config, "default_strategy"):
            raise wrong_type("preview_config", "a PreviewConfig", config)
        return config
    if config is not None:
        raise TypeError("give preview_config or preview_length, not both")
    return PreviewConfig(size_mode=SizeMode.CHARACTER, max_size=preview_length)


def _declaration(item: str) -> tuple[str, Ttl, AccessPolicy | None]:
    if isinstance(item, Namespace):
        return str(item), item.ttl, item.policy
    return item, None, None


def _limits(limits: Mapping[str, str]) -> list[tuple[str, str]]:
    for item in (part for limit in mapping("rate_limits", limits).items() for part in limit):
        if not isinstance(item, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"rate_limits must map names to rates such as '60/min', not {type(item).__name__}"
            )
    return list(limits.items())


def _check_part(name: str, part: object, *methods: str) -> None:
    missing = [method for method in methods if not callable(getattr(part, method, None))]
    if part is not None and missing:
        raise TypeError(
            f"{name} must have the methods {', '.join(methods)}; {type(part).__name__} lacks {', '.join(missing)}"
        )


def _check_egress(guard: object) -> None:
    if guard is not None and not isinstance(guard, EgressGuard):
        raise wrong_type("egress", "an EgressGuard or None", guard)


def _check_policy(name: str, policy: object) -> None:
    # anything that reads like a policy will do, as with the original
    if not hasattr(policy, "user_permissions") or not hasattr(policy, "agent_permissions"):
        raise wrong_type(name, "an AccessPolicy", policy)
