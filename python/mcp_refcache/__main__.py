"""`python -m mcp_refcache` is the command `mcp-refcache`."""

import sys

from mcp_refcache._cli import main

sys.exit(main())
