"""Codecs of spaces whose samples all have one dtype and one shape: Box, MultiDiscrete, MultiBinary, Discrete."""

# ruff: noqa: D102 - `SpaceCodec` documents the methods

from __future__ import annotations

import array as machine_array
import json
import operator
import sys
from collections.abc import Sequence
from math import prod
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maze.core.arrow_arrays import number_array, numpy_array
from maze.core.recording.space_codecs.codec import Column, Packed, SpaceCodec

_LARGEST_LIST = 64  # elements; reading longer lists costs far more than reading the same values as binary
_LARGEST_PARQUET_FLOAT = 8  # bytes; neither Arrow nor Parquet has extended precision
_X87_MANTISSA = 63  # bits of the extended precision that has 10 bytes of value, the rest of its 12 or 16 being padding
_PICTURE_RANK, _MOST_CHANNELS = 3, 16
_dtype_of = attrgetter("dtype")


class ArrayCodec(SpaceCodec):
    """Records arrays of one dtype and shape (Box, MultiDiscrete, MultiBinary).

    In Arrow a sample of rank 0 is a number, one of 1 to 64 elements a list of numbers in C order (of variable length,
    because Parquet loses nulls among lists of fixed length), any other its little-endian bytes in C order. The bytes
    are `large_binary`, so that a block of frames may pass 2 GiB; in Parquet that is the same type as `binary`. Pictures
    with the channels last are stored channel by channel, which compresses faster and to a fraction: the metadata's
    `axes` are those of the sample in the order of storage.

    Args:
        dtype: Of the samples; columns have it in little-endian order.
        shape: Of one sample.
        accepted_kinds: Kinds of dtype (numpy's one-letter codes) that a space of integers takes samples of, provided
            that their values are kept. A space of floats takes all real kinds and rounds to its precision.
    """

    def __init__(self, dtype: np.dtype[Any], shape: tuple[int, ...], accepted_kinds: str = "biu") -> None:
        # By way of the string: the C types long and long long are one and the same to a reader.
        self.dtype: np.dtype[Any] = np.dtype(np.dtype(dtype).newbyteorder("<").str)
        self.shape = shape
        self._elements = prod(shape)
        self._row_bytes = self._elements * self.dtype.itemsize
        self._accepted_kinds = "biuf" if self.dtype.kind == "f" else accepted_kinds
        self._is_extended = self.dtype.kind == "f" and self.dtype.itemsize > _LARGEST_PARQUET_FLOAT
        self._is_binary = self._is_extended or (shape != () and not 1 <= self._elements <= _LARGEST_LIST)
        self._is_planar = (
            self.dtype == np.uint8 and len(shape) == _PICTURE_RANK and 1 < shape[-1] <= _MOST_CHANNELS < min(shape[:-1])
        )
        if self._is_binary:
            self.arrow_type = pa.large_binary()
        else:
            value_type = pa.from_numpy_dtype(self.dtype)
            self.arrow_type = value_type if shape == () else pa.list_(pa.field("element", value_type))

    @property
    def metadata(self) -> dict[str, str]:
        if self.shape == () and not self._is_binary:
            return {}
        axes = {"axes": "[2, 0, 1]"} if self._is_planar else {}
        return {"dtype": self.dtype.str, "shape": json.dumps(self.shape), **axes}

    def checked(self, sample: Any) -> Any:
        try:
            given = np.asarray(sample)
        except ValueError:  # ragged nested lists
            raise ValueError(self._mismatch(sample)) from None
        if given.shape != self.shape or given.dtype.kind not in self._accepted_kinds:
            raise ValueError(self._mismatch(sample))
        try:
            with np.errstate(over="raise", under="ignore", invalid="ignore"):
                converted = given.astype(self.dtype, order="C")
        except FloatingPointError:
            raise ValueError(f"{self._mismatch(sample)} with values beyond {self.dtype.name}") from None
        if self.dtype.kind != "f" and not np.array_equal(converted, given):
            raise ValueError(f"{self._mismatch(sample)} with values that {self.dtype.name} does not hold")
        return converted

    def stack(self, samples: Sequence[Any]) -> NDArray[Any]:
        count = len(samples)
        joined = self._joined_bytes(samples)
        if joined is None:
            column = np.empty((count, *self.shape), dtype=self.dtype)
            for index, sample in enumerate(samples):
                try:
                    column[index] = self.checked(sample)
                except ValueError as error:
                    raise ValueError(f"sample {index}: {error}") from error
        else:
            column = np.frombuffer(joined, self.dtype).reshape(count, *self.shape)
        return self._without_padding(column) if self._is_extended else column

    def pack(self, samples: Sequence[Any]) -> Packed:
        if self._row_bytes == 0:
            return self.stack(samples)  # bytes would not tell how many there are
        joined = None if self._is_extended else self._joined_bytes(samples)
        return self.stack(samples).tobytes() if joined is None else joined

    def unpack(self, packs: Sequence[Packed]) -> NDArray[Any]:
        if self._row_bytes == 0:
            return self.concatenate(packs)
        if self._is_planar:
            return self._by_channel([np.frombuffer(pack, np.uint8).reshape(-1, *self.shape) for pack in packs])
        return np.frombuffer(b"".join(packs), self.dtype).reshape(-1, *self.shape)

    def packed_bytes(self, packed: Packed) -> list[bytes | memoryview]:
        return [packed] if self._row_bytes else []

    def concatenate(self, columns: Sequence[Column]) -> NDArray[Any]:
        if len(columns) == 1:
            only: NDArray[Any] = columns[0]
            return only
        joined = np.concatenate([np.empty((0, *self.shape), dtype=self.dtype), *columns])
        return joined.astype(self.dtype, copy=False)

    def slice(self, column: Column, start: int, stop: int) -> NDArray[Any]:
        part: NDArray[Any] = column[start:stop]
        return part

    def count(self, column: Column) -> int:
        return len(column)

    def row(self, column: Column, index: int) -> Any:
        return column[index, ...]  # the dots give an array even where the rank is 0

    def to_arrow(self, column: Column) -> pa.Array:
        if self._is_binary:
            offsets = np.arange(len(column) + 1, dtype=np.int64) * self._row_bytes
            stored = np.moveaxis(column, -1, 1) if self._is_planar else column
            buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self._bytes(stored))]
            return pa.Array.from_buffers(self.arrow_type, len(column), buffers)
        values = number_array(np.ascontiguousarray(column).reshape(-1))
        if self.shape == ():
            return values
        if len(values) > np.iinfo(np.int32).max:
            raise ValueError(f"{len(values)} list items are too many for one block of rows: write it in several")
        offsets = np.arange(0, len(values) + 1, self._elements, dtype=np.int32)
        return pa.ListArray.from_arrays(number_array(offsets), values, type=self.arrow_type)

    def _from_arrow(self, array: pa.Array) -> NDArray[Any]:
        count = len(array)
        if self._is_binary:
            return self._from_binary(array)
        if self.shape != ():
            offsets = numpy_array(array.offsets)
            if (np.diff(offsets) != self._elements).any():
                raise ValueError(f"expected {self._elements} values in every list: data is damaged")
            array = array.values.slice(offsets[0], count * self._elements)
            if array.null_count:
                raise ValueError("found nulls inside lists of numbers: data is damaged")
        return numpy_array(array).astype(self.dtype, copy=False).reshape(count, *self.shape)

    def _from_binary(self, array: pa.Array) -> NDArray[Any]:
        count = len(array)
        if count * self._row_bytes == 0:
            return np.empty((count, *self.shape), dtype=self.dtype)
        _, offset_buffer, data = array.buffers()
        offsets = np.frombuffer(offset_buffer, dtype=np.int64)[array.offset : array.offset + count + 1]
        if (np.diff(offsets) != self._row_bytes).any():
            raise ValueError(f"expected {self._row_bytes} bytes in every value: data is damaged")
        flat = np.frombuffer(data, dtype=self.dtype, count=count * self._elements, offset=int(offsets[0]))
        if self._is_planar:
            height, width, channels = self.shape
            return np.ascontiguousarray(np.moveaxis(flat.reshape(count, channels, height, width), 1, -1))
        return flat.reshape(count, *self.shape)

    def _by_channel(self, columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Pictures one behind the other, in memory channel by channel as they are stored."""
        height, width, channels = self.shape
        stored = np.empty((sum(map(len, columns)), channels, height, width), np.uint8)
        np.concatenate([np.moveaxis(column, -1, 1) for column in columns], out=stored)
        return np.moveaxis(stored, 1, -1)

    def canonical_bytes(self, column: Column) -> list[bytes | memoryview]:
        return [self._bytes(column).data]

    def batch_count(self, batch: Any) -> int | None:
        return len(batch)

    def from_batch(self, batch: Any, count: int) -> NDArray[Any]:
        if len(batch) != count:
            raise ValueError(f"expected a batch of {count} samples, found {len(batch)}")
        return self.stack(list(batch))

    def to_batch(self, column: Column) -> NDArray[Any]:
        batch: NDArray[Any] = column
        return batch

    def _joined_bytes(self, samples: Sequence[Any]) -> bytes | None:
        """The bytes of all samples, if there are any and they may be taken as they are."""
        try:
            # Every dtype, because the bytes of an integer among floats of its size would silently become a float.
            if list(map(_dtype_of, samples)).count(self.dtype) == len(samples) and (
                samples[0].shape == samples[-1].shape == self.shape
            ):
                # Faster than np.concatenate, several times as fast as np.stack. It refuses what is not contiguous.
                joined = b"".join(samples)
                return joined if len(joined) == len(samples) * self._row_bytes != 0 else None
        except (AttributeError, IndexError, TypeError, ValueError, BufferError):
            pass
        return None

    def _bytes(self, column: NDArray[Any]) -> NDArray[np.uint8]:
        return np.ascontiguousarray(column).reshape(-1).view(np.uint8)

    def _without_padding(self, column: NDArray[Any]) -> NDArray[Any]:
        """Clear the padding of extended precision, which holds whatever was in memory before."""
        if np.finfo(self.dtype).nmant != _X87_MANTISSA or column.size == 0:
            return column
        cleared = column.copy()
        cleared.reshape(-1).view(np.uint8).reshape(-1, self.dtype.itemsize)[:, 10:] = 0
        return cleared

    def _mismatch(self, sample: Any) -> str:
        expected = f"expected {self.dtype.name} of shape {self.shape}"
        try:
            given = np.asarray(sample)
        except ValueError:
            return f"{expected}, found a ragged {type(sample).__name__}"
        if given.dtype.kind not in "biufc":
            return f"{expected}, found {type(sample).__name__} {sample!r:.80}"
        return f"{expected}, found {given.dtype.name} of shape {given.shape}"


class DiscreteCodec(ArrayCodec):
    """Records single integers (Discrete), given as Python's or numpy's; a row has the space's dtype."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        super().__init__(dtype, ())
        self._native_dtype = self.dtype.newbyteorder("=")
        self._is_native_int64 = self._native_dtype == np.int64 and sys.byteorder == "little"

    def checked(self, sample: Any) -> Any:
        try:
            value = operator.index(sample)
        except TypeError:
            raise ValueError(self._mismatch(sample)) from None
        limits = np.iinfo(self.dtype)
        if not limits.min <= value <= limits.max:
            raise ValueError(f"expected an integer of {self.dtype.name}, found {value}")
        return self.dtype.type(value)

    def stack(self, samples: Sequence[Any]) -> NDArray[Any]:
        try:
            # Unlike np.array and np.fromiter it refuses floats rather than to truncate them.
            values = machine_array.array(self._native_dtype.char, samples)
        except (TypeError, OverflowError):
            return super().stack(samples)
        if not values:
            return np.empty(0, dtype=self.dtype)
        return np.frombuffer(values, dtype=self._native_dtype).astype(self.dtype, copy=False)

    def pack(self, samples: Sequence[Any]) -> bytes:
        if self._is_native_int64:
            try:
                return machine_array.array("q", samples).tobytes()
            except (TypeError, OverflowError):
                pass
        return self.stack(samples).tobytes()

    def row(self, column: Column, index: int) -> np.integer[Any]:
        value: np.integer[Any] = column[index]
        return value
