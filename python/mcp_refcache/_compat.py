"""What differs between versions of FastMCP and of the MCP SDK: found by looking, and only here."""

import sys
import uuid
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final
from weakref import WeakKeyDictionary

#: The first version of FastMCP that is supported.
OLDEST: Final = (2, 14)

#: The session of a server that talks to one client through pipes.
_PROCESS_SESSION: Final = f"process-{uuid.uuid4().hex}"

_telling: dict[type[Exception], type[Exception]] = {}

#: The sessions of connections inside this process, which have no id of their own since 2026-07-28.
_connections: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


class TaskContext:
    """Stands for the context of a background task that has none, so that its caller is nobody, not the server."""

    request_context: Final = None
    request_id: Final = None
    session_id: Final = None
    client_id: Final = None

    def get_state(self, key: str) -> None:
        """Nothing."""


def check_version() -> None:
    """Refuse a FastMCP that is too old, before something in it is missed.

    Raises:
        ImportError: With what to install.
    """
    with suppress(PackageNotFoundError):  # under another name; what imports it will say if it is missing
        found = version("fastmcp")
        if tuple(int(part) for part in found.split(".")[:2] if part.isdigit()) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise ImportError(
                f"FastMCP {oldest} or newer is needed, this is {found}: pip install --upgrade 'fastmcp>={oldest}'"
            )


def background_context() -> TaskContext | None:
    """Return a context where a request goes on in a worker of its own, with FastMCP's tasks."""
    docket = sys.modules.get("docket.dependencies")
    if docket is None:
        return None
    execution = getattr(docket, "current_execution", None)
    return None if execution is None or execution.get(None) is None else TaskContext()


def is_real_context(context: object) -> bool:
    """Tell FastMCP's own context from an object that stands in for it."""
    kinds = type(context).__mro__
    return isinstance(context, TaskContext) or any(
        kind.__module__.partition(".")[0] == "fastmcp" for kind in kinds
    )


def access_token() -> Any | None:
    """Return the verified access token of the current HTTP request; None without one."""
    dependencies = sys.modules.get("fastmcp.server.dependencies")
    if dependencies is None:
        return None
    with suppress(RuntimeError, TypeError):  # outside a request; a token of a foreign class
        return dependencies.get_access_token()
    return None


def lasting_session(context: Any) -> str | None:
    """Return the id of the session, if it is one that later requests have as well.

    Since 2026-07-28 the protocol has no sessions and FastMCP makes up an id per request, as it does for
    stateless HTTP. To bind anything to such an id would be to throw it away.

    Args:
        context: FastMCP's context.

    Returns:
        The id; None where nothing connects this request with the next one.
    """
    request = context.request_context
    if _is_handshake_era(request):
        with suppress(RuntimeError):  # a call from inside the server
            return None if _is_stateless_http(request) else context.session_id
        return None
    if request is None or request.request is not None:
        return None
    if getattr(context, "transport", None) == "stdio":
        return _PROCESS_SESSION
    channel = getattr(getattr(request.session, "_connection", None), "outbound", None)
    try:
        return _connections.setdefault(channel, f"connection-{uuid.uuid4().hex}")
    except TypeError:  # no such channel in this SDK
        return None


def _is_handshake_era(request: Any) -> bool:
    try:
        modern = import_module("mcp_types.version").MODERN_PROTOCOL_VERSIONS
    except ImportError:  # an SDK that only knows sessions
        return True
    # a background task has no request, and cannot tell what its id was worth
    return request is not None and request.protocol_version not in modern


def _is_stateless_http(request: Any) -> bool:
    http = None if request is None else request.request
    if http is None:
        return False
    return "mcp-session-id" not in http.headers and "session_id" not in http.query_params


def answers_question(context: Any) -> bool:
    """Tell a later round of a call: it comes with what the user answered to the tool's question."""
    if not is_real_context(context):
        return False
    with suppress(Exception):  # outside a request
        asked = (getattr(context, name, None) for name in ("input_responses", "request_state"))
        return any(answer is not None for answer in asked)
    return False


def tool_error() -> type[Exception]:
    """The exception whose text reaches the model; `LookupError` without FastMCP."""
    return _exception("ToolError")


def telling(kind: type[Exception]) -> type[Exception]:
    """Return a class of exceptions of this kind whose text FastMCP, where it is in use, hands to the model."""
    if "fastmcp.exceptions" not in sys.modules:
        return kind
    if kind not in _telling:
        # a KeyError writes its text as a repr
        _telling[kind] = type(kind.__name__, (tool_error(), kind), {"__str__": Exception.__str__})
    return _telling[kind]


def resource_error() -> type[Exception]:
    """The exception whose text reaches the reader of a resource; `LookupError` without FastMCP."""
    return _exception("ResourceError")


def _exception(name: str) -> type[Exception]:
    try:
        return getattr(import_module("fastmcp.exceptions"), name)
    except ImportError:  # another framework's server
        return LookupError


def tool_result_type() -> type[Any]:
    """FastMCP's class of finished tool results."""
    return _first("ToolResult", "fastmcp.tools.base", "fastmcp.tools.tool")


def is_finished(result: object) -> bool:
    """Tell a result with content from a question to the user, a task's receipt, and an error."""
    # a question is a subclass of results
    return type(result) is tool_result_type() and not getattr(result, "is_error", False)


def make_result(*, content: Any, structured: Mapping[str, Any] | None, meta: Any) -> Any:
    """Make a tool result."""
    return tool_result_type()(content=content, structured_content=structured, meta=meta)


def text_content(text: str) -> Any:
    """Make a block of text."""
    return _first("TextContent", "mcp_types", "mcp.types")(type="text", text=text)


async def find_tool(server: Any, name: str) -> Any | None:
    """Return a server's tool by the name it is listed under; None if there is none."""
    with suppress(import_module("fastmcp.exceptions").NotFoundError):  # raised by some versions
        return await server.get_tool(name)
    return None


def stop_response_caching(server: Any, tool: str) -> None:
    """Let FastMCP's `ResponseCachingMiddleware` of this server leave a tool's answers alone.

    It would go on handing out references after they have ended.
    """
    caching = sys.modules.get("fastmcp.server.middleware.caching")
    for middleware in getattr(server, "middleware", ()):
        if caching is not None and isinstance(middleware, caching.ResponseCachingMiddleware):
            settings = middleware._call_tool_settings
            excluded: list[str] = settings.get("excluded_tools") or []
            if tool not in excluded:
                settings["excluded_tools"] = [*excluded, tool]


def _first(name: str, *modules: str) -> type[Any]:
    for module in modules:
        with suppress(ImportError, AttributeError):
            return getattr(import_module(module), name)
    raise ImportError(f"FastMCP 2.14 or newer is needed, which has {name}; pip install 'mcp-refcache[mcp]'")
