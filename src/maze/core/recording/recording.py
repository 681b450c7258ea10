"""A recorded run, read back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from maze.core.arrow_arrays import number_array, numpy_array
from maze.core.env.actor_id import StepKey
from maze.core.env.event import Event
from maze.core.recording.committed_episodes import CommittedEpisodes, read_episode_parts
from maze.core.recording.content_hash import content_hash
from maze.core.recording.damage import (
    damaged_commits,
    damaged_event_logs,
    damaged_trajectories,
    repeated_episodes,
)
from maze.core.recording.decision_arrays import DecisionArrays, stack_decisions
from maze.core.recording.decision_block import DecisionBlock, EpisodeSegment
from maze.core.recording.episode import Episode
from maze.core.recording.episode_row import EpisodeRow
from maze.core.recording.event_log import EventLogs, RecordedEvent
from maze.core.recording.part_file import DamagedRecordingError, PartFile, RowRange, sorted_by_episode
from maze.core.recording.run_metadata import read_run_metadata, recorded_schema

if TYPE_CHECKING:
    from maze.core.statistics.statistics import Statistics

_OPEN_FILES = 1024
_FEWEST_BLOCKS, _MOST_BLOCKS = 4, 64


class Recording:
    """A run directory, read back: the episodes that are committed, in order of their numbers.

    Iteration gives the successful episodes; `recording[number]` gives any. Reading changes nothing, and works while the
    run goes on: `refresh` sees what was committed meanwhile.

    Args:
        run_dir: The run directory.

    Raises:
        FileNotFoundError: If it is no run directory; names the nearest.
        ValueError: If its `run.json` is damaged, or of a newer version.
    """

    def __init__(self, run_dir: str | PathLike[str]) -> None:
        """Read which episodes there are."""
        self.run_dir = Path(run_dir)
        self._tables: dict[str, pa.Table] = {}
        self.refresh()

    def refresh(self) -> None:
        """See what was committed since."""
        self.metadata: dict[str, Any] = read_run_metadata(self.run_dir)
        self.schema = recorded_schema(self.metadata)
        self._tables, self._damaged_commits = read_episode_parts(self.run_dir, self._tables)
        self._committed = CommittedEpisodes(self._tables)
        # In order of number, episodes come from the parts of all writers in turn; each has a block in memory then.
        n_writers = len({part.rpartition("-")[0] for part in self._tables})
        self._file = lru_cache(_OPEN_FILES)(self._trajectory_file)
        self._block = lru_cache(min(max(n_writers + 2, _FEWEST_BLOCKS), _MOST_BLOCKS))(self._decision_block)
        for name in ("_event_logs", "statistics", "content_hash", "damaged", "damaged_parts"):
            self.__dict__.pop(name, None)

    def __repr__(self) -> str:
        """Show where it is, and how many episodes it has."""
        return f"Recording({str(self.run_dir)!r}, n_episodes={len(self)})"

    def __len__(self) -> int:
        """Count the successful episodes."""
        return int(self._committed.has_succeeded.sum())

    def __iter__(self) -> Iterator[Episode]:
        """Give the successful episodes, in order of their numbers."""
        committed = self._committed
        for position in committed.has_succeeded.nonzero()[0].tolist():
            yield Episode(*committed.entry(position), self)

    def __getitem__(self, number: int) -> Episode:
        """Give the episode of a number; one that failed has an `error`."""
        position = self._committed.position(number)
        if position is None:
            raise KeyError(f"no episode {number} in {self.run_dir}: {self._what_there_is()}")
        return Episode(*self._committed.entry(position), self)

    def __contains__(self, number: object) -> bool:
        """Whether the episode of a number is committed, failed or not."""
        return isinstance(number, int) and self._committed.position(number) is not None

    @property
    def episodes(self) -> pa.Table:
        """All rows of `episodes/`, in order of number."""
        return self._committed.table

    @property
    def failed(self) -> list[EpisodeRow]:
        """What is known of the episodes that failed."""
        positions = (~self._committed.has_succeeded).nonzero()[0].tolist()
        return [self._committed.entry(position)[0] for position in positions]

    @cached_property
    def statistics(self) -> Statistics:
        """What the episodes say together, computed from `episodes`."""
        from maze.core.statistics.statistics import compute_statistics

        return compute_statistics(self.episodes)

    @cached_property
    def content_hash(self) -> str:
        """Hash of all successful episodes: equal for runs with equal episodes."""
        return content_hash(self.episodes)

    def trajectories(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Read all of `trajectory_data/`, sorted by episode and step; rows without a reward are final observations.

        Args:
            columns: Names of the columns to read; None: all.

        Raises:
            ValueError: If the run was recorded without trajectories.
            DamagedRecordingError: If a file is missing or damaged.
        """
        self._require_recorded("record_trajectory", "trajectories")
        needed = None if columns is None else list(dict.fromkeys([*columns, "episode", "part"]))
        nothing = self.schema.arrow_schema.empty_table()
        tables = [self._file(part).read_all(needed) for part in self._committed.successful_by_part]
        table = self._sorted([nothing if needed is None else nothing.select(needed), *tables])
        return table if columns is None else table.select(columns)

    def arrays(self, step_key: StepKey | None = None, numbers: Sequence[int] | None = None) -> DecisionArrays:
        """Read all decisions of one kind as stacked arrays.

        Args:
            step_key: The kind of decision; None: the only one there is.
            numbers: The episodes; None: all successful ones.

        Raises:
            KeyError: If there is no such step key, or no such episode.
            ValueError: If the run has several step keys and none was given, or was recorded without trajectories.
            DamagedRecordingError: If an episode cannot be read.
        """
        self._require_recorded("record_trajectory", "trajectories")
        if step_key is None:
            if len(self.schema.step_keys) > 1:
                raise ValueError(f"arrays() needs one of the step keys {self.schema.step_keys} of this run")
            step_key = self.schema.step_keys[0]
        chosen = self._numbers(numbers)
        stacked = stack_decisions(self._blocks(chosen), chosen, self.schema, step_key)
        n_decisions = self.episodes["n_decisions"].to_numpy()[self._committed.numbers.searchsorted(chosen)]
        if self.schema.flat and (np.diff(stacked.offsets) != n_decisions).any():
            raise DamagedRecordingError(f"{self.run_dir} lacks decisions: see `damaged`")
        return stacked

    @property
    def event_names(self) -> list[str]:
        """Names of the event logs, for `events`."""
        self._require_recorded("record_event_logs", "event logs")
        return list(self._event_logs.parts_by_log)

    def events(self, event: str | type[Event]) -> pa.Table:
        """Read the log of an event, in the order of the episodes and of what happened in them.

        Args:
            event: Its class or its name.

        Raises:
            KeyError: If there is no log of this name.
            ValueError: If the run was recorded without event logs.
            DamagedRecordingError: If a file is missing or damaged.
        """
        self._require_recorded("record_event_logs", "event logs")
        return self._sorted(self._event_logs.tables(event))

    @cached_property
    def damaged_parts(self) -> list[str]:
        """Which parts of `episodes/` cannot be read, and which episodes that costs; unlike `damaged`, at no cost."""
        return list(damaged_commits(self.run_dir, self._damaged_commits))

    @cached_property
    def damaged(self) -> list[str]:
        """What is missing or damaged, and which episodes it costs; empty if all is well. All files are read for it."""
        messages = [*self.damaged_parts, *repeated_episodes(self._committed)]
        if self.metadata["record_trajectory"]:
            files = {part: self._file(part) for part in self._committed.successful_by_part}
            messages += damaged_trajectories(self._committed, files)
        if self.metadata["record_event_logs"]:
            messages += damaged_event_logs(self._committed, self._event_logs, self.run_dir)
        return messages

    def row_ranges(self, row: EpisodeRow, part: str) -> list[RowRange]:
        """Find the decisions of an episode; `Episode` calls it."""
        self._require_success(row)
        self._require_recorded("record_trajectory", "trajectories")
        file = self._file(part)
        ranges = file.rows_of(row.number)
        if sum([stop - start for _, start, stop in ranges]) <= (row.n_decisions or 0):
            raise DamagedRecordingError(f"{file.path} is damaged: it lacks rows of episode {row.number}")
        return ranges

    def segment(self, part: str, rows: RowRange) -> EpisodeSegment:
        """Read decisions of an episode; `Episode` calls it."""
        return EpisodeSegment.of(self._block(part, rows.row_group), rows)

    def episode_events(self, row: EpisodeRow, part: str, event: str | type[Event] | None) -> list[RecordedEvent]:
        """Read the events of an episode; `Episode.events` calls it."""
        self._require_success(row)
        self._require_recorded("record_event_logs", "event logs")
        return self._event_logs.of_episode(row.number, part, event)

    def episode_event_tables(self, row: EpisodeRow, part: str) -> dict[str, pa.Table]:
        """Read the events of an episode as columns, by name: of very many, faster than `episode_events`."""
        self._require_success(row)
        self._require_recorded("record_event_logs", "event logs")
        return self._event_logs.tables_of_episode(row.number, part)

    def event_records(self, name: str, table: pa.Table) -> list[RecordedEvent]:
        """Rows of one of these tables as events."""
        return self._event_logs.records(name, table)

    @cached_property
    def _event_logs(self) -> EventLogs:
        step_keys = dict(zip(self.schema.names, self.schema.step_keys, strict=True))
        return EventLogs(self.run_dir, self._tables.keys(), step_keys)

    def _trajectory_file(self, part: str) -> PartFile:
        return PartFile(self.run_dir / "trajectory_data" / f"{part}.parquet", self.schema.arrow_schema)

    def _decision_block(self, part: str, row_group: int) -> DecisionBlock:
        return DecisionBlock(self._file(part), row_group, self.schema)

    def _sorted(self, tables: Sequence[pa.Table]) -> pa.Table:
        """One table of several parts, in order of episode, without rows of episodes that another part has."""
        table = sorted_by_episode(pa.concat_tables(tables, promote_options="default").unify_dictionaries())
        for number, part in self._committed.repeated:
            is_other = (numpy_array(table["episode"]) == number) & (np.array(table["part"].to_pylist()) == part)
            table = table.filter(number_array(~is_other))
        return table

    def _numbers(self, numbers: Sequence[int] | None) -> np.ndarray:
        """Numbers of the chosen episodes, ascending; None: of all successful ones."""
        if numbers is None:
            successful: np.ndarray = self._committed.numbers[self._committed.has_succeeded]
            return successful
        for number in numbers:
            self._require_success(self[number].row)
        return np.unique(np.array(numbers, np.int64))

    def _blocks(self, numbers: np.ndarray) -> Iterator[tuple[DecisionBlock, np.ndarray]]:
        """Row groups with decisions of the chosen episodes, each with the numbers of its part."""
        for part, of_part in self._committed.successful_by_part.items():
            file, wanted = self._file(part), np.intersect1d(of_part, numbers, assume_unique=True)
            for row_group in file.row_groups_of(wanted) if len(wanted) else []:
                yield DecisionBlock(file, row_group, self.schema), wanted

    def _require_recorded(self, key: str, what: str) -> None:
        if not self.metadata[key]:
            raise ValueError(f"{self.run_dir} was recorded without {what} ({key}=false): run it again with {key}=true")

    def _require_success(self, row: EpisodeRow) -> None:
        if row.error is not None:
            raise ValueError(f"episode {row.number} failed, nothing of it was kept: {row.error}")

    def _what_there_is(self) -> str:
        numbers = self._committed.numbers
        there_is = f"it has {len(numbers)} from {numbers[0]} to {numbers[-1]}" if len(numbers) else "it has none yet"
        lost = f", and {len(self._damaged_commits)} damaged parts (see `damaged`)" if self._damaged_commits else ""
        return f"{there_is} of {self.metadata.get('n_episodes_requested')} requested{lost}"
