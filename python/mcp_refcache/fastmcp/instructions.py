"""What a model should know about references: server instructions, prompts and tool descriptions."""

from collections.abc import Callable
from typing import TypeVar

from mcp_refcache._arguments import names, text
from mcp_refcache._docs import document

__all__ = [
    "CACHE_MANAGEMENT_SECTION",
    "COMPACT_INSTRUCTIONS",
    "FULL_CACHE_GUIDE",
    "PAGINATION_SECTION",
    "REFERENCE_INPUT_SECTION",
    "RESPONSE_TYPES_SECTION",
    "cache_guide_prompt",
    "cache_instructions",
    "cached_tool_description",
    "format_response_hint",
    "get_full_cache_guide",
    "retrieval_guidance_snippet",
    "with_cache_docs",
]

_Function = TypeVar("_Function", bound=Callable[..., object])

COMPACT_INSTRUCTIONS = """\
This server uses reference-based caching. Small results come as `value`, large ones as `ref_id` + `preview` \
(strategy "summary": shape, counts and keys instead of data).

- Page: get_cached_result(ref_id, page=2, page_size=50); text is paged in characters.
- Full value: get_cached_result(ref_id, full=True)
- Larger preview: get_cached_result(ref_id, max_size=100000)
- Preview Size Control, strongest first: Per-call override (max_size), the tool's limit, server default.
- To use a result without reading it, pass its ref_id as an argument to another tool.
- Ref Input Compatibility follows the tool's schema/validation: Strictly typed parameters take a ref_id \
only where their schema allows a string."""
"""Instructions for a server, about 200 tokens."""

RESPONSE_TYPES_SECTION = """\
## Response Types

### Direct Values
A result that fits the preview limit comes whole: `value`, with `is_complete: true`.

### Reference Responses
A larger one comes as `ref_id`, `preview` and `is_complete: false`. `preview_strategy` says what you see:
- `sample`: items spread evenly over the whole
- `truncate`: the beginning of the text
- `paginate`: one page
- `summary`: type, counts, keys and a few items, enough to decide what to ask for

`total_items`, `original_size` and `preview_size` tell how much is not shown."""
"""What a tool's answer can look like."""

PAGINATION_SECTION = """\
## Pagination

`get_cached_result(ref_id="abc123", page=2, page_size=50)` shows one page; pages count from 1, up to \
`total_pages`, and every item is on exactly one of them. Text is paged too: `page_size` then counts \
characters, and the pages joined are the text."""
"""How a large result is read page by page."""

_SIZES = """\
## Preview Size Control

The limit of a preview, highest priority first:
1. Per-call: `get_cached_result(ref_id="abc123", max_size=500)`
2. Per-tool: set by the tool's author
3. Server default

### Getting Full Values
`get_cached_result(ref_id="abc123", full=True)` returns everything; a value too large even for that comes as \
a preview that names the next step.

### Getting Larger Previews
`get_cached_result(ref_id="abc123", max_size=100000)`"""

REFERENCE_INPUT_SECTION = """\
## Passing References as Inputs

Give a `ref_id` where a tool expects the data: `analyze(data="abc123")`. The server puts the stored value in \
its place, so you need not read or repeat it.

### Private Computation
Some references may be used but not read: they have no preview, and `get_cached_result` refuses them. Pass \
them to tools all the same; the value stays on the server and you get the tool's answer.

### Ref Input Compatibility
Whether a parameter takes a ref_id depends on the tool's schema and validation behavior. Strictly typed \
parameters (numbers, lists, objects) take one only where their schema also allows a string."""
"""How a reference is used as an argument."""

CACHE_MANAGEMENT_SECTION = """\
## Lifetime and Access

References expire. If one is unknown, expired or not yours, the answer is the same: call the tool that made \
it again. Calling a tool with the same arguments gives the stored result, usually under the same `ref_id`."""
"""What becomes of references over time."""

_OVERVIEW = """\
## Overview

| Need | Call |
| --- | --- |
| Next page | `get_cached_result(ref_id, page=2)` |
| Larger preview | `get_cached_result(ref_id, max_size=100000)` |
| Get full value | `get_cached_result(ref_id, full=True)` |
| Use without reading | pass `ref_id` as an argument |
| Ref input compatibility | Depends on each tool parameter schema/validation |"""

FULL_CACHE_GUIDE = "\n\n".join(
    (
        "# Working with Cached Results",
        RESPONSE_TYPES_SECTION,
        PAGINATION_SECTION,
        _SIZES,
        REFERENCE_INPUT_SECTION,
        CACHE_MANAGEMENT_SECTION,
        _OVERVIEW,
    )
)
"""Everything a model can do with references, as a prompt."""

_RETRIEVAL = (
    "Retrieve more with get_cached_result(ref_id, page=..., page_size=...), a larger preview with "
    "max_size=..., or the complete value with full=True."
)


def cache_instructions(compact: bool = True) -> str:
    """Give the text for a server's `instructions`.

    Args:
        compact: The short text; False gives the full guide.

    Returns:
        `COMPACT_INSTRUCTIONS` or `FULL_CACHE_GUIDE`.
    """
    return COMPACT_INSTRUCTIONS if compact else FULL_CACHE_GUIDE


def get_full_cache_guide() -> str:
    """Give the full guide.

    Returns:
        `FULL_CACHE_GUIDE`.
    """
    return FULL_CACHE_GUIDE


def cache_guide_prompt() -> str:
    """Explain how to work with large results and their references."""  # shown to the person as the prompt
    return FULL_CACHE_GUIDE


def retrieval_guidance_snippet() -> str:
    """Give one sentence on the three ways to read more.

    Returns:
        Text that names paging, larger previews and the complete value.
    """
    return _RETRIEVAL


def cached_tool_description(
    base_description: str,
    *,
    returns_reference: bool = True,
    supports_pagination: bool = False,
    accepts_references: bool = False,
    private_computation: bool = False,
) -> str:
    """Add to a tool's description what it does with references.

    Args:
        base_description: What the tool does; it ends with one full stop in the answer.
        returns_reference: Large results come as a reference.
        supports_pagination: The tool has `page` and `page_size` itself.
        accepts_references: The tool's inputs may be references.
        private_computation: Referenced values are used on the server and not shown.

    Returns:
        The sentences, joined by blanks.
    """
    sentences = [text("base_description", base_description).rstrip(".") + "."]
    if returns_reference:
        sentences.append(f"Large results come as a reference (ref_id) with a preview. {_RETRIEVAL}")
    if supports_pagination:
        sentences.append("Choose a page with page and page_size.")
    if accepts_references:
        sentences.append("A ref_id is accepted as input in place of the data.")
    if private_computation:
        sentences.append("Referenced values are used server-side and stay private.")
    return " ".join(sentences)


def format_response_hint(
    *,
    has_reference: bool = True,
    has_preview: bool = True,
    has_pagination: bool = False,
    available_actions: list[str] | None = None,
) -> str:
    """Write the `Returns:` block of a cached tool's docstring.

    Args:
        has_reference: The answer has `ref_id`.
        has_preview: The answer has `preview` and `total_items`.
        has_pagination: The answer has `page` and `total_pages`.
        available_actions: The actions the answer offers.

    Returns:
        The block: its heading and one indented line per key.
    """
    lines = ["Returns:"]
    if has_reference:
        lines.append("    ref_id: Reference to the stored result")
    if has_preview:
        lines.append("    preview: As much of the result as the limit allows")
        lines.append("    total_items: Number of items in the whole result")
    if has_pagination:
        lines.append("    page: The page shown, from 1")
        lines.append("    total_pages: Number of pages")
    if available_actions:
        lines.append(f"    available_actions: [{', '.join(names('available_actions', available_actions))}]")
    return "\n".join(lines)


def with_cache_docs(
    *,
    returns_reference: bool = True,
    supports_pagination: bool = False,
    accepts_references: bool = False,
    private_computation: bool = False,
) -> Callable[[_Function], _Function]:
    """Add to a function's docstring what it does with references.

    Args:
        returns_reference: Large results come as a reference.
        supports_pagination: The function has `page` and `page_size` itself.
        accepts_references: The inputs may be references.
        private_computation: Referenced values are used on the server and not shown.

    Returns:
        A decorator that changes the docstring of the function it is given and returns that function.
    """
    blocks: list[str] = []
    if returns_reference:
        blocks.append(f"**Caching:** Large results come as a reference (ref_id) with a preview. {_RETRIEVAL}")
    if supports_pagination:
        blocks.append("**Pagination:** Choose a page with page and page_size.")
    if accepts_references:
        blocks.append("**References:** A ref_id is accepted as input in place of the data.")
    if private_computation:
        blocks.append("**Private Compute:** Referenced values are used server-side and stay private.")

    def decorate(function: _Function) -> _Function:
        for block in blocks:
            function.__doc__ = document(function.__doc__, block)
        return function

    return decorate
