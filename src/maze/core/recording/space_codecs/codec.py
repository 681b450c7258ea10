"""What every codec offers: samples of one space as columns, as Arrow arrays and as bytes to hash."""

# ruff: noqa: D102 - `SpaceCodec` documents the methods

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maze.core.arrow_arrays import number_array

Column: TypeAlias = Any
Packed: TypeAlias = Any
"""n samples of a space: an array of shape (n, *shape) for Box, Discrete, MultiDiscrete and MultiBinary, a dict of
columns for Dict, a tuple of columns for Tuple, and a plain list of the samples for all else (an empty Dict or Tuple
included, whose column would otherwise not know its length). Arrays are little-endian, in C order, may be read-only."""


class SpaceCodec(ABC):
    """Records the samples of one space without loss: stacked in memory, as Arrow in files, as bytes for the hash.

    gymnasium batches the items of a stacked Sequence and of a Graph in a form of its own, in which what we keep as a
    list is a tuple; `to_batch` and `from_batch` translate.
    """

    arrow_type: pa.DataType
    """The type of the arrays that `to_arrow` gives."""

    @property
    def metadata(self) -> dict[str, str]:
        """What the Arrow type does not tell of the samples: numpy's name of the dtype and the shape, as JSON."""
        return {}

    def field(self, name: str) -> pa.Field:
        """The Arrow field of a column, with the metadata; fields inside it carry theirs."""
        return pa.field(name, self.arrow_type, nullable=True, metadata=self.metadata or None)

    @abstractmethod
    def checked(self, sample: Any) -> Any:
        """One sample in the exact form of the space (dtype, byte order, type), never sharing memory with the given one.

        Raises:
            ValueError: The sample is not of the space's form; says what was expected and what was found. Bounds are
                not checked: a sample outside them is recorded as it is.
        """

    @abstractmethod
    def stack(self, samples: Sequence[Any]) -> Column:
        """Put samples, as an environment or a policy gave them, into a column that shares no memory with them.

        Raises:
            ValueError: A sample is not of the space's form; says which.
        """

    def pack(self, samples: Sequence[Any]) -> Packed:
        """Check samples and put them into the form that costs least; `unpack` makes columns of many such at once.

        Raises:
            ValueError: As `stack`.
        """
        return self.stack(samples)

    def unpack(self, packs: Sequence[Packed]) -> Column:
        """Column of all samples of several packs."""
        return self.concatenate(packs)

    def packed_bytes(self, packed: Packed) -> list[bytes | memoryview]:
        """Bytes that the hash of an episode is fed with, as `canonical_bytes` of the unpacked column."""
        return self.canonical_bytes(packed)

    @abstractmethod
    def concatenate(self, columns: Sequence[Column]) -> Column:
        """Join columns end to end."""

    @abstractmethod
    def slice(self, column: Column, start: int, stop: int) -> Column:
        """The samples from start up to, not including, stop."""

    @abstractmethod
    def count(self, column: Column) -> int:
        """The number of samples in a column."""

    @abstractmethod
    def row(self, column: Column, index: int) -> Any:
        """One sample in the form that the space contains; its arrays are views of the column."""

    @abstractmethod
    def to_arrow(self, column: Column) -> pa.Array:
        """The column as an Arrow array of `arrow_type`, without a copy where the memory layouts agree."""

    def from_arrow(self, array: pa.Array | pa.ChunkedArray) -> Column:
        """The column that `to_arrow` was given.

        Args:
            array: Of `arrow_type`; whole or a slice, without nulls at its top level.

        Raises:
            ValueError: The array is of another type or its content does not fit the space.
        """
        if not array.type.equals(self.arrow_type):
            raise ValueError(f"expected Arrow type {self.arrow_type}, found {array.type}: it is of another space")
        if array.null_count:
            raise ValueError(f"found {array.null_count} nulls in a column of {len(array)}: drop them first")
        if isinstance(array, pa.ChunkedArray):
            return self.concatenate([self._from_arrow(chunk) for chunk in array.chunks])
        return self._from_arrow(array)

    @abstractmethod
    def _from_arrow(self, array: pa.Array) -> Column:
        """`from_arrow` for one array that has been checked."""

    @abstractmethod
    def canonical_bytes(self, column: Column) -> list[bytes | memoryview]:
        """The bytes that stand for the column in an episode's hash: the same on every machine and in every version.

        For a given number of samples, different columns have different bytes, so whoever feeds a hash with several
        columns feeds the number once. Floats count bit for bit: -0.0 is not 0.0.
        """

    @abstractmethod
    def batch_count(self, batch: Any) -> int | None:
        """The number of samples in gymnasium's batch; None if it does not tell (a batch of empty Dicts or Tuples)."""

    @abstractmethod
    def from_batch(self, batch: Any, count: int) -> Column:
        """The column of the count samples in gymnasium's batch, sharing no memory with it."""

    @abstractmethod
    def to_batch(self, column: Column) -> Any:
        """The column in the form of gymnasium's batch."""


class ListCodec(SpaceCodec):
    """A codec whose columns are plain lists of samples, because the samples vary in size or kind."""

    def stack(self, samples: Sequence[Any]) -> list[Any]:
        column = []
        for index, sample in enumerate(samples):
            try:
                column.append(self.checked(sample))
            except ValueError as error:
                raise ValueError(f"sample {index}: {error}") from error
        return column

    def concatenate(self, columns: Sequence[Column]) -> list[Any]:
        return list(chain.from_iterable(columns))

    def slice(self, column: Column, start: int, stop: int) -> list[Any]:
        part: list[Any] = column[start:stop]
        return part

    def count(self, column: Column) -> int:
        return len(column)

    def row(self, column: Column, index: int) -> Any:
        return column[index]

    def batch_count(self, batch: Any) -> int | None:
        return len(batch)

    def from_batch(self, batch: Any, count: int) -> list[Any]:
        if len(batch) != count:
            raise ValueError(f"expected a batch of {count} samples, found {len(batch)}")
        return self.stack(batch)

    def to_batch(self, column: Column) -> tuple[Any, ...]:
        return tuple(column)


def list_array(item_codec: SpaceCodec, columns: Sequence[Column | None]) -> pa.ListArray:
    """An Arrow list array with one entry per column of items; None becomes a null.

    >>> from gymnasium import spaces
    >>> from maze.core.recording.space_codec import space_codec
    >>> list_array(space_codec(spaces.Discrete(9)), [np.array([1, 2]), None, np.array([], dtype=np.int64)]).to_pylist()
    [[1, 2], None, []]
    """
    present = [column for column in columns if column is not None]
    offsets = list_offsets([0 if column is None else item_codec.count(column) for column in columns])
    values = item_codec.to_arrow(item_codec.concatenate(present))
    mask = None if len(present) == len(columns) else number_array(np.array([column is None for column in columns]))
    return pa.ListArray.from_arrays(offsets, values, type=list_type(item_codec), mask=mask)


def list_type(item_codec: SpaceCodec) -> pa.ListType:
    """The Arrow type of lists of a codec's samples; "element" is the name that Parquet prescribes."""
    return pa.list_(item_codec.field("element"))


def columns_of_lists(item_codec: SpaceCodec, array: pa.ListArray) -> list[Column | None]:
    """The columns of items that `list_array` was given."""
    offsets = array.offsets.to_numpy()
    items = item_codec.from_arrow(array.values.slice(offsets[0], offsets[-1] - offsets[0]))
    stops = (offsets - offsets[0]).tolist()
    parts: list[Column | None] = [item_codec.slice(items, start, stop) for start, stop in pairwise(stops)]
    if array.null_count:
        parts = [part if is_valid else None for part, is_valid in zip(parts, array.is_valid().to_pylist(), strict=True)]
    return parts


def list_offsets(lengths: Sequence[int] | NDArray[np.int64]) -> pa.Array:
    """Arrow's offsets of lists with the given lengths.

    Raises:
        ValueError: There are more items than one list array can address.
    """
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    if offsets[-1] > np.iinfo(np.int32).max:
        raise ValueError(f"{offsets[-1]} list items are too many for one block of rows: write it in several")
    return number_array(offsets.astype(np.int32))


def integer_bytes(values: Sequence[int]) -> bytes:
    """Integers as canonical bytes, eight little-endian each.

    >>> integer_bytes([1, -1]).hex()
    '0100000000000000ffffffffffffffff'
    """
    return np.array(values, dtype="<i8").tobytes()
