from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from maze.cli.training_progress import ConsoleTraining

SEEDS = {"env_base_seed": 1, "agent_base_seed": 2}
EVALUATION = {"evaluation/return": -30.0, "evaluation/length": 180.0, "evaluation/metrics/PieceCut/count": 95.0}
ITERATION = {
    "training/return": -31.5,
    "training/length": 180.0,
    "training/metrics/PieceCut/count": 97.25,
    "learning/loss_objective": -0.0125,
    "learning/entropy": 0.75,
    "learning/gradient_norm": 1.5,
    "time/decisions_per_second": 4321.0,
}


def shown(*, is_terminal: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=is_terminal, width=100, color_system=None)
    with ConsoleTraining(console, Path("run")) as progress:
        progress.started(SEEDS)
        progress.evaluated(0, EVALUATION, is_best=True)
        progress.iterated(1, 0.25, ITERATION)
        if progress._status is not None:
            progress._status._live.refresh()
    return file.getvalue()


def test_a_terminal_shows_all_that_is_told_in_one_place() -> None:
    output = shown(is_terminal=True)
    assert "iteration 1, 25% done, 4,321 decisions/s" in output
    for row in (["return", "-31.5", "-30"], ["length", "180", "180"], ["PieceCut/count", "97.25", "95"]):
        assert any(line.split()[-3:] == row for line in output.splitlines()), row
    assert "loss_objective -0.0125, entropy 0.75, gradient_norm 1.5" in output


def test_elsewhere_evaluations_are_lines() -> None:
    where, evaluation = shown(is_terminal=False).splitlines()
    assert where == "training in run"
    assert evaluation.endswith("evaluation after iteration 0: return -30, length 180, the best so far")
