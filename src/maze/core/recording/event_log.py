"""The event logs of a run, read back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa

from maze.core.arrow_arrays import numpy_array
from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.event import EpisodeEnded, Event
from maze.core.recording.event_schema import event_arrow_schema
from maze.core.recording.part_file import DamagedRecordingError, PartFile

_N_PLACE_COLUMNS = 7
"""Columns that say where an event happened; its fields are behind them."""

_OPEN_FILES, _BLOCKS_IN_MEMORY = 1024, 64


class RecordedEvent(NamedTuple):
    """Something that happened, and the decision in which it did."""

    step: int
    """Index of the decision in its episode; -1 for what happened in reset."""

    time: int
    """Rounds completed when the decision was taken."""

    actor_id: ActorID
    """Who had acted."""

    name: str
    """Name of the event's log."""

    event: Any
    """An instance of the event's class where that was given, else its fields as attributes."""


class EventLogs:
    """Everything in `event_logs/` that is committed.

    Args:
        run_dir: The run directory.
        parts: Names of the committed parts.
        step_keys: The step keys of the run by their names.

    Raises:
        DamagedRecordingError: From all methods, if a file is missing or damaged.
    """

    def __init__(self, run_dir: Path, parts: Collection[str], step_keys: Mapping[str, StepKey]) -> None:
        """See which logs there are."""
        self._folder, self._step_keys = run_dir / "event_logs", step_keys
        found = {
            log.name: sorted(file.stem for file in log.glob("*.parquet") if file.stem in parts)
            for log in sorted(self._folder.glob("*/"))
        }
        self.parts_by_log = {log: names for log, names in found.items() if names}
        self.file = lru_cache(_OPEN_FILES)(self._file)
        self._block = lru_cache(_BLOCKS_IN_MEMORY)(self._read_block)

    def find(self, event: str | type[Event]) -> str | None:
        """Name of the log of an event; None for a class of which no event happened.

        Raises:
            KeyError: If there is no log of that name.
        """
        if isinstance(event, type):
            return self._log_of_class(event)
        if event in self.parts_by_log:
            return event
        nearest = get_close_matches(event, self.parts_by_log, 1)
        advice = f"did you mean {nearest[0]!r}?" if nearest else f"it has {', '.join(self.parts_by_log) or 'none'}"
        raise KeyError(f"no event {event!r} in this run: {advice}")

    def tables(self, event: str | type[Event]) -> list[pa.Table]:
        """The parts of the log of an event; a table without rows for a class of which no event happened.

        Raises:
            KeyError: If there is no log of that name.
        """
        log = self.find(event)
        if log is None and isinstance(event, type):
            return [event_arrow_schema(event).empty_table()]
        return [self.file(log, part).read_all() for part in self.parts_by_log[log]] if log else []

    def of_episode(self, number: int, part: str, event: str | type[Event] | None) -> list[RecordedEvent]:
        """The events of an episode, in order, of one kind or all."""
        if event is None:
            return self._all_of_episode(number, part)
        log = self.find(event)
        if log is None:
            return []
        event_class = None if isinstance(event, str) else event
        return self.records(log, self._table_of_episode(log, number, part), event_class)

    def tables_of_episode(self, number: int, part: str) -> dict[str, pa.Table]:
        """The events of an episode as columns, in order, by the name of their log."""
        tables = {log: self._table_of_episode(log, number, part) for log in self.parts_by_log}
        tables = {log: table for log, table in tables.items() if len(table)}
        sequences = np.concatenate([np.empty(0, np.int64), *(numpy_array(t["sequence"]) for t in tables.values())])
        ended = tables.get(EpisodeEnded.__name__)
        # EpisodeEnded is the last event of each episode, so that its place tells how many others there have to be.
        if (np.sort(sequences) != np.arange(len(sequences))).any() or (
            ended is None or numpy_array(ended["sequence"])[-1] != len(sequences) - 1
        ):
            raise DamagedRecordingError(
                f"events of episode {number} are missing: there are {len(sequences)} in {self._folder}/*/{part}.parquet"
            )
        return tables

    def records(self, log: str, table: pa.Table, event_class: type[Event] | None = None) -> list[RecordedEvent]:
        """Rows of a log as events."""
        if not len(table):
            return []
        columns = [column.to_pylist() for column in table.columns]
        _, _, steps, times, names, agent_ids, _, *values = columns
        events = _events(event_class, table.column_names[_N_PLACE_COLUMNS:], values, len(table))
        actors = [ActorID(self._step_keys[name], agent) for name, agent in zip(names, agent_ids, strict=True)]
        return list(map(RecordedEvent, steps, times, actors, [log] * len(table), events))

    def _all_of_episode(self, number: int, part: str) -> list[RecordedEvent]:
        tables = self.tables_of_episode(number, part)
        found = [record for log, table in tables.items() for record in self.records(log, table)]
        sequences = np.concatenate([numpy_array(table["sequence"]) for table in tables.values()])
        return [found[position] for position in np.argsort(sequences).tolist()]

    def _table_of_episode(self, log: str, number: int, part: str) -> pa.Table:
        ranges = self.file(log, part).rows_of(number) if part in self.parts_by_log[log] else []
        blocks = [self._block(log, part, rows.row_group).slice(rows.start, rows.stop - rows.start) for rows in ranges]
        return pa.concat_tables(blocks) if blocks else pa.table({})

    def _log_of_class(self, event_class: type[Event]) -> str | None:
        qualified = f"{event_class.__module__}.{event_class.__qualname__}"
        classes = {log: self._class_of(log) for log in self.parts_by_log}
        same_name = [log for log, name in classes.items() if _unqualified(name) == event_class.__name__]
        exact = [log for log in same_name if classes[log] == qualified]
        # A script's own classes are of the module `__main__` while it runs, and of another when they are imported.
        moved = [log for log in same_name if "__main__" in (classes[log].split(".")[0], event_class.__module__)]
        return next(iter(exact or (moved if len(same_name) == 1 else [])), None)

    def _class_of(self, log: str) -> str:
        return self.file(log, self.parts_by_log[log][0]).event

    def _file(self, log: str, part: str) -> PartFile:
        return PartFile(self._folder / log / f"{part}.parquet")

    def _read_block(self, log: str, part: str, row_group: int) -> pa.Table:
        return self.file(log, part).read(row_group)


def _events(
    event_class: type[Event] | None, names: Sequence[str], columns: Sequence[Sequence[Any]], n: int
) -> list[Any]:
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)] if columns else [{}] * n
    if event_class is None:
        return [SimpleNamespace(**row) for row in rows]
    hints = get_type_hints(event_class)
    own = {field.name for field in fields(event_class)}  # type: ignore[arg-type]
    if own != set(names):
        raise ValueError(
            f"{event_class.__name__} has the fields {sorted(own)}, but recorded were {sorted(names)}: "
            f"ask for events({event_class.__name__!r}) by name"
        )
    return [_rebuilt(event_class, {name: _restored(value, hints[name]) for name, value in row.items()}) for row in rows]


def _rebuilt(event_class: type[Event], values: Mapping[str, Any]) -> Event:
    """An instance with the recorded values; its constructor does not run, for it might change or refuse them."""
    event = object.__new__(event_class)
    for name, value in values.items():
        object.__setattr__(event, name, value)
    return event


def _restored(value: Any, hint: Any) -> Any:
    """A recorded value in the type of its field: lists may have been tuples."""
    if not isinstance(value, list):
        return value
    if get_origin(hint) in {Union, UnionType}:
        hint = next(kind for kind in get_args(hint) if kind is not NoneType)
    items = [_restored(item, get_args(hint)[0]) for item in value]
    return tuple(items) if get_origin(hint) is tuple else items


def _unqualified(name: str) -> str:
    return name.rpartition(".")[2]
