"""Observations converted before policies see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from tests.core.wrappers.market import Cutter, LegalPolicy, Market

from maze.core.env.gym_env import GymEnv
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.core.wrappers.observation_preprocessing_wrapper import ObservationPreprocessingWrapper
from maze.factory import ConfigurationError
from maze.testing.env_check import check_env

TARGET = "maze.core.wrappers.observation_preprocessing_wrapper.ObservationPreprocessingWrapper"
CONVERSIONS: list[dict[str, Any]] = [
    {"observation": "day", "apply": "one_hot", "keep": True, "name": "weekday", "step_keys": ["buy"]},
    {"observation": "stock", "apply": "scalar"},
    {"observation": "stock", "apply": "scale"},
    {"observation": "affordable", "apply": "flatten", "keep": True},
]


def test_entries_are_converted_by_step_key_and_in_order() -> None:
    env = ObservationPreprocessingWrapper(Market(), CONVERSIONS)
    buy, sell = env.observation_spaces["buy"], env.observation_spaces["sell"]
    assert isinstance(buy, spaces.Dict)
    assert isinstance(sell, spaces.Dict)
    assert list(buy) == ["price", "day", "weekday", "affordable", "affordable_flatten"]
    assert list(sell.spaces.items()) == [("stock", spaces.Box(0, 1, (1,), np.float32)), ("day", spaces.Discrete(7))]
    observation, _ = env.reset(seed=1)
    assert list(observation) == list(buy)
    assert observation in buy
    assert observation["weekday"].tolist() == [1, 0, 0, 0, 0, 0, 0]
    env.step(1)
    selling, *_ = env.step(1)
    assert selling["stock"] == pytest.approx([7 / 1000])
    assert env.action_masks == {"buy": {None: "affordable"}}


def test_final_observations_are_converted_too() -> None:
    env = ObservationPreprocessingWrapper(Market(n_rounds=1), CONVERSIONS)
    env.reset(seed=1)
    for _ in range(3):
        env.step(0)
    final = env.final_observations()
    assert final is not None
    for actor, observation in final.items():
        assert observation in env.observation_spaces[actor.step_key]


def test_an_observation_is_converted_as_a_whole() -> None:
    env = ObservationPreprocessingWrapper(GymEnv(Cutter()), [{"apply": "flatten"}])
    observation, _ = env.reset(seed=1)
    assert env.observation_space.shape == observation.shape == (2 + 3 + 20,)


def test_results_are_recorded(tmp_path: Path) -> None:
    wrappers = {"preprocessing": {"_target_": TARGET, "conversions": CONVERSIONS}}
    runner = SequentialRolloutRunner(n_episodes=1)
    (episode,) = runner.run_with(Market, wrappers, LegalPolicy, run_dir=tmp_path / "run")
    assert episode.observations_of("buy")["weekday"].tolist() == np.eye(7)[[0, 0, 1, 1, 2, 2, 3, 3]].tolist()


def test_a_preprocessor_of_ones_own(tmp_path: Path) -> None:
    own = {"_target_": "maze.core.wrappers.preprocessors.scale.Scale"}
    wrappers = [{"_target_": TARGET, "conversions": [{"observation": "stock", "apply": own}]}]
    runner = SequentialRolloutRunner(n_episodes=1)
    (episode,) = runner.run_with(Market, wrappers, LegalPolicy, run_dir=tmp_path / "run")
    assert episode.observations_of("sell")["stock"].max() < 0.1


@pytest.mark.parametrize(
    ("conversion", "line"),
    [
        (
            {"apply": "one_hot", "observation": "dayy"},
            "a conversion names the observation 'dayy', which the environment",
        ),
        ({"apply": "one_hot", "observation": "price"}, "the observation 'price' of step key 'buy' is Box"),
        (
            {"apply": "flatten", "observation": "affordable"},
            "the observation 'affordable' of step key 'buy' holds an act",
        ),
        ({"apply": "flatten"}, "the observation of step key 'buy' holds an action mask, which has to stay"),
        (
            {"apply": "flatten", "observation": "stock", "step_keys": ["buy"]},
            "a conversion names the observation 'stock' of step key 'buy', which there is not: choose among 'price'",
        ),
        (
            {"apply": "flatten", "step_keys": ["by"]},
            "a conversion names the step key 'by', which the environment does not",
        ),
        (
            {"apply": "one_hot", "observation": "day", "name": "price", "step_keys": ["buy"]},
            "the observation 'price' of step key 'buy' is there already: give the conversion another `name`",
        ),
    ],
)
def test_what_cannot_be_converted_is_refused_in_one_line(conversion: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ObservationPreprocessingWrapper(Market(), [conversion])
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_a_key_of_an_observation_that_is_no_dict_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="its observations are no Dict, so leave the key out"):
        ObservationPreprocessingWrapper(
            GymEnv(gymnasium.make("FrozenLake-v1")), [{"apply": "one_hot", "observation": "place"}]
        )


def test_it_keeps_every_rule() -> None:
    check_env(Market, [{"_target_": TARGET, "conversions": CONVERSIONS}])
    check_env("FrozenLake-v1", [{"_target_": TARGET, "conversions": [{"apply": "one_hot"}]}])
