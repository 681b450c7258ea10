"""How numbers travel to the page: JSON, and behind it the arrays as they lie in memory."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_ARRAY = "$array"
_ALIGNMENT = 8
"""JavaScript's typed arrays begin at multiples of their element's size."""

_LARGEST_EXACT = 2**53
"""From here on not every integer is a JavaScript number."""

_DTYPES = {"bool": "u1", "int64": "f8", "uint64": "f8", "float16": "f4", "longdouble": "f8"}
"""What arrays become that have no typed array, or one whose elements are no numbers to JavaScript."""


def pack(content: Any) -> bytes:
    """Put JSON values and numpy arrays into one block of bytes.

    Four bytes with the length of the JSON text, the text, filled up with blanks, and behind it the arrays. In the text
    an array is `{"$array": [dtype, shape, offset]}`; int64 become float64 where that is exact, else int64 remain.
    Numbers that JSON lacks become text.

    Example:
        >>> unpack(pack({"return": np.array([1.0, 2.0]), "name": "CartPole-v1", "best": math.inf}))
        {'return': array([1., 2.]), 'name': 'CartPole-v1', 'best': 'inf'}
    """
    arrays = _Arrays()
    text = json.dumps(_plain(content, arrays), allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 4) % _ALIGNMENT)
    return b"".join([len(text).to_bytes(4, "little"), text, *arrays.blocks])


def unpack(bundle: bytes) -> Any:
    """Read what `pack` has written; arrays come in the dtypes that they travelled in."""
    n = int.from_bytes(bundle[:4], "little")

    def restored(entry: dict[str, Any]) -> Any:
        if _ARRAY not in entry:
            return entry
        dtype, shape, offset = entry[_ARRAY]
        return np.frombuffer(bundle, dtype, math.prod(shape), 4 + n + offset).reshape(shape)

    return json.loads(bundle[4 : 4 + n], object_hook=restored)


@dataclass
class _Arrays:
    """The arrays met so far, each filled up to a multiple of eight bytes."""

    blocks: list[bytes] = field(default_factory=list)
    n_bytes: int = 0

    def add(self, array: np.ndarray) -> dict[str, Any]:
        sent = _sendable(array)
        block = sent.tobytes()
        entry = {_ARRAY: [sent.dtype.str.lstrip("<|"), list(sent.shape), self.n_bytes]}
        block += b"\0" * (-len(block) % _ALIGNMENT)
        self.blocks.append(block)
        self.n_bytes += len(block)
        return entry


def _sendable(array: np.ndarray) -> np.ndarray:
    dtype = array.dtype
    if dtype.kind in "iu" and dtype.itemsize == 8 and _has_large(array):  # noqa: PLR2004 - bytes of an int64
        return array.astype("<i8" if dtype.kind == "i" else "<u8")
    return array.astype(np.dtype(_DTYPES.get(dtype.name, dtype)).newbyteorder("<"), copy=False)


def _has_large(array: np.ndarray) -> bool:
    return bool(array.size) and max(-int(array.min()), int(array.max())) >= _LARGEST_EXACT


def _plain(value: Any, arrays: _Arrays) -> Any:  # noqa: PLR0911 - one case per kind of value
    match value:
        case None | bool() | str():
            return value
        case np.ndarray() if value.dtype.kind in "biuf":
            return arrays.add(value)
        case np.ndarray():
            return value.tolist()
        case np.generic():
            return _plain(value.item(), arrays)
        case int():
            return value if abs(value) < _LARGEST_EXACT else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping():
            return {str(key): _plain(item, arrays) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, arrays) for item in value]
    return str(value)
