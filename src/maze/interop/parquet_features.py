"""Spaces as columns for the library `datasets` of Hugging Face: Arrow arrays, and the features that describe them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from gymnasium import spaces

from maze.core.arrow_arrays import number_array, string_array
from maze.factory import ConfigurationError
from maze.interop.exported_run import Space
from maze.interop.png import is_png_shape, png

SMALLEST_PICTURE = 8
"""Pixels of a side; a uint8 array that is smaller is no picture."""

PICTURE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class FeatureColumn(NamedTuple):
    """A column, and what `datasets` has to know of it."""

    array: pa.Array
    feature: dict[str, Any]


def feature_column(space: Space, column: Any, form: str = "a Hugging Face dataset") -> FeatureColumn:
    """A column of samples: pictures as PNG, arrays as nested lists of fixed lengths, the entries of a Dict by name.

    Args:
        space: Of the samples.
        column: As the codec of the space has it.
        form: Name of the format, for the message.

    Raises:
        ConfigurationError: If there is no feature for the space.

    Example:
        >>> array, feature = feature_column(spaces.Discrete(3), np.array([2, 0]))
        >>> array.to_pylist(), feature
        ([2, 0], {'dtype': 'int64', '_type': 'Value'})
    """
    match space:
        case spaces.Box() if is_picture(space):
            encoded = [{"bytes": png(picture), "path": None} for picture in column]
            return FeatureColumn(pa.array(encoded, PICTURE_TYPE, from_pandas=False), {"_type": "Image"})
        case spaces.Box(dtype=dtype) if dtype == np.longdouble:
            raise ConfigurationError(f"{form} holds no numbers of {dtype}, as {space} has: use Box of float64")
        case spaces.Box() | spaces.MultiDiscrete() | spaces.MultiBinary() | spaces.Discrete():
            return _numbers(column, tuple(space.shape or ()))
        case spaces.Text():
            return FeatureColumn(string_array(column), {"dtype": "string", "_type": "Value"})
        case spaces.Dict(spaces=children) if children:
            return _record({str(key): feature_column(child, column[key], form) for key, child in children.items()})
        case spaces.Tuple(spaces=children) if children:
            parts = enumerate(zip(children, column, strict=True))
            return _record({str(index): feature_column(child, part, form) for index, (child, part) in parts})
    raise ConfigurationError(f"{form} holds no {type(space).__name__} such as {space}: export it --to csv")


def is_picture(space: Space) -> bool:
    """Whether samples of a space are pictures, as far as its dtype and shape tell."""
    if not isinstance(space, spaces.Box) or space.dtype != np.uint8 or not is_png_shape(space.shape):
        return False
    return min(space.shape[:2]) >= SMALLEST_PICTURE


def with_features(table: pa.Table, features: Mapping[str, Any]) -> pa.Table:
    """A table that tells `datasets` the features of its columns; those that are not given are told by Arrow."""
    known = {name: features.get(name) or plain_feature(table.schema.field(name).type) for name in table.column_names}
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": known}})})


def plain_feature(kind: pa.DataType) -> Any:
    """The feature of a column of numbers or texts, or of lists and records of them."""
    if pa.types.is_dictionary(kind):
        return plain_feature(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return {"feature": plain_feature(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {field.name: plain_feature(field.type) for field in kind}
    names = {"double": "float64", "float": "float32", "halffloat": "float16"}
    return {"dtype": names.get(str(kind), str(kind)), "_type": "Value"}


def spread_array(array: pa.Array, present: np.ndarray) -> pa.Array:
    """The entries of an array on the rows where they belong, null elsewhere."""
    if present.all():
        return array
    places = np.cumsum(present) - 1
    return array.take(number_array(np.where(present, places, 0), present))


def _numbers(column: np.ndarray, shape: tuple[int, ...]) -> FeatureColumn:
    values = number_array(np.ascontiguousarray(column).reshape(-1))
    feature = plain_feature(values.type)
    for length in reversed(shape):
        if length == 0:
            raise ConfigurationError(
                f"Parquet holds no arrays of shape {shape}, which have no entry: export it --to csv"
            )
        values = pa.FixedSizeListArray.from_arrays(values, length)
        feature = {"feature": feature, "length": length, "_type": "List"}
    return FeatureColumn(values, feature)


def _record(parts: Mapping[str, FeatureColumn]) -> FeatureColumn:
    array = pa.StructArray.from_arrays([part.array for part in parts.values()], names=list(parts))
    return FeatureColumn(array, {name: part.feature for name, part in parts.items()})
