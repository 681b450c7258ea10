"""Runs as CSV: a table of all decisions, one of the episodes, and one per kind of event."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from gymnasium import spaces
from pyarrow import csv

from maze.core.arrow_arrays import number_array, string_array
from maze.core.env.actor_id import StepKey
from maze.core.env.space_parts import parts_of
from maze.core.recording.recording import Recording
from maze.core.recording.space_codec import space_codec
from maze.factory import ConfigurationError
from maze.interop.exported_run import Space, counted, episode_table, rows_of, step_spaces, written_whole
from maze.interop.step_rows import StepRows, spread

MOST_COLUMNS = 2_000
"""A table with more is no table that anybody opens."""


def export_csv(recording: Recording, path: Path, numbers: Sequence[int]) -> str:
    """Write a folder of CSV tables, in which every number is exact.

    `steps.csv` has a row per decision, and one per final observation, without action and reward. Arrays are spread over
    columns such as `observation.0`; what varies in size is JSON in its cell. `spaces.json` tells dtypes and shapes.

    Args:
        recording: The run.
        path: The folder to make.
        numbers: Episodes to write.

    Returns:
        What was written, in words.

    Raises:
        ConfigurationError: If an observation has too many numbers for columns, or the folder cannot be made.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from maze import load, rollout
        >>> with TemporaryDirectory() as folder:
        ...     _ = rollout("CartPole-v1", n_episodes=1, run_dir=folder + "/run")
        ...     _ = export_csv(load(folder + "/run"), Path(folder, "tables"), [0])
        ...     with open(folder + "/tables/steps.csv") as file:
        ...         next(file)[:43]
        '"episode","step","time","step_key","agent_i'
    """
    kinds = step_spaces(recording)
    _check_width(kinds, recording)
    n_rows = 0
    with written_whole(path) as folder:
        folder.mkdir()
        writer = None
        for number in numbers:
            table = _steps(StepRows(recording[number]), kinds, is_flat=recording.schema.flat)
            writer = writer or csv.CSVWriter(folder / "steps.csv", table.schema)
            writer.write_table(table)
            n_rows += len(table)
        if writer is not None:
            writer.close()
        csv.write_csv(episode_table(recording, numbers), folder / "episodes.csv")
        for name in recording.event_names if recording.metadata["record_event_logs"] else []:
            csv.write_csv(_events(recording, name, numbers), folder / f"events_{name}.csv")
        names = ("observation_spaces", "action_spaces", "policy_output_spaces", "env", "policy")
        described = {name: recording.metadata.get(name) for name in names}
        (folder / "spaces.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    return f"{n_rows:,} rows of {counted(len(numbers))}"


def _steps(rows: StepRows, kinds: dict[str, dict[StepKey, Space]], *, is_flat: bool) -> pa.Table:
    columns = rows.place_columns()
    outcomes = rows.outcome_columns()
    for kind, by_key in kinds.items():
        for key, space in by_key.items():
            name = kind if is_flat else f"{kind}.{key}"
            values, present = rows.of(kind, key)
            columns |= dict(_columns(space, values, name, present))
    return pa.table(columns | outcomes)


def _columns(space: Space, column: Any, name: str, present: np.ndarray) -> Iterator[tuple[str, pa.Array]]:
    """The columns of a space, null on the rows that have none of it."""
    match space:
        case spaces.Box() | spaces.MultiDiscrete() | spaces.MultiBinary() | spaces.Discrete():
            for place in np.ndindex(space.shape or ()):
                values = column[(slice(None), *place)]
                if values.dtype == np.float16:
                    values = values.astype(np.float32)
                yield ".".join([name, *map(str, place)]), number_array(spread(values, present), present)
        case spaces.Dict(spaces=children):
            for key, child in children.items():
                yield from _columns(child, column[key], f"{name}.{key}", present)
        case spaces.Tuple(spaces=children):
            for index, child in enumerate(children):
                yield from _columns(child, column[index], f"{name}.{index}", present)
        case _:
            codec = space_codec(space)
            samples = [codec.row(column, index) for index in range(codec.count(column))]
            is_text = isinstance(space, spaces.Text)
            cells = iter(samples if is_text else [json.dumps(_jsonable(sample)) for sample in samples])
            yield name, string_array([next(cells) if here else None for here in present])


def _jsonable(sample: Any) -> Any:
    """A sample as JSON has it; a graph as its nodes, edges and links."""
    if isinstance(sample, np.ndarray | np.generic):
        return sample.tolist()
    if isinstance(sample, dict):
        return {str(key): _jsonable(value) for key, value in sample.items()}
    if isinstance(sample, spaces.GraphInstance):
        return {name: _jsonable(value) for name, value in sample._asdict().items()}
    return list(map(_jsonable, sample)) if isinstance(sample, tuple | list) else sample


def _events(recording: Recording, name: str, numbers: Sequence[int]) -> pa.Table:
    table = rows_of(recording.events(name), numbers, "episode").drop_columns("part")
    for position, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            cells = [None if value is None else json.dumps(value) for value in table.column(position).to_pylist()]
            table = table.set_column(position, field.name, string_array(cells))
    return table


def _check_width(kinds: dict[str, dict[StepKey, Space]], recording: Recording) -> None:
    names: list[str] = []
    for kind, by_key in kinds.items():
        for key, space in by_key.items():
            width = _width(space)
            if width > MOST_COLUMNS:
                what = kind.removesuffix("s").replace("_", " ")
                raise ConfigurationError(
                    f"CSV would need {width:,} columns for each {what} of {recording.run_dir}: export it --to hf"
                )
            name = kind if recording.schema.flat else f"{kind}.{key}"
            codec = space_codec(space)
            names += [name for name, _ in _columns(space, codec.stack([]), name, np.zeros(0, np.bool_))]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigurationError(f"two entries would be the column {twice!r} of a CSV table: export it --to hf")


def _width(space: Space) -> int:
    width = 0
    for _, part in parts_of(space):
        if isinstance(part, spaces.Box) and part.dtype == np.longdouble:
            raise ConfigurationError(
                f"CSV and Parquet hold no numbers of {part.dtype}, as {part} has: use Box of float64"
            )
        width += math.prod(part.shape or ())
    return width
