"""Observations in units that neural networks learn well from."""

from __future__ import annotations

import json
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from tests.core.wrappers.market import LegalPolicy, Market

from maze.core.env.actor_id import FLAT_ACTOR
from maze.core.env.gym_env import GymEnv
from maze.core.wrappers.observation_normalization_wrapper import ObservationNormalizationWrapper
from maze.factory import ConfigurationError
from maze.testing.env_check import check_env

TARGET = "maze.core.wrappers.observation_normalization_wrapper.ObservationNormalizationWrapper"
STATISTICS: list[dict[str, Any]] = [
    {"step_key": "buy", "observation": "price", "mean": [10, 5], "std": [2, 4]},
    {"observation": "stock", "mean": 5, "std": 0.5},
]


def normalized(**arguments: Any) -> ObservationNormalizationWrapper:
    return ObservationNormalizationWrapper(Market(), **arguments)


def test_statistics_given_by_hand() -> None:
    env = normalized(statistics=STATISTICS)
    assert env.to_estimate == []
    observation, _ = env.reset(seed=1)
    assert list(observation) == ["price", "day", "affordable"]
    assert observation["price"].tolist() == [0, -1.25]
    assert (observation["day"], observation["affordable"].tolist()) == (0, [1, 1, 0, 1])
    env.step(1)
    assert env.step(0)[0]["stock"] == 2


def test_spaces_do_not_depend_on_statistics() -> None:
    for statistics in (None, STATISTICS):
        assert normalized(statistics=statistics).observation_spaces == {
            "buy": spaces.Dict(
                [
                    ("price", spaces.Box(-np.inf, np.inf, (2,), np.float64)),
                    ("day", spaces.Discrete(7)),
                    ("affordable", spaces.MultiBinary(4)),
                ]
            ),
            "sell": spaces.Dict([("stock", spaces.Box(-np.inf, np.inf, ())), ("day", spaces.Discrete(7))]),
        }
    clipped = normalized(clip=[-5, 5]).observation_spaces["sell"]
    assert clipped["stock"] == spaces.Box(-5, 5, ())  # type: ignore[index]


def test_the_strategy_range() -> None:
    env = normalized(strategy="range", keys=["stock"], statistics=[{"observation": "stock", "min": 0, "max": 20}])
    env.reset(seed=1)
    env.step(1)
    assert env.step(0)[0]["stock"] == pytest.approx(0.3)


def test_gathering_and_then_normalising() -> None:
    env = normalized(exclude=["stock"], statistics=None)
    assert env.to_estimate == [("buy", "price")]
    policy, seen = LegalPolicy(), []
    policy.reset(seed=1)
    for seed in range(20):
        observation, _ = env.reset(seed=seed)
        over = False
        while not over:
            actor = env.actor_id()
            env.update(observation, actor)
            seen += [observation["price"]] if actor.step_key == "buy" else []
            observation, _, over, _, _ = env.step(policy.act(observation, actor))
    env.refresh()
    prices = np.array([env.observation({"price": price}, Market.TURNS[0])["price"] for price in seen])
    assert np.allclose(prices.mean(axis=0), 0)
    assert np.allclose(prices.std(axis=0), 1)


def test_statistics_are_frozen_but_in_training() -> None:
    env = normalized(keys=["price"], statistics=None)
    value = {"price": np.array([4.0, 2.0])}
    for _ in range(2):
        assert env.observation(value, Market.TURNS[0])["price"].tolist() == [4, 2]
    env.is_training = True
    shown = [env.observation({"price": np.array([x, x])}, Market.TURNS[0])["price"].tolist() for x in (4.0, 6.0, 5.0)]
    assert shown == [[0, 0], [1, 1], [0, 0]]
    final = env.final_observation(value, Market.TURNS[1])
    assert env.statistics_to_json()[0]["count"] == 3
    assert final["price"][0] == pytest.approx(-1 / np.std([4, 6, 5]))


def test_what_is_given_by_hand_is_not_learnt() -> None:
    env = normalized(statistics=[STATISTICS[1]])
    assert env.to_estimate == [("buy", "price")]
    env.is_training = True
    env.observation({"stock": np.array(9)}, Market.TURNS[2])
    assert env.statistics_to_json()[1] == {
        "step_key": "sell",
        "observation": "stock",
        "count": 1,
        "mean": 5,
        "std": 0.5,
    }


def test_statistics_travel_as_json() -> None:
    env = normalized(statistics=STATISTICS)
    content = json.loads(json.dumps(env.statistics_to_json(), allow_nan=False))
    other = normalized()
    other.load_statistics(content, "there")
    assert other.statistics_to_json() == env.statistics_to_json()
    assert (other.reset(seed=1)[0]["price"] == env.reset(seed=1)[0]["price"]).all()
    corrected = normalized(statistics=[{"observation": "stock", "mean": 1, "std": 1}])
    corrected.load_statistics(content, "there")
    assert corrected.statistics_to_json() == [env.statistics_to_json()[0], normalized_stock(1)]


def normalized_stock(mean: float) -> dict[str, Any]:
    return {"step_key": "sell", "observation": "stock", "count": 1, "mean": mean, "std": 1.0}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ([STATISTICS[0]], "there has none of the observation 'stock' of step key 'sell'"),
        (
            [{**STATISTICS[0], "mean": [1, 2, 3]}],
            "there, the observation 'price' of step key 'buy': mean has the shape (3,)",
        ),
        (
            [{**STATISTICS[0], "step_key": "bye"}],
            "there names the step key 'bye', which the environment does not have: did",
        ),
        (
            [{"observation": "stock", "min": 0, "max": 1}],
            "there, the observation 'stock' of step key 'sell': strategy mean",
        ),
        (
            [{"observation": "day", "mean": 0, "std": 1}],
            "there has the observation 'day' of step key 'buy', which is not",
        ),
        ([{**STATISTICS[1], "men": 0}], "there has the key 'men', which statistics do not have: did you mean 'mean'?"),
        ([3], "there holds 3: give mappings with step_key, observation, count, mean, std, min, max"),
    ],
)
def test_statistics_of_something_else_are_refused_in_one_line(content: Any, line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        normalized().load_statistics(content, "there")
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"strategy": "mean-std"}, "strategy='mean-std': choose 'mean_std' or 'range'"),
        ({"n_samples": 0}, "n_samples=0: give a whole number of at least 1"),
        ({"clip": [1, 1]}, "clip=[1, 1]: give the smallest and the largest value, such as [-10, 10]"),
        ({"keys": ["affordable"]}, "the observation 'affordable' of step key 'buy' is an action mask"),
        ({"keys": ["day"]}, "the observation 'day' of step key 'buy' is Discrete(7), which cannot be normalized"),
        (
            {"statistics": [{"observation": "price"}]},
            "statistics, the observation 'price' of step key 'buy': strategy mean",
        ),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(arguments: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        normalized(**arguments)
    assert str(caught.value).startswith(line)


def test_what_has_no_numbers_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="there is nothing to normalize in"):
        ObservationNormalizationWrapper(GymEnv(gymnasium.make("FrozenLake-v1")))


def test_a_flat_observation() -> None:
    env = ObservationNormalizationWrapper(
        GymEnv(gymnasium.make("CartPole-v1")), statistics=[{"mean": [1, 2, 3, 4], "std": 2}]
    )
    assert env.observation(np.array([1, 2, 5, 6], np.float32), FLAT_ACTOR).tolist() == [0, 0, 1, 1]
    assert env.statistics_to_json()[0]["observation"] is None


def test_it_keeps_every_rule() -> None:
    check_env(Market, [{"_target_": TARGET, "statistics": STATISTICS}])
    check_env("CartPole-v1", [{"_target_": TARGET}])
