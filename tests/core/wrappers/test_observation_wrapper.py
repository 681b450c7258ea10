"""Whose observations a wrapper changes."""

from __future__ import annotations

from typing import Any

import gymnasium
from gymnasium import spaces
from tests.core.wrappers.market import Market

from maze.core.env.actor_id import FLAT_ACTOR, ActorID
from maze.core.env.gym_env import GymEnv
from maze.core.wrappers.observation_entries import entries
from maze.core.wrappers.observation_wrapper import ObservationWrapper


class Signed(ObservationWrapper):
    """Adds who observes."""

    n_asked = 0

    def observation(self, observation: Any, actor_id: ActorID) -> Any:
        return {**observation, "agent": actor_id.agent_id, "step_key": actor_id.step_key}

    def changed_space(self, space: Any, step_key: Any) -> Any:
        self.n_asked += 1
        return spaces.Dict({**space.spaces, "agent": spaces.Discrete(2)})


def signature(observation: Any) -> ActorID:
    return ActorID(observation["step_key"], observation["agent"])


def test_observations_are_those_of_the_next_actor() -> None:
    env = Signed(Market(n_rounds=2))
    assert signature(env.reset(seed=1)[0]) == ActorID("buy", 0)
    seen = [signature(env.step(0)[0]) for _ in range(6)]
    assert seen == [*Market.TURNS[1:], *Market.TURNS, Market.TURNS[0]]


def test_final_observations_are_changed_too() -> None:
    env = Signed(Market(n_rounds=1))
    env.reset(seed=1)
    for _ in range(3):
        env.step(0)
    final = env.final_observations()
    assert final is not None
    assert {actor: signature(observation) for actor, observation in final.items()} == {a: a for a in Market.TURNS}


def test_an_env_without_final_observations_has_none() -> None:
    class Same(ObservationWrapper):
        def observation(self, observation: Any, actor_id: ActorID) -> Any:
            assert actor_id == FLAT_ACTOR
            return observation

    env = Same(GymEnv(gymnasium.make("CartPole-v1")))
    env.reset(seed=1)
    assert env.final_observations() is None
    assert env.observation_spaces == env.env.observation_spaces


def test_changed_spaces_are_asked_for_once() -> None:
    env = Signed(Market())
    env.reset(seed=1)
    for _ in range(2):
        assert list(entries(env.observation_spaces["sell"])) == ["agent", "day", "stock"]
        assert env.observation_space == env.observation_spaces["buy"]
    assert env.n_asked == 2
