from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from maze.factory import ConfigurationError
from maze.train.algorithms.a2c import A2C
from maze.train.algorithms.ppo import PPO
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


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_with_its_defaults_it_solves_the_pole(seed: int, tmp_path: Path) -> None:
    runner = TrainingRunner(n_processes=2, n_eval_episodes=100, stop_at_return=475)
    seeding = {"env_base_seed": seed, "agent_base_seed": seed}
    result = runner.run_with("CartPole-v1", algorithm=PPO(), run_dir=tmp_path / "run", seeding=seeding)
    assert (result.best_return or 0) >= 475


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gamma": 1.5}, "algorithm.gamma=1.5: give a number of 0 to 1"),
        ({"n_epochs": 0}, "algorithm.n_epochs=0: give a number of at least 1"),
        ({"minibatch_size": -1}, "algorithm.minibatch_size=-1"),
    ],
)
def test_values_out_of_range_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        PPO(**settings)
