"""The arguments of a call: references in them become values."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mcp_refcache import _compat, _core
from mcp_refcache._accept_refs import NOT_FITTING, Pending
from mcp_refcache._made import DEAD_REFERENCE, not_usable
from mcp_refcache._provenance import Collector, collecting
from mcp_refcache._use import Resolve, as_caller
from mcp_refcache._withheld import Instead, withheld_error
from mcp_refcache.access.actor import resolve_actor
from mcp_refcache.context_integration import derive_actor_from_context
from mcp_refcache.exceptions import BackendError

if TYPE_CHECKING:
    from mcp_refcache._caller import Caller
    from mcp_refcache._options import Options
    from mcp_refcache.cache import RefCache


def looks_like_one(text: str) -> bool:
    """Take any text of the form of a reference for one, where a store must not be asked."""
    return True


class Inputs:
    """Resolves the references in the arguments of one function.

    Args:
        cache: The cache that resolves.
        options: What the author asked for.
        tool: The name of the function.
        names: The parameters of the function, in order.
        untouched: Those among them that hold no data: the object of a method, what the framework injects.
        has_pending: Whether arguments may come as `Pending`.
    """

    def __init__(
        self,
        cache: "RefCache",
        options: "Options",
        tool: str,
        names: tuple[str, ...],
        untouched: frozenset[str],
        has_pending: bool,
    ) -> None:
        self._cache = cache
        self._options = options
        self._tool = tool
        self._names = names
        self._untouched = untouched
        self._has_pending = has_pending

    def resolve(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], caller: "Caller", collector: Collector
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments with values in the place of references.

        Args:
            args: The positional arguments.
            kwargs: The keyword arguments.
            caller: Who calls.
            collector: Where to note what is used.

        Raises:
            KeyError: If a reference is missing or not for this caller.
            ValidationError: If a value does not fit the type of its parameter; a ValueError with the same text
                in a request.
            WithheldError: If anything fails about a value that the caller may not see.
        """
        tell = partial(self._told, caller=caller, collector=collector)
        with Instead(tell) as instead, collecting(collector):
            resolved = self._resolve(args, kwargs, caller)
        instead.raise_told()
        return resolved

    def _told(self, error: Exception, caller: "Caller", collector: Collector) -> Exception:
        """What the caller is told of a failure."""
        if isinstance(error, KeyError) and error.args:
            dead = DEAD_REFERENCE.match(str(error.args[0]))
            if dead is not None and _core.is_ref_id(dead[1]):
                message = not_usable(self._cache, dead[1], caller.actor)
                return _compat.telling(KeyError)(message) if caller.in_context else error
        if isinstance(error, BackendError):
            return error
        if collector.hides_from(caller.actor):
            about = ""
            if isinstance(error, ValidationError) and error.title == NOT_FITTING:
                sent = error.errors(include_url=False)[0]
                about = f" ({sent['loc'][0]}={sent['input']!r:.200})"
            return withheld_error(self._tool, error, about=about)
        if isinstance(error, ValidationError) and caller.in_context:
            # some versions of FastMCP take it for a bad request and keep its text to themselves
            return _compat.telling(ValueError)(str(error))
        return error

    def _resolve(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], caller: "Caller"
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        resolve, untouched = self._resolver(caller), self._untouched
        resolved = [arg if name in untouched else resolve(arg) for name, arg in self._named(args)]
        named = {name: arg if name in untouched else resolve(arg) for name, arg in kwargs.items()}
        return tuple(resolved), named

    def _named(self, args: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
        """The positional arguments with the names of their parameters; those of `*args` have none."""
        return zip((*self._names, *[""] * len(args)), args, strict=False)

    def have_references(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Tell whether something in the arguments is to be resolved."""
        untouched = self._untouched
        if not untouched:
            return self._has_references(args, kwargs)
        open_args = [arg for name, arg in self._named(args) if name not in untouched]
        return self._has_references(
            open_args, {name: arg for name, arg in kwargs.items() if name not in untouched}
        )

    def may_have_references(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Tell whether something in the arguments looks like a reference; no store is asked."""
        if self._has_pending and any(type(arg) is Pending for arg in (*args, *kwargs.values())):
            return True
        return bool(self._options.resolve_refs) and _core.contains_refs((args, kwargs), looks_like_one)

    def _has_references(self, args: Any, kwargs: dict[str, Any]) -> bool:
        if self._has_pending and any(type(arg) is Pending for arg in (*args, *kwargs.values())):
            return True
        return _core.contains_refs((args, kwargs), self._cache._knows)

    def _resolver(self, caller: "Caller") -> Resolve:
        cache, options = self._cache, self._options
        if options.actor == "agent":
            use, follow = as_caller(cache, caller.actor)
        else:
            actor = (
                derive_actor_from_context(caller.values, default_actor=options.actor)
                if options.is_scoped
                else resolve_actor(options.actor)
            )

            def use_as(ref_id: str, /) -> Any:
                return cache.resolve(ref_id, actor=actor)

            use = follow = use_as
        inner = None if options.resolve_refs == "shallow" else follow

        def resolve(value: Any) -> Any:
            if type(value) is Pending:
                return value.accept.validate(resolve(value.given), value.given)
            return _core.resolve_refs(value, use, inner, cache._knows, True)[0]

        return resolve
