"""What the page on training says was measured, measured again; wall times are `benchmarks/training.py`'s."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from maze import load
from maze.cli.maze_run import main

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

CUTTING = "env=tutorial_cutting_2d_struct_masked wrappers=tutorial_cutting_2d"
LANDER = "env.name=LunarLander-v3 model=vector_obs wrappers=vector_obs"
SEEDS = "seeding.env_base_seed={0} seeding.agent_base_seed={0}"


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def maze_run(arguments: str) -> None:
    assert main(arguments.split()) == 0, arguments


def mean_return(run_dir: str) -> float:
    return load(run_dir).statistics.episode_return.mean or 0.0


def progress(run_dir: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(run_dir, "progress.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ppo_as_it_is_by_default_solves_the_pole_in_two_minutes(seed: int) -> None:
    maze_run(
        f"-cn conf_train env.name=CartPole-v1 {SEEDS.format(seed)} runner.stop_at_return=475 runner.max_seconds=120 "
        "hydra.run.dir=trained"
    )
    assert progress("trained")[-1]["evaluation/return"] >= 475


def test_ppo_cuts_the_tutorials_orders_from_as_few_raw_pieces_as_can_be() -> None:
    maze_run(
        f"-cn conf_train {CUTTING} model=tutorial_cutting_2d_struct_masked {SEEDS.format(1)} runner.stop_at_return=-30 "
        "hydra.run.dir=trained"
    )
    maze_run(
        f"{CUTTING} policy=tutorial_cutting_2d_greedy_policy runner.n_episodes=2 runner.max_episode_steps=0 "
        "hydra.run.dir=greedy"
    )
    assert progress("trained")[-1]["evaluation/return"] == -30
    assert mean_return("greedy") == -30


def test_a_policy_that_imitates_the_landing_heuristic_is_nearly_as_good_and_becomes_better() -> None:
    rollouts = f"env.name=LunarLander-v3 runner.n_episodes=50 runner.max_episode_steps=0 {SEEDS.format(1)}"
    maze_run(f"{rollouts} policy=lunar_lander_heuristics hydra.run.dir=heuristics")
    maze_run(
        f"-cn conf_train {LANDER} algorithm=bc runner.dataset=heuristics {SEEDS.format(5)} hydra.run.dir=imitation"
    )
    for name, deterministic in (("drawn", "false"), ("likeliest", "true")):
        maze_run(
            f"{rollouts} {LANDER} policy=torch_policy input_dir=imitation runner.deterministic={deterministic} "
            f"hydra.run.dir={name}"
        )
        assert mean_return(name) >= 0.8 * mean_return("heuristics")
    maze_run(
        f"-cn conf_train {LANDER} algorithm=ppo input_dir=imitation runner.n_eval_episodes=50 {SEEDS.format(5)} "
        "hydra.run.dir=tuned"
    )
    first, *others = [figures["evaluation/return"] for figures in progress("tuned") if "evaluation/return" in figures]
    assert first >= 0.8 * mean_return("heuristics")
    assert max(others) > first + 10
