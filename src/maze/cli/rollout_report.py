"""What is said of a rollout when it is over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from logging import getLogger
from operator import attrgetter
from typing import NamedTuple

from rich.console import Console, RenderableType
from rich.text import Text

from maze.cli.command_line import shown_path
from maze.cli.statistics_table import statistics_table
from maze.core.recording.episode_row import EpisodeRow
from maze.core.rollout.rollout_result import RolloutResult

MOST_FAILURES = 10
"""Failures shown; the log has all of them."""

logger = getLogger(__name__)


class Work(NamedTuple):
    """What was done since the command began; a resumed run has more episodes."""

    n_episodes: int
    n_steps: int
    seconds: float

    def __str__(self) -> str:
        """Say how fast that was."""
        if self.n_episodes == 0:
            return "no episode was played"
        seconds = max(self.seconds, 1e-9)
        return (
            f"{self.n_steps / seconds:,.0f} steps/s, {self.n_episodes / seconds:,.1f} episodes/s; "
            f"{self.n_steps:,} steps in {seconds:,.1f} s"
        )


def report(result: RolloutResult, work: Work, console: Console) -> None:
    """Print statistics, throughput, failures, seeds and the run directory; the log gets all but the statistics.

    Args:
        result: Of a rollout.
        work: What it took.
        console: Where to print.
    """
    console.print()
    if result.statistics.n_episodes > result.statistics.n_failed:
        console.print(statistics_table(result.statistics))
        console.print()
    for line in _lines(result, work):
        # Lines to be copied are not broken.
        console.print(line, soft_wrap=True, highlight=False)
    for line in _log_lines(result, work):
        logger.info(line)


def _lines(result: RolloutResult, work: Work) -> Iterator[RenderableType]:
    failures = sorted(result.failures, key=attrgetter("number"))
    yield _field("throughput", str(work))
    if failures:
        yield from _failure_lines(result, failures)
    if not result.reproducible:
        yield _field("warning", "not reproducible: the same seeds gave two different episodes", "yellow")
    if result.stopped_because is not None:
        yield _field("stopped", " ".join(result.stopped_because.split()), "bold red")
    if result.missing:
        yield _field("missing", f"{_episodes(len(result.missing))}; to play what is missing:", "yellow")
        yield _field("", f"maze-run resume={shown_path(result.run_dir)}")
    yield _field("seeds", _seeds(result))
    yield _field("recorded in", shown_path(result.run_dir))


def _failure_lines(result: RolloutResult, failures: Sequence[EpisodeRow]) -> Iterator[RenderableType]:
    yield _field("failed", f"{_episodes(len(failures))}:", "bold red")
    for row in failures[:MOST_FAILURES]:
        yield Text(f"  {_failure(row)}")
    if len(failures) > MOST_FAILURES:
        yield Text(f"  and {len(failures) - MOST_FAILURES:,} more, which maze-run.log lists")
    yield Text("  to run just these again, add to the command:", style="dim")
    yield Text(f"  {_episodes_override(failures)} {_seeds(result)}")


def _failure(row: EpisodeRow) -> str:
    """What failed, in one line with its place; where a worker died, it is not the worker that tells."""
    line = " ".join((row.error or "").split())
    if f"env_seed={row.env_seed} agent_seed={row.agent_seed}" in line:
        return line
    place = "" if row.error_step is None else f", step {row.error_step}"
    return f"{line} [episode {row.number}{place}, env_seed={row.env_seed} agent_seed={row.agent_seed}]"


def _log_lines(result: RolloutResult, work: Work) -> Iterator[str]:
    yield f"{result.status}: {work}"
    if result.stopped_because is not None:
        yield f"stopped: {result.stopped_because}\n{result.traceback}".rstrip()
    failures = sorted(result.failures, key=attrgetter("number"))
    for row in failures:
        yield f"failed: {_failure(row)}\n{row.traceback or ''}".rstrip()
    if failures:
        yield f"to run just the failed ones again, add: {_episodes_override(failures)} {_seeds(result)}"
    yield f"seeds: {_seeds(result)}"
    yield f"hash: {result.hash}"


def _episodes_override(failures: Sequence[EpisodeRow]) -> str:
    return f"runner.episodes=[{','.join(str(row.number) for row in failures)}]"


def _seeds(result: RolloutResult) -> str:
    """The base seeds as overrides, which repeat the run when they are added to its command."""
    seeding = result.seeding
    return f"seeding.env_base_seed={seeding.env_base_seed} seeding.agent_base_seed={seeding.agent_base_seed}"


def _episodes(n: int) -> str:
    return f"{n:,} episode{'' if n == 1 else 's'}"


def _field(name: str, value: str, style: str = "") -> Text:
    return Text.assemble((f"{name:<13}", "dim"), (value, style))
