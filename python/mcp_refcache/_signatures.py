"""What a function's signature says: parameters, their types, and which of them the framework fills in."""

import functools
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Annotated, Any, cast

#: Packages whose types as annotation, or objects as default, mean "FastMCP gives this, not the caller".
_INJECTING = frozenset({"fastmcp", "docket", "uncalled_for"})
_INJECTED_TEXT = re.compile(r"\b(Context|Progress|Docket|CurrentContext|Depends)\b")


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature; on Python 3.14 also where annotations name what only type checkers import."""
    try:
        return inspect.signature(function)
    except NameError:
        from annotationlib import Format  # type: ignore[import-not-found]  # only 3.14 can get here

        return inspect.signature(function, annotation_format=Format.FORWARDREF)  # type: ignore[call-arg]


def hints_of(function: Callable[..., Any], signature: inspect.Signature) -> dict[str, Any]:
    """Evaluate the annotations of the parameters, and under `return` that of the result.

    Args:
        function: Any callable.
        signature: Its signature.

    Returns:
        Types by name, `Annotated` kept. What cannot be evaluated here (names of an enclosing
        function, or ones that only type checkers import) is left out.
    """
    plain = plain_function(function)
    scope = getattr(plain, "__globals__", {})
    local = dict(_closure(plain))
    hints: dict[str, Any] = {}
    annotations = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    for name, annotation in {**annotations, "return": signature.return_annotation}.items():
        if annotation is inspect.Parameter.empty:
            continue
        holder = types.SimpleNamespace(__annotations__={name: annotation})
        # evaluating may raise anything; the type is then simply not known
        with suppress(Exception):
            hints.update(typing.get_type_hints(holder, scope, local, include_extras=True))
    return hints


def injected_names(signature: inspect.Signature, hints: dict[str, Any]) -> frozenset[str]:
    """Names of the parameters that the framework fills in (`Context`, `Depends(...)`, `CurrentContext()`)."""
    return frozenset(
        name for name, parameter in signature.parameters.items() if _is_injected(parameter, hints.get(name))
    )


def union_members(hint: Any) -> Iterator[Any]:
    """The types that an annotation admits, `Annotated`, aliases and `NewType` looked through."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        yield from union_members(typing.get_args(hint)[0])
    elif origin is typing.Union or origin is types.UnionType:
        for member in typing.get_args(hint):
            yield from union_members(member)
    elif hasattr(hint, "__supertype__"):
        yield from union_members(hint.__supertype__)
    elif type(hint).__name__ == "TypeAliasType":
        yield from union_members(hint.__value__)
    else:
        yield hint


def plain_function(function: Any) -> Any:
    """The `def` behind a method, a partial or a callable object; the callable itself if there is none."""
    while True:
        if isinstance(function, types.MethodType):
            function = function.__func__
        elif isinstance(function, functools.partial):
            function = cast("functools.partial[Any]", function).func
        elif not inspect.isroutine(function) and not isinstance(function, type):
            call = getattr(cast("type[Any]", type(function)), "__call__", None)  # noqa: B004 - wanted is the method, not a yes or no
            return call if isinstance(call, types.FunctionType) else function
        else:
            return function


def name_of(function: Any) -> str:
    """Return the name of a function; of a callable object, that of its class."""
    plain = plain_function(function)
    if plain is function or getattr(plain, "__name__", "__call__") != "__call__":
        return getattr(plain, "__name__", type(function).__name__)
    return type(function).__name__


def owner_name(function: Any, names: tuple[str, ...]) -> frozenset[str]:
    """Return the name of the parameter that holds the object of a method, if the function is one."""
    is_function = isinstance(function, types.FunctionType)
    return frozenset(names[:1]) if is_function and names[:1] in (("self",), ("cls",)) else frozenset()


def _is_injected(parameter: inspect.Parameter, hint: Any) -> bool:
    if _package(type(parameter.default)) in _INJECTING:
        return True
    if hint is None:
        # an annotation that cannot be evaluated still has its text
        return isinstance(parameter.annotation, str) and bool(_INJECTED_TEXT.search(parameter.annotation))
    if any(_package(type(extra)) in _INJECTING for extra in getattr(hint, "__metadata__", ())):
        return True
    return any(_is_injected_type(member) for member in union_members(hint))


def _is_injected_type(hint: Any) -> bool:
    hint = typing.get_origin(hint) or hint
    package = _package(hint)
    # of the SDK's types only its Context is injected, the rest are data
    return package in _INJECTING or (package == "mcp" and getattr(hint, "__name__", "") == "Context")


def _package(kind: Any) -> str:
    module = getattr(kind, "__module__", None)
    return module.partition(".")[0] if isinstance(module, str) else ""


def _closure(function: Any) -> Iterator[tuple[str, Any]]:
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    for name, cell in zip(code.co_freevars if code else (), cells or (), strict=False):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            continue
