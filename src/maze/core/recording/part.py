"""A part of a recording: whole episodes that become readable together, or not at all."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from maze.core.env.actor_id import ActorID
from maze.core.env.event import EpisodeEnded, Event
from maze.core.recording.episode_row import EpisodeRow, episodes_table
from maze.core.recording.event_block import EventBlock
from maze.core.recording.event_schema import (
    columns_to_batch,
    episode_ended_columns,
    event_arrow_schema,
    event_columns,
    recordable,
)
from maze.core.recording.trajectory_schema import PackedSegment, PackedSegments, TrajectorySchema
from maze.core.recording.write_behind import WriteBehind

EPISODE_ENDED_SCHEMA = event_arrow_schema(EpisodeEnded)
_EVENTS_PER_BLOCK = 16384
_EPISODES_PER_ROW_GROUP = 4096
_EPISODES_PER_BLOCK = 1024
"""Rows of `episodes/` that are kept as Python's objects, which need more memory than tables."""


class Part:
    """Whole episodes on their way to disk.

    Everything is written under temporary names; `commit` makes it readable, the file in `episodes/` last. Rows are
    written in blocks, never per episode.

    Args:
        run_dir: The run directory.
        name: Unique in the run.
        schema: The columns of the trajectories.
    """

    def __init__(self, run_dir: Path, name: str, schema: TrajectorySchema) -> None:
        """Begin an empty part; no file is opened before there is something to write."""
        self.name = name
        self.numbers: list[int] = []
        self._rows: list[EpisodeRow] = []
        self._tables: list[pa.Table] = []
        self._end_batches: list[pa.RecordBatch] = []
        self._run_dir, self._schema = run_dir, schema
        self._files: dict[Path, pq.ParquetWriter] = {}
        self._begun: list[Path] = []
        self._segments = PackedSegments()
        self._behind = WriteBehind()
        self._events: dict[type[Event], list[tuple[int, int, EventBlock]]] = {}
        self._n_events: Counter[type[Event]] = Counter()
        self._last_actors: list[ActorID] = []
        self._event_counts: list[int] = []
        self._event_schemas: dict[type[Event], pa.Schema] = {EpisodeEnded: EPISODE_ENDED_SCHEMA}
        self._event_files: dict[type[Event], pq.ParquetWriter] = {}

    def add_trajectory(self, number: int, packed: PackedSegment) -> None:
        """Add a stretch of an episode's rows."""
        self._segments.add(number, packed._replace(events=(), event_bytes=b"") if packed.event_bytes else packed)
        if self._segments.total_rows >= self._schema.block_rows:
            self._write_trajectories()

    def recordable_events(self, blocks: Sequence[EventBlock]) -> list[EventBlock]:
        """Events as `add_events` takes them.

        Raises:
            TypeError: If an event has a field that no column can hold, or a value of another type.
        """
        for block in blocks:
            if block.event_class not in self._event_schemas:
                self._event_schemas[block.event_class] = event_arrow_schema(block.event_class)
        return [recordable(block, self._event_schemas[block.event_class]) for block in blocks]

    def add_events(self, number: int, first_sequence: int, blocks: Sequence[EventBlock]) -> None:
        """Add a stretch of an episode's events, the first of which is the `first_sequence`-th of the episode."""
        for block in blocks:
            self._events.setdefault(block.event_class, []).append((number, first_sequence, block))
            self._n_events[block.event_class] += len(block.steps)
            if self._n_events[block.event_class] >= _EVENTS_PER_BLOCK:
                self._write_events(block.event_class)

    def add_episode(self, row: EpisodeRow, last_actor: ActorID | None = None, n_events: int = 0) -> None:
        """Add what is kept of an episode, and, where its last actor is given, the event that it has ended.

        A part has the last actors of all its episodes, or of none.
        """
        self.numbers.append(row.number)
        self._rows.append(row)
        if last_actor is not None:
            self._last_actors.append(last_actor)
            self._event_counts.append(n_events)
        if len(self._rows) >= _EPISODES_PER_BLOCK:
            self._gather_rows()

    def commit(self) -> list[int]:
        """Make the part readable, for good; what it returns are the numbers of its episodes.

        Raises:
            OSError: If the disk does not take it; nothing of the part is readable then.
        """
        if self._segments.numbers:
            self._write_trajectories()
        for event_class in list(self._events):
            self._write_events(event_class)
        if self._rows:
            self._gather_rows()
        if self._tables:
            self._write_rows()
        self._behind.wait()
        last = self._rows_path
        for path in [path for path in self._files if path != last] + [last]:
            self._files[path].close()
            publish(_temporary(path), path)
        self._files.clear()
        return self.numbers

    def discard(self) -> None:
        """Forget the part and remove what was written of it."""
        self._behind.stop()
        for file in self._files.values():
            with suppress(OSError):  # a full disk is the likely reason to discard, and the file goes now anyway
                file.close()
        for path in self._begun:
            _temporary(path).unlink(missing_ok=True)
        self._files.clear()

    @property
    def _rows_path(self) -> Path:
        return self._run_dir / "episodes" / f"{self.name}.parquet"

    def _write_trajectories(self) -> None:
        segments, self._segments = self._segments, PackedSegments()
        path = self._run_dir / "trajectory_data" / f"{self.name}.parquet"
        file = self._open(path, self._schema.arrow_schema)

        def write() -> None:
            file.write_batch(self._schema.to_batch(segments, self.name))

        if self._schema.has_large_rows:
            self._behind.start(write)
        else:  # small ones are too little to be worth a thread
            write()

    def _gather_rows(self) -> None:
        """Turn the latest rows, and the events that their episodes ended with, into tables."""
        table = episodes_table(self._rows, self.name)
        if self._last_actors:
            ended = episode_ended_columns(table, self._last_actors, self._event_counts)
            self._end_batches.append(columns_to_batch(ended, EPISODE_ENDED_SCHEMA, self.name))
        self._tables.append(table)
        self._rows, self._last_actors, self._event_counts = [], [], []
        if len(self._tables) * _EPISODES_PER_BLOCK >= _EPISODES_PER_ROW_GROUP:
            self._write_rows()

    def _write_rows(self) -> None:
        if self._end_batches:
            self._event_file(EpisodeEnded).write_table(pa.Table.from_batches(self._end_batches))
        table = pa.concat_tables(self._tables)
        self._open(self._rows_path, table.schema).write_table(table)
        self._tables, self._end_batches = [], []

    def _write_events(self, event_class: type[Event]) -> None:
        self._n_events[event_class] = 0
        columns = event_columns(self._events.pop(event_class), self._schema.names)
        batch = columns_to_batch(columns, self._event_schemas[event_class], self.name)
        self._event_file(event_class).write_batch(batch)

    def _event_file(self, event_class: type[Event]) -> pq.ParquetWriter:
        if event_class not in self._event_files:
            log = claim_event_log(self._run_dir / "event_logs", event_class, self.name)
            self._event_files[event_class] = self._open(log / f"{self.name}.parquet", self._event_schemas[event_class])
        return self._event_files[event_class]

    def _open(self, path: Path, schema: pa.Schema) -> pq.ParquetWriter:
        if path not in self._files:
            _make_folder(path.parent)
            self._begun.append(path)  # first, for an interrupt may come before the next line has ended
            self._files[path] = pq.ParquetWriter(_temporary(path), schema, **_encodings(schema))
        return self._files[path]


def publish(temporary: Path, path: Path) -> None:
    """Give a finished file its name, so that it is whole or absent even after a power cut."""
    _sync(temporary)
    temporary.rename(path)
    _sync(path.parent)


def claim_event_log(folder: Path, event_class: type[Event], claimant: str) -> Path:
    """Folder of an event's log; where another class of that name came first, it is named by the qualified name."""
    qualified = f"{event_class.__module__}.{event_class.__qualname__}".replace("<locals>", "locals")
    log = folder / event_class.__name__
    _make_folder(log)
    claim = log / f".{claimant}.tmp"
    try:
        claim.write_text(qualified)
        os.link(claim, log / ".event")
    except FileExistsError:
        if (log / ".event").read_text() != qualified:
            return folder / qualified
    finally:
        claim.unlink(missing_ok=True)
    return log


def _make_folder(folder: Path) -> None:
    """Make a folder that is there even after a power cut."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")  # the dot hides it from readers of the whole folder


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """Encodings that suit the columns: runs for names, differences for counters, split bytes for measurements."""
    leaves = [leaf for field in schema for leaf in _leaves(field.name, field.type)]
    names = [path for path, kind in leaves if pa.types.is_dictionary(kind) or pa.types.is_string(kind)]
    encodings = {path: "DELTA_BINARY_PACKED" for path, kind in leaves if kind in {pa.int64(), pa.int32()}}
    encodings |= {path: "BYTE_STREAM_SPLIT" for path, kind in leaves if kind in {pa.float64(), pa.float32()}}
    return {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": names,
        "column_encoding": {path: encoding for path, encoding in encodings.items() if path not in names},
        "write_statistics": ["episode", "number"],
        "write_page_checksum": True,
    }


def _leaves(path: str, kind: pa.DataType) -> list[tuple[str, pa.DataType]]:
    if pa.types.is_struct(kind):
        return [leaf for child in kind for leaf in _leaves(f"{path}.{child.name}", child.type)]
    if pa.types.is_map(kind):
        keys, items = f"{path}.key_value.key", f"{path}.key_value.value"
        return [*_leaves(keys, kind.key_type), *_leaves(items, kind.item_type)]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _leaves(f"{path}.list.element", kind.value_type)  # the name that Parquet prescribes
    return [(path, kind)]
