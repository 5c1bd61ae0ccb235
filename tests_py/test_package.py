"""The top level of the package: what it exports, and what importing it costs."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mcp_refcache

OPTIONAL_PACKAGES = ("anyio", "fastmcp", "redis", "tiktoken", "transformers", "langfuse", "numpy", "pandas")


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def imports_for_type_checkers() -> set[str]:
    tree = ast.parse(Path(inspect.getfile(mcp_refcache)).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_all_is_sorted_and_without_repeats():
    assert mcp_refcache.__all__ == sorted(set(mcp_refcache.__all__))


def test_type_checkers_see_what_is_exported():
    assert imports_for_type_checkers() | {"__version__"} == set(mcp_refcache.__all__)


@pytest.mark.parametrize("name", mcp_refcache.__all__)
def test_every_exported_name_can_be_imported(name):
    value = getattr(mcp_refcache, name)
    assert getattr(mcp_refcache, name) is value
    assert name in dir(mcp_refcache)


def test_star_import_brings_every_exported_name():
    namespace: dict[str, object] = {}
    exec("from mcp_refcache import *", namespace)
    assert set(mcp_refcache.__all__) <= set(namespace)


def test_exported_names_are_those_of_their_modules():
    from mcp_refcache import PreviewConfig, RefCache
    from mcp_refcache.cache import RefCache as CacheModuleRefCache
    from mcp_refcache.models import PreviewConfig as ModelsPreviewConfig

    assert RefCache is CacheModuleRefCache
    assert PreviewConfig is ModelsPreviewConfig


@pytest.mark.parametrize(
    "module",
    [
        "access",
        "access.actor",
        "access.checker",
        "access.namespace",
        "backends",
        "backends.base",
        "backends.memory",
        "backends.task_base",
        "backends.task_memory",
        "cache",
        "context",
        "context_integration",
        "fastmcp",
        "fastmcp.admin_tools",
        "fastmcp.instructions",
        "models",
        "permissions",
        "preview",
        "resolution",
    ],
)
def test_modules_that_callers_import_are_there(module):
    importlib.import_module(f"mcp_refcache.{module}")


def test_modules_are_reached_through_the_package_without_importing_them():
    assert run("import mcp_refcache; print(mcp_refcache.cache.RefCache.__name__)") == "RefCache\n"


def test_names_for_patching_are_where_users_patch_them():
    from mcp_refcache import cache, context_integration

    assert cache.try_get_fastmcp_context is context_integration.try_get_fastmcp_context


def test_unknown_name_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        mcp_refcache.Nothing  # noqa: B018


def test_version_is_three_integers_not_below_the_original():
    version = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", mcp_refcache.__version__)
    assert version
    assert tuple(map(int, version.groups())) >= (0, 2, 1)


def test_everything_imports_without_optional_packages():
    blocked = "\n".join(f"sys.modules[{name!r}] = None" for name in OPTIONAL_PACKAGES)
    code = f"import sys\n{blocked}\nfrom mcp_refcache import *\nimport mcp_refcache.fastmcp\nprint('ok')"
    assert run(code) == "ok\n"


def test_a_fastmcp_that_is_too_old_is_refused_with_what_to_install(tmp_path):
    (tmp_path / "fastmcp-2.12.5.dist-info").mkdir()
    (tmp_path / "fastmcp-2.12.5.dist-info" / "METADATA").write_text("Name: fastmcp\nVersion: 2.12.5\n")
    told = "FastMCP 2.14 or newer is needed, this is 2.12.5: pip install --upgrade 'fastmcp>=2.14'"
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from mcp_refcache import RefCache
for use in (lambda: RefCache().install(None), lambda: __import__("mcp_refcache.fastmcp").fastmcp.RefCacheMiddleware):
    try:
        use()
    except ImportError as error:
        print(error)
from mcp_refcache._cli import main
sys.exit(main(["proxy", "--", "python"]))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stdout == f"{told}\n{told}\n"
    assert (ended.returncode, ended.stderr) == (2, f"mcp-refcache: {told}\n")


def test_optional_packages_are_not_loaded_by_importing():
    code = (
        f"import sys\nfrom mcp_refcache import *\nprint([m for m in {OPTIONAL_PACKAGES} if m in sys.modules])"
    )
    assert run(code) == "[]\n"


def test_import_takes_little_more_than_pydantic():
    code = (
        "import time, pydantic\nstart = time.perf_counter()\nimport mcp_refcache\n"
        "print(time.perf_counter() - start)"
    )
    assert min(float(run(code)) for _ in range(3)) <= 0.060
