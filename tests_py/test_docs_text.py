"""The text that a cached tool's docstring gains."""

import pytest

from mcp_refcache._docs import caching_docs, document

MARKERS = [
    "Caching Behavior",
    "get_cached_result",
    "max_size",
    "get_cached_result(ref_id, full=True)",
    "Full retrieval",
    "Ref input compatibility",
    "Support depends on the tool's input schema/validation",
    "strictly typed parameters may reject string ref_ids",
]


class TestText:
    @pytest.mark.parametrize("marker", MARKERS)
    @pytest.mark.parametrize("max_size", [None, 500])
    def test_says_what_users_look_for(self, marker, max_size):
        assert marker in caching_docs(max_size, "tokens")

    @pytest.mark.parametrize(
        ("max_size", "unit", "limit"),
        [
            (500, "tokens", "max_size=500 tokens"),
            (0, "tokens", "max_size=0 tokens"),
            (80, "characters", "max_size=80 characters"),
            (None, "tokens", "server default"),
        ],
    )
    def test_names_the_limit_in_the_unit_of_the_cache(self, max_size, unit, limit):
        assert limit in caching_docs(max_size, unit)

    def test_given_limit_is_not_called_the_server_default(self):
        assert "server default" not in caching_docs(500, "tokens")

    def test_is_one_short_block(self):
        text = caching_docs(None, "tokens")
        assert "\n\n" not in text
        assert len(text) < 550


class TestAdding:
    def test_docstring_is_dedented_and_kept(self):
        def tool():
            """Do it.

            Args:
                x: Number.
            """

        assert document(tool.__doc__, "**More:** text") == "Do it.\n\nArgs:\n    x: Number.\n\n**More:** text"

    @pytest.mark.parametrize("doc", [None, "", "   \n"])
    def test_without_a_docstring_there_is_only_the_addition(self, doc):
        assert document(doc, "**More:** text") == "**More:** text"

    def test_adding_twice_says_it_once_with_the_last_limit(self):
        doc = document("Do it.", caching_docs(5, "tokens"))
        doc = document(doc, "**Caching:** something else")
        doc = document(doc, caching_docs(7, "characters"))
        assert doc == f"Do it.\n\n**Caching:** something else\n\n{caching_docs(7, 'characters')}"

    def test_adding_the_same_again_changes_nothing(self):
        once = document("Do it.", caching_docs(5, "tokens"))
        assert document(once, caching_docs(5, "tokens")) == once
