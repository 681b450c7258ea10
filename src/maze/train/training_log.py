"""The figures of a training run, iteration by iteration, on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from time import time
from typing import Any, Self

PROGRESS_FILE = "progress.jsonl"


class TrainingLog:
    """Writes figures into `progress.jsonl`, one line per iteration, and for TensorBoard.

    Args:
        run_dir: Where.
        tensorboard: Whether also for TensorBoard.

    Raises:
        ImportError: If TensorBoard is wanted and not installed.
    """

    def __init__(self, run_dir: Path, *, tensorboard: bool) -> None:
        """Begin, or go on behind what is there."""
        self._file = (run_dir / PROGRESS_FILE).open("a", encoding="utf-8")
        self._events: Any = None
        if tensorboard:
            from tensorboard.summary.writer.event_file_writer import EventFileWriter

            self._events = EventFileWriter(str(run_dir))

    def write(self, iteration: int, figures: Mapping[str, float]) -> None:
        """Write the figures of an iteration."""
        figures = {name: value for name, value in figures.items() if isfinite(value)}  # JSON has no others
        self._file.write(json.dumps({"iteration": iteration, **figures}) + "\n")
        self._file.flush()
        if self._events is not None:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.compat.proto.summary_pb2 import Summary

            values = [Summary.Value(tag=name, simple_value=value) for name, value in figures.items()]
            self._events.add_event(Event(wall_time=time(), step=iteration, summary=Summary(value=values)))

    def __enter__(self) -> Self:
        """Nothing is left to do."""
        return self

    def __exit__(self, *error: object) -> None:
        """Write what is still in memory."""
        self._file.close()
        if self._events is not None:
            self._events.close()


def read_progress(run_dir: Path) -> list[dict[str, float]]:
    """The figures of a training run, one dict per iteration.

    Args:
        run_dir: Of the run.
    """
    with (run_dir / PROGRESS_FILE).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
