"""Observations, actions and event fields in a form that the page can show as a tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

MOST_ELEMENTS = 1024
"""Elements of an array that are shown; pictures are sent whole."""

MOST_ENTRIES = 256
"""Entries of a list that are shown."""

LONGEST_TEXT = 4096
_SMALLEST_PICTURE, _LARGEST_PICTURE = 12, 2**22


def shown_value(value: Any) -> Any:  # noqa: PLR0911 - one case per kind of value
    """Describe a value: scalars as they are, all else as a dict whose `kind` says what it is.

    Names that an environment has chosen are values in it, never keys, so that none can be mistaken for ours.

    Example:
        >>> shown_value({"legal": np.array([1, 0], np.int8)})["entries"]
        [['legal', {'kind': 'array', 'shape': [2], 'dtype': 'int8', 'data': array([1, 0], dtype=int8)}]]
    """
    match value:
        case np.ndarray() if value.dtype.kind in "biuf" and value.ndim:
            return _shown_array(value)
        case np.ndarray():
            return shown_value(value.tolist())
        case Mapping():
            return {"kind": "dict", "entries": [[str(key), shown_value(item)] for key, item in value.items()]}
        case tuple() if hasattr(value, "_fields"):
            return shown_value(dict(zip(value._fields, value, strict=True)))
        case tuple() | list():
            shown = [shown_value(item) for item in value[:MOST_ENTRIES]]
            return {"kind": "list", "items": shown, "n_items": len(value)}
        case np.generic():
            return shown_value(value.item())
        case str():
            return value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + " …"
        case None | bool() | int() | float():
            return value
    return str(value)[:LONGEST_TEXT]


def is_picture(array: np.ndarray) -> bool:
    """Whether an array is shown as a picture: bytes, in rows and columns, with or without channels.

    Example:
        >>> is_picture(np.zeros((84, 84, 3), np.uint8)), is_picture(np.zeros((84, 3), np.uint8))
        (True, False)
    """
    if array.dtype != np.uint8 or array.ndim not in {2, 3} or array.size > _LARGEST_PICTURE:
        return False
    shorter_side: int = sorted(array.shape)[-2]
    return shorter_side >= _SMALLEST_PICTURE


def _shown_array(array: np.ndarray) -> dict[str, Any]:
    picture = is_picture(array)
    data = array.ravel() if picture else array.ravel()[:MOST_ELEMENTS]
    kind = "picture" if picture else "array"
    return {"kind": kind, "shape": list(array.shape), "dtype": array.dtype.name, "data": data}
