"""`maze compare`: two runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.recorded_runs import cart_pole

from maze import rollout
from maze.cli.maze import main


def compare(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["compare", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    a, b = cart_pole(tmp_path, "a"), cart_pole(tmp_path, "b", agent_base_seed=9)
    return [a.run_dir, b.run_dir]


def test_that_the_same_seeds_are_paired(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = compare(capsys, *runs)
    assert (code, err) == (0, "")
    assert "6 pairs of episodes with the same environment seed" in out
    assert "B's win rate" in out
    assert "where B wins by most" in out


def test_that_json_has_all_pairs(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = compare(capsys, *runs, "--json")
    found = json.loads(out)
    assert (found["paired"], found["n_pairs"], len(found["pairs"])) == (True, 6, 6)
    assert found["wins"]["a"] + found["wins"]["b"] + found["wins"]["ties"] == 6
    low, high = found["differences"]["return"]["confidence_interval"]
    assert low <= found["differences"]["return"]["difference"] <= high


def test_that_markdown_has_tables(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = compare(capsys, *runs, "--markdown")
    assert out.startswith(f"**A** `{runs[0]}`, 6 episodes")
    rows = [line for line in out.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {7}


def test_that_a_run_equals_itself(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = compare(capsys, runs[0], runs[0])
    assert "6 of them the same in" in out
    assert "both have the same returns" in out


def test_that_other_seeds_are_said_not_to_be_paired(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = cart_pole(tmp_path, "c", env_base_seed=77).run_dir
    _, out, _ = compare(capsys, runs[0], other)
    assert "not paired: the runs have no environment seed in common" in out


def test_that_other_environments_are_said_to_be(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rollout("Acrobot-v1", n_episodes=2, max_episode_steps=20, run_dir=tmp_path / "c")
    _, _, err = compare(capsys, runs[0], tmp_path / "c")
    assert err == "maze: these are runs of two environments, CartPole-v1 and Acrobot-v1\n"


def test_that_nothing_cannot_be_compared(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for part in (runs[1] / "episodes").iterdir():
        part.unlink()
    code, _, err = compare(capsys, *runs)
    assert code == 2
    assert "has no successful episode: there is nothing to compare" in err
