"""Wrapped environments give the same episodes, whatever the runner, the number of processes and of slots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.core.rollout.sample_envs import BatchingPolicy
from tests.core.wrappers.market import Cutter, LegalPolicy, Market

from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.rollout_result import RolloutResult
from maze.core.rollout.rollout_runner import RolloutRunner
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner

SEEDING = {"env_base_seed": 11, "agent_base_seed": 22}
PACKAGE = "maze.core.wrappers"


def config(module: str, **arguments: Any) -> dict[str, Any]:
    name = "".join(part.title() for part in module.split("_"))
    return {"_target_": f"{PACKAGE}.{module}.{name}", **arguments}


NORMALIZED = config("observation_normalization_wrapper", n_samples=300)
RESET = config("random_reset_wrapper", max_rounds=3)
STACKED = config("observation_stacking_wrapper", stack_size=3)
WRAPPED: dict[str, tuple[Any, list[Any], Any]] = {
    "pendulum": (
        "Pendulum-v1",
        [
            {"_target_": "gymnasium.wrappers.ClipReward", "max_reward": 0.0},
            RESET,
            config("action_discretization_wrapper", n_bins=5),
            config("step_skipping_wrapper", n_steps=4),
            NORMALIZED,
            STACKED,
            config("observation_preprocessing_wrapper", conversions=[{"apply": "flatten"}]),
            config("time_limit_wrapper", max_episode_steps=20),
        ],
        None,
    ),
    "market": (
        lambda: Market(n_rounds=8),
        [
            RESET,
            config("observation_normalization_wrapper", n_samples=300, sampling_policy=LegalPolicy()),
            config("observation_stacking_wrapper", stack_size=2, padding="zero", exclude=["day"]),
            config("reward_scaling_wrapper", scale=0.1),
            config("reward_clipping_wrapper", max_reward=2.0),
            config("time_limit_wrapper", max_episode_steps=4),
        ],
        LegalPolicy(),
    ),
    "cutter": (
        Cutter,
        [
            config("action_splitting_wrapper", sub_steps={"piece": ["piece"], "cut": ["rotate", "offset"]}),
            config("action_discretization_wrapper", n_bins={"offset": 3}),
            NORMALIZED,
        ],
        None,
    ),
}


def run(runner: RolloutRunner, name: str, run_dir: Path, agent: Any = None) -> RolloutResult:
    env, wrappers, policy = WRAPPED[name]
    result = runner.run_with(env, wrappers, agent or policy, seeding=SEEDING, run_dir=run_dir)
    assert (result.stopped_because, result.status, result.reproducible) == (None, "completed", True)
    return result


def statistics(result: RolloutResult) -> Any:
    return json.loads((result.run_dir / "normalization.json").read_text())


@pytest.mark.parametrize("name", WRAPPED)
def test_processes_play_what_one_process_plays(name: str, tmp_path: Path) -> None:
    alone = run(SequentialRolloutRunner(n_episodes=8), name, tmp_path / "alone")
    two = run(ParallelRolloutRunner(n_processes=2, n_episodes=8), name, tmp_path / "two")
    assert alone.hash == two.hash
    assert alone.statistics == two.statistics
    assert statistics(alone) == statistics(two)
    some = run(SequentialRolloutRunner(episodes=[6, 1]), name, tmp_path / "some")
    assert {e.number: e.hash for e in some} == {e.number: e.hash for e in alone if e.number in {1, 6}}


@pytest.mark.parametrize("n_processes", [1, 2])
def test_number_of_slots_does_not_matter(n_processes: int, tmp_path: Path) -> None:
    hashes = set()
    for n_envs in (1, 4):
        runner = ParallelRolloutRunner(n_processes=n_processes, n_episodes=8)
        hashes.add(run(runner, "market", tmp_path / str(n_envs), LegalPolicy(n_envs)).hash)
    assert len(hashes) == 1


def test_a_batching_policy_on_normalised_observations(tmp_path: Path) -> None:
    hashes = set()
    for n_envs in (1, 4):
        for runner in (SequentialRolloutRunner(n_episodes=8), ParallelRolloutRunner(n_processes=2, n_episodes=8)):
            normalized = {**NORMALIZED, "strategy": "range"}
            run_dir = tmp_path / f"{type(runner).__name__}-{n_envs}"
            agent = Summing(n_envs)
            hashes.add(runner.run_with("CartPole-v1", [normalized], agent, seeding=SEEDING, run_dir=run_dir).hash)
    assert len(hashes) == 1


class Summing(BatchingPolicy):
    """`BatchingPolicy` for observations of any length."""

    def act_batch(self, observations: Any, actor_ids: Any, slots: Any) -> list[Any]:
        return super().act_batch([observation[:2] for observation in observations], actor_ids, slots)


def test_a_resumed_run_has_its_statistics(tmp_path: Path) -> None:
    whole = run(SequentialRolloutRunner(n_episodes=6), "cutter", tmp_path / "whole")
    run(SequentialRolloutRunner(n_episodes=2), "cutter", tmp_path / "run")
    saved = (tmp_path / "run" / "normalization.json").read_bytes()
    env, wrappers, policy = WRAPPED["cutter"]
    other = [{**wrapper, "n_samples": 50} if wrapper is NORMALIZED else wrapper for wrapper in wrappers]
    runner = SequentialRolloutRunner(n_episodes=6)
    resumed = runner.run_with(env, other, policy, run_dir=tmp_path / "run", resume=True)
    assert resumed.hash == whole.hash
    assert (tmp_path / "run" / "normalization.json").read_bytes() == saved


def test_explicit_seeds_decide_the_statistics_too(tmp_path: Path) -> None:
    env, wrappers, policy = WRAPPED["cutter"]
    seeding = {"explicit_env_seeds": [5, 6], "explicit_agent_seeds": [7, 8]}
    hashes = {
        SequentialRolloutRunner(n_episodes=2).run_with(env, wrappers, policy, seeding=seeding, run_dir=path).hash
        for path in (tmp_path / "one", tmp_path / "two")
    }
    assert len(hashes) == 1


def test_a_run_without_normalisation_has_no_file(tmp_path: Path) -> None:
    result = SequentialRolloutRunner(n_episodes=1).run_with("CartPole-v1", [RESET], run_dir=tmp_path / "run")
    assert not (result.run_dir / "normalization.json").exists()
