"""Tool results taken apart: what is data, what passes as it is, and how a reference takes the place of data."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from mcp_refcache import _compat, _core

if TYPE_CHECKING:
    from mcp_refcache.cache import RefCache

__all__ = ["Parts", "carries_reference", "join", "split"]


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
    said = _said(texts)
    if structured is None:
        return Parts(said, ["\n".join(texts)], others, result.meta) if texts else None
    shown = [json.dumps(structured, ensure_ascii=False, default=str), *(["\n".join(texts)] if texts else [])]
    data = _unwrapped(structured, said)
    # a number, say, is text in the one channel and a number in the other
    if texts and said not in (structured, data) and said != _number_text(data):
        data = {"text": said, "structured_content": structured}
    return Parts(data, shown, others, result.meta)


def join(answer: Mapping[str, Any], parts: Parts) -> Any:
    """Make a result of an answer with a reference; both channels say all of it."""
    text = json.dumps(answer, ensure_ascii=False, default=str)
    return _compat.make_result(
        content=[_compat.text_content(text), *parts.others],
        structured=json.loads(text),
        meta={**(parts.meta or {}), "refcache/ref_id": answer["ref_id"]},
    )


def carries_reference(result: Any, cache: "RefCache") -> bool:
    """Tell an answer that names a stored result itself, as decorated tools give it."""
    structured = getattr(result, "structured_content", None)
    if not isinstance(structured, dict):
        return False
    answer = cast("dict[str, Any]", structured)
    ref_id = answer.get("ref_id")
    is_answer = bool(answer.keys() & {"is_complete", "has_more"})
    return is_answer and isinstance(ref_id, str) and _core.is_ref_id(ref_id) and cache._knows(ref_id)


def _unwrapped(structured: Mapping[str, Any], said: Any) -> Any:
    """The data inside an object that is only there because the protocol wants one."""
    if set(structured) == {"result"}:  # FastMCP's way
        return structured["result"]
    # other servers call it `content` or the like; the text says that it is all there is
    return said if len(structured) == 1 and said in structured.values() else structured


def _number_text(data: Any) -> str | None:
    return json.dumps(data) if isinstance(data, (int, float)) else None


def _said(texts: Sequence[str]) -> Any:
    """What text blocks say: the data that their JSON is, else the text."""
    values = [_parsed(text) for text in texts]
    return values[0] if len(values) == 1 else values


def _parsed(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    # a text that happens to be a number stays the text it is
    return cast("Any", value) if isinstance(value, (dict, list)) else text
