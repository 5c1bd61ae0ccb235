"""The texts that tell a model how to work with references."""

import pytest

from mcp_refcache import _docs, fastmcp
from mcp_refcache.fastmcp import instructions
from mcp_refcache.fastmcp.instructions import (
    COMPACT_INSTRUCTIONS,
    FULL_CACHE_GUIDE,
    cache_guide_prompt,
    cache_instructions,
    cached_tool_description,
    format_response_hint,
    get_full_cache_guide,
    retrieval_guidance_snippet,
    with_cache_docs,
)

COMPACT_MARKERS = [
    "reference-based caching",
    "ref_id",
    "get_cached_result",
    "page",
    "Preview Size Control",
    "Per-call override",
    "max_size",
    "full=True",
    "Full value",
    "Larger preview",
    "max_size=100000",
    "Ref Input Compatibility",
    "schema/validation",
    "Strictly typed parameters",
    "summary",
]
FULL_MARKERS = [
    "Response Types",
    "Direct Values",
    "Reference Responses",
    "Pagination",
    "page_size",
    "Preview Size Control",
    "Per-call",
    "Per-tool",
    "Server default",
    "highest priority first",
    "Passing References as Inputs",
    "Private Computation",
    "Getting Full Values",
    'get_cached_result(ref_id="abc123", full=True)',
    "Getting Larger Previews",
    'get_cached_result(ref_id="abc123", max_size=100000)',
    "Ref Input Compatibility",
    "schema and validation behavior",
    "Strictly typed parameters",
    "| Get full value | `get_cached_result(ref_id, full=True)` |",
    "| Larger preview | `get_cached_result(ref_id, max_size=100000)` |",
    "| Ref input compatibility | Depends on each tool parameter schema/validation |",
    "summary",
    "Text is paged",
]
RETRIEVAL_MARKERS = ["page=..., page_size=...", "max_size=...", "full=True", "complete value"]


def flags(**given):
    return {"returns_reference": False, **given}


class TestInstructions:
    @pytest.mark.parametrize("marker", COMPACT_MARKERS)
    def test_compact_text_says(self, marker):
        assert marker in COMPACT_INSTRUCTIONS

    @pytest.mark.parametrize("marker", FULL_MARKERS)
    def test_guide_says(self, marker):
        assert marker in FULL_CACHE_GUIDE

    def test_functions_give_the_constants(self):
        assert cache_instructions() == cache_instructions(compact=True) == COMPACT_INSTRUCTIONS
        assert cache_instructions(compact=False) == FULL_CACHE_GUIDE
        assert get_full_cache_guide() == cache_guide_prompt() == FULL_CACHE_GUIDE

    @pytest.mark.parametrize(
        "section",
        [
            "RESPONSE_TYPES_SECTION",
            "PAGINATION_SECTION",
            "REFERENCE_INPUT_SECTION",
            "CACHE_MANAGEMENT_SECTION",
        ],
    )
    def test_guide_is_made_of_its_sections(self, section):
        assert getattr(instructions, section) in FULL_CACHE_GUIDE

    def test_texts_stay_short(self):
        assert len(COMPACT_INSTRUCTIONS) < 800
        assert len(FULL_CACHE_GUIDE) < 3000

    def test_texts_have_no_blank_ends(self):
        texts = [value for name, value in vars(instructions).items() if name.isupper()]
        assert all(text == text.strip() for text in texts)


class TestToolDescription:
    @pytest.mark.parametrize(
        ("base", "text"),
        [("Sum", "Sum."), ("Sum.", "Sum."), ("Sum...", "Sum."), ("Sum!", "Sum!."), ("", ".")],
    )
    def test_base_ends_with_one_full_stop(self, base, text):
        assert cached_tool_description(base, **flags()) == text

    @pytest.mark.parametrize(
        ("flag", "markers"),
        [
            ("returns_reference", ["ref_id", "reference", *RETRIEVAL_MARKERS]),
            ("supports_pagination", ["page", "page_size"]),
            ("accepts_references", ["ref_id", "input"]),
            ("private_computation", ["server-side", "private"]),
        ],
    )
    def test_each_flag_adds_its_sentence(self, flag, markers):
        text = cached_tool_description("Sum", **flags(**{flag: True}))
        assert text.startswith("Sum. ")
        assert [marker for marker in markers if marker not in text] == []

    def test_reference_is_mentioned_by_default(self):
        assert cached_tool_description("Sum") == cached_tool_description("Sum", returns_reference=True)

    def test_snippet_is_one_line(self):
        assert [marker for marker in RETRIEVAL_MARKERS if marker not in retrieval_guidance_snippet()] == []
        assert "\n" not in retrieval_guidance_snippet()


class TestResponseHint:
    @pytest.mark.parametrize(
        ("options", "keys"),
        [
            ({}, ["ref_id", "preview", "total_items"]),
            ({"has_reference": False}, ["preview", "total_items"]),
            ({"has_preview": False, "has_pagination": True}, ["ref_id", "page", "total_pages"]),
            ({"has_reference": False, "has_preview": False}, []),
        ],
    )
    def test_block_has_one_indented_line_per_key(self, options, keys):
        heading, *lines = format_response_hint(**options).splitlines()
        assert heading == "Returns:"
        assert [line.partition(":")[0] for line in lines] == [f"    {key}" for key in keys]

    def test_actions_are_listed(self):
        hint = format_response_hint(available_actions=["get_page", "resolve_full"])
        assert hint.endswith("\n    available_actions: [get_page, resolve_full]")


class TestWithCacheDocs:
    @pytest.mark.parametrize(
        ("flag", "markers"),
        [
            ("returns_reference", ["Caching", "reference", "max_size", *RETRIEVAL_MARKERS]),
            ("supports_pagination", ["Pagination"]),
            ("accepts_references", ["References", "ref_id"]),
            ("private_computation", ["Private Compute"]),
        ],
    )
    def test_each_flag_adds_its_block(self, flag, markers):
        def tool():
            """Sum numbers."""

        assert with_cache_docs(**flags(**{flag: True}))(tool) is tool
        assert tool.__doc__.startswith("Sum numbers.\n\n")
        assert [marker for marker in markers if marker not in tool.__doc__] == []

    def test_function_without_docstring_gets_the_addition(self):
        def tool(): ...

        with_cache_docs(supports_pagination=True)(tool)
        assert tool.__doc__.startswith("**Caching:**")
        assert "**Pagination:**" in tool.__doc__

    def test_no_flag_leaves_the_docstring_alone(self):
        def tool(): ...

        assert with_cache_docs(**flags())(tool).__doc__ is None

    def test_decorating_twice_says_everything_once(self):
        def tool():
            """Sum numbers."""

        tool.__doc__ = _docs.document(tool.__doc__, _docs.caching_docs(5, "tokens"))
        decorate = with_cache_docs(supports_pagination=True, accepts_references=True)
        decorate(decorate(tool))
        assert tool.__doc__.count("**Caching:**") == tool.__doc__.count("**Pagination:**") == 1
        assert tool.__doc__.count("Caching Behavior") == 1


class TestExports:
    def test_all_is_sorted_and_importable(self):
        assert fastmcp.__all__ == sorted(fastmcp.__all__)
        assert set(fastmcp.__all__) <= set(dir(fastmcp))
        for name in set(fastmcp.__all__) - set(fastmcp._HOMES):
            assert getattr(fastmcp, name) is getattr(instructions, name)

    def test_registration_is_loaded_when_it_is_asked_for(self):
        from mcp_refcache.fastmcp.cache_tools import register_cache_tools

        assert fastmcp.register_cache_tools is register_cache_tools

    def test_unknown_name_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="nothing"):
            fastmcp.nothing  # noqa: B018
