from __future__ import annotations

from pathlib import Path

from maze.train.algorithms.evolution_strategies import EvolutionStrategies
from maze.train.training_log import read_progress
from maze.train.training_runner import TrainingRunner

SEEDING = {"env_base_seed": 1, "agent_base_seed": 2}


def test_it_learns_to_balance_the_pole(tmp_path: Path) -> None:
    runner = TrainingRunner(n_eval_episodes=5, evaluate_every=5, stop_at_return=150)
    algorithm = EvolutionStrategies(n_iterations=15, n_pairs=8, n_episodes=2)
    model = {"_target_": "maze.train.models.flatten_concat.FlattenConcat", "hidden_sizes": [8]}
    result = runner.run_with(
        "CartPole-v1", model=model, algorithm=algorithm, run_dir=tmp_path / "run", seeding=SEEDING, n_envs=2
    )
    assert result.best_return is not None
    assert result.best_return >= 150
    assert read_progress(tmp_path / "run")[1]["learning/mean_candidate"] < 60


def test_processes_change_nothing(tmp_path: Path) -> None:
    progress = []
    for n_processes in (1, 2):
        runner = TrainingRunner(n_processes=n_processes, n_eval_episodes=2)
        algorithm = EvolutionStrategies(n_iterations=2, n_pairs=3, n_episodes=2)
        folder = tmp_path / str(n_processes)
        runner.run_with("CartPole-v1", algorithm=algorithm, run_dir=folder, seeding=SEEDING, n_envs=2)
        progress.append([figures["learning/mean_candidate"] for figures in read_progress(folder)[1:]])
    assert progress[0] == progress[1]
