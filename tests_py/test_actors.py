"""Actors: labels, patterns and delegates."""

import pickle
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mcp_refcache.access import Actor, ActorType, DefaultActor, Delegate, resolve_actor


def test_types_are_texts():
    assert [(member.name, member.value) for member in ActorType] == [
        ("USER", "user"),
        ("AGENT", "agent"),
        ("SYSTEM", "system"),
    ]
    assert ActorType.USER == "user"


@pytest.mark.parametrize(
    ("actor", "label", "shown"),
    [
        (DefaultActor.user(), "user:*", "DefaultActor(type='user')"),
        (
            DefaultActor.user(id="alice", session_id="s"),
            "user:alice",
            "DefaultActor(type='user', id='alice', session_id='s')",
        ),
        (DefaultActor.agent(session_id="s"), "agent:*", "DefaultActor(type='agent', session_id='s')"),
        (DefaultActor.agent("claude"), "agent:claude", "DefaultActor(type='agent', id='claude')"),
        (DefaultActor.system(), "system:internal", "DefaultActor(type='system', id='internal')"),
        (DefaultActor.user(id=""), "user:", "DefaultActor(type='user', id='')"),
        (Delegate(), "agent:*", "Delegate()"),
        (
            Delegate(agent_id="claude", user_id="alice"),
            "agent:claude",
            "Delegate(agent_id='claude', user_id='alice')",
        ),
    ],
)
def test_an_actor_has_a_label(actor, label, shown):
    assert actor.to_string() == str(actor) == label
    assert repr(actor) == shown
    assert isinstance(actor, Actor)


def test_properties_mirror_the_fields():
    actor = DefaultActor(actor_type="user", actor_id="a", actor_session_id="s", unknown=1)
    assert (actor.type, actor.id, actor.session_id) == (ActorType.USER, "a", "s")
    assert (DefaultActor.system().type, DefaultActor.system().session_id) == (ActorType.SYSTEM, None)


@pytest.mark.parametrize("actor", [DefaultActor.user("a"), Delegate(agent_id="a")])
def test_actors_are_frozen_and_hashable(actor):
    field = next(iter(type(actor).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(actor, field, "b")
    assert len({actor, actor.model_copy()}) == 1
    assert pickle.loads(pickle.dumps(actor)) == actor


@pytest.mark.parametrize("wrong", [{"actor_type": "robot"}, {"actor_type": "user", "actor_id": 5}, {}])
def test_wrong_parts_are_refused(wrong):
    with pytest.raises(ValidationError):
        DefaultActor(**wrong)


@pytest.mark.parametrize(
    ("pattern", "actor", "expected"),
    [
        ("user:alice", DefaultActor.user("alice"), True),
        ("user:alice", DefaultActor.agent("alice"), False),
        ("user:*", DefaultActor.user("alice"), True),
        ("user:*", DefaultActor.user(), True),
        ("user:**", DefaultActor.user(), False),
        ("user:al?ce", DefaultActor.user("alice"), True),
        ("user:[ab]*", DefaultActor.user("alice"), True),
        ("user:[!ab]*", DefaultActor.user("alice"), False),
        ("user:{alice}", DefaultActor.user("alice"), False),
        ("user:auth0:*", DefaultActor.user("auth0:7"), True),
        ("agent:trusted-*", DefaultActor.agent("trusted-1"), True),
        ("agent:trusted-*", DefaultActor.agent(), False),
        ("*", DefaultActor.user("alice"), False),
        ("*:alice", DefaultActor.user("alice"), False),
        ("alice", DefaultActor.user("alice"), False),
        ("USER:alice", DefaultActor.user("alice"), False),
        ("system:*", DefaultActor.system(), True),
        ("agent:claude", Delegate(agent_id="claude", user_id="alice"), True),
        ("user:alice", Delegate(agent_id="claude", user_id="alice"), False),
    ],
)
def test_an_actor_matches_patterns(pattern, actor, expected):
    assert actor.matches(pattern) is expected


@given(st.text(alphabet="ab*?[]!-\\{", max_size=8), st.text(alphabet="ab]-", max_size=4))
def test_ids_match_as_file_names_do(pattern, name):
    from fnmatch import fnmatchcase

    assert DefaultActor.user(name).matches(f"user:{pattern}") is fnmatchcase(name, pattern)


@pytest.mark.parametrize("pattern", [None, 5])
def test_a_pattern_is_a_text(pattern):
    with pytest.raises(TypeError):
        DefaultActor.user("a").matches(pattern)


def test_a_delegate_knows_its_user():
    model = Delegate(agent_id="claude", user_id="alice", session_id="s", org_id="acme")
    assert (model.type, model.id, model.session_id) == (ActorType.AGENT, "claude", "s")
    assert model.on_behalf_of == DefaultActor.user("alice", "s")
    assert Delegate(agent_id="claude").on_behalf_of is None


def test_literals_become_anonymous_actors():
    assert resolve_actor("user", "s") == DefaultActor.user(session_id="s")
    assert resolve_actor("agent") == DefaultActor.agent()
    assert resolve_actor("anything", session_id="s") == DefaultActor.agent(session_id="s")


def test_an_actor_stays_the_same_object():
    own = SimpleNamespace(type=ActorType.USER)
    assert resolve_actor(own, "s") is own


def test_protocol_bodies_do_nothing():
    assert Actor.matches(None, "user:*") is None
    assert Actor.to_string(None) is None
    assert Actor.type.fget(None) is Actor.id.fget(None) is Actor.session_id.fget(None) is None
