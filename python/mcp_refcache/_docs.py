"""The text that the decorator adds to the docstring of a tool, and how it is added."""

import inspect
from typing import Literal

_FULL_START = "**Caching Behavior:**"

#: What a description says where the rest is said once for the whole server.
SHORT_DOCS = "Large results come as a ref_id with a preview."


def caching_docs(max_size: int | None, unit: str) -> str:
    """Write what a model must know to use a cached tool.

    Args:
        max_size: Preview limit of the tool; None means the limit of the cache.
        unit: What the limit counts, `tokens` or `characters`.

    Returns:
        One block of Markdown without blank lines.
    """
    limit = "server default" if max_size is None else f"max_size={max_size} {unit}"
    return (
        f"{_FULL_START} Every result has a `ref_id`; a large one comes with a preview of it. "
        "Page it with `get_cached_result(ref_id, page=1)`, or pass the ref_id as an input to a tool.\n"
        "**Full retrieval:** `get_cached_result(ref_id, full=True)`\n"
        "**Preview Size:** " + limit + "; override per call with `get_cached_result(ref_id, max_size=...)`\n"
        "**Ref input compatibility:** Support depends on the tool's input schema/validation; "
        "strictly typed parameters may reject string ref_ids."
    )


def describe(
    function_doc: str | None, max_size: int | None, unit: str, docs: Literal["short", "none", "full"] | None
) -> str | None:
    """Write the docstring of a decorated function.

    Args:
        function_doc: The docstring as the function has it.
        max_size: Preview limit of the tool; None means the limit of the cache.
        unit: What the limit counts.
        docs: How much is said; None says all.
    """
    if docs == "none":
        return function_doc
    return document(function_doc, SHORT_DOCS if docs == "short" else caching_docs(max_size, unit))


def shorten(description: str) -> str:
    """Replace what `caching_docs` said in a description by one sentence."""
    before, found, rest = description.partition(_FULL_START)
    if not found:
        return description
    after = rest.partition("\n\n")[2]
    return "\n\n".join(part for part in (before.rstrip(), SHORT_DOCS, after) if part)


def document(function_doc: str | None, addition: str) -> str:
    """Add a block to a docstring.

    Args:
        function_doc: The docstring as the function has it, indented or not; None for none.
        addition: The block, without blank lines.

    Returns:
        The dedented docstring and the block; a block with the same first line, which an earlier call added,
        is replaced, so that decorating twice says everything once.
    """
    doc = inspect.cleandoc(function_doc or "")
    first_line = addition.partition("\n")[0]
    before, found, rest = doc.partition(first_line)
    if found:
        after = rest.partition("\n\n")[2]
        doc = "\n\n".join(part for part in (before.rstrip(), after) if part)
    return f"{doc}\n\n{addition}" if doc else addition
