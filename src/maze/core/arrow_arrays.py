"""Arrow arrays made of buffers: `pyarrow.array` imports pandas wherever it is installed, which takes 0.3 s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa


def number_array(values: np.ndarray, valid: np.ndarray | None = None) -> pa.Array:
    """Numbers or bools as an Arrow array, without a copy where there is no need for one.

    Args:
        values: Of any integer, float or bool dtype, shape (n,).
        valid: Which of them are not null, bool of shape (n,); None: all.

    Example:
        >>> number_array(np.array([1.5, 2.5]), np.array([True, False])).to_pylist()
        [1.5, None]
    """
    values = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    data = np.packbits(values, bitorder="little") if values.dtype == np.bool_ else values
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [bitmap, pa.py_buffer(data)])


def optional_number_array(values: Sequence[Any], dtype: Any) -> pa.Array:
    """Numbers or bools, null where there is None.

    Example:
        >>> optional_number_array([3, None], np.int64).to_pylist()
        [3, None]
    """
    if None not in values:
        return number_array(np.array(values, dtype))
    valid = np.array([value is not None for value in values])
    return number_array(np.array([0 if value is None else value for value in values], dtype), valid)


def string_array(values: Sequence[str | None]) -> pa.Array:
    """Strings, null where there is None.

    Example:
        >>> string_array(["a", None, "é"]).to_pylist()
        ['a', None, 'é']
    """
    encoded = [b"" if value is None else value.encode() for value in values]
    offsets = np.zeros(len(values) + 1, np.int32)
    offsets[1:] = np.cumsum(np.fromiter(map(len, encoded), np.int32, len(encoded)))
    bitmap = None
    if None in values:
        bitmap = pa.py_buffer(np.packbits([value is not None for value in values], bitorder="little"))
    buffers = [bitmap, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def repeated_string(value: str, count: int) -> pa.DictionaryArray:
    """One string over and over, as a dictionary array.

    Example:
        >>> repeated_string("part-a", 2).to_pylist()
        ['part-a', 'part-a']
    """
    return pa.DictionaryArray.from_arrays(number_array(np.zeros(count, np.int32)), string_array([value]))


def numpy_array(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Numbers or bools of an Arrow array or column, which has no nulls; read-only where they are not copied.

    Example:
        >>> numpy_array(number_array(np.array([True, False, True])).slice(1)).tolist()
        [False, True]
    """
    if isinstance(column, pa.ChunkedArray):
        if column.num_chunks == 1:
            return numpy_array(column.chunk(0))
        return np.concatenate([np.empty(0, column.type.to_pandas_dtype()), *map(numpy_array, column.chunks)])
    data, start, stop = column.buffers()[1], column.offset, column.offset + len(column)
    if data is None:
        return np.empty(0, column.type.to_pandas_dtype())
    if pa.types.is_boolean(column.type):
        return np.unpackbits(np.frombuffer(data, np.uint8), count=stop, bitorder="little")[start:].view(np.bool_)
    return np.frombuffer(data, column.type.to_pandas_dtype(), count=stop)[start:]


def float_array(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Numbers or bools of an Arrow array or column as float64 of shape (n,), NaN where they are null.

    Example:
        >>> float_array(optional_number_array([3, None], np.int64)).tolist()
        [3.0, nan]
    """
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if column.null_count:
        return np.where(validity(column), numpy_array(column), np.nan)
    return numpy_array(column).astype(np.float64, copy=False)


def validity(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Which entries are not null, bool of shape (n,).

    Example:
        >>> validity(string_array(["a", None])).tolist()
        [True, False]
    """
    if isinstance(column, pa.ChunkedArray):
        return np.concatenate([np.empty(0, np.bool_), *map(validity, column.chunks)])
    bitmap, start, stop = column.buffers()[0], column.offset, column.offset + len(column)
    if bitmap is None:
        return np.full(len(column), not column.null_count)
    return np.unpackbits(np.frombuffer(bitmap, np.uint8), count=stop, bitorder="little")[start:].view(np.bool_)
