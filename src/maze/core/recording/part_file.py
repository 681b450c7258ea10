"""A Parquet file of a committed part: which of its rows belong to which episode."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from maze.core.arrow_arrays import number_array, numpy_array


class DamagedRecordingError(Exception):
    """A file of a recording is missing or damaged."""


class RowRange(NamedTuple):
    """Consecutive rows of one row group."""

    row_group: int
    start: int
    stop: int


class PartFile:
    """Rows of several episodes, each episode's in order and side by side; checksums are verified as they are read.

    The file is open only while it is read, because a run may have very many.

    Args:
        path: Where it is.
        expected: Columns that it must have, if they are known.
    """

    def __init__(self, path: Path, expected: pa.Schema | None = None) -> None:
        """Remember the path; nothing is read yet."""
        self.path = path
        self._expected = expected
        self._footer: pq.FileMetaData | None = None

    def read(self, row_group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Read columns of a row group; None: all of them.

        Raises:
            DamagedRecordingError: If the file is missing or damaged.
        """
        with self._opened() as file:
            return self._validated(lambda: file.read_row_group(row_group, columns=columns, use_threads=False))

    def read_all(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Read columns of all rows; None: all columns.

        Raises:
            DamagedRecordingError: If the file is missing or damaged.
        """
        with self._opened() as file:
            return self._validated(lambda: file.read(columns=columns, use_threads=False))

    def rows_of(self, episode: int) -> list[RowRange]:
        """Where the rows of an episode are; empty if they are not here.

        Raises:
            DamagedRecordingError: If the file is missing or damaged.
        """
        episodes, ranges = self._runs
        first = episodes.searchsorted(episode)
        found = []
        while first < len(episodes) and episodes[first] == episode:
            found.append(RowRange(*ranges[first].tolist()))
            first += 1
        return found

    def row_groups_of(self, episodes: np.ndarray) -> list[int]:
        """Row groups with rows of some of these episodes."""
        of_ranges, ranges = self._runs
        row_groups: list[int] = np.unique(ranges[np.isin(of_ranges, episodes), 0]).tolist()
        return row_groups

    @property
    def episodes(self) -> list[int]:
        """Numbers of all episodes that have rows here, in ascending order."""
        numbers: list[int] = np.unique(self._runs[0]).tolist()
        return numbers

    def damaged_episodes(self) -> tuple[str, list[int] | None]:
        """Read everything; what is wrong, and the numbers of the episodes whose rows cannot be read.

        Returns:
            A message, empty if all is well, and the numbers, None if the damage is such that they are all.
        """
        try:
            episodes, ranges = self._runs
        except DamagedRecordingError as error:
            return str(error), None
        message, lost = "", set()
        for row_group in range(self.metadata.num_row_groups):
            try:
                self.read(row_group)
            except DamagedRecordingError as error:
                message = str(error)
                lost.update(episodes[ranges[:, 0] == row_group].tolist())
        return message, sorted(lost)

    @cached_property
    def metadata(self) -> pq.FileMetaData:
        """The file's footer."""
        with self._opened() as file:
            return file.metadata

    @cached_property
    def event(self) -> str:
        """Qualified name of the event class, in the file of an event log."""
        written: dict[bytes, bytes] = self.metadata.metadata or {}
        return written.get(b"event", b"").decode()

    @cached_property
    def _runs(self) -> tuple[np.ndarray, np.ndarray]:
        """Episode of each range of rows, ascending, and the ranges, int64 of shape (n, 3)."""
        metadata = self.metadata
        episodes = numpy_array(self.read_all(["episode"])["episode"])
        group_starts = np.cumsum([0, *(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups))])
        if len(episodes) != group_starts[-1]:
            raise DamagedRecordingError(f"{self.path} is damaged: the numbers of its rows differ")
        changes = np.flatnonzero(np.diff(episodes)) + 1
        starts = np.unique(np.concatenate([[0], changes, group_starts[:-1]]))[: len(episodes)]
        stops = np.append(starts[1:], len(episodes))
        groups = np.searchsorted(group_starts, starts, side="right") - 1
        ranges = np.stack([groups, starts - group_starts[groups], stops - group_starts[groups]], axis=1)
        order = np.argsort(episodes[starts], kind="stable")
        return episodes[starts][order], ranges[order]

    def _opened(self) -> pq.ParquetFile:
        # Of a file with many row groups, most of the time goes into reading the footer: it is read once.
        file = self._checked(lambda: pq.ParquetFile(self.path, metadata=self._footer, page_checksum_verification=True))
        # Footers have no checksum, but they say twice what the columns are.
        expected = self._checked(lambda: _schema_of_writer(file)) if self._expected is None else self._expected
        if not file.schema_arrow.equals(expected):
            file.close()
            raise DamagedRecordingError(f"{self.path} is damaged: its columns are not those that were written")
        self._footer = file.metadata
        return file

    def _validated(self, read: Callable[[], pa.Table]) -> pa.Table:
        table = self._checked(read)
        # Headers of pages have no checksum either; damage there gives tables that are inconsistent.
        self._checked(lambda: table.validate(full=True))
        return table

    def _checked(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except FileNotFoundError:
            raise DamagedRecordingError(f"{self.path} is missing") from None
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:  # Arrow's words for damage
            raise DamagedRecordingError(f"{self.path} is damaged: {str(error).splitlines()[0]}") from None


def _schema_of_writer(file: pq.ParquetFile) -> pa.Schema:
    return pa.ipc.read_schema(pa.py_buffer(b64decode(file.metadata.metadata[b"ARROW:schema"])))


def sorted_by_episode(table: pa.Table, column: str = "episode") -> pa.Table:
    """Rows in order of the episode's number, which a column has; those of one episode keep their order.

    Example:
        >>> sorted_by_episode(pa.table({"episode": [1, 0, 0], "step": [0, 0, 1]})).to_pydict()
        {'episode': [0, 0, 1], 'step': [0, 1, 0]}
    """
    order = np.argsort(numpy_array(table[column]), kind="stable")
    return table if (order[1:] > order[:-1]).all() else table.take(number_array(order))
