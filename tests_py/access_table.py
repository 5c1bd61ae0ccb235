"""The truth table of access: writes `tests/access_table.jsonl`, which the tests of both sides read.

The first line names the dimensions. Each other line has a policy, a namespace, whether it was filled from an identity
(`bound`), and for each actor in order: the granted bits, a letter for each path, and why nothing is granted.

    python tests_py/access_table.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reference import answer, may

FILE = Path(__file__).parent.parent / "tests" / "access_table.jsonl"

PATHS = ("read", "nested", "use", "hit", "delete", "write", "update")

POLICIES: dict[str, dict[str, Any]] = {
    "default": {"user": 31, "agent": 17},
    "public": {"user": 31, "agent": 31},
    "user only": {"user": 31, "agent": 0},
    "execute only": {"user": 31, "agent": 16},
    "read only": {"user": 1, "agent": 1},
    "nobody": {"user": 0, "agent": 0},
    "users write, agents update": {"user": 2, "agent": 4},
    "users update, agents delete": {"user": 4, "agent": 8},
    "users delete, agents write": {"user": 8, "agent": 2},
    "alice's": {"user": 31, "agent": 17, "owner": "user:alice"},
    "alice's alone": {"user": 0, "agent": 0, "owner": "user:alice"},
    "alice's, used by agents": {"user": 0, "agent": 16, "owner": "user:alice"},
    "alice's, who only reads": {"user": 0, "agent": 31, "owner": "user:alice", "owners": 1},
    "claude's": {"user": 0, "agent": 16, "owner": "agent:claude"},
    "an anonymous user's": {"user": 0, "agent": 0, "owner": "user:*"},
    "alice denied": {"user": 31, "agent": 31, "denied": ["user:al*"]},
    "agents denied": {"user": 31, "agent": 31, "denied": ["agent:*"]},
    "claude allowed": {"user": 0, "agent": 0, "allowed": ["agent:cl?ude"]},
    "alice allowed": {"user": 0, "agent": 16, "allowed": ["user:alice"]},
    "alice allowed to read": {"user": 0, "agent": 0, "allowed": ["user:[ab]lice"], "allows": 1},
    "allowed and denied": {"user": 0, "agent": 0, "allowed": ["user:*"], "denied": ["user:bob"]},
    "session s1": {"user": 31, "agent": 17, "session": "s1"},
    "masked": {"user": 31, "agent": 31, "masks": ["[*]"]},
    "alice's, masked": {"user": 0, "agent": 16, "owner": "user:alice", "masks": ["[*]"]},
    "alice allowed, masked": {"user": 0, "agent": 17, "allowed": ["user:alice"], "masks": ["[*]"]},
    "alice's in s1": {"user": 0, "agent": 17, "owner": "user:alice", "session": "s1"},
}

#: By name, and whether it may also be bound.
NAMESPACES = (
    ("public", True), ("session:s1", True), ("user:alice", True), ("agent:claude", True), ("org:acme", True),
    ("user:alice:session:s1", True), ("org:acme:user:alice", True), ("shared:team", False), ("custom:x", False),
)  # fmt: skip

ACTORS: dict[str, dict[str, Any]] = {
    "a user": {"kind": "user"},
    "a user in s1": {"kind": "user", "session": "s1"},
    "alice": {"kind": "user", "id": "alice"},
    "alice in s1": {"kind": "user", "id": "alice", "session": "s1"},
    "alice in s2": {"kind": "user", "id": "alice", "session": "s2"},
    "alice of acme in s1": {"kind": "user", "id": "alice", "session": "s1", "org": "acme"},
    "alice of globex": {"kind": "user", "id": "alice", "org": "globex"},
    "bob in s1": {"kind": "user", "id": "bob", "session": "s1"},
    "bob of acme": {"kind": "user", "id": "bob", "org": "acme"},
    "an agent": {"kind": "agent"},
    "an agent in s1": {"kind": "agent", "session": "s1"},
    "claude": {"kind": "agent", "id": "claude"},
    "claude in s2": {"kind": "agent", "id": "claude", "session": "s2"},
    "gpt of globex in s1": {"kind": "agent", "id": "gpt", "session": "s1", "org": "globex"},
    "a model for alice": {"kind": "agent", "for": "alice"},
    "claude for alice in s1": {"kind": "agent", "id": "claude", "for": "alice", "session": "s1"},
    "claude for bob in s1": {"kind": "agent", "id": "claude", "for": "bob", "session": "s1"},
    "a model for alice of acme in s1": {"kind": "agent", "for": "alice", "session": "s1", "org": "acme"},
    "the system": {"kind": "system", "id": "internal"},
}


def lines() -> Iterator[str]:
    yield json.dumps({"paths": PATHS, "policies": POLICIES, "actors": ACTORS})
    for policy, facts in POLICIES.items():
        for namespace, may_be_bound in NAMESPACES:
            for bound in (False, True)[: 1 + may_be_bound]:
                answers: list[str] = []
                for who in ACTORS.values():
                    granted, reason = may(facts, who, namespace)
                    letters = "".join(answer(path, facts, who, namespace, bound=bound) for path in PATHS)
                    answers.append(f"{granted} {letters} {reason or ''}".strip())
                yield json.dumps(
                    {"policy": policy, "namespace": namespace, "bound": bound, "answers": answers}
                )


def read() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the dimensions, and the lines."""
    first, *rest = map(json.loads, FILE.read_text().splitlines())
    return first, rest


if __name__ == "__main__":
    FILE.write_text("".join(f"{line}\n" for line in lines()))
