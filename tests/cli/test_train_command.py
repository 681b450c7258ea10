"""Training from the command line, and rolling out what was trained: the commands of docs/training.md, shortened."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from maze import load
from maze.cli.maze_run import main

SHORT = "runner=dev runner.n_eval_episodes=2 runner.evaluate_every=0 policy.n_envs=4 runner.tensorboard=false"
PPO = f"{SHORT} algorithm.n_decisions=300 algorithm.decisions_per_iteration=150 algorithm.n_epochs=1"
SEEDS = "seeding.env_base_seed=1 seeding.agent_base_seed=2"
CUTTING = "env=tutorial_cutting_2d_struct_masked wrappers=tutorial_cutting_2d model=tutorial_cutting_2d_struct_masked"
LANDER = "env.name=LunarLander-v3 model=vector_obs wrappers=vector_obs wrappers.normalization.n_samples=300"


MazeRun = Callable[..., str]


@pytest.fixture
def maze_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> MazeRun:
    monkeypatch.chdir(tmp_path)

    def run(arguments: str, expected: int = 0) -> str:
        exit_code = main(arguments.split())
        captured = capsys.readouterr()
        assert exit_code == expected, captured.out + captured.err
        return captured.out + captured.err

    return run


def test_train_roll_out_and_go_on(maze_run: MazeRun, tmp_path: Path) -> None:
    output = maze_run(f"-cn conf_train env=gym_env env.name=CartPole-v1 {PPO} {SEEDS} hydra.run.dir=trained")
    assert "maze-run policy=torch_policy input_dir=trained" in output
    assert "seeding.env_base_seed=1 seeding.agent_base_seed=2" in output
    assert (tmp_path / "trained" / "maze-run.log").exists()
    short = f"runner.n_episodes=4 policy.n_envs=2 {SEEDS}"
    for name, runner in (("a", "runner=sequential"), ("b", "runner.n_processes=2")):
        maze_run(f"policy=torch_policy input_dir=trained {short} {runner} hydra.run.dir={name}")
    maze_run(f"input_dir=trained runner.n_episodes=4 {SEEDS} runner=sequential hydra.run.dir=c")
    assert len({load(tmp_path / name).content_hash for name in "abc"}) == 1
    maze_run(f"-cn conf_train input_dir=trained {PPO} hydra.run.dir=further")
    further = json.loads((tmp_path / "further" / "training.json").read_text())
    assert further["input_dir"] == "trained"
    assert further["config"]["env"]["name"] == "CartPole-v1"


def test_structured_decisions_are_learned_and_rolled_out(maze_run: MazeRun, tmp_path: Path) -> None:
    maze_run(f"-cn conf_train {CUTTING} {PPO} wrappers.time_limit.max_episode_steps=20 hydra.run.dir=trained")
    maze_run(f"policy=torch_policy {CUTTING} input_dir=trained runner=sequential runner.n_episodes=2")
    maze_run("policy=torch_policy input_dir=trained runner=sequential runner.n_episodes=2 hydra.run.dir=same")
    assert {episode.length for episode in load(tmp_path / "same")} == {20}


def test_what_was_rolled_out_is_imitated_and_fine_tuned(maze_run: MazeRun, tmp_path: Path) -> None:
    maze_run(
        "env.name=LunarLander-v3 policy=lunar_lander_heuristics runner.n_episodes=6 runner=sequential "
        f"runner.max_episode_steps=0 hydra.run.dir=heuristics {SEEDS}",
    )
    maze_run(
        f"-cn conf_train {LANDER} algorithm=bc runner.dataset=heuristics {SHORT} algorithm.n_epochs=8 "
        f"hydra.run.dir=bc {SEEDS}",
    )
    figures = [json.loads(line) for line in (tmp_path / "bc" / "progress.jsonl").read_text().splitlines()]
    assert figures[-1]["learning/accuracy"] > 0.7
    maze_run(
        f"{LANDER} policy=torch_policy input_dir=bc runner.max_episode_steps=0 runner=sequential runner.n_episodes=2 "
        "hydra.run.dir=imitated",
    )
    statistics = [(tmp_path / name / "normalization.json").read_text() for name in ("bc", "imitated")]
    assert statistics[0] == statistics[1]
    maze_run(f"-cn conf_train {LANDER} algorithm=ppo input_dir=bc {PPO} {SEEDS} hydra.run.dir=tuned")
    assert (tmp_path / "tuned" / "normalization.json").read_text() == statistics[0]
    tuned = json.loads((tmp_path / "tuned" / "training.json").read_text())
    assert (
        tuned["counts"]["best_return"]
        >= json.loads((tmp_path / "bc" / "training.json").read_text())["counts"]["best_return"]
    )


def test_processes_and_tensorboard_are_the_default(maze_run: MazeRun, tmp_path: Path) -> None:
    short = "algorithm.n_decisions=300 algorithm.decisions_per_iteration=150 runner.n_eval_episodes=2 policy.n_envs=2"
    maze_run(f"-cn conf_train {short} hydra.run.dir=trained")
    assert list((tmp_path / "trained").glob("events.out.tfevents.*"))


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "maze.cli.maze_run", "-cn", "conf_train", "hydra.run.dir=trained"]
    process = subprocess.Popen([*command, "runner=dev"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    progress = tmp_path / "trained" / "progress.jsonl"
    deadline = time.monotonic() + 60
    while not (progress.exists() and progress.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "maze-run -cn conf_train input_dir=trained" in output
    assert json.loads((tmp_path / "trained" / "training.json").read_text())["status"] == "interrupted"
    assert (tmp_path / "trained" / "last.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("-cn conf_train algorithm=pop", "there is no algorithm 'pop': did you mean 'ppo'"),
        ("-cn conf_train algorithm.gama=0.9", "there is no key 'algorithm.gama': did you mean algorithm.gamma=0.9"),
        ("-cn conf_train runner=parallel", "does not train: choose runner=local or runner=dev"),
        ("-cn conf_train policy=random_policy", "RandomPolicy does not learn: leave policy=... out"),
        ("-cn conf_train env.name=CartPol-v1", "did you mean 'CartPole-v1'"),
        ("-cn conf_train algorithm=bc runner=dev", "algorithm=bc imitates recorded rollouts"),
        ("runner=local", "plays no rollouts: choose runner=parallel"),
        ("policy=torch_policy input_dir=nowhere", "input_dir=nowhere: there is no such directory"),
        ("policy=torch_policy model.hidden_sizes=[8]", "model"),
    ],
)
def test_mistakes_are_answered_in_one_line(maze_run: MazeRun, arguments: str, message: str, tmp_path: Path) -> None:
    output = maze_run(arguments, expected=2)
    lines = output.strip().splitlines()
    assert message in lines[-1]
    assert not re.search("Traceback", output)
    assert not list(tmp_path.glob("outputs/*/*"))
