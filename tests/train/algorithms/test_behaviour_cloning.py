from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.train.test_torch_policy import CUTTING

from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError
from maze.train.algorithms.behaviour_cloning import BehaviourCloning
from maze.train.algorithms.ppo import PPO
from maze.train.training_log import read_progress
from maze.train.training_result import TrainingResult
from maze.train.training_runner import TrainingRunner

SEEDING = {"env_base_seed": 1, "agent_base_seed": 2}
CARTPOLE = {"_target_": "maze.core.env.gym_env.make_gym_env", "name": "CartPole-v1"}
NORMALIZED = {
    "norm": {
        "_target_": "maze.core.wrappers.observation_normalization_wrapper.ObservationNormalizationWrapper",
        "n_samples": 200,
    }
}
GREEDY = {"_target_": "maze_envs.logistics.cutting_2d.cutting_2d_greedy_policy.Cutting2DGreedyPolicy"}


def lean(observation: Any) -> int:
    """Push the cart towards where the pole falls: far better than chance."""
    return int(observation[2] + 0.3 * observation[3] > 0)


def record(folder: Path, env: Any = None, agent: Any = lean, n: int = 12, **settings: Any) -> str:
    env = CARTPOLE if env is None else env
    runner = SequentialRolloutRunner(n_episodes=n, max_episode_steps=60, **settings)
    config = {"env": env, "wrappers": {}}
    result = runner.run_with(env, agent=agent, run_dir=folder, seeding={"env_base_seed": 5}, config=config)
    assert result.status == "completed"
    return str(folder)


def imitate(folder: Path, dataset: Any, env: Any = None, wrappers: Any = None, **settings: Any) -> TrainingResult:
    runner = TrainingRunner(dataset=dataset, n_eval_episodes=3, evaluate_every=0)
    algorithm = BehaviourCloning(**{"n_epochs": 15, "minibatch_size": 64, "learning_rate": 5e-3, **settings})
    return runner.run_with(
        CARTPOLE if env is None else env, wrappers, algorithm=algorithm, run_dir=folder, seeding=SEEDING, n_envs=3
    )


def test_it_decides_as_was_recorded(tmp_path: Path) -> None:
    result = imitate(tmp_path / "run", record(tmp_path / "data"))
    figures = read_progress(tmp_path / "run")[-1]
    assert figures["validation/accuracy"] > 0.85
    assert figures["learning/accuracy"] > 0.88
    assert figures["validation/loss"] < 0.3
    assert result.best_return is not None
    assert result.best_return > 60


def test_several_runs_and_pieces_on_disk_are_learned_from_alike(tmp_path: Path) -> None:
    data = [record(tmp_path / "a", n=4), record(tmp_path / "b", n=8)]
    imitate(tmp_path / "run", data, decisions_in_memory=100)
    assert read_progress(tmp_path / "run")[-1]["validation/accuracy"] > 0.85


def test_under_other_wrappers_observations_are_derived_again(tmp_path: Path) -> None:
    imitate(tmp_path / "run", record(tmp_path / "data"), wrappers=NORMALIZED)
    assert read_progress(tmp_path / "run")[-1]["validation/accuracy"] > 0.85


def test_structured_decisions_are_imitated(tmp_path: Path) -> None:
    data = record(tmp_path / "data", CUTTING, GREEDY, n=4)
    wrappers = {
        "limit": {"_target_": "maze.core.wrappers.time_limit_wrapper.TimeLimitWrapper", "max_episode_steps": 60}
    }
    imitate(tmp_path / "run", data, CUTTING, wrappers, n_epochs=30)
    assert read_progress(tmp_path / "run")[-1]["validation/accuracy"] > 0.85


def test_a_divergence_is_an_error(tmp_path: Path) -> None:
    data = record(tmp_path / "data")
    shorter = {"limit": {"_target_": "gymnasium.wrappers.TimeLimit", "max_episode_steps": 5}}
    skipping = {"skip": {"_target_": "maze.core.wrappers.step_skipping_wrapper.StepSkippingWrapper", "n_steps": 2}}
    other = {**CARTPOLE, "kwargs": {"sutton_barto_reward": True}}
    with pytest.raises(ConfigurationError, match="goes otherwise with the new wrappers: the reward of decision 0"):
        imitate(tmp_path / "skip", data, wrappers=skipping)
    with pytest.raises(ConfigurationError, match="goes otherwise with the new wrappers"):
        imitate(tmp_path / "other", data, other, wrappers=NORMALIZED)
    assert imitate(tmp_path / "limit", data, wrappers=shorter, n_epochs=1).status == "completed"


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (None, "algorithm=bc imitates recorded rollouts: add runner.dataset"),
        ("nowhere", "runner.dataset: nowhere does not exist"),
    ],
)
def test_a_missing_data_set_is_explained(dataset: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=message):
        imitate(tmp_path / "run", dataset)


def test_runs_that_cannot_be_learned_from_are_refused(tmp_path: Path) -> None:
    bare = record(tmp_path / "bare", n=1, record_trajectory=False)
    with pytest.raises(ConfigurationError, match="was recorded without trajectories"):
        imitate(tmp_path / "run", bare)
    with pytest.raises(ConfigurationError, match="has the actions Discrete\\(2\\) for step key 0, the environment has"):
        imitate(tmp_path / "other", record(tmp_path / "data", n=1), {**CARTPOLE, "name": "Acrobot-v1"})


def test_what_imitates_can_be_trained_further(tmp_path: Path) -> None:
    first = imitate(tmp_path / "run", record(tmp_path / "data"))
    algorithm = PPO(n_decisions=200, decisions_per_iteration=100, n_epochs=1)
    runner = TrainingRunner(n_eval_episodes=3)
    result = runner.run_with(
        CARTPOLE, algorithm=algorithm, run_dir=tmp_path / "next", input_dir=tmp_path / "run", seeding=SEEDING, n_envs=3
    )
    assert result.best_return is not None
    assert first.best_return is not None
    assert result.best_return >= first.best_return
