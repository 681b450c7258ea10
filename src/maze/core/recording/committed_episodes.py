"""The rows of `episodes/`, read back: which episodes a run has, and in which part each is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from maze.core.arrow_arrays import number_array, numpy_array, validity
from maze.core.env.event import MetricValue
from maze.core.recording.episode_row import EPISODES_SCHEMA, EpisodeRow
from maze.core.recording.part_file import DamagedRecordingError, PartFile

_ROWS_PER_BLOCK, _BLOCKS_IN_MEMORY = 1024, 8


class CommittedEpisodes:
    """All episodes that are committed, the failed ones included, by number.

    Args:
        tables: The rows of each part, by its name.

    Example:
        >>> from maze.core.recording.episode_row import episodes_table
        >>> table = episodes_table([EpisodeRow(5, 1, 2), EpisodeRow(3, 4, 5)], "part-a")
        >>> episodes = CommittedEpisodes({"part-a": table})
        >>> episodes.numbers.tolist(), episodes.position(5), episodes.entry(0)[0].env_seed
        ([3, 5], 1, 4)
    """

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        """Sort the rows; where a number occurs twice, a success goes first, then the first part by name."""
        names = sorted(tables)
        # An empty table, as much else in Arrow, imports pandas where it is installed.
        rows = pa.concat_tables([tables[name] for name in names]) if names else EPISODES_SCHEMA.empty_table()
        has_failed = validity(rows["error"])
        numbers = numpy_array(rows["number"])
        if not (numbers[1:] > numbers[:-1]).all():  # else they are in order, and once is enough in memory
            rows = rows.take(number_array(np.lexsort((has_failed, numbers)))).combine_chunks()
            numbers, has_failed = numpy_array(rows["number"]), validity(rows["error"])
        is_repeated = np.append(False, numbers[1:] == numbers[:-1])[: len(numbers)]
        left_out = np.flatnonzero(is_repeated & ~has_failed).tolist()
        self.repeated: list[tuple[int, str]] = [(int(numbers[row]), rows["part"][row].as_py()) for row in left_out]
        """Number and part of each successful episode that is left out, because another part has that number."""
        self.table = rows.filter(number_array(~is_repeated)) if is_repeated.any() else rows
        self.numbers: np.ndarray = numpy_array(self.table["number"])
        self.has_succeeded: np.ndarray = ~validity(self.table["error"])
        self._block = lru_cache(_BLOCKS_IN_MEMORY)(self._read_block)

    @cached_property
    def successful_by_part(self) -> dict[str, np.ndarray]:
        """Numbers of the successful episodes of each part that has some, ascending, int64; the parts in order."""
        parts = self.table["part"].combine_chunks().dictionary_encode()
        codes = numpy_array(parts.indices)
        numbers = {
            part: self.numbers[(codes == code) & self.has_succeeded]
            for code, part in enumerate(parts.dictionary.to_pylist())
        }
        return {part: numbers[part] for part in sorted(numbers) if len(numbers[part])}

    def position(self, number: int) -> int | None:
        """Where the episode of a number stands; None if it is not committed."""
        position = int(self.numbers.searchsorted(number))
        return position if position < len(self.numbers) and self.numbers[position] == number else None

    def entry(self, position: int) -> tuple[EpisodeRow, str]:
        """What is known of the episode at a position, and the name of its part."""
        return self._block(position // _ROWS_PER_BLOCK)[position % _ROWS_PER_BLOCK]

    def _read_block(self, block: int) -> list[tuple[EpisodeRow, str]]:
        table = self.table.slice(block * _ROWS_PER_BLOCK, _ROWS_PER_BLOCK)
        columns = {name: table[name].to_pylist() for name in table.column_names}
        for name in ("info", "kpis", "action_counts", "actor_returns"):
            columns[name] = list(map(dict, columns[name]))
        columns["metrics"] = [_metrics(entries) for entries in columns["metrics"]]
        columns["episode_return"] = columns.pop("return")
        rows = map(EpisodeRow, *(columns[name] for name in EpisodeRow._fields))
        return list(zip(rows, columns["part"], strict=True))


def read_episode_parts(
    run_dir: Path, known: Mapping[str, pa.Table]
) -> tuple[dict[str, pa.Table], dict[str, DamagedRecordingError]]:
    """Read the parts of `episodes/`: their rows, and what is wrong with those that are damaged, both by name.

    Args:
        run_dir: The run directory.
        known: Parts that were read before; they never change.
    """
    tables, damage = {}, {}
    for path in sorted((run_dir / "episodes").glob("*.parquet")):
        try:
            if path.stem in known:
                tables[path.stem] = known[path.stem]
            else:
                file = PartFile(path, EPISODES_SCHEMA)
                # One after the other: all at once, they take three times the memory.
                groups = [file.read(row_group) for row_group in range(file.metadata.num_row_groups)]
                tables[path.stem] = pa.concat_tables(groups or [file.read_all()])
        except DamagedRecordingError as error:
            damage[path.stem] = error
    return tables, damage


def number_ranges(numbers: Iterable[int]) -> str:
    """Numbers of episodes in words.

    Example:
        >>> number_ranges([7, 3, 8, 9])
        'episodes 3, 7-9'
        >>> number_ranges([5])
        'episode 5'
    """
    ordered: Sequence[int] = sorted(set(numbers))
    stretches: list[list[int]] = []
    for number in ordered:
        if stretches and number == stretches[-1][-1] + 1:
            stretches[-1].append(number)
        else:
            stretches.append([number])
    words = [str(s[0]) if len(s) == 1 else f"{s[0]}-{s[-1]}" for s in stretches]
    return f"episode{'s' if len(ordered) > 1 else ''} {', '.join(words)}"


def _metrics(entries: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, MetricValue]:
    return {name: MetricValue(**figure) for name, figure in entries}
