from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tests.core.rollout.sample_envs import Trade, Walk
from tests.train.test_torch_policy import CUTTING

from maze import load
from maze.core.rollout.seeding import Seeding
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError
from maze.train.algorithms.a2c import A2C
from maze.train.algorithms.ppo import PPO
from maze.train.training_log import read_progress
from maze.train.training_observer import TrainingObserver
from maze.train.training_result import TrainingResult
from maze.train.training_runner import TrainingRunner
from maze.train.training_seeds import TrainingSeeds
from maze.train.weights import read_weights, save_weights

SEEDING = {"env_base_seed": 1, "agent_base_seed": 2}
MODEL = {"_target_": "maze.train.models.flatten_concat.FlattenConcat", "hidden_sizes": [8]}
TORCH_POLICY = {"_target_": "maze.train.torch_policy.TorchPolicy", "n_envs": 4}
NORMALIZING = {
    "norm": {
        "_target_": "maze.core.wrappers.observation_normalization_wrapper.ObservationNormalizationWrapper",
        "n_samples": 50,
    }
}


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
        ("d", 1, {"env_base_seed": 7, "agent_base_seed": 8}),
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
    assert without_times(tmp_path / "second") == without_times(tmp_path / "whole")[3:]


class Pressing(Walk):
    """Presses Ctrl-C twice in one of its resets, counted in the whole process."""

    resets = 0
    at: int | None = None

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        Pressing.resets += 1
        if Pressing.resets == Pressing.at:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return super().reset(seed=seed, options=options)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_what_breaks_an_iteration_off_leaves_the_state_before_it(share: float, tmp_path: Path) -> None:
    Pressing.resets, Pressing.at = 0, None
    whole = train(tmp_path / "whole", env=Pressing)
    Pressing.resets, Pressing.at = 0, round(share * Pressing.resets)
    interrupted = train(tmp_path / "first", env=Pressing)
    assert (interrupted.status, interrupted.exit_code) == ("interrupted", 130)
    assert interrupted.n_iterations < whole.n_iterations
    Pressing.at = None
    resumed = train(tmp_path / "second", env=Pressing, input_dir=tmp_path / "first", seeding=None)
    assert (resumed.n_episodes, resumed.n_decisions) == (whole.n_episodes, whole.n_decisions)
    assert is_equal(tmp_path / "second", tmp_path / "whole")
    figures = [*without_times(tmp_path / "first"), *without_times(tmp_path / "second")]
    assert figures == without_times(tmp_path / "whole")


def test_a_run_that_was_killed_goes_on_from_where_it_was_last_saved(tmp_path: Path) -> None:
    class Killing(TrainingObserver):
        def iterated(self, iteration: int, progress: float, figures: Mapping[str, float]) -> None:
            if iteration == 3:
                raise SystemExit

    whole = train(tmp_path / "whole")
    with pytest.raises(SystemExit):
        train(tmp_path / "first", observer=Killing())
    assert json.loads((tmp_path / "first" / "training.json").read_text())["status"] == "running"
    resumed = train(tmp_path / "second", input_dir=tmp_path / "first", seeding=None)
    assert resumed.n_iterations == whole.n_iterations
    assert is_equal(tmp_path / "second", tmp_path / "whole")
    assert without_times(tmp_path / "second") == without_times(tmp_path / "whole")[3:]


@pytest.mark.parametrize("damage", ["cut", "other", "counts"])
def test_a_run_whose_state_is_damaged_is_not_gone_on_with(damage: str, tmp_path: Path) -> None:
    train(tmp_path / "first", observer=Interrupting(after=1))
    file = tmp_path / "first" / "state.safetensors"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-9])
    elif damage == "other":
        save_weights({"generator": torch.zeros(3)}, file)
    else:
        record = json.loads((tmp_path / "first" / "training.json").read_text())
        (tmp_path / "first" / "training.json").write_text(json.dumps({**record, "counts": {"n": 1}}))
    with pytest.raises(ConfigurationError, match=r"cannot be read|is damaged, or of another version") as caught:
        train(tmp_path / "second", input_dir=tmp_path / "first", seeding=None)
    assert "\n" not in str(caught.value)


def test_training_that_diverges_has_failed_and_keeps_what_it_had_learned(tmp_path: Path) -> None:
    result = train(tmp_path / "run", algorithm=ppo(learning_rate=1e38))
    assert (result.status, result.exit_code, result.n_iterations) == ("failed", 1, 0)
    assert re.match("training has diverged, .* not finite: choose a smaller", result.reason)
    assert all(torch.isfinite(tensor).all() for tensor in read_weights(tmp_path / "run" / "last.safetensors").values())


@pytest.mark.parametrize("reward", [float("nan"), float("inf")])
def test_a_reward_that_is_no_number_ends_it(reward: float, tmp_path: Path) -> None:
    class Broken(Walk):
        def step(self, action: Any) -> Any:
            observation, _, *rest = super().step(action)
            return observation, reward, *rest

    result = train(tmp_path / "run", env=Broken)
    assert result.status == "failed"
    assert f"the reward is {reward}" in result.reason


def test_the_limit_of_steps_is_a_cut_and_holds_for_training_alone(tmp_path: Path) -> None:
    train(tmp_path / "run", runner={"max_episode_steps": 2})
    first, *others = read_progress(tmp_path / "run")
    assert {figures["training/length"] for figures in others} == {2}
    assert first["evaluation/length"] > 2


def test_tensorboard_gets_all_that_is_told(tmp_path: Path) -> None:
    train(tmp_path / "run", env=Trade, runner={"tensorboard": True})
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    progress = read_progress(tmp_path / "run")
    told = {name for figures in progress for name in figures} - {"iteration"}
    assert set(events.Tags()["scalars"]) == told
    assert {
        "training/return", "evaluation/return", "learning/loss_objective", "learning/loss_critic", "learning/entropy",
        "learning/gradient_norm", "learning/kl_approx", "time/decisions_per_second",
    } <= told  # fmt: skip
    assert any(name.startswith("training/metrics/Traded") for name in told)
    for name in ("training/return", "learning/gradient_norm"):
        written = [(event.step, event.value) for event in events.Scalars(name)]
        expected = [(figures["iteration"], figures[name]) for figures in progress if name in figures]
        np.testing.assert_allclose(written, expected, rtol=1e-6)


def test_an_environment_that_cannot_be_repeated_is_named(tmp_path: Path) -> None:
    class Random(Walk):
        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            return super().reset(seed=int.from_bytes(os.urandom(3)), options=options)

    class Noting(TrainingObserver):
        lines: list[str] = []  # noqa: RUF012 - of this test alone

        def note(self, line: str) -> None:
            self.lines.append(line)

    train(tmp_path / "run", env=Random, observer=Noting(), algorithm=ppo(n_decisions=10))
    assert [line for line in Noting.lines if "same episode twice" in line]


def test_evaluation_of_an_environment_that_never_ends_comes_to_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maze.train.episode_player.MOST_STEPS", 40)
    notes: list[str] = []

    class Noting(TrainingObserver):
        def note(self, line: str) -> None:
            notes.append(line)

    class Endless(Walk):
        def draw(self) -> float:
            return 0.0

    def limited() -> gymnasium.Env[Any, Any]:
        return gymnasium.wrappers.TimeLimit(Endless(), 50)

    settings: dict[str, Any] = {"observer": Noting(), "runner": {"max_episode_steps": 5}}
    train(tmp_path / "limited", env=limited, algorithm=ppo(n_decisions=10), **settings)
    assert not notes
    train(tmp_path / "run", env=Endless, algorithm=ppo(n_decisions=10), **settings)
    assert "wrappers.limit._target_=maze.core.wrappers.time_limit_wrapper.TimeLimitWrapper" in notes[0]


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


@pytest.mark.parametrize("weights", ["best", "last"])
def test_what_was_trained_rolls_out_with_the_returns_of_its_evaluation(weights: str, tmp_path: Path) -> None:
    result = train(tmp_path / "run", env="CartPole-v1", algorithm=ppo(learning_rate=3e-2))
    evaluated = TrainingSeeds(result.seeding).evaluation(3)
    seeding = Seeding(
        explicit_env_seeds=[spec.env_seed for spec in evaluated],
        explicit_agent_seeds=[spec.agent_seed for spec in evaluated],
    )
    policy = {**TORCH_POLICY, "input_dir": str(tmp_path / "run"), "weights": weights}
    rolled_out = SequentialRolloutRunner(n_episodes=3, max_episode_steps=0, deterministic=True).run_with(
        "CartPole-v1", agent=policy, seeding=seeding, run_dir=tmp_path / "rollout"
    )
    returns = [episode.episode_return for episode in load(rolled_out.run_dir)]
    assert np.mean(np.array(returns)) == (result.best_return if weights == "best" else result.last_return)
    assert result.best_return != result.last_return


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


def test_statistics_of_normalisation_are_kept_and_taken_over(tmp_path: Path) -> None:
    train(tmp_path / "run", wrappers=NORMALIZING)
    train(tmp_path / "next", wrappers=NORMALIZING, seeding={**SEEDING, "env_base_seed": 9}, input_dir=tmp_path / "run")
    content, taken_over = (json.loads((tmp_path / name / "normalization.json").read_text()) for name in ("run", "next"))
    assert len(content["wrappers"]) == 1
    assert content == taken_over


def test_a_rollout_that_normalises_otherwise_is_refused(tmp_path: Path) -> None:
    train(tmp_path / "run", wrappers=NORMALIZING)
    runner, policy = SequentialRolloutRunner(n_episodes=1), {**TORCH_POLICY, "input_dir": str(tmp_path / "run")}
    for name, wrappers in (("estimated-anew", NORMALIZING), ("raw", None)):
        with pytest.raises(ConfigurationError, match=r"does not normalise as .* copy its normalization\.json into"):
            runner.run_with(Walk, wrappers, policy, run_dir=tmp_path / name)
    (tmp_path / "same").mkdir()
    shutil.copy(tmp_path / "run" / "normalization.json", tmp_path / "same")
    assert runner.run_with(Walk, NORMALIZING, policy, run_dir=tmp_path / "same").status == "completed"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"algorithm": {"_target_": "maze.train.algorithms.ppo.PPO", "gama": 1}}, "did you mean 'gamma'"),
        ({"seeding": {"base": 1}}, "seeding has no key 'base'"),
        ({"seeding": {"explicit_env_seeds": [1]}}, "give base seeds, no explicit ones"),
        ({"device": "gpu"}, "policy.device=gpu: choose cpu or cuda"),
        ({"runner": {"patience": 0}}, "patience=0: give a number of at least 1"),
        ({"runner": {"max_seconds": -1}}, "max_seconds=-1: give a number of at least 0"),
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
