from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from maze.factory import ConfigurationError
from maze.train.algorithms.a2c import A2C
from maze.train.algorithms.ppo import PPO
from maze.train.training_log import read_progress
from maze.train.training_runner import TrainingRunner

SEEDING = {"env_base_seed": 1, "agent_base_seed": 2}


@pytest.mark.parametrize(
    ("algorithm", "least"),
    [
        (PPO(n_decisions=12_000, decisions_per_iteration=1024, learning_rate=2e-3), 150),
        (A2C(n_decisions=20_000, learning_rate=5e-3), 150),
    ],
    ids=["ppo", "a2c"],
)
def test_it_learns_to_balance_the_pole(algorithm: Any, least: float, tmp_path: Path) -> None:
    runner = TrainingRunner(n_eval_episodes=5, stop_at_return=least)
    result = runner.run_with("CartPole-v1", algorithm=algorithm, run_dir=tmp_path / "run", seeding=SEEDING)
    assert result.best_iteration is not None
    assert result.best_iteration > 0
    assert (result.best_return or 0) >= least


class Echo(gymnasium.Env[Any, Any]):
    """Shows a number, and pays for an action that tells it: every kind of action can."""

    observation_space = spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, action_space: gymnasium.Space[Any]) -> None:
        self.action_space = action_space

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.n = 0
        return self.shown(), {}

    def step(self, action: Any) -> Any:
        reward = np.mean(list(told(self.action_space, action, float(self.number[0]))))
        self.n += 1
        return self.shown(), float(reward), False, self.n == 8, {}

    def shown(self) -> Any:
        self.number = self.np_random.choice(np.array([-0.8, 0.8], np.float32), 1)
        return self.number


def told(space: gymnasium.Space[Any], action: Any, number: float) -> Iterator[float]:
    """How well each part of an action tells the number, 0 to 1."""
    if isinstance(space, spaces.Dict):
        for key, child in space.items():
            yield from told(child, action[key], number)
    elif isinstance(space, spaces.Box):
        yield float(np.exp(-np.square(action - number).mean()))
    else:
        yield float(np.mean(np.asarray(action) % 2 == (number > 0)))


@pytest.mark.parametrize(
    "space",
    [
        spaces.MultiDiscrete([2, 4]),
        spaces.MultiBinary(3),
        spaces.Box(-1, 1, (2,), np.float32),
        spaces.Dict({"which": spaces.Discrete(4), "where": spaces.Box(-np.inf, np.inf, (1,), np.float32)}),
    ],
    ids=str,
)
def test_every_kind_of_action_is_learned(space: gymnasium.Space[Any], tmp_path: Path) -> None:
    runner = TrainingRunner(n_eval_episodes=10, evaluate_every=0)
    algorithm = PPO(n_decisions=4000, decisions_per_iteration=400, minibatch_size=100, learning_rate=5e-3)
    result = runner.run_with(partial(Echo, space), algorithm=algorithm, run_dir=tmp_path / "run", seeding=SEEDING)
    first = read_progress(tmp_path / "run")[1]["training/return"]
    assert first < 6.2
    assert (result.last_return or 0) > 7.2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gamma": 1.5}, "algorithm.gamma=1.5: give a number of 0 to 1"),
        ({"n_epochs": 0}, "algorithm.n_epochs=0: give a number of at least 1"),
        ({"minibatch_size": -1}, "algorithm.minibatch_size=-1"),
        ({"learning_rate": -1.0}, r"algorithm.learning_rate=-1.0: give a number of at least 0"),
        ({"clip_range": -1.0}, r"algorithm.clip_range=-1.0: give a number of at least 0"),
    ],
)
def test_values_out_of_range_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        PPO(**settings)
