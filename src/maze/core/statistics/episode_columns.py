"""The columns of a run's episodes by name, figures such as KPIs included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from maze.core.arrow_arrays import numpy_array, validity
from maze.core.statistics.map_column import entries_by_name
from maze.factory import suggest

FIGURES = ("info", "kpis", "metrics", "actor_returns")
"""Columns that are maps; each of their names is a column here, such as `kpis.scrap`."""

HIDDEN = ("traceback", "action_counts", "part")


class EpisodeColumns(Mapping[str, NDArray[Any]]):
    """One array per column, with an entry per episode.

    Of numbers float64, with NaN for what is missing, int64 where nothing is; of texts objects, with None.

    A figure is found by its own name, too, where no other has the same.

    Args:
        episodes: Rows of `episodes/`.

    Raises:
        KeyError: From `columns[name]`, if there is none; names the nearest.

    Example:
        >>> kpis = pa.array([[("scrap", 0.5)], []], pa.map_(pa.string(), pa.float64()))
        >>> columns = EpisodeColumns(pa.table({"number": [0, 1], "return": [2.0, None], "kpis": kpis}))
        >>> list(columns), columns["return"].tolist(), columns["scrap"].tolist()
        (['number', 'return', 'kpis.scrap'], [2.0, nan], [0.5, nan])
    """

    def __init__(self, episodes: pa.Table) -> None:
        """Keep the rows; columns are made when they are asked for."""
        self._episodes = episodes

    def __len__(self) -> int:
        """Number of columns."""
        return len(self._plain) + len(self._figures)

    def __iter__(self) -> Iterator[str]:
        """Names, those of the figures with their kind before them."""
        yield from self._plain
        yield from self._figures

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The entries of a column."""
        found = name if name in self._plain else self.full_name(name)
        return self._column(self._episodes[name]) if found in self._plain else self._figures[found]

    def __contains__(self, name: object) -> bool:
        """Whether there is a column of this full name."""
        return name in self._plain or name in self._figures

    def full_name(self, name: str) -> str:
        """What a column is called with its kind.

        Raises:
            KeyError: If there is none, or several could be meant.
        """
        if name in self:
            return name
        meant = [full for full in self._figures if full.partition(".")[2] == name]
        if len(meant) == 1:
            return meant[0]
        if meant:
            raise KeyError(f"{name!r} may be {' or '.join(meant)}: write which")
        short = [full.partition(".")[2] for full in self._figures]
        hint = suggest(name, [*self, *short]) or f": there are {', '.join(self)}"
        raise KeyError(f"there is no column {name!r}{hint}")

    @cached_property
    def _plain(self) -> list[str]:
        return [name for name in self._episodes.column_names if name not in (*FIGURES, *HIDDEN)]

    @cached_property
    def _figures(self) -> dict[str, NDArray[np.float64]]:
        found = {}
        rows = np.arange(len(self._episodes))
        for kind in FIGURES:
            if kind not in self._episodes.column_names:
                continue
            for name, (positions, items) in entries_by_name(self._episodes[kind], rows):
                values = np.full(len(rows), np.nan)
                numbers = pc.struct_field(items, [0]) if pa.types.is_struct(items.type) else items
                values[positions] = _numbers(numbers)
                found[f"{kind}.{name}"] = values
        return found

    def _column(self, column: pa.ChunkedArray[Any]) -> NDArray[Any]:
        if pa.types.is_string(column.type):
            return np.array([None, *column.to_pylist()], object)[1:]
        return _numbers(column)


def _numbers(column: Any) -> NDArray[Any]:
    if pa.types.is_integer(column.type) and not column.null_count:
        return numpy_array(column)  # of a seed every digit counts
    floats = column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
    floats = floats.cast(pa.float64(), safe=False)
    return np.where(validity(floats), numpy_array(floats), np.nan)
