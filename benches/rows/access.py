"""What it costs to ask whether an actor may."""

from __future__ import annotations

from benches.row import AtLeast, Contestants, Side, row
from mcp_refcache import AccessPolicy, DefaultActor, DefaultPermissionChecker, Permission


@row("permission check against 100 deny globs", AtLeast(30))
def check_many_globs(side: Side) -> Contestants:
    """Checks READ for an agent that none of 100 deny patterns names; the original matches each anew."""
    policy = AccessPolicy(denied_actors=frozenset(f"agent:blocked-{number}-*" for number in range(100)))
    checker, actor = DefaultPermissionChecker(), DefaultActor.agent(id="claude-instance-1")
    return {side.mine: lambda: checker.check(policy, Permission.READ, actor, "public")}
