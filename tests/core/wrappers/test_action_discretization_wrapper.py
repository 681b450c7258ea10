"""Continuous actions as a choice among a few."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from tests.core.wrappers.market import Cutter, MaskedCutter

from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.wrappers.action_discretization_wrapper import ActionDiscretizationWrapper
from maze.factory import ConfigurationError
from maze.testing.env_check import check_env

TARGET = "maze.core.wrappers.action_discretization_wrapper.ActionDiscretizationWrapper"


def env_with(space: Any) -> StructuredEnv:
    class Noting(gymnasium.Env[Any, Any]):
        observation_space, action_space = spaces.Discrete(2), space

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            return 0, {}

        def step(self, action: Any) -> Any:
            assert action in space
            self.action = action
            return 0, 0.0, False, False, {}

    env = GymEnv(Noting())
    env.reset()
    return env


def carried_out(env: StructuredEnv, action: Any) -> Any:
    env.step(action)
    return env.unwrapped.action  # type: ignore[attr-defined]


def test_the_values_are_evenly_spaced_and_the_bounds_included() -> None:
    env = ActionDiscretizationWrapper(env_with(spaces.Box(-1, 3, (1,))), n_bins=5)
    assert env.action_spaces == {0: spaces.Discrete(5)}
    actions = [carried_out(env, choice) for choice in range(5)]
    assert [action.tolist() for action in actions] == [[-1], [0], [1], [2], [3]]
    assert {action.dtype for action in actions} == {np.dtype(np.float32)}


def test_every_element_is_a_choice_of_its_own() -> None:
    space = spaces.Box(np.array([[0.0, 10.0]]), np.array([[1.0, 20.0]]), dtype=np.float64)
    env = ActionDiscretizationWrapper(env_with(space), n_bins=3)
    assert env.action_spaces == {0: spaces.MultiDiscrete([3, 3])}
    assert carried_out(env, np.array([1, 2])).tolist() == [[0.5, 20.0]]


def test_a_box_without_axes_and_one_of_integers() -> None:
    scalar = ActionDiscretizationWrapper(env_with(spaces.Box(0, 1, ())), n_bins=2)
    assert carried_out(scalar, np.int64(1)).shape == ()
    whole = ActionDiscretizationWrapper(env_with(spaces.Box(0, 10, (1,), np.int16)), n_bins=4)
    assert [carried_out(whole, choice).tolist() for choice in range(4)] == [[0], [3], [7], [10]]


def test_other_entries_of_a_dict_stay_with_their_masks() -> None:
    env = ActionDiscretizationWrapper(MaskedCutter(), n_bins={"offset": 3})
    assert env.action_spaces[0] == spaces.Dict(
        [("piece", spaces.Discrete(3)), ("rotate", spaces.Discrete(2)), ("offset", spaces.MultiDiscrete([3, 3]))]
    )
    assert env.action_masks == {0: {"piece": "fits"}}
    env.reset(seed=1)
    env.step({"piece": 0, "rotate": 1, "offset": np.array([0, 2])})
    (action,) = env.env.cutter.actions  # type: ignore[attr-defined]
    assert (action["piece"], action["rotate"], action["offset"].tolist()) == (0, 1, [-1, 1])


@pytest.mark.parametrize(
    ("env", "n_bins", "line"),
    [
        (GymEnv(gymnasium.make("CartPole-v1")), 3, "there is no Box to make discrete in {0: Discrete(2)}"),
        (GymEnv(Cutter()), 1, "n_bins=1: give a whole number of at least 2"),
        (GymEnv(Cutter()), {"ofset": 3}, "n_bins names the action 'ofset', which there is not: did you mean 'offset'?"),
        (
            GymEnv(Cutter()),
            {"piece": 3},
            "n_bins names the action 'piece', which is Discrete(3) and no Box: take it out",
        ),
        (
            env_with(spaces.Box(-1, 1, (1,))),
            {"a": 3},
            "n_bins names the action 'a', which there is not: give one number",
        ),
        (
            env_with(spaces.Box(0, np.inf, (1,))),
            3,
            "the action of step key 0 is Box(0.0, inf, (1,), float32): only bounded",
        ),
    ],
)
def test_what_cannot_be_made_discrete_is_refused_in_one_line(env: StructuredEnv, n_bins: Any, line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ActionDiscretizationWrapper(env, n_bins)
    assert str(caught.value).startswith(line)


def test_a_masked_box_is_refused() -> None:
    env = MaskedCutter()
    env.action_masks = {0: {"offset": "fits"}}
    with pytest.raises(ConfigurationError, match="the action 'offset' of step key 0 has a mask"):
        ActionDiscretizationWrapper(env, 3)


def test_it_keeps_every_rule() -> None:
    check_env("Pendulum-v1", [{"_target_": TARGET, "n_bins": 5}])
    check_env(MaskedCutter, [{"_target_": TARGET, "n_bins": {"offset": 3}}])
