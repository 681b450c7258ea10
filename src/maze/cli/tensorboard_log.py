"""The statistics of a run as TensorBoard scalars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from time import time
from typing import Any

from maze.core.statistics.statistics import Statistics


def write_tensorboard(statistics: Statistics, run_dir: Path) -> None:
    """Write every figure of a run as a scalar of step 0 into an event file in the run directory.

    Args:
        statistics: Of the run.
        run_dir: Where TensorBoard shall find the file.

    Raises:
        ImportError: If TensorBoard is not installed.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars(statistics.to_json())]
    writer = EventFileWriter(str(run_dir))
    writer.add_event(Event(wall_time=time(), step=0, summary=Summary(value=values)))
    writer.close()


def scalars(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Numbers among nested figures, named by their path.

    Example:
        >>> list(scalars({"return": {"mean": 2.5, "interval": [2, 3], "note": "x"}}))
        [('return/mean', 2.5), ('return/interval/0', 2.0), ('return/interval/1', 3.0)]
    """
    for name, value in figures.items():
        if isinstance(value, list | tuple):
            value = {str(position): item for position, item in enumerate(value)}  # noqa: PLW2901 - a list is a mapping
        if isinstance(value, Mapping):
            yield from scalars(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{name}", float(value)
