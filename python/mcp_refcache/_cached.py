"""The decorator: find the result of an equal call, else run, store and answer; sync and async alike."""

import functools
import inspect
import logging
import types
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from mcp_refcache._caller import aread_caller, read_caller
from mcp_refcache._docs import describe
from mcp_refcache._flight import Flight
from mcp_refcache._made import running_as
from mcp_refcache._options import Options
from mcp_refcache._plan import Plan, Request
from mcp_refcache._results import amaterialise, materialise, promises_protocol_result
from mcp_refcache._signatures import plain_function
from mcp_refcache._turns import Turn
from mcp_refcache.models import SizeMode

if TYPE_CHECKING:
    from mcp_refcache._flight import Outcome
    from mcp_refcache.cache import RefCache

__all__ = ["Options", "decorate"]

logger = logging.getLogger("mcp_refcache")

#: A leader that gives up has its waiters start again, but not for ever.
_ATTEMPTS = 3


def decorate(cache: "RefCache", options: Options) -> Callable[[Any], Any]:
    """Make the decorator that `RefCache.cached` returns.

    Args:
        cache: Where results go.
        options: What the author asked for.

    Returns:
        A decorator for functions, `async def` or not, generators, methods, partials and callable objects.
    """
    if options.async_timeout is not None and cache._tasks is None:
        logger.warning("async_timeout is ignored: RefCache(task_backend=) is needed to run in the background")

    def decorator(function: Any) -> Any:
        if isinstance(function, (staticmethod, classmethod)):
            below = cast("Any", function)
            return type(below)(decorator(below.__func__))
        _check(function)
        plan = Plan(cache, options, function)
        wrapper = _async_wrapper(plan, function) if _is_async(function) else _sync_wrapper(plan, function)
        if cache._is_audited:
            wrapper = _named(plan.name, wrapper)
        return _dress(wrapper, function, plan)

    return decorator


def _sync_wrapper(plan: Plan, function: Callable[..., Any]) -> Callable[..., Any]:
    def run(request: Request, flight: Flight | None = None) -> Any:
        with plan.withholding(request) as instead, plan.collecting(request, flight):
            result = materialise(function(*request.args, **request.kwargs))
            result = plan.opened(request, result)
        instead.raise_told()
        found = plan.store(request, result)
        if flight is not None:
            flight.landed = found
        return plan.produced(request, result, found)

    def join(request: Request, flight: Flight) -> "Outcome":
        with plan.withholding(request, flight) as instead:
            return flight.wait()
        instead.raise_told()

    def call(*args: Any, **kwargs: Any) -> Any:
        request = plan.prepare(args, kwargs, read_caller(plan.cache, wants_values=plan.wants_values))
        for _ in range(_ATTEMPTS):
            found: Outcome = plan.find(request)
            if found is None:
                if plan.background is not None:
                    return plan.background.call(request, run)
                flight, leads = plan.board(request, may_block=True)
                if flight is None:
                    break
                if leads:
                    with flight, Turn(plan, request) as turn:
                        found = flight.landed = turn.found
                        if found is None:
                            return run(request, flight)
                else:
                    found = join(request, flight)
            if found == Flight.UNSHARED:
                break
            if found is not None:
                return plan.answer(request, found)
        return run(request)

    return call


def _async_wrapper(plan: Plan, function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    async def run(request: Request, flight: Flight | None = None) -> Any:
        with plan.withholding(request) as instead, plan.collecting(request, flight):
            result = function(*request.args, **request.kwargs)
            result = await amaterialise(await result if inspect.isawaitable(result) else result)
            result = plan.opened(request, result)
        instead.raise_told()
        found = await plan.astore(request, result)
        if flight is not None:
            flight.landed = found
        return await plan.aproduced(request, result, found)

    async def join(request: Request, flight: Flight) -> "Outcome":
        with plan.withholding(request, flight) as instead:
            return await flight.await_outcome()
        instead.raise_told()

    async def call(*args: Any, **kwargs: Any) -> Any:
        request = await plan.aprepare(args, kwargs, await aread_caller(plan.cache))
        for _ in range(_ATTEMPTS):
            found: Outcome = await plan.afind(request)
            if found is None:
                if plan.background is not None:
                    return await plan.background.acall(request, run)
                flight, leads = plan.board(request, may_block=False)
                if flight is None:
                    break
                if leads:
                    with flight:
                        async with Turn(plan, request) as turn:
                            found = flight.landed = turn.found
                            if found is None:
                                return await run(request, flight)
                else:
                    found = await join(request, flight)
            if found == Flight.UNSHARED:
                break
            if found is not None:
                return await plan.aanswer(request, found)
        return await run(request)

    return call


def _named(name: str, wrapper: Callable[..., Any]) -> Callable[..., Any]:
    """The same, for an audit log: what happens meanwhile happens through this function."""
    if inspect.iscoroutinefunction(wrapper):

        async def acall(*args: Any, **kwargs: Any) -> Any:
            with running_as(name):
                return await wrapper(*args, **kwargs)

        return acall

    def call(*args: Any, **kwargs: Any) -> Any:
        with running_as(name):
            return wrapper(*args, **kwargs)

    return call


def _check(function: Any) -> None:
    if (
        "__fastmcp__" in getattr(function, "__dict__", ())
        or type(function).__module__.partition(".")[0] == "fastmcp"
    ):
        raise TypeError(
            "@cache.cached() stands above @mcp.tool, so the tool is registered without it; swap the two: "
            "@mcp.tool first, @cache.cached() directly above the function"
        )
    if not callable(function):
        raise TypeError(f"@cache.cached() decorates functions, not {type(function).__name__}")


def _is_async(function: Any) -> bool:
    plain = plain_function(function)
    return any(
        inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each) for each in (function, plain)
    )


def _dress(wrapper: Any, function: Any, plan: Plan) -> Any:
    is_plain = isinstance(function, types.FunctionType)
    # the attributes of a callable object are not the wrapper's
    functools.update_wrapper(wrapper, function, updated=("__dict__",) if is_plain else ())
    # a picture is handed through, so a schema of answers would be wrong
    hands_through = promises_protocol_result(plan.hints.get("return"))
    returns = plan.hints["return"] if hands_through else dict[str, Any]
    parameters: list[inspect.Parameter] = []
    for name, parameter in plan.signature.parameters.items():
        if name in plan.hidden:
            continue
        # names in text are looked up in the module of a function; other callables have none that is sure
        annotation = parameter.annotation if is_plain else plan.hints.get(name, parameter.annotation)
        parameters.append(parameter.replace(annotation=plan.widened.get(name, annotation)))
    wrapper.__signature__ = plan.signature.replace(parameters=parameters, return_annotation=returns)
    wrapper.__annotations__ = {
        **{each.name: each.annotation for each in parameters if each.annotation is not each.empty},
        "return": returns,
    }
    wrapper.__name__ = plan.name
    wrapper.__qualname__ = getattr(function, "__qualname__", plan.name)
    described = function if is_plain else plain_function(function)
    unit = "characters" if plan.cache.preview_config.size_mode == SizeMode.CHARACTER else "tokens"
    options = plan.options
    wrapper.__doc__ = describe(described.__doc__, options.max_size, unit, options.docs)
    if options.docs == "full" and wrapper.__doc__:
        plan.cache._full_docs.add(wrapper.__doc__.strip())
    return wrapper
