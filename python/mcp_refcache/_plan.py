"""The steps of a call of a decorated function; sync and async wrappers take the same ones."""

import asyncio
import logging
import re
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from mcp_refcache import _core
from mcp_refcache._accept_refs import widen
from mcp_refcache._background import CALLBACK, Background, unheard
from mcp_refcache._caller import lacking_names
from mcp_refcache._declassified import open_parts, opening
from mcp_refcache._flight import Flight, flights_of
from mcp_refcache._identity import Identity
from mcp_refcache._inputs import Inputs, looks_like_one
from mcp_refcache._keys import Arguments, identify
from mcp_refcache._missing import Receiver, closed_policy, refusal
from mcp_refcache._provenance import Collector, call_collector, collecting, current, note, note_opened
from mcp_refcache._results import answer_without_store, as_sent, is_protocol_result, is_unfinished
from mcp_refcache._signatures import hints_of, injected_names, name_of, owner_name, signature_of
from mcp_refcache._withheld import Instead, withheld_error, withheld_result
from mcp_refcache.context_integration import build_context_scoped_policy, expand_template
from mcp_refcache.events import EventKind
from mcp_refcache.exceptions import AuditError, BackendError
from mcp_refcache.models import AsyncResponseFormat, PreviewStrategy
from mcp_refcache.permissions import Permission

if TYPE_CHECKING:
    from mcp_refcache._caller import Caller
    from mcp_refcache._core import Found
    from mcp_refcache._execution import Execution
    from mcp_refcache._options import Options
    from mcp_refcache.access.actor import Actor
    from mcp_refcache.cache import RefCache
    from mcp_refcache.permissions import AccessPolicy

logger = logging.getLogger("mcp_refcache")

_FORMAT = "_async_response_format"
_PLACEHOLDER = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)\}")


class Request:
    """One call, ready to be looked up or run.

    Attributes:
        args: The positional arguments, references resolved.
        kwargs: The keyword arguments, likewise.
        caller: Who receives the answer.
        key: The cache key; None if nobody is to find the result by its call.
        namespace: Where the result goes.
        own: What the author says of who may do what with it; None = as the cache says.
        policy: The same with what it inherits from the values that the call uses.
        shown: The policy by which the answer is decided; None = that of the result.
        open_paths: Where the parts of the result are that the author declassified.
        collector: What the call uses; None as long as nobody collects and no reference came.
        asker: Who calls.
        lacks: The id that the caller would need to find the result again; None if it has all.
        format: How much to say of a call that goes on in the background; None = as the author said.
        execution: The run in the background that this call started.
        landed: The result that this call stored.
        is_stored: Whether the result is to be stored.
        fence: The name and token of the lease under which this call runs.
        is_open: Whether the result does not inherit.
    """

    __slots__ = (
        "args", "asker", "caller", "collector", "execution", "fence", "format", "is_open", "is_stored", "key", "kwargs",
        "lacks", "landed", "namespace", "open_paths", "own", "policy", "shown",
    )  # fmt: skip

    def __init__(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        caller: "Caller",
        namespace: str,
        policy: "AccessPolicy | None",
    ) -> None:
        self.args = args
        self.kwargs = kwargs
        self.caller = caller
        self.namespace = namespace
        self.own = self.policy = policy
        self.shown: AccessPolicy | None = None
        self.open_paths: Sequence[tuple[Any, ...]] = ()
        self.collector: Collector | None = None
        self.asker: Actor = caller.actor
        self.is_open = False
        self.key: str | None = None
        self.lacks: str | None = None
        self.format: AsyncResponseFormat | None = None
        self.execution: Execution | None = None
        self.landed: Found | None = None
        self.is_stored = True
        self.fence: tuple[str, int] | None = None


class Plan:
    """What is known of a decorated function before it is called, and the steps of a call.

    Args:
        cache: Where results go.
        options: What the author asked for.
        function: The function.

    Attributes:
        wants_values: Whether calls depend on the values of the context.
        background: Runs calls that may go on in the background; None if each runs to its end.
    """

    def __init__(self, cache: "RefCache", options: "Options", function: Callable[..., Any]) -> None:
        self.cache = cache
        self.options = options
        self.name = name_of(function)
        cache._made.expect(self.name)
        self.signature = signature_of(function)
        self.hints = hints_of(function, self.signature)
        injected = injected_names(self.signature, self.hints)
        self._is_personal = bool(injected) and not options.shared
        tasks = cache._tasks if options.async_timeout is not None else None
        self.hidden = frozenset({CALLBACK} & {*self.signature.parameters} if tasks is not None else ())
        injected |= self.hidden
        takes_refs = options.accept_refs and options.resolve_refs is not False
        # frameworks check arguments on the event loop, where a store that has to be waited for is not asked
        knows = looks_like_one if cache._core.waits else cache._knows
        self.widened = widen(self.signature, self.hints, injected, knows, only_marked=not takes_refs)
        names = tuple(self.signature.parameters)
        untouched = injected | owner_name(function, names)
        self._inputs = Inputs(cache, options, self.name, names, untouched, bool(self.widened))
        self._arguments = Arguments(self.signature, without=injected)
        self._has_format = _FORMAT in names
        self._callback_place = names.index(CALLBACK) if self.hidden else 0
        self._function_part = identify(function)
        self._settings_part = _settings_part(options)
        self.wants_values = options.is_scoped or self._is_personal
        templates = f"{options.namespace_template} {options.owner_template}"
        if options.session_scoped:
            templates += " {session_id}"
        self._placeholders = frozenset(_PLACEHOLDER.findall(templates))
        self._preview_type = PreviewStrategy(options.preview_type).value if options.preview_type else None
        self._flights = flights_of(cache)
        timeout = options.async_timeout or 0.0
        self.background = None if tasks is None else Background(self, tasks, timeout)
        self._warned: set[str] = set()

    # -- before the function runs ---------------------------------------------------------------

    def prepare(self, args: tuple[Any, ...], kwargs: dict[str, Any], caller: "Caller") -> Request:
        """Resolve the references in the arguments, and find out where the result belongs.

        Raises:
            KeyError: If a reference is missing or not for this caller.
            ValidationError: If a referenced value does not fit the type of its parameter.
            PermissionError: If the caller lacks an id that must not be missing.
        """
        options = self.options
        lacking = lacking_names(self._placeholders, caller.values) if self._placeholders else []
        if lacking and options.on_missing == "error":
            raise refusal(self.name, lacking)
        asked_format = None
        if _FORMAT in kwargs and not self._has_format:
            asked_format = self._read_format(kwargs.pop(_FORMAT))
        if self.hidden and CALLBACK not in kwargs and len(args) <= self._callback_place:
            kwargs[CALLBACK] = unheard
        has_references = bool(options.resolve_refs) and self._inputs.have_references(args, kwargs)
        collector = None
        if has_references or current() is not None:
            collector = call_collector(declassify=options.declassify)
            if has_references:
                args, kwargs = self._inputs.resolve(args, kwargs, caller, collector)
        namespace = self.cache.default_namespace if options.namespace is None else options.namespace
        request = Request(args, kwargs, caller, namespace, options.policy)
        request.format = asked_format
        request.collector, request.is_open = collector, options.declassify
        if not self.wants_values:
            self._inherit(request)
            request.key = None if caller.answers else self._key(request, None)
            return request
        if options.is_scoped:
            self._scope(request)
        self._inherit(request)
        if lacking and caller.in_context and options.on_missing == "isolate":
            self._isolate(request, lacking[0])
        elif not caller.answers and self._is_reusable(caller):
            policy = request.policy
            identity = Identity.from_values(caller.values) if self._is_personal else None
            owner = (policy.owner, policy.bound_session) if policy is not None else None
            request.key = self._key(request, (owner, identity))
        return request

    async def aprepare(self, args: tuple[Any, ...], kwargs: dict[str, Any], caller: "Caller") -> Request:
        """Prepare a call as `prepare` does, without blocking the event loop for the store of references."""
        if self.cache._core.waits and self._inputs.may_have_references(args, kwargs):
            return await asyncio.to_thread(self.prepare, args, kwargs, caller)
        return self.prepare(args, kwargs, caller)

    def _read_format(self, asked: Any) -> AsyncResponseFormat | None:
        if isinstance(asked, str):
            return AsyncResponseFormat(asked)
        self._warn_once("%s ignores an _async_response_format that is no str", self.name)
        return None

    def _scope(self, request: Request) -> None:
        options, values = self.options, request.caller.values
        if options.namespace_template:
            request.namespace = expand_template(options.namespace_template, values)
            self.cache._core.check_namespace(request.namespace)
        if options.owner_template or options.session_scoped:
            base = self.cache.default_policy if options.policy is None else options.policy
            request.own = request.policy = build_context_scoped_policy(
                base, values, options.owner_template, options.session_scoped
            )

    def _isolate(self, request: Request, lacking: str) -> None:
        # the bucket of those without a name must not hand the results of one to another
        self._warn_once(
            "results of %s are kept for nobody and not reused: the context has no %s", self.name, lacking
        )
        request.lacks = lacking
        policy = request.policy or self.cache._policy_of(request.namespace)
        may_read = self.cache._permission_checker.has_permission(
            policy, Permission.READ, request.caller.actor, "public"
        )
        if may_read:  # once, as it made it
            request.caller = request.caller._replace(actor=Receiver())
        request.own = request.policy = closed_policy(request.own or policy)
        self._inherit(request)

    def _is_reusable(self, caller: "Caller") -> bool:
        if self._is_personal and not (caller.values.get("user_id") or caller.values.get("session_id")):
            self._warn_once(
                "results of %s are not reused: it has an injected parameter, and its caller neither a user "
                "id nor a session; if results do not depend on who calls, say @cache.cached(shared=True)",
                self.name,
            )
            return False
        return True

    def _key(self, request: Request, scope: object) -> str | None:
        values = self._key_values(request.args, request.kwargs)
        if values is None:
            return None
        if request.policy is not request.own:
            # the same content from elsewhere has another policy: one hit must not tell of the other
            scope = (scope, request.policy)
        collector = request.collector
        if collector is not None and (hidden := collector.uses.hidden_from(request.asker)):
            # one reference for two hidden values would tell that they are equal
            scope = (scope, sorted(found.ref_id for found in hidden))
        try:
            return _core.fingerprint((self._function_part(), self._settings_part, scope, values))[0]
        except Exception as error:  # arguments may raise anything when they are looked at
            why = error if isinstance(error, _core.Unkeyable) else type(error).__name__
            self._warn_once(
                "results of %s are not reused, as its arguments cannot be a cache key (%s); "
                "@cache.cached(key=...) can make one",
                self.name,
                why,
            )
            return None

    def _key_values(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any] | None:
        make_key = self.options.key
        try:
            if make_key is None:
                return self._arguments.bind(args, kwargs)
            positional, named = self._arguments.complete(args, kwargs)
        except TypeError:
            return None  # the call itself says what is wrong, in Python's own words
        return [make_key(*positional, **named)]

    # -- hits -----------------------------------------------------------------------------------

    def find(self, request: Request) -> "Found | None":
        """Return the live result of an equal call."""
        if request.key is None:
            return None
        try:
            return self.cache._core.find(request.key, request.namespace)
        except BackendError as error:
            return self.bypass(request, error)

    async def afind(self, request: Request) -> "Found | None":
        """Return what `find` returns, without blocking the event loop."""
        if request.key is None:
            return None
        try:
            return await self.cache._core.find(request.key, request.namespace, wait=False)
        except BackendError as error:
            return self.bypass(request, error)

    def bypass(self, request: Request, error: BackendError) -> None:
        """Let a call run without the store, if its failures are to be borne."""
        if self.cache.on_backend_error != "bypass":
            raise error
        logger.warning("%s runs uncached, as the store fails (%s)", self.name, type(error).__name__)
        request.key, request.is_stored = None, False

    def not_given_back(self, error: BackendError) -> None:
        """Note that the turn of a call could not be given back; it ends by itself."""
        logger.warning("the lease of a call of %s ends by itself: %s", self.name, type(error).__name__)

    def answer(self, request: Request, found: "Found") -> dict[str, Any]:
        """Return what this caller may see of a stored result.

        Raises:
            PermissionDenied: If the caller may neither see nor use it.
            RateLimitExceeded: If the caller comes too often.
        """
        shown = self._shown(request, found)
        answer = self.cache._core.answer(shown, actor=request.caller.actor, **self._found_by(request))
        return self._hit(request, found, answer)

    async def aanswer(self, request: Request, found: "Found") -> dict[str, Any]:
        """Return what `answer` returns, without blocking the event loop."""
        shown, how = self._shown(request, found), self._found_by(request)
        answer = self.cache._core.answer(shown, actor=request.caller.actor, **how, wait=False)
        return self._hit(request, found, await answer)

    def _found_by(self, request: Request) -> dict[str, bool]:
        # what the context scoped was found with this caller's own ids: it is the caller's as if just made
        return {"producer": self.options.is_scoped, "counted": request.caller.in_context}

    def _hit(self, request: Request, found: "Found", answer: dict[str, Any]) -> dict[str, Any]:
        self._note(request, found)
        self._tell(EventKind.HIT, request, found.ref_id)
        return self._sent(request, answer)

    def _note(self, request: Request, found: "Found") -> None:
        note(self.cache._core, found)  # for what goes on around this call
        if request.caller.in_context:
            policy = request.policy or self.cache._policy_of(request.namespace)
            self.cache._made.note(found.ref_id, self.name, request.namespace, policy, request.caller.actor)

    def board(self, request: Request, *, may_block: bool) -> tuple[Flight | None, bool]:
        """Join an equal call that is running, or lead one; see `Flights.board`."""
        if request.key is None:
            return None, False
        return self._flights.board((request.namespace, request.key), may_block=may_block)

    # -- while the function runs ----------------------------------------------------------------

    def collecting(self, request: Request, flight: Flight | None) -> "AbstractContextManager[None]":
        """Collect what the function uses while it runs."""
        if request.collector is None:
            request.collector = call_collector(declassify=self.options.declassify)
        if request.execution is not None:
            request.execution.collector = request.collector
        if flight is not None:
            flight.collector = request.collector
        return collecting(request.collector)

    def withholding(self, request: Request, leader: "Flight | Execution | None" = None) -> Instead:
        """Reduce what is raised to its type where its text may tell of values that the caller may not see.

        Args:
            request: The call.
            leader: Who ran the function, if that was another call.
        """

        def tell(error: Exception) -> Exception:
            used = None if leader is None else leader.collector
            return withheld_error(self.name, error) if self.hides(request, used) else error

        return Instead(tell)

    def hides(self, request: Request, leader: Collector | None = None) -> bool:
        """Tell whether texts of a call may tell of values that its caller may not see.

        Args:
            request: The call.
            leader: What the function used, if it ran for another caller.
        """
        own = request.collector
        return any(each is not None and each.hides_from(request.asker) for each in (own, leader))

    def opened(self, request: Request, result: Any) -> Any:
        """Return a result with its declassified parts in their places, and note that they are open."""
        collector = request.collector
        opened = open_parts(result, opened=collector is not None and bool(collector.opened))
        request.is_open = request.is_open or opened.is_whole
        request.open_paths = opened.paths
        if request.is_open and self.hides(request):
            note_opened(opened.result)
        return opened.result

    def _inherit(self, request: Request) -> None:
        """Restrict a result as what it is made of."""
        collector = request.collector
        if collector is None or request.is_open:
            request.policy = request.own
            return
        own = request.own or self.cache._policy_of(request.namespace)
        policy = opening(collector.inherited(own), own, request.open_paths)
        request.policy = request.own if policy is own else policy
        if collector.outer is not None:
            shown = opening(collector.inherited(own, arguments_only=True), own, request.open_paths)
            request.shown = None if shown == policy else shown

    def _shown(self, request: Request, found: "Found") -> "Found":
        if request.shown is None or found.policy != request.policy:
            return found
        return found.under(request.shown)

    # -- after the function ran: nothing below raises -------------------------------------------

    def store(self, request: Request, result: Any) -> "Found | None":
        """Store a result; None if it is to be handed on as it is."""
        self._inherit(request)
        if not self._is_storable(request, result):
            return None
        found = None
        try:
            found = self.cache._core.set(*self._stored(request, result), **self._stored_as(request))
        except Exception as error:
            self._not_stored(error)
        return self._landed(request, found)

    async def astore(self, request: Request, result: Any) -> "Found | None":
        """Store a result as `store` does, without blocking the event loop."""
        self._inherit(request)
        if not self._is_storable(request, result):
            return None
        found = None
        try:
            options = self._stored_as(request)
            found = await self.cache._core.set(*self._stored(request, result), **options, wait=False)
        except Exception as error:
            self._not_stored(error)
        return self._landed(request, found)

    def _is_storable(self, request: Request, result: Any) -> bool:
        execution = request.execution
        if is_protocol_result(result) or (execution is not None and execution.is_cancelled):
            return False
        if is_unfinished(result):
            self._warn_once(
                "%s is no `async def` but returned something to await: it is not cached; put @cache.cached() "
                "on the async function itself",
                self.name,
            )
            return False
        return request.is_stored

    def _stored(self, request: Request, result: Any) -> tuple[str, Any]:
        return request.key or uuid.uuid4().hex, result

    def _stored_as(self, request: Request) -> dict[str, Any]:
        options = self.options
        return {
            "namespace": request.namespace,
            "bound": options.namespace_template is not None,
            "policy": request.policy,
            "ttl": options.ttl,
            "tool_name": self.name,
            "caller": request.caller.actor if self.cache._is_audited else None,
            "max_size": options.max_size or None,
            "strategy": self._preview_type,
            "any": True,
            "prepare": True,
            "promised": None if request.execution is None else request.execution.ref_id,
            "fence": request.fence,
        }

    def _not_stored(self, error: Exception) -> None:
        if isinstance(error, AuditError):
            raise error
        logger.warning("a result of %s could not be stored: %s", self.name, type(error).__name__)

    def _landed(self, request: Request, found: "Found | None") -> "Found | None":
        request.landed = found
        if found is not None:
            self._note(request, found)
        self._tell(EventKind.MISS, request, None if found is None else found.ref_id)
        return found

    def produced(self, request: Request, result: Any, found: "Found | None") -> Any:
        """Return what the caller gets for a result that was just made."""
        answer = None
        if found is not None:
            try:
                shown = self._shown(request, found)
                answer = self.cache._core.answer(shown, actor=request.caller.actor, producer=True)
            except Exception as error:
                self._not_shown(error)
        return self._made(request, result, found, answer)

    async def aproduced(self, request: Request, result: Any, found: "Found | None") -> Any:
        """Return what `produced` returns, without blocking the event loop."""
        answer = None
        if found is not None:
            try:
                shown = self._shown(request, found)
                answer = await self.cache._core.answer(
                    shown, actor=request.caller.actor, producer=True, wait=False
                )
            except Exception as error:
                self._not_shown(error)
        return self._made(request, result, found, answer)

    def _not_shown(self, error: Exception) -> None:
        if isinstance(error, AuditError):
            raise error
        logger.warning("a result of %s could not be shown: %s", self.name, type(error).__name__)

    def _made(
        self, request: Request, result: Any, found: "Found | None", answer: dict[str, Any] | None
    ) -> Any:
        if found is None and (is_protocol_result(result) or is_unfinished(result)):
            if self.hides(request) and not request.is_open:
                raise withheld_result(self.name, result)
            return result
        if answer is None:
            answer = answer_without_store(
                self.cache,
                result,
                ref_id=None if found is None else found.ref_id,
                actor=request.caller.actor,
                policy=request.shown or request.policy,
                namespace=request.namespace,
                max_size=self.options.max_size,
            )
        if request.lacks is not None and "message" in answer:
            answer["message"] = (
                f"This is all that can be shown: the request has no {request.lacks}, so the result is kept for "
                "nobody. Call again, with arguments that give a smaller result."
            )
        return self._sent(request, answer)

    def _sent(self, request: Request, answer: dict[str, Any]) -> dict[str, Any]:
        around = current()
        if around is not None:
            shown = answer.get("value", answer.get("preview"))
            if shown is None and "value" not in answer:
                around.answers.append(dict(answer))
            elif request.shown is None:
                # what the caller may see of its own result is no secret in what goes on around this call
                note_opened(shown)
        # Python callers get the value itself, clients what JSON can say of it
        if request.caller.in_context:
            for part in ("value", "preview"):
                if part in answer:
                    answer[part] = as_sent(answer[part])
        return answer

    def _tell(self, kind: EventKind, request: Request, ref_id: str | None) -> None:
        if events := self.cache._events:
            who = request.caller.actor.to_string()
            events.emit(
                kind,
                operation="call",
                ref_id=ref_id,
                namespace=request.namespace,
                tool=self.name,
                actor=who,
            )

    def _warn_once(self, message: str, *facts: object) -> None:
        if message not in self._warned:
            self._warned.add(message)
            logger.warning(message, *facts)


def _settings_part(options: "Options") -> str:
    """What tells two decorators of one function apart: who may see results, and how they are shown."""
    settings: tuple[Any, ...] = (options.policy, options.max_size, options.preview_type)
    if options.declassify:
        settings += ("declassify",)
    try:
        return _core.fingerprint(settings)[0]
    except Exception:  # a policy of the user's own class
        return uuid.uuid4().hex
