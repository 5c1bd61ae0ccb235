"""What every backend must do, as tests: inherit `BackendContract` and give it a fixture `backend`.

Example:
    ```python
    import pytest
    from mcp_refcache.testing import BackendContract


    class TestMyBackend(BackendContract):
        @pytest.fixture
        def backend(self, tmp_path):
            return MyBackend(tmp_path / "store")

        def reopen(self, backend):
            return MyBackend(backend.path)
    ```
"""

from mcp_refcache.testing.caches import CacheContract
from mcp_refcache.testing.entries import EntryContract
from mcp_refcache.testing.values import ANY_VALUES, JSON_VALUES

__all__ = ["ANY_VALUES", "JSON_VALUES", "BackendContract"]


class BackendContract(EntryContract, CacheContract):
    """The laws of a `CacheBackend`, and of a `RefCache` over it, as methods that pytest finds.

    A subclass has a fixture `backend`, which gives an empty one to each test.

    Attributes:
        values: Values by name that come back equal and of the same type. A store of plain JSON says
            `JSON_VALUES`.
        finds_calls: Whether calls and keys are found again after a restart. The six methods alone cannot keep
            them; the stores of this package, and those in a `KeyValueBackend`, do.
    """
