"""Observations together with those before them."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from tests.core.rollout.sample_envs import ReusingWalk
from tests.core.wrappers.market import Market

from maze.core.env.gym_env import GymEnv
from maze.core.wrappers.observation_stacking_wrapper import ObservationStackingWrapper
from maze.factory import ConfigurationError
from maze.testing.env_check import check_env

TARGET = "maze.core.wrappers.observation_stacking_wrapper.ObservationStackingWrapper"


def stacked(**arguments: Any) -> ObservationStackingWrapper:
    return ObservationStackingWrapper(Market(n_rounds=2), **arguments)


def test_every_actor_has_a_history_of_its_own() -> None:
    env = stacked(stack_size=3, keys=["price"])
    days = [env.reset(seed=1)[0]["price"][:, 1].tolist()]
    for _ in range(5):
        observation = env.step(0)[0]
        if "price" in observation:
            days.append(observation["price"][:, 1].tolist())
    assert days == [[0, 0, 0], [1, 1, 1], [0, 0, 3], [1, 1, 4]]


def test_only_what_is_chosen_is_stacked_and_masks_never_are() -> None:
    env = stacked(stack_size=2, exclude={"sell": ["day"]})
    observation, _ = env.reset(seed=1)
    buy, sell = env.observation_spaces["buy"], env.observation_spaces["sell"]
    assert buy == spaces.Dict(
        [
            ("price", spaces.Box(-100, 100, (2, 2), np.float64)),
            ("day", spaces.MultiDiscrete([7, 7])),
            ("affordable", spaces.MultiBinary(4)),
        ]
    )
    assert sell == spaces.Dict([("stock", spaces.Box(0, 1000, (2,), np.int64)), ("day", spaces.Discrete(7))])
    assert observation in buy
    assert list(observation) == ["price", "day", "affordable"]
    assert observation["affordable"].shape == (4,)
    with pytest.raises(ConfigurationError, match="is an action mask, which nothing may stack"):
        stacked(stack_size=2, keys=["affordable"])


def test_padding_with_zeros() -> None:
    env = stacked(stack_size=3, keys=["stock"], padding="zero")
    env.reset(seed=1)
    env.step(0)
    assert env.step(0)[0]["stock"].tolist() == [0, 0, 5]


def test_a_history_ends_with_its_episode() -> None:
    env = stacked(stack_size=2)
    first, _ = env.reset(seed=1)
    for _ in range(4):
        env.step(1)
    again, _ = env.reset(seed=1)
    assert first.keys() == again.keys()
    assert all(np.array_equal(first[key], again[key]) for key in first)


def test_final_observations_are_added_once_however_often_they_are_asked_for() -> None:
    env = stacked(stack_size=3, keys=["price", "stock"])
    returned, _ = env.reset(seed=1)
    for _ in range(6):
        returned, *_ = env.step(0)
    for _ in range(2):
        final = env.final_observations()
        assert final is not None
        assert [final[actor]["price"][:, 1].tolist() for actor in Market.TURNS[:2]] == [[0, 3, 6], [1, 4, 6]]
        assert final[Market.TURNS[2]]["stock"].tolist() == [5, 5, 5]
        assert np.array_equal(final[Market.TURNS[0]]["price"], returned["price"])


def test_arrays_that_the_env_writes_into_are_copied() -> None:
    env = ObservationStackingWrapper(GymEnv(ReusingWalk()), stack_size=3)
    env.reset(seed=1)
    env.step(0)
    assert env.step(0)[0][:, 1].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-1, 1, (), np.float32),
        spaces.Discrete(3, start=4),
        spaces.MultiDiscrete(np.array([[2, 3], [4, 5]]), start=np.array([[1, 0], [0, 2]])),
        spaces.MultiBinary([2, 3]),
        spaces.Box(0, 255, (2, 2, 1), np.uint8),
    ],
    ids=str,
)
def test_stacks_are_in_their_space(space: Any) -> None:
    class Sampled(gymnasium.Env[Any, Any]):
        observation_space, action_space = space, spaces.Discrete(2)

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            return self.sampled(), {}

        def step(self, action: Any) -> Any:
            return self.sampled(), 0.0, False, False, {}

        def sampled(self) -> Any:
            return np.asarray(space.sample()) if isinstance(space, spaces.Box) else space.sample()

    env = ObservationStackingWrapper(GymEnv(Sampled()), stack_size=4)
    assert env.reset()[0] in env.observation_space
    for _ in range(5):
        stack = env.step(0)[0]
        assert stack in env.observation_space
        assert np.asarray(stack[-1]) in space if isinstance(space, spaces.Box) else stack[-1] in space


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"stack_size": 0}, "stack_size=0: give a whole number of at least 1"),
        ({"stack_size": 2, "padding": "none"}, "padding='none': choose 'first' or 'zero'"),
        ({"stack_size": 2, "keys": ["zzz"]}, "keys names the observation 'zzz'"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(arguments: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        stacked(**arguments)
    assert str(caught.value).startswith(line)


def test_zeros_that_are_no_observations_are_refused() -> None:
    class Started(gymnasium.Env[Any, Any]):
        observation_space, action_space = spaces.Discrete(3, start=1), spaces.Discrete(2)

    with pytest.raises(ConfigurationError, match=r"is never zero \(Discrete\(3, start=1\)\): choose padding='first'"):
        ObservationStackingWrapper(GymEnv(Started()), stack_size=2, padding="zero")


def test_it_keeps_every_rule() -> None:
    check_env(Market, [{"_target_": TARGET, "stack_size": 3}])
    check_env("CartPole-v1", [{"_target_": TARGET, "stack_size": 4, "padding": "zero"}])
