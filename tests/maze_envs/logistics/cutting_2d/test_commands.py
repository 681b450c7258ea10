"""The commands that the documentation names, typed exactly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import maze
from maze_envs.logistics.cutting_2d.events import PieceDiscarded, PieceReplenished

COMMANDS = [
    "env=tutorial_cutting_2d_flat policy=tutorial_cutting_2d_greedy_policy",
    "env=tutorial_cutting_2d_struct_masked policy=masked_random_policy runner.n_episodes=20",
    "env=cutting_2d_struct policy=cutting_2d_greedy_policy",
]


def maze_run(arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "maze-run"), *arguments.split(), "hydra.run.dir=run"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def statistics(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "run" / "statistics.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("arguments", COMMANDS)
def test_commands_work_and_record_events_metrics_and_kpi(arguments: str, tmp_path: Path) -> None:
    finished = maze_run(arguments, tmp_path)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    figures = statistics(tmp_path)
    assert figures["n_failed"] == 0
    used = figures["metrics"]["PieceReplenished.count"]["run_value"]
    assert figures["return"]["mean"] == pytest.approx(-used)
    assert figures["kpis"]["raw_pieces_per_step"]["mean"] == pytest.approx(used / 200)
    assert {"ValidCut.count", "PiecesInInventory.n_pieces.mean", "PiecesInInventory.n_pieces.max"} <= set(
        figures["metrics"]
    )
    assert "raw_pieces_per_step" in finished.stdout


def test_events_are_logged_and_can_be_asked_for(tmp_path: Path) -> None:
    finished = maze_run("env=cutting_2d_flat policy=random_policy runner=sequential runner.n_episodes=2", tmp_path)
    assert finished.returncode == 0, finished.stderr
    logs = {folder.name for folder in (tmp_path / "run" / "event_logs").iterdir()}
    assert {"InvalidPieceSelected", "InvalidCut", "ValidCut", "PieceReplenished", "PiecesInInventory"} <= logs
    episode = maze.load(tmp_path / "run")[0]
    assert len(list(episode.events(PieceReplenished))) == episode.metrics["PieceReplenished.count"].value
    assert all(record.event.area > 0 for record in episode.events(PieceDiscarded))


def test_the_tutorials_wrapper_ends_episodes(tmp_path: Path) -> None:
    arguments = (
        "env=tutorial_cutting_2d_struct wrappers=tutorial_cutting_2d policy=cutting_2d_greedy_policy "
        "runner=sequential runner.n_episodes=2 runner.max_episode_steps=0"
    )
    finished = maze_run(arguments, tmp_path)
    assert finished.returncode == 0, finished.stderr
    figures = statistics(tmp_path)
    assert (figures["length"]["mean"], figures["n_truncated_by_env"], figures["return"]["mean"]) == (180, 2, -30)


def test_the_greedy_policy_refuses_in_one_line_before_it_acts(tmp_path: Path) -> None:
    finished = maze_run("env=tutorial_cutting_2d_flat policy=cutting_2d_greedy_policy wrappers=vector_obs", tmp_path)
    assert finished.returncode == 2
    lines = [line for line in finished.stderr.splitlines() if line.startswith("maze-run: ")]
    assert len(lines) == 1
    assert "the greedy cutting policy cannot read this environment" in lines[0]


def test_videos_need_no_display(tmp_path: Path) -> None:
    pytest.importorskip("av")
    arguments = (
        "env=tutorial_cutting_2d_struct policy=cutting_2d_greedy_policy runner=sequential runner.n_episodes=1 "
        "runner.max_episode_steps=10 runner.render=true"
    )
    finished = maze_run(arguments, tmp_path)
    assert finished.returncode == 0, finished.stderr
    (video,) = (tmp_path / "run" / "videos").iterdir()
    assert video.suffix == ".mp4"
    assert video.stat().st_size > 1000
