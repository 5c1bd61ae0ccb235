"""Who may do what, written once more from the contract's text: what the tests compare the code with.

Nothing here uses the package. A policy, and an actor, is a dict; permissions are the bits of `Permission`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

READ, WRITE, UPDATE, DELETE, EXECUTE, FULL = 1, 2, 4, 8, 16, 31

Facts = Mapping[str, Any]


def label(actor: Facts) -> str:
    return f"{actor['kind']}:{'*' if actor.get('id') is None else actor['id']}"


def user_of(actor: Facts) -> Facts | None:
    """The user that a model acts for."""
    return {"kind": "user", "id": actor["for"]} if "for" in actor else None


def is_listed(patterns: Any, actor: Facts | None) -> bool:
    if actor is None:
        return False
    for pattern in patterns or ():
        kind, colon, wanted = pattern.partition(":")
        if pattern == label(actor):
            return True
        if colon and kind == actor["kind"] and (wanted == "*" or fnmatchcase(actor.get("id") or "", wanted)):
            return True
    return False


def admits(namespace: str, actor: Facts) -> bool:
    """3.2, C18, C39: each part of a namespace that names an identity wants that identity."""
    if actor["kind"] == "system":
        return True
    own = {"session": actor.get("session"), "org": actor.get("org"), actor["kind"]: actor.get("id")}
    if "for" in actor:
        own["user"] = actor["for"]
    words = namespace.split(":")
    if words[0] not in ("session", "user", "agent", "org"):
        return True
    for kind, wanted in zip(words[::2], words[1::2], strict=True):
        if kind == "org" and own["org"] is None:
            continue
        if own.get(kind) != wanted:
            return False
    return True


def may(policy: Facts, actor: Facts, namespace: str | None) -> tuple[int, str | None]:
    """3.3, C35, C39: what is granted, and why nothing is; a namespace of None is not asked about."""
    user = user_of(actor)
    if is_listed(policy.get("denied"), actor) or is_listed(policy.get("denied"), user):
        return 0, "explicit_deny"
    if "session" in policy and policy["session"] != actor.get("session"):
        return 0, "session_mismatch"
    if namespace is not None and not admits(namespace, actor):
        return 0, "namespace_ownership"
    agents = policy["agent"] | (EXECUTE if policy["agent"] & READ else 0)
    owners = policy.get("owners", FULL)
    is_owner = policy.get("owner") in [label(who) for who in (actor, user) if who is not None]
    if user is not None and is_owner:
        granted = (owners | (EXECUTE if owners & READ else 0)) & agents
    elif is_owner:
        granted = owners
    else:
        granted = {"system": FULL, "user": policy["user"], "agent": policy["agent"]}[actor["kind"]]
    if is_listed(policy.get("allowed"), actor):
        granted |= policy.get("allows", FULL)
    elif is_listed(policy.get("allowed"), user):
        granted |= policy.get("allows", FULL) & agents
    return granted, None


def answer(path: str, policy: Facts, actor: Facts, namespace: str, *, bound: bool) -> str:
    """What a path answers: `y` yes, `m` masked, `u` a reference without the value, `n` no (C1 to C3, C16, C20, C31)."""
    there, anywhere = (may(policy, actor, where)[0] for where in (namespace, None))
    used = there if bound else anywhere  # C3: a literal namespace is the author's, not the caller's
    rights = {"read": READ, "nested": READ, "delete": DELETE, "write": WRITE, "update": UPDATE}
    seen = "m" if policy.get("masks") and actor["kind"] == "agent" else "y"
    if path in rights:
        return (seen if rights[path] == READ else "y") if there & rights[path] else "n"
    if path == "use":
        return "y" if used & (READ | EXECUTE) else "n"
    if path == "hit":
        return seen if used & READ else "u" if used & EXECUTE else "n"
    raise ValueError(path)
