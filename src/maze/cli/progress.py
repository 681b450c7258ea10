"""How a rollout gets on, while it runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from logging import getLogger
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Self

from rich.console import Console, RenderableType
from rich.text import Text

from maze.cli.command_line import shown_path
from maze.cli.number_format import short_number
from maze.core.rollout.rollout_observer import RolloutObserver

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

REFRESHES_PER_SECOND, FIRST_LINE, LONGEST_PAUSE = 4, 2.0, 600.0
PREPARING = "building the environment and the policy"

logger = getLogger(__name__)


class ConsoleProgress(RolloutObserver):
    """A context in which a bar is shown on a terminal; elsewhere lines are printed, at growing intervals.

    Being told of an episode only counts it: a thread draws, so that a fast rollout is not held up.

    Args:
        console: Where to show it.
        run_dir: Where the rollout is recorded.
    """

    def __init__(self, console: Console, run_dir: Path) -> None:
        """Begin with nothing done."""
        self._console, self._run_dir = console, run_dir
        self._n_episodes = 0
        self.n_done = 0
        self._n_failed = 0
        self.n_steps = 0
        self._return_sum = 0.0
        self._begin = monotonic()
        self._live: Live | None = None
        self._is_over = threading.Event()
        self._printer: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            from rich.live import Live

            self._live = Live(
                console=self._console,
                get_renderable=self._shown,
                refresh_per_second=REFRESHES_PER_SECOND,
                transient=True,
            )
            self._live.start()
        else:
            self._printer = threading.Thread(target=self._print_lines, name="maze-run progress", daemon=True)
            self._printer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop to show, also where the rollout did not come to its end."""
        self.finished()

    def started(self, n_episodes: int, seeds: Mapping[str, int | None]) -> None:
        """Say where it is recorded; count from now."""
        self._n_episodes = n_episodes
        self._begin = monotonic()
        logger.info("%d episodes, %s", n_episodes, " ".join(f"{name}={seed}" for name, seed in seeds.items()))
        self._console.print(Text(f"recording in {shown_path(self._run_dir)}", style="dim"), soft_wrap=True)

    def episode_done(self, number: int, episode_return: float, length: int) -> None:
        """Count an episode."""
        self.n_done += 1
        self.n_steps += length
        self._return_sum += episode_return

    def episode_failed(self, number: int, message: str) -> None:
        """Count an episode that failed, and say so."""
        self._n_failed += 1
        logger.error("episode %d failed: %s", number, " ".join(message.split()))

    def note(self, line: str) -> None:
        """Say something, above the bar."""
        logger.info(line)
        self._console.print(Text(line, style="yellow"), soft_wrap=True)

    def finished(self) -> None:
        """Stop to show; the bar goes, for the statistics take its place."""
        self._is_over.set()
        if self._live is not None:
            self._live.stop()
        if self._printer is not None:
            self._printer.join()

    def _shown(self) -> RenderableType:
        return self._bar() if self._n_episodes else Text(PREPARING, style="dim")

    def _bar(self) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        for _ in range(4):
            grid.add_column(no_wrap=True)
        finished = self.n_done + self._n_failed
        grid.add_row(
            f"{finished:,}/{self._n_episodes:,}",
            ProgressBar(total=max(self._n_episodes, 1), completed=finished),
            f"{self._steps_per_second():,.0f} steps/s",
            f"return {self._mean_return()}",
            Text(f"{self._n_failed:,} failed", style="bold red" if self._n_failed else "dim"),
            f"{duration(monotonic() - self._begin)} < {self._remaining()}",
        )
        return grid

    def _print_lines(self) -> None:
        pause = FIRST_LINE
        while not self._is_over.wait(pause):
            elapsed = monotonic() - self._begin
            self._console.print(f"{duration(elapsed)}: {self._line()}", soft_wrap=True, highlight=False)
            pause = min(elapsed, LONGEST_PAUSE)

    def _line(self) -> str:
        if not self._n_episodes:
            return PREPARING
        return (
            f"{self.n_done + self._n_failed:,} of {self._n_episodes:,} episodes, "
            f"{self._steps_per_second():,.0f} steps/s, mean return {self._mean_return()}, "
            f"{self._n_failed:,} failed, {self._remaining()} to go"
        )

    def _steps_per_second(self) -> float:
        return self.n_steps / max(monotonic() - self._begin, 1e-9)

    def _mean_return(self) -> str:
        return short_number(self._return_sum / self.n_done) if self.n_done else "–"

    def _remaining(self) -> str:
        finished = self.n_done + self._n_failed
        if not finished:
            return "?"
        return duration((monotonic() - self._begin) * (self._n_episodes - finished) / finished)


def duration(seconds: float) -> str:
    """A span of time, for people.

    Example:
        >>> [duration(seconds) for seconds in (0.42, 42, 4242, 424242)]
        ['0:00', '0:42', '1:10:42', '117:50:42']
    """
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
