"""Tool results taken apart: what is data, what passes as it is, and how a reference takes the place of data."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

from mcp_refcache import _compat, _core

if TYPE_CHECKING:
    from mcp_refcache.cache import RefCache

__all__ = ["Parts", "carries_reference", "join", "off_loop", "reads_references", "split"]


T = TypeVar("T")

_NOTHING: Final = object()


class Parts(NamedTuple):
    """A result taken apart.

    Attributes:
        value: The data, from both channels; what they both say, once.
        texts: What a model may be shown of it: each channel as text.
        others: Content that is no text: images, sounds, links.
        meta: What the tool says about the result.
    """

    value: Any
    texts: Sequence[str]
    others: Sequence[Any]
    meta: Mapping[str, Any] | None


def split(result: Any) -> Parts | None:
    """Take a tool result apart; None if it has no data to store."""
    blocks: list[Any] = list(result.content or ())
    texts = [block.text for block in blocks if getattr(block, "type", None) == "text"]
    others = [block for block in blocks if getattr(block, "type", None) != "text"]
    structured: Any = result.structured_content
    text = "\n".join(texts)
    if structured is None:
        value = _data(texts[0]) if len(texts) == 1 else list(texts)
        return Parts(value, [text], others, result.meta) if texts else None
    shown = [json.dumps(structured, ensure_ascii=False, default=str), *([text] if texts else [])]
    said = [_parsed(each) for each in texts]
    # what is no object is wrapped in one, by FastMCP as `result`; the text says it unwrapped
    inner = next(iter(structured.values())) if len(structured) == 1 else _NOTHING
    if inner in (text, said, *said):
        return Parts(_data(inner) if isinstance(inner, str) else inner, shown, others, result.meta)
    is_same = not texts or said == [structured]
    value = structured if is_same else {"text": text, "structured_content": structured}
    return Parts(value, shown, others, result.meta)


def join(answer: Mapping[str, Any], parts: Parts) -> Any:
    """Make a result of an answer with a reference; both channels say all of it."""
    text = json.dumps(answer, ensure_ascii=False, default=str)
    return _compat.make_result(
        content=[_compat.text_content(text), *parts.others],
        structured=json.loads(text),
        meta={**(parts.meta or {}), "refcache/ref_id": answer["ref_id"]},
    )


def reads_references(tool: str) -> bool:
    """Tell the tools that read references, also under the prefix of a mounted server."""
    return tool.endswith(("get_cached_result", "list_cached_results"))


def carries_reference(result: Any, cache: "RefCache") -> bool:
    """Tell an answer that names a stored result itself, as decorated tools give it."""
    structured = getattr(result, "structured_content", None)
    if not isinstance(structured, dict):
        return False
    answer = cast("dict[str, Any]", structured)
    ref_id = answer.get("ref_id")
    is_answer = bool(answer.keys() & {"is_complete", "has_more"})
    return is_answer and isinstance(ref_id, str) and _core.is_ref_id(ref_id) and cache._knows(ref_id)


async def off_loop(cache: "RefCache", work: Callable[..., T], *arguments: Any) -> T:
    """Do what may ask the store, in a thread where it has to be waited for."""
    return await asyncio.to_thread(work, *arguments) if cache._core.waits else work(*arguments)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _data(text: str) -> Any:
    """The data that a text is, if nothing but the data is in it: the text itself can be made from it again."""
    value = _parsed(text)
    if not isinstance(value, (dict, list)):
        return text
    data: Any = cast("Any", value)
    writings: tuple[dict[str, Any], ...] = ({"separators": (",", ":")}, {}, {"indent": 2})
    is_exact = any(json.dumps(data, ensure_ascii=False, **options) == text.strip() for options in writings)
    return data if is_exact else text
