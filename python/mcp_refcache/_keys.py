"""Cache keys of calls: which function, called with what, however the arguments were written."""

import dis
import functools
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from mcp_refcache import _core

_PLAIN_KINDS: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_ABSENT: Final[Any] = inspect.Parameter.empty


class Arguments:
    """Brings the arguments of calls into the order of the signature, defaults filled in.

    Args:
        signature: The signature of the function.
        without: Names of parameters that are left out.
    """

    def __init__(self, signature: inspect.Signature, without: frozenset[str] = frozenset()) -> None:
        parameters = signature.parameters
        self._signature = signature
        self._without = without
        self._names = tuple(parameters)
        self._defaults = {name: parameter.default for name, parameter in parameters.items()}
        self._is_plain = all(parameter.kind in _PLAIN_KINDS for parameter in parameters.values())
        self._most_positional = sum(parameter.kind is _PLAIN_KINDS[0] for parameter in parameters.values())
        self._kept = (
            [place for place, name in enumerate(parameters) if name not in without] if without else None
        )

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        """Return the value of each parameter that is not left out.

        Args:
            args: The positional arguments.
            kwargs: The keyword arguments.

        Raises:
            TypeError: If they do not fit the signature.
        """
        values = self._bind_plain(args, kwargs) if self._is_plain else None
        if values is None:
            bound = self._signature.bind(*args, **kwargs)  # raises what does not fit
            bound.apply_defaults()
            return [value for name, value in bound.arguments.items() if name not in self._without]
        return values if self._kept is None else [values[place] for place in self._kept]

    def complete(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return positional and keyword arguments of the same call with defaults filled in.

        Args:
            args: The positional arguments.
            kwargs: The keyword arguments.

        Raises:
            TypeError: If they do not fit the signature.
        """
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        for name in self._without.intersection(bound.arguments):
            del bound.arguments[name]
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            kind = self._signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                positional.extend(value)
            elif kind is inspect.Parameter.VAR_KEYWORD:
                named.update(value)
            elif kind is inspect.Parameter.KEYWORD_ONLY:
                named[name] = value
            else:
                positional.append(value)
        return positional, named

    def _bind_plain(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any] | None:
        # many times faster than `inspect.Signature.bind`, for signatures without *args, **kwargs and `/`
        if len(args) > self._most_positional:
            return None
        values, left = list(args), len(kwargs)
        for name in self._names[len(args) :]:
            if name in kwargs:
                values.append(kwargs[name])
                left -= 1
            elif (default := self._defaults[name]) is _ABSENT:
                return None
            else:
                values.append(default)
        return None if left else values


def identify(function: Callable[..., Any]) -> Callable[[], object]:
    """Find out what tells a function from all others.

    A function is its module, its qualified name and its code: another one with the same name has another
    key, the same one after a restart has the same. To a closure belongs what it closes over if that cannot
    change; else, and for callable objects without content, it is itself for as long as it lives.

    Args:
        function: Any callable.

    Returns:
        A function that gives the part of the key, as of now.
    """
    if isinstance(function, functools.partial):
        inner, args, keywords = identify(function.func), function.args, function.keywords
        return lambda: (inner(), args, keywords)
    if isinstance(function, types.MethodType):
        inner, owner = identify(function.__func__), function.__self__
        return lambda: (inner(), owner)
    if not isinstance(function, types.FunctionType):
        return lambda: function
    code = function.__code__
    digest, _ = _core.fingerprint((function.__module__, function.__qualname__, code))
    cells = function.__closure__
    if not cells:
        return lambda: digest
    if _rebinds(code, frozenset(code.co_freevars)):
        return lambda: _core.identity_of(function)

    def closure() -> object:
        try:
            held, _ = _core.fingerprint(tuple(cell.cell_contents for cell in cells), frozen=True)
        except (ValueError, _core.Unkeyable):  # ValueError: a cell that is empty as yet
            return _core.identity_of(function)
        return digest, held

    return closure


def _rebinds(code: types.CodeType, names: frozenset[str]) -> bool:
    """Whether a function, or one inside it, assigns to names of the function around it."""
    if not names:
        return False
    stores = ("STORE_DEREF", "DELETE_DEREF")
    if any(step.opname in stores and step.argval in names for step in dis.get_instructions(code)):
        return True
    inner = (part for part in code.co_consts if isinstance(part, types.CodeType))
    return any(_rebinds(part, names.intersection(part.co_freevars)) for part in inner)
