from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.core.rollout.sample_envs import Trade, Walk
from tests.train.test_torch_policy import CUTTING

from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError
from maze.train.algorithms.a2c import A2C
from maze.train.algorithms.ppo import PPO
from maze.train.training_log import read_progress
from maze.train.training_observer import TrainingObserver
from maze.train.training_result import TrainingResult
from maze.train.training_runner import TrainingRunner
from maze.train.weights import read_weights

SEEDING = {"env_base_seed": 1, "agent_base_seed": 2}
MODEL = {"_target_": "maze.train.models.flatten_concat.FlattenConcat", "hidden_sizes": [8]}


def ppo(**settings: Any) -> PPO:
    return PPO(**{"n_decisions": 1000, "decisions_per_iteration": 100, "n_epochs": 2, "minibatch_size": 32, **settings})


def train(
    folder: Path, *, env: Any = Walk, algorithm: Any = None, runner: Any = None, **settings: Any
) -> TrainingResult:
    runner = TrainingRunner(**{"n_eval_episodes": 3, "evaluate_every": 2, **(runner or {})})
    settings = {"model": MODEL, "seeding": SEEDING, "n_envs": 4, **settings}
    result: TrainingResult = runner.run_with(env, algorithm=algorithm or ppo(), run_dir=folder, **settings)
    return result


def is_equal(one: Path, other: Path, name: str = "last.safetensors") -> bool:
    weights, others = read_weights(one / name), read_weights(other / name)
    return all(torch.equal(weights[key], others[key]) for key in weights)


def without_times(folder: Path) -> list[dict[str, float]]:
    return [
        {name: value for name, value in figures.items() if name not in ("time/seconds", "time/decisions_per_second")}
        for figures in read_progress(folder)
    ]


class Interrupting(TrainingObserver):
    """Presses Ctrl-C after an iteration."""

    def __init__(self, after: int) -> None:
        self.after = after

    def iterated(self, iteration: int, progress: float, figures: Mapping[str, float]) -> None:
        if iteration == self.after:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("env", [Walk, CUTTING], ids=["flat", "structured"])
def test_what_is_learned_depends_on_the_seeds_alone(env: Any, tmp_path: Path) -> None:
    runner = {"max_episode_steps": 30} if env is CUTTING else {}
    if env is CUTTING:
        wrappers: Any = {
            "limit": {"_target_": "maze.core.wrappers.time_limit_wrapper.TimeLimitWrapper", "max_episode_steps": 20}
        }
    else:
        wrappers = None
    for name, n_processes, seeding in (
        ("a", 1, SEEDING),
        ("b", 1, SEEDING),
        ("c", 2, SEEDING),
        ("d", 1, {"env_base_seed": 7}),
    ):
        train(
            tmp_path / name, env=env, wrappers=wrappers, seeding=seeding, runner={"n_processes": n_processes, **runner}
        )
    assert is_equal(tmp_path / "a", tmp_path / "b")
    assert is_equal(tmp_path / "a", tmp_path / "c")
    assert without_times(tmp_path / "a") == without_times(tmp_path / "b") == without_times(tmp_path / "c")
    assert not is_equal(tmp_path / "a", tmp_path / "d")


def test_a_run_that_was_interrupted_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole")
    interrupted = train(tmp_path / "first", observer=Interrupting(after=2))
    assert (interrupted.status, interrupted.exit_code, interrupted.n_iterations) == ("interrupted", 130, 2)
    resumed = train(tmp_path / "second", input_dir=tmp_path / "first", seeding=None)
    assert resumed.status == "completed"
    assert resumed.n_iterations == whole.n_iterations
    assert (resumed.n_episodes, resumed.n_decisions) == (whole.n_episodes, whole.n_decisions)
    assert resumed.best_return == whole.best_return
    assert is_equal(tmp_path / "second", tmp_path / "whole")
    assert is_equal(tmp_path / "second", tmp_path / "whole", "best.safetensors")
    assert without_times(tmp_path / "second") == without_times(tmp_path / "whole")[2:]


def test_a_completed_run_and_another_algorithm_begin_with_the_best_weights(tmp_path: Path) -> None:
    first = train(tmp_path / "first")
    seen: list[float] = []

    class First(TrainingObserver):
        def evaluated(self, iteration: int, figures: Mapping[str, float], is_best: bool) -> None:
            seen.append(figures["evaluation/return"])

    for name, algorithm in (("same", ppo()), ("other", A2C(n_decisions=100, decisions_per_iteration=100))):
        seen.clear()
        result = train(tmp_path / name, algorithm=algorithm, input_dir=tmp_path / "first", model=None, observer=First())
        assert result.n_iterations < first.n_iterations + 1
        assert seen[0] == first.best_return


def test_what_was_trained_rolls_out_with_the_same_returns(tmp_path: Path) -> None:
    result = train(tmp_path / "run")
    policy = {"_target_": "maze.train.torch_policy.TorchPolicy", "input_dir": str(tmp_path / "run"), "n_envs": 2}
    rolled_out = SequentialRolloutRunner(n_episodes=3, max_episode_steps=0, deterministic=True).run_with(
        Walk, agent=policy, run_dir=tmp_path / "rollout"
    )
    assert rolled_out.status == "completed"
    assert result.best_iteration is not None


def test_what_a_run_leaves_behind(tmp_path: Path) -> None:
    train(tmp_path / "run", env=Trade, runner={"tensorboard": True})
    names = sorted(path.name.partition(".out")[0] for path in (tmp_path / "run").iterdir())
    assert names == [
        "best.safetensors", "events", "last.safetensors", "progress.jsonl", "state.safetensors", "training.json",
    ]  # fmt: skip
    record = json.loads((tmp_path / "run" / "training.json").read_text())
    assert record["status"] == "completed"
    assert record["model"] == MODEL
    assert record["seeding"]["env_base_seed"] == 1
    figures = read_progress(tmp_path / "run")[-1]
    for name in ("training/return", "evaluation/return", "learning/loss_objective", "learning/entropy",
                 "learning/gradient_norm", "time/decisions_per_second"):  # fmt: skip
        assert name in figures
    assert any(name.startswith("evaluation/metrics/Traded") for name in figures)


@pytest.mark.parametrize(
    ("runner", "reason"),
    [
        ({"stop_at_return": -1e9}, "the evaluation return has reached"),
        ({"max_seconds": 1e-6}, "1e-06 seconds are over"),
        ({"patience": 1}, "1 evaluations in a row brought nothing better"),
    ],
)
def test_it_ends_early_where_it_is_enough(runner: Any, reason: str, tmp_path: Path) -> None:
    algorithm = ppo(n_decisions=100_000, learning_rate=1e-12)
    result = train(tmp_path / "run", algorithm=algorithm, runner=runner)
    assert result.status == "completed"
    assert result.reason.startswith(reason)


def test_an_environment_that_fails_ends_it_and_what_was_learned_is_kept(tmp_path: Path) -> None:
    resets: list[int] = []

    class WornOut(Walk):
        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            resets.append(1)
            if len(resets) > 60:
                raise RuntimeError("worn out")
            return super().reset(seed=seed, options=options)

    result = train(tmp_path / "run", env=WornOut)
    assert (result.status, result.exit_code) == ("failed", 1)
    assert "worn out" in result.reason
    assert result.n_iterations > 0
    assert (tmp_path / "run" / "last.safetensors").exists()


def test_statistics_of_normalisation_are_kept(tmp_path: Path) -> None:
    target = "maze.core.wrappers.observation_normalization_wrapper.ObservationNormalizationWrapper"
    train(tmp_path / "run", wrappers={"norm": {"_target_": target, "n_samples": 50}})
    content = json.loads((tmp_path / "run" / "normalization.json").read_text())
    assert len(content["wrappers"]) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"algorithm": {"_target_": "maze.train.algorithms.ppo.PPO", "gama": 1}}, "did you mean 'gamma'"),
        ({"seeding": {"base": 1}}, "seeding has no key 'base'"),
        ({"input_dir": "/nowhere"}, "input_dir=/nowhere has no training.json"),
        ({"env": "CartPol-v1"}, "did you mean 'CartPole-v1'"),
    ],
)
def test_mistakes_are_found_before_anything_is_learned(settings: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=message):
        train(tmp_path / "run", **settings)


def test_a_folder_with_a_run_is_refused(tmp_path: Path) -> None:
    train(tmp_path / "run", algorithm=ppo(n_decisions=10))
    with pytest.raises(ConfigurationError, match="holds a run already"):
        train(tmp_path / "run")
