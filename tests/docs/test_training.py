"""The commands of the page on training work together as it says; here they are shortened."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from tests.docs.doc_blocks import ROOT, blocks, write_files

from maze import load
from maze.cli.maze_run import main

PAGE = "docs/training.md"
CIRCLES = [block.commands for block in blocks(PAGE) if block.language == "console"]
SHORT = {
    "conf_train": "runner=dev runner.n_eval_episodes=2 runner.evaluate_every=0 policy.n_envs=2",
    "rollout": "runner=sequential runner.n_episodes=2",
    "PPO": "algorithm.n_decisions=300 algorithm.decisions_per_iteration=150 algorithm.n_epochs=1",
    "algorithm=bc": "algorithm.n_epochs=8",
    "heuristics": "runner.n_episodes=6",
    "vector_obs": "wrappers.normalization.n_samples=300",
    "cutting_2d": "wrappers.time_limit.max_episode_steps=20",
}
SEEDS = "seeding.env_base_seed=1 seeding.agent_base_seed=2"


def shortened(commands: list[str]) -> list[list[str]]:
    """Arguments of the commands with what makes them short; training runs where the next command looks for it."""
    arguments = []
    for command, following in zip(commands, [*commands[1:], ""], strict=True):
        is_training, words = "conf_train" in command, shlex.split(command)[1:]
        also = [SHORT["conf_train" if is_training else "rollout"], SEEDS]
        if is_training and "algorithm=bc" not in command:
            also.append(SHORT["PPO"])
        also += [SHORT[word] for word in ("algorithm=bc", "vector_obs", "cutting_2d") if word in command]
        if "runner.n_episodes" in command:
            also.append(SHORT["heuristics"])
        if is_training and "hydra.run.dir" not in command and "input_dir=" in following:
            also.append(f"hydra.run.dir={following.split('input_dir=')[1].split()[0]}")
        arguments.append([*words, *" ".join(also).split()])
    return arguments


def read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("commands", CIRCLES, ids=lambda commands: str(commands[0]))
def test_the_commands_of_the_page_work(commands: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(PAGE, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for arguments in shortened(commands):
        assert main(arguments) == 0, arguments
    if "cutting_2d" in commands[0]:
        rolled_out = max(tmp_path.glob("outputs/*/*/run.json"), key=lambda file: file.stat().st_mtime).parent
        assert {episode.length for episode in load(rolled_out)} == {20}
    if "heuristics" in commands[0]:
        imitation, tuned = tmp_path / "outputs" / "bc", next(tmp_path.glob("outputs/*/*/training.json")).parent
        imitated = next(file.parent for file in tmp_path.glob("outputs/*/*/run.json"))
        statistics = [(folder / "normalization.json").read_text() for folder in (imitation, imitated, tuned)]
        assert len(set(statistics)) == 1
        figures = [json.loads(line) for line in (imitation / "progress.jsonl").read_text().splitlines()]
        assert figures[-1]["learning/accuracy"] > 0.7
        best = [read(folder / "training.json")["counts"]["best_return"] for folder in (imitation, tuned)]
        assert best[1] >= best[0]


def test_readme_shows_the_same_circle() -> None:
    assert "docs/training.md" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert any("algorithm=bc" in command for commands in CIRCLES for command in commands)
