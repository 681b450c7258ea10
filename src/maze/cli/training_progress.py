"""How training gets on, while it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from logging import getLogger
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from maze.cli.progress import duration
from maze.train.training_observer import TrainingObserver

if TYPE_CHECKING:
    from rich.status import Status

logger = getLogger(__name__)

SHOWN = ("training/return", "learning/entropy", "learning/gradient_norm", "learning/accuracy", "learning/loss")
PAUSE = 10.0
"""Seconds between lines, where there is no terminal; evaluations are always shown."""


class ConsoleTraining(TrainingObserver):
    """Prints a line for each evaluation; between them shows the last iteration, on a terminal in one place.

    Args:
        console: Where to show it.
    """

    def __init__(self, console: Console) -> None:
        """Begin with nothing done."""
        self._console = console
        self._status: Status | None = None
        self._began = self._printed = monotonic()

    def started(self, seeds: Mapping[str, int | None]) -> None:
        """Begin to show."""
        logger.info("training, %s", " ".join(f"{name}={seed}" for name, seed in seeds.items()))
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._status = self._console.status("training")
            self._status.start()

    def iterated(self, iteration: int, progress: float, figures: Mapping[str, float]) -> None:
        """Show an iteration."""
        shown = [f"{name.partition('/')[2]} {figures[name]:,.4g}" for name in SHOWN if name in figures]
        if figures.get("training/return") is not None:
            shown.append(f"{figures['time/decisions_per_second']:,.0f} decisions/s")
        line = f"{self._elapsed()}: iteration {iteration}, {progress:.0%} done, {', '.join(shown)}"
        if self._status is not None:
            self._status.update(line)
        elif monotonic() - self._printed > PAUSE:
            self._print(line)
        logger.info(line)

    def evaluated(self, iteration: int, figures: Mapping[str, float], is_best: bool) -> None:
        """Print an evaluation."""
        mean, length = figures["evaluation/return"], figures["evaluation/length"]
        line = f"{self._elapsed()}: evaluation after iteration {iteration}: return {mean:,.4g}, length {length:,.4g}"
        self._print(f"{line}{', the best so far' if is_best else ''}")
        logger.info(line)

    def note(self, line: str) -> None:
        """Say something."""
        logger.info(line)
        self._console.print(Text(line, style="yellow"), soft_wrap=True)

    def finished(self) -> None:
        """Stop to show."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _print(self, line: str) -> None:
        self._printed = monotonic()
        self._console.print(line, soft_wrap=True, highlight=False)

    def _elapsed(self) -> str:
        return duration(monotonic() - self._began)
