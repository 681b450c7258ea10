"""Pictures as PNG, without loss and without another library."""

from __future__ import annotations

import struct
import zlib

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
_UP = 2
"""The filter of every row: its difference from the row above."""


def png(picture: np.ndarray) -> bytes:
    r"""Encode a picture (PNG Specification, third edition, W3C 2025).

    Args:
        picture: uint8 of shape (height, width), (height, width, 3) or (height, width, 4): grey, RGB, RGBA.

    Raises:
        ValueError: If it is no such picture.

    Example:
        >>> png(np.zeros((2, 3, 3), np.uint8))[:8]
        b'\x89PNG\r\n\x1a\n'
    """
    if not is_png_shape(picture.shape) or picture.dtype != np.uint8:
        raise ValueError(f"{picture.dtype} of shape {picture.shape} is no picture of grey, RGB or RGBA")
    height, width = picture.shape[:2]
    rows = np.ascontiguousarray(picture).reshape(height, -1)
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    colour_type = _COLOUR_TYPES[picture.shape[2] if picture.ndim == 3 else 1]  # noqa: PLR2004 - with colours
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 4)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, content) for kind, content in chunks)


def is_png_shape(shape: tuple[int, ...]) -> bool:
    """Whether arrays of a shape can be pictures: not empty, of grey, RGB or RGBA.

    Example:
        >>> is_png_shape((84, 84)), is_png_shape((84, 84, 4)), is_png_shape((4, 84, 84))
        (True, True, False)
    """
    return bool(np.prod(shape)) and (len(shape) == 2 or (len(shape) == 3 and shape[2] in {3, 4}))  # noqa: PLR2004 - ranks


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
