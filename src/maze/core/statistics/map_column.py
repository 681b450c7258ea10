"""A column of the episodes that maps names to values, seen name by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maze.core.arrow_arrays import number_array, numpy_array, validity

FEW_KEYS = 4096
"""Up to here Python tells names apart as fast as Arrow, whose compute functions take 30 ms to import."""


class MapEntries(NamedTuple):
    """The entries of one name, in no particular order."""

    positions: NDArray[np.int64]
    """Position of the episode, shape (m,)."""

    items: pa.Array[Any]
    """What each of these episodes has under the name, length m."""


def entries_by_name(column: pa.ChunkedArray[Any], positions: NDArray[np.int64]) -> Iterator[tuple[str, MapEntries]]:
    """Give the entries of each name of a map column, the names in alphabetical order, numbers by size.

    Args:
        column: Maps with string keys, one per row; null is an empty one.
        positions: What each row is called in the result, negative for rows to leave out; shape (rows,).

    Example:
        >>> column = pa.chunked_array([[{"a": 1.0}, {"b": 2.0, "a": 3.0}]], pa.map_(pa.string(), pa.float64()))
        >>> {name: entries.items.to_pylist() for name, entries in entries_by_name(column, np.array([0, 1]))}
        {'a': [1.0, 3.0], 'b': [2.0]}
    """
    if not pa.types.is_map(column.type):
        return
    names: dict[str, int] = {}
    codes, owners, items = [], [], []
    for chunk, chunk_positions in _chunks(column, positions):
        chunk_codes, chunk_owners, kept = _flatten(chunk, chunk_positions, names)
        codes.append(chunk_codes)
        owners.append(chunk_owners)
        items.append(kept)
    if not names:
        return
    flat_items = pa.chunked_array(items, column.type.item_type).combine_chunks()
    # As small as they go: numpy sorts integers of at most 16 bits in linear time.
    flat_codes, flat_owners = np.concatenate(codes).astype(np.min_scalar_type(len(names))), np.concatenate(owners)
    order = np.argsort(flat_codes, kind="stable")
    ends = np.cumsum(np.bincount(flat_codes, minlength=len(names)))
    starts = ends - np.diff(ends, prepend=0)
    for name in sorted(names, key=_natural):
        chosen = order[starts[names[name]] : ends[names[name]]]
        if len(chosen):
            items_of_name = flat_items if len(names) == 1 else flat_items.take(number_array(chosen))
            yield name, MapEntries(flat_owners[chosen], items_of_name)


def _chunks(
    column: pa.ChunkedArray[Any], positions: NDArray[np.int64]
) -> Iterator[tuple[pa.MapArray[Any, Any], NDArray[np.int64]]]:
    start = 0
    for chunk in column.chunks:
        yield chunk, positions[start : start + len(chunk)]
        start += len(chunk)


def _flatten(
    chunk: pa.MapArray[Any, Any], positions: NDArray[np.int64], names: dict[str, int]
) -> tuple[NDArray[np.uint32], NDArray[np.int64], pa.Array[Any]]:
    """Code of the name, position of the episode, and item, of each entry to keep; new names are added to `names`."""
    offsets = numpy_array(chunk.offsets)
    # `keys` and `items` are those of the whole buffer, of which a sliced array sees a part.
    seen = slice(int(offsets[0]), int(offsets[-1]))
    owners = np.repeat(np.where(validity(chunk), positions, -1), np.diff(offsets))
    codes, items = _codes(chunk.keys[seen], names), chunk.items[seen]
    keep = owners >= 0
    return (codes, owners, items) if keep.all() else (codes[keep], owners[keep], items.filter(number_array(keep)))


def _codes(keys: pa.Array[Any], names: dict[str, int]) -> NDArray[np.uint32]:
    """Code of each name; new ones are added to `names`."""
    if len(keys) <= FEW_KEYS:
        return np.array([names.setdefault(name, len(names)) for name in keys.to_pylist()], np.uint32)
    encoded = keys if pa.types.is_dictionary(keys.type) else keys.dictionary_encode()
    codes = np.array([names.setdefault(name, len(names)) for name in encoded.dictionary.to_pylist()], np.uint32)
    coded: NDArray[np.uint32] = codes[numpy_array(encoded.indices)]
    return coded


def _natural(name: str) -> tuple[bool, int, str]:
    return (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)
