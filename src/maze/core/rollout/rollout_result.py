"""What a rollout gives: statistics, episodes, failures, and where they are recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from maze.core.recording.episode import Episode
from maze.core.recording.episode_row import EpisodeRow
from maze.core.recording.recording import Recording
from maze.core.rollout.seeding import Seeding
from maze.core.statistics.statistics import Statistics

RolloutStatus: TypeAlias = Literal["running", "completed", "failed", "interrupted"]


@dataclass(frozen=True)
class RolloutResult:
    """The outcome of a rollout; iterating over it gives the episodes that were played to their end, by number."""

    run_dir: Path
    """Where it is recorded."""

    status: RolloutStatus
    """ "completed" if every episode was; "failed" if one was not; "interrupted" by Ctrl-C or SIGTERM."""

    statistics: Statistics
    failures: Sequence[EpisodeRow]
    """The episodes that failed for good, with seeds, step and traceback."""

    missing: Sequence[int]
    """Numbers of the episodes that were not played, after a stop or an interrupt; `resume` plays them."""

    seeding: Seeding
    """Gives the same episodes again."""

    hash: str
    """Of the contents of all episodes: equal for equal ones, whatever the runner."""

    seconds: float
    """Wall time of the run."""

    n_steps: int
    """Decisions in all episodes."""

    reproducible: bool
    """Whether the environment gave the same episode twice under the same seeds."""

    exit_code: int
    """For a process that is about to end: 0, 1 after failures, 128 + the signal after an interrupt."""

    stopped_because: str | None = None
    """Why the run could not go on, in one line."""

    traceback: str = ""
    """Of what stopped the run."""

    def __repr__(self) -> str:
        """Show in one line how it ended; `statistics` and `failures` have the rest."""
        figures = {
            "run_dir": str(self.run_dir),
            "status": self.status,
            "n_episodes": self.statistics.n_episodes,
            "mean_return": self.statistics.episode_return.mean,
            "n_failed": len(self.failures) or None,
            "n_missing": len(self.missing) or None,
            "stopped_because": self.stopped_because,
        }
        given = ", ".join(f"{name}={value!r}" for name, value in figures.items() if value is not None)
        return f"RolloutResult({given})"

    @cached_property
    def recording(self) -> Recording:
        """The run directory, to be read."""
        return Recording(self.run_dir)

    def __iter__(self) -> Iterator[Episode]:
        """Read the episodes, one after the other."""
        return iter(self.recording)

    def __len__(self) -> int:
        """Count the episodes that were played to their end."""
        return len(self.recording)
