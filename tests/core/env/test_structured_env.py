"""The interface of environments, and its defaults."""

from __future__ import annotations

import gymnasium
from gymnasium.wrappers import TimeLimit
from tests.core.rollout.sample_envs import Opened, StructuredWalk, Trade, Traded

from maze.core.env.actor_id import FLAT_ACTOR, ActorID


def test_defaults_make_a_flat_env() -> None:
    env = StructuredWalk()
    env.reset(seed=1)
    assert (env.actor_id(), env.time, env.is_actor_done(), env.max_episode_steps) == (FLAT_ACTOR, None, False, None)
    assert (env.actor_rewards(), env.final_observations(), env.state()) == (None, None, None)
    assert (env.kpis([], {}), env.action_masks) == ({}, {})


def test_the_plain_spaces_are_the_next_actors() -> None:
    env = Trade()
    observation, _ = env.reset(seed=1)
    for step_key, action in [("offer", 1), ("offer", 2), ("accept", [0, 1])]:
        assert env.actor_id().step_key == step_key
        assert env.observation_space == env.observation_spaces[step_key]
        assert env.action_space == env.action_spaces[step_key]
        observation, *_ = env.step(action)
    assert env.actor_id() == ActorID("offer", 0)
    assert env.observation_space.contains(observation)


def test_events_wait_until_they_are_fetched() -> None:
    env, other = Trade(), Trade()
    pending = env.pending_events
    env.reset(seed=1)
    env.step(3)
    assert pending == [Opened(), Traded(3, "agent 0")]
    assert env.pending_events is pending
    pending.clear()
    env.step(4)
    assert env.pending_events == [Traded(4, "agent 1")]
    assert other.pending_events == []


def test_it_is_a_gymnasium_env() -> None:
    env = TimeLimit(Trade(), 3)
    env.reset(seed=1)
    assert isinstance(env.unwrapped, gymnasium.Env)
    assert len(env.step(1)) == 5
