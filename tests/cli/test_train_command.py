"""Training from the command line, and going on with what was trained."""

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


def test_processes_and_tensorboard_are_the_default(maze_run: MazeRun, tmp_path: Path) -> None:
    short = "algorithm.n_decisions=300 algorithm.decisions_per_iteration=150 runner.n_eval_episodes=2 policy.n_envs=2"
    maze_run(f"-cn conf_train {short} hydra.run.dir=trained")
    assert list((tmp_path / "trained").glob("events.out.tfevents.*"))


def test_ctrl_c_saves_and_says_how_to_go_on(maze_run: MazeRun, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "maze.cli.maze_run", "-cn", "conf_train", "hydra.run.dir=trained", "runner=dev"]
    typed = ["runner.max_episode_steps=25", "runner.n_eval_episodes=3", "algorithm.gamma=0.9"]
    process = subprocess.Popen([*command, *typed], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    progress = tmp_path / "trained" / "progress.jsonl"
    deadline = time.monotonic() + 60
    while not (progress.exists() and progress.read_text().count("\n") > 1) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "maze-run -cn conf_train input_dir=trained" in output
    trained = json.loads((tmp_path / "trained" / "training.json").read_text())
    assert trained["status"] == "interrupted"
    assert (tmp_path / "trained" / "last.safetensors").exists()
    maze_run("-cn conf_train input_dir=trained algorithm.n_decisions=1 hydra.run.dir=further")
    further = json.loads((tmp_path / "further" / "training.json").read_text())
    assert further["seeding"] == trained["seeding"]
    assert further["counts"]["n_iterations"] == trained["counts"]["n_iterations"] > 0
    expected = {**trained["config"], "algorithm": {**trained["config"]["algorithm"], "n_decisions": 1}}
    for group in ("runner", "env", "wrappers", "model", "algorithm"):
        assert further["config"][group] == expected[group]


def test_the_folder_of_a_training_is_not_recorded_into(maze_run: MazeRun, tmp_path: Path) -> None:
    (tmp_path / "trained").mkdir()
    (tmp_path / "trained" / "training.json").write_text("{}")
    for arguments in ("runner=sequential", "-cn conf_train runner=dev"):
        output = maze_run(f"{arguments} hydra.run.dir=trained", expected=2)
        assert "holds a training already: name another directory" in output


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
