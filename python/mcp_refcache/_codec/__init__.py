"""How Python objects that are no JSON are kept in stores that outlive the process.

An object is described by a small JSON text, of one of three kinds:

- `"datetime"` or `["scalar", "<i8"]`: a reader by name (and arguments), which makes the object of what the
  value's JSON text shows of it. A column of a hundred thousand dates is described once.
- `{"set": [1, 2]}`: the whole object, whatever is shown of it.

Nothing is pickled. Classes are never imported and only made instances of if the server's own code has
registered or (enums and namedtuples) imported them: what is stored may have been written by anybody.
"""

from mcp_refcache._codec.classes import register_types
from mcp_refcache._codec.objects import encode, reader
from mcp_refcache._codec.tree import Unkept

__all__ = ["Unkept", "encode", "reader", "register_types"]
