"""Everything public that can be called, found by introspection, with sane arguments for each."""

from __future__ import annotations

import importlib
import inspect
import io
import pkgutil
from collections.abc import Callable, Iterator
from enum import Enum
from types import ModuleType
from typing import Any

import mcp_refcache
from mcp_refcache import (
    AccessPolicy,
    CacheEntry,
    CharacterFallback,
    CharacterMeasurer,
    DefaultActor,
    MemoryBackend,
    Permission,
    PreviewConfig,
    RefCache,
    TaskInfo,
)
from mcp_refcache.backends import MemoryTaskBackend

Call = Callable[..., Any]

#: What only FastMCP, or pytest, calls. Agents reach the parts of a server through its tools.
PLUMBING = {"guard", "install", "resources", "results", "schemas", "testing"}
#: What needs a download, an account, or a server.
SERVICES = {"HuggingFaceAdapter", "langfuse.TracedRefCache"}
#: What our own code calls with what it has checked.
INTERNAL = {
    "events.EventStream",
    "models.built",
    "CacheReference.of",
    "CacheResponse.of",
    "MemoryTaskBackend.follow",
}


def function(x: int = 1) -> int:
    """A tool."""
    return x


def server() -> Any:
    return importlib.import_module("fastmcp").FastMCP("s")


def entry() -> CacheEntry:
    return CacheEntry(value=[1], namespace="public", policy=AccessPolicy(), created_at=1.0)


def export() -> io.BytesIO:
    """An export of an empty cache."""
    RefCache().export(file := io.BytesIO())
    file.seek(0)
    return file


#: A sane value for each parameter that has no default, by its name.
SANE: dict[str, Callable[[], Any]] = {
    "action": lambda: "read",
    "actor": DefaultActor.system,
    "actor_type": lambda: "user",
    "args": tuple,
    "at": lambda: 1.0,
    "attempt": lambda: 1,
    "backend": MemoryBackend,
    "base_description": lambda: "text",
    "base_policy": AccessPolicy,
    "cache": lambda: RefCache(name="c"),
    "cache_name": lambda: "c",
    "config": PreviewConfig,
    "context": lambda: None,
    "context_values": dict,
    "created_at": lambda: 1.0,
    "current_time": lambda: 1.0,
    "entry": entry,
    "error": lambda: "text",
    "fields": dict,
    "fn": lambda: function,
    "func": lambda: function,
    "group": lambda: "g",
    "has_next": lambda: False,
    "has_previous": lambda: False,
    "id": lambda: "i",
    "identity": lambda: "i",
    "info": lambda: TaskInfo(ref_id="c:0123456789abcdef", status="pending", started_at=1.0),
    "items": lambda: [1],
    "key": lambda: "k",
    "key_id": lambda: "k",
    "kind": lambda: "hit",
    "kwargs": dict,
    "max_age_seconds": lambda: 1.0,
    "max_size": lambda: 100,
    "mcp": server,
    "measurer": CharacterMeasurer,
    "message": lambda: "text",
    "name": lambda: "c",
    "namespace": lambda: "public",
    "original_size": lambda: 1,
    "page": lambda: 1,
    "page_size": lambda: 1,
    "pattern": lambda: "user:*",
    "permission": lambda: Permission.READ,
    "policy": AccessPolicy,
    "prefix": lambda: "a",
    "preview": lambda: [1],
    "preview_size": lambda: 1,
    "preview_strategy": lambda: "sample",
    "raw": lambda: "public",
    "ref_id": lambda: "k",
    "required": lambda: Permission.READ,
    "retry_after": lambda: 1.0,
    "sampled_items": lambda: 1,
    "session_id": lambda: "s",
    "size_mode": lambda: "character",
    "source": export,
    "started_at": lambda: 1.0,
    "status": lambda: "pending",
    "strategy": lambda: "sample",
    "subscriber": lambda: function,
    "target": io.BytesIO,
    "task_id": lambda: "t",
    "task_info": lambda: SANE["info"](),
    "template": lambda: "user:{user_id}",
    "text": lambda: "text",
    "timestamp": lambda: 1.0,
    "tokenizer": CharacterFallback,
    "total_items": lambda: 1,
    "total_pages": lambda: 1,
    "user_id": lambda: "u",
    "value": lambda: [1, 2],
    "AsyncTaskResponse.started_at": lambda: "2026-01-01T00:00:00Z",
    "EncryptedBackend.key": mcp_refcache.EncryptedBackend.generate_key,
    "KeyValueBackend.store": lambda: RefCache(name="c").as_key_value(),
    "Ref.kind": lambda: list[int],
    "destroy_key.key_id": lambda: "0" * 8,
    "rotate.key": mcp_refcache.EncryptedBackend.generate_key,
    "escape_template_value.value": lambda: "text",
    "log_events.stream": lambda: RefCache(name="c").events,
    "values": dict,
}


def modules() -> Iterator[ModuleType]:
    """The package and its public modules."""
    yield mcp_refcache
    for found in pkgutil.walk_packages(mcp_refcache.__path__, "mcp_refcache."):
        parts = found.name.split(".")
        if not any(part.startswith("_") for part in parts) and PLUMBING.isdisjoint(parts):
            yield importlib.import_module(found.name)


def names(module: ModuleType) -> list[str]:
    defined = [
        name for name, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__
    ]
    return getattr(module, "__all__", None) or [name for name in defined if not name.startswith("_")]


def is_callable(thing: Any) -> bool:
    if inspect.isclass(thing):
        is_abstract = getattr(thing, "_is_protocol", False) or inspect.isabstract(thing)
        return not is_abstract and not issubclass(thing, (BaseException, Enum))
    return inspect.isfunction(thing) or inspect.isbuiltin(thing)


def functions() -> dict[str, Call]:
    """Each public function and class; what has several homes comes once."""
    found: dict[int, tuple[str, Call]] = {}
    for module in modules():
        for name in names(module):
            thing = getattr(module, name)
            full = f"{module.__name__}.{name}".removeprefix("mcp_refcache.")
            if is_callable(thing) and full not in SERVICES | INTERNAL:
                found.setdefault(id(thing), (full, thing))
    return dict(found.values())


def is_ours(cls: type, name: str) -> bool:
    home = next((base for base in cls.__mro__ if name in vars(base)), object)
    return home.__module__.startswith("mcp_refcache") and not name.startswith("on_")


def instance(cls: type) -> Any:
    """An object of this class; a cache or backend has an entry `k`."""
    made = invoke(cls)
    if isinstance(made, RefCache):
        made.set("k", [1, 2])
    elif hasattr(made, "set"):
        made.set("k", entry())
    elif isinstance(made, MemoryTaskBackend):
        made.submit("t", function, (), {})
    return made


def methods_of(cls: type) -> list[str]:
    """The names of a class's public methods."""
    named = [name for name, member in inspect.getmembers(cls, callable) if not inspect.isclass(member)]
    return [name for name in named if not name.startswith("_") and is_ours(cls, name)]


def methods() -> dict[str, Callable[[], Call]]:
    """Each public method of each public class, as what makes a new instance and gives its method."""
    found: dict[str, Callable[[], Call]] = {}
    for owner, cls in functions().items():
        if inspect.isclass(cls) and owner != "RedisBackend":  # its methods need a server
            for name in methods_of(cls):
                found[f"{owner}.{name}"] = lambda cls=cls, name=name: getattr(instance(cls), name)
    return found


def everything() -> dict[str, Callable[[], Call]]:
    """All of it."""
    found = {name: lambda thing=thing: thing for name, thing in functions().items()} | methods()
    return {name: make for name, make in found.items() if ".".join(name.split(".")[-2:]) not in INTERNAL}


def parameters(call: Call) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(call).parameters)


def invoke(call: Call, wanted: str | None = None, hostile: Any = None) -> Any:
    """Calls with this value for one parameter and sane ones for the others that must be there."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for name, parameter in parameters(call).items():
        is_many = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if name == wanted:
            value = hostile
        elif f"{call.__name__}.{name}" in SANE:
            value = SANE[f"{call.__name__}.{name}"]()
        elif parameter.default is parameter.empty and not is_many:
            value = SANE[name]()
        else:
            continue
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            positional.append(value)
        else:
            named["extra" if is_many else name] = value
    return call(*positional, **named)
