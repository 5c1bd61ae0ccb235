"""Export and import: entries move from a SQLite file to another store with keys, policies and ends.

python examples/move_between_stores.py                      # into memory
python examples/move_between_stores.py redis://localhost    # into Redis or Valkey
"""

import sys
import tempfile
from datetime import date
from pathlib import Path

from mcp_refcache import POLICY_EXECUTE_ONLY, PermissionDenied, RefCache

with tempfile.TemporaryDirectory() as folder:
    old = RefCache(name="moved-shop", backend=f"sqlite:///{folder}/cache.db")
    orders = old.set("orders", [{"id": n, "day": date(2026, 1, 1)} for n in range(1000)], ttl=600)
    cards = old.set("cards", ["4111..."], policy=POLICY_EXECUTE_ONLY)

    file = Path(folder, "shop.jsonl")  # holds the values in the clear: guard it like the store
    print(old.export(file))

    new = RefCache(name="moved-shop", backend=sys.argv[1] if len(sys.argv) > 1 else "memory")
    new.clear()  # what an earlier run left there
    print(new.import_(file))

assert new.get(orders.ref_id).total_items == 1000
assert new.resolve("orders")[7] == {"id": 7, "day": date(2026, 1, 1)}  # by key, of the same types
try:
    new.get(cards.ref_id)
except PermissionDenied as denied:
    print(f"still not to be seen: {denied}")
else:
    raise AssertionError("the policy was lost")
