from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from maze.core.statistics.map_column import entries_by_name

MAPS: Any = pa.map_(pa.string(), pa.float64())


def as_dict(column: pa.ChunkedArray[Any], positions: list[int]) -> dict[str, dict[int, float]]:
    return {
        name: dict(zip(entries.positions.tolist(), entries.items.to_pylist(), strict=True))
        for name, entries in entries_by_name(column, np.array(positions))
    }


def test_entries_of_several_chunks_are_brought_together_by_name() -> None:
    column = pa.chunked_array([[{"a": 1.0}, None, {}], [{"b": 2.0, "a": 3.0}]], MAPS)
    assert as_dict(column, [0, 1, 2, 3]) == {"a": {0: 1.0, 3: 3.0}, "b": {3: 2.0}}


def test_sliced_columns_give_only_what_the_slice_shows() -> None:
    column = pa.chunked_array([[{"x": 0.0}, {"a": 1.0}, {"a": 2.0}, {"y": 0.0}]], MAPS).slice(1, 2)
    assert as_dict(column, [0, 1]) == {"a": {0: 1.0, 1: 2.0}}


def test_rows_with_a_negative_position_are_left_out_and_so_are_names_that_only_they_have() -> None:
    column = pa.chunked_array([[{"a": 1.0}, {"a": 2.0, "b": 3.0}]], MAPS)
    assert as_dict(column, [0, -1]) == {"a": {0: 1.0}}


def test_names_come_in_alphabetical_order_and_numbers_by_size() -> None:
    column = pa.chunked_array([[{"b": 1.0, "10": 1.0, "9": 1.0, "a": 1.0}]], MAPS)
    assert list(as_dict(column, [0])) == ["9", "10", "a", "b"]


def test_names_may_be_dictionary_encoded() -> None:
    keys = pa.array(["a", "b", "a"]).dictionary_encode()
    maps: Any = pa.MapArray.from_arrays(pa.array([0, 1, 3], pa.int32()), keys, pa.array([1.0, 2.0, 3.0]))
    assert as_dict(pa.chunked_array([maps]), [0, 1]) == {"a": {0: 1.0, 1: 3.0}, "b": {1: 2.0}}


@pytest.mark.parametrize("column", [pa.chunked_array([], MAPS), pa.chunked_array([pa.nulls(2)])])
def test_columns_without_maps_have_no_names(column: pa.ChunkedArray[Any]) -> None:
    assert as_dict(column, [0] * len(column)) == {}
