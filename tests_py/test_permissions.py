"""Permissions and policies: validation, dumps and presets."""

import pickle

import pytest
from pydantic import BaseModel, ValidationError

from mcp_refcache.permissions import (
    POLICY_EXECUTE_ONLY,
    POLICY_PUBLIC,
    POLICY_READ_ONLY,
    POLICY_USER_ONLY,
    AccessPolicy,
    Permission,
)

PLAIN_DUMP = {
    "user_permissions": 31,
    "agent_permissions": 17,
    "owner": None,
    "owner_permissions": 31,
    "allowed_actors": None,
    "denied_actors": None,
    "bound_session": None,
}


def test_permissions_are_flags_with_known_bits():
    bits = {name: member.value for name, member in Permission.__members__.items()}
    assert bits == {
        "NONE": 0,
        "READ": 1,
        "WRITE": 2,
        "UPDATE": 4,
        "DELETE": 8,
        "EXECUTE": 16,
        "CRUD": 15,
        "FULL": 31,
    }
    assert Permission.READ not in Permission.EXECUTE
    assert not isinstance(Permission.READ, int)


def test_the_default_lets_agents_read_and_execute():
    policy = AccessPolicy()
    assert policy.user_permissions is Permission.FULL
    assert policy.agent_permissions == Permission.READ | Permission.EXECUTE
    assert policy.owner_permissions is Permission.FULL
    assert (policy.owner, policy.allowed_actors, policy.denied_actors, policy.bound_session) == (None,) * 4
    assert policy.allowed_permissions is Permission.FULL


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Permission.READ, Permission.READ),
        (17, Permission.READ | Permission.EXECUTE),
        (0, Permission.NONE),
        (31, Permission.FULL),
        (-1, Permission.FULL),
        (-17, Permission.CRUD),
        (-32, Permission.NONE),
        (True, Permission.READ),
        (False, Permission.NONE),
        (1.0, Permission.READ),
    ],
)
def test_a_permission_may_be_given_as_a_number(given, expected):
    assert AccessPolicy(user_permissions=given).user_permissions is expected


@pytest.mark.parametrize("given", ["READ", "1", [1], None, 32, -33, 1.5])
def test_what_is_no_permission_is_refused(given):
    with pytest.raises(ValidationError):
        AccessPolicy(agent_permissions=given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"user:a"}, {"user:a"}),
        (["user:a", "user:a"], {"user:a"}),
        (("user:a",), {"user:a"}),
        ((name for name in ["user:a"]), {"user:a"}),
        ({"user:a": 1}, {"user:a"}),
        ("abc", {"a", "b", "c"}),
        ([b"user:a"], {"user:a"}),
        ([], set()),
    ],
)
def test_lists_of_actors_become_frozensets(given, expected):
    allowed = AccessPolicy(allowed_actors=given).allowed_actors
    assert allowed == expected
    assert type(allowed) is frozenset


def test_what_is_no_list_of_actors_is_refused():
    with pytest.raises(ValidationError):
        AccessPolicy(denied_actors=[1])
    with pytest.raises(TypeError):
        AccessPolicy(denied_actors=5)


def test_assignments_are_neither_validated_nor_converted():
    policy = AccessPolicy()
    policy.denied_actors = ["user:a"]
    policy.user_permissions = 3
    assert policy.denied_actors == ["user:a"]
    assert policy.user_permissions == 3


def test_unknown_fields_are_ignored():
    assert AccessPolicy.model_validate_json('{"owner": "user:a", "later": 1}') == AccessPolicy(owner="user:a")


def test_a_plain_policy_dumps_as_the_original():
    assert AccessPolicy().model_dump(mode="json") == PLAIN_DUMP
    assert list(AccessPolicy().model_dump()) == list(PLAIN_DUMP)
    assert AccessPolicy().model_dump()["agent_permissions"] is Permission.READ | Permission.EXECUTE
    assert "allowed_permissions" not in repr(AccessPolicy())
    assert AccessPolicy().model_dump(include={"owner"}) == {"owner": None}


def test_it_dumps_alike_inside_another_model():
    class Holder(BaseModel):
        policy: AccessPolicy

    assert Holder(policy=AccessPolicy()).model_dump(mode="json") == {"policy": PLAIN_DUMP}


def test_narrowed_lists_survive_a_dump():
    policy = AccessPolicy(allowed_actors=["user:a"], allowed_permissions=Permission.READ)
    dumped = policy.model_dump(mode="json")
    assert dumped == {**PLAIN_DUMP, "allowed_actors": ["user:a"], "allowed_permissions": 1}
    assert AccessPolicy.model_validate(dumped) == policy
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert "allowed_permissions" in repr(policy)


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_the_schema_names_every_field(mode):
    assert set(AccessPolicy.model_json_schema(mode=mode)["properties"]) == {
        *PLAIN_DUMP,
        "allowed_permissions",
        "masked_paths",
    }


@pytest.mark.parametrize(
    ("preset", "user", "agent"),
    [
        (POLICY_PUBLIC, Permission.FULL, Permission.FULL),
        (POLICY_USER_ONLY, Permission.FULL, Permission.NONE),
        (POLICY_EXECUTE_ONLY, Permission.FULL, Permission.EXECUTE),
        (POLICY_READ_ONLY, Permission.READ, Permission.READ),
    ],
)
def test_presets(preset, user, agent):
    assert (preset.user_permissions, preset.agent_permissions) == (user, agent)


def test_a_role_can_do_what_it_has_all_bits_for():
    assert POLICY_READ_ONLY.user_can(Permission.READ)
    assert not POLICY_READ_ONLY.agent_can(Permission.CRUD)
    assert POLICY_EXECUTE_ONLY.agent_can(Permission.EXECUTE)
    assert not POLICY_EXECUTE_ONLY.agent_can(Permission.READ)
