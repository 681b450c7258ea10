"""How training gets on, while it goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from logging import getLogger
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from maze.cli.command_line import shown_path
from maze.cli.number_format import short_number
from maze.cli.progress import PREPARING, duration
from maze.train.training_observer import TrainingObserver

if TYPE_CHECKING:
    from rich.status import Status

logger = getLogger(__name__)

MOST_ROWS = 12
"""Of the table on a terminal; TensorBoard has them all."""

PAUSE = 10.0
"""Seconds between lines, where there is no terminal; evaluations are always shown."""


class ConsoleTraining(TrainingObserver):
    """A context in which each evaluation is printed; a terminal shows a table of the last iteration in one place, too.

    Args:
        console: Where to show it.
        run_dir: Where the training is recorded.
    """

    def __init__(self, console: Console, run_dir: Path) -> None:
        """Begin with nothing done."""
        self._console, self._run_dir = console, run_dir
        self._status: Status | None = None
        self._evaluation: Mapping[str, float] = {}
        self._began = self._printed = monotonic()

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._status = self._console.status(PREPARING)
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop to show, also where training did not come to its end."""
        self.finished()

    def started(self, seeds: Mapping[str, int | None]) -> None:
        """Say where it is recorded."""
        logger.info("training, %s", " ".join(f"{name}={seed}" for name, seed in seeds.items()))
        self._console.print(Text(f"training in {shown_path(self._run_dir)}", style="dim"), soft_wrap=True)
        if self._status is not None:
            self._status.update("training")

    def iterated(self, iteration: int, progress: float, figures: Mapping[str, float]) -> None:
        """Show an iteration."""
        head = f"{self._elapsed()}: iteration {iteration}, {progress:.0%} done"
        if "time/decisions_per_second" in figures:
            head += f", {figures['time/decisions_per_second']:,.0f} decisions/s"
        training, learning = _of(figures, "training"), _of(figures, "learning")
        line = ", ".join([head, *_listed({"return": training["return"]} if training else {}), *_listed(learning)])
        if self._status is not None:
            rows = Group(head, _table(training, self._evaluation), *_wrapped(learning))
            self._status.update(rows)
        elif monotonic() - self._printed > PAUSE:
            self._print(line)
        logger.info(line)

    def evaluated(self, iteration: int, figures: Mapping[str, float], is_best: bool) -> None:
        """Print an evaluation."""
        self._evaluation = _of(figures, "evaluation")
        shown = ", ".join(_listed({name: self._evaluation[name] for name in ("return", "length")}))
        line = f"{self._elapsed()}: evaluation after iteration {iteration}: {shown}"
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


def _of(figures: Mapping[str, float], prefix: str) -> dict[str, float]:
    """The figures of one kind, by what is behind the prefix."""
    return {name.partition("/")[2]: value for name, value in figures.items() if name.startswith(f"{prefix}/")}


def _listed(figures: Mapping[str, float]) -> list[str]:
    return [f"{name} {short_number(value)}" for name, value in figures.items()]


def _wrapped(learning: Mapping[str, float]) -> Iterator[Text]:
    if learning:
        yield Text(", ".join(_listed(learning)), style="dim")


def _table(training: Mapping[str, float], evaluation: Mapping[str, float]) -> Table:
    """What the episodes of the last iteration came to, beside those of the last evaluation; metrics and KPIs too."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    table.add_column("training", justify="right")
    table.add_column("evaluation", justify="right")
    names = list(dict.fromkeys([*training, *evaluation]))
    for name in names[:MOST_ROWS]:
        cells = [short_number(figures[name]) if name in figures else "" for figures in (training, evaluation)]
        table.add_row(name.removeprefix("metrics/").removeprefix("kpis/"), *cells)
    if len(names) > MOST_ROWS:
        table.add_row(Text(f"{len(names) - MOST_ROWS} more in TensorBoard", style="dim"))
    return table
