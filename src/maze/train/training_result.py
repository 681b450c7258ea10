"""What comes of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from maze.core.rollout.seeding import Seeding

TrainingStatus: TypeAlias = Literal["completed", "interrupted", "failed"]


@dataclass(frozen=True)
class TrainingResult:
    """What came of a training run, and where it is."""

    run_dir: Path
    status: TrainingStatus
    reason: str
    """Why it ended, in one line."""

    n_iterations: int
    n_episodes: int
    n_decisions: int
    best_return: float | None
    """Mean return of the best evaluation; None: there was none."""

    best_iteration: int | None
    last_return: float | None
    seconds: float
    seeding: Seeding
    exit_code: int
    traceback: str = ""
