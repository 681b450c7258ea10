"""Where two samples of a space differ, and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from maze.core.recording.space_codec import SpaceCodec


def difference(codec: SpaceCodec, recorded: Any, now: Any, name: str) -> str | None:
    """Compare two samples bit for bit.

    Args:
        codec: Of their space.
        recorded: As it was read back.
        now: As an environment gave it.
        name: What they are, for the text.

    Returns:
        What differs, in one line; None if nothing does.

    Example:
        >>> from gymnasium import spaces
        >>> from maze.core.recording.space_codec import space_codec
        >>> codec = space_codec(spaces.Box(-1, 1, (2,)))
        >>> difference(codec, np.zeros(2, np.float32), np.array([0, 0.5], np.float32), "observation")
        'observation[1] was 0.0, now 0.5'
    """
    before = codec.stack([recorded])
    try:
        after = codec.stack([now])
    except ValueError as error:
        return f"{name}: now {error}"
    if b"".join(codec.canonical_bytes(before)) == b"".join(codec.canonical_bytes(after)):
        return None
    return (
        _described(codec.row(before, 0), codec.row(after, 0), name) or f"{name} was {recorded!r:.60}, now {now!r:.60}"
    )


def _described(was: Any, now: Any, name: str) -> str | None:
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        found = (_described(was[key], now[key], f"{name}[{key!r}]") for key in was if key in now)
        return next((line for line in found if line), None)
    if isinstance(was, np.ndarray | np.generic) and isinstance(now, np.ndarray | np.generic):
        return _described_array(np.asarray(was), np.asarray(now), name)
    if isinstance(was, tuple | list) and isinstance(now, tuple | list):
        if len(was) != len(now):
            return f"{name} had {len(was)} items, now {len(now)}"
        pairs = enumerate(zip(was, now, strict=True))
        return next((line for i, (one, two) in pairs if (line := _described(one, two, f"{name}[{i}]"))), None)
    return None if was == now else f"{name} was {was!r:.60}, now {now!r:.60}"


def _described_array(was: np.ndarray, now: np.ndarray, name: str) -> str | None:
    if was.shape != now.shape:
        return f"{name} had the shape {was.shape}, now {now.shape}"
    raw = [np.ascontiguousarray(values).reshape(-1).view(np.uint8).reshape(was.size, -1) for values in (was, now)]
    places = np.flatnonzero((raw[0] != raw[1]).any(axis=1))
    if len(places) == 0:
        return None
    if len(places) == 1:
        index = ", ".join(map(str, np.unravel_index(places[0], was.shape)))
        place = f"[{index}]" if was.shape else ""
        return f"{name}{place} was {was.flat[places[0]]!s}, now {now.flat[places[0]]!s}"
    far = np.abs(was.reshape(-1)[places].astype(np.float64) - now.reshape(-1)[places].astype(np.float64))
    by = f", by up to {np.nanmax(far):.3g}" if np.isfinite(far).any() else ""
    return f"{name}: {len(places):,} of {was.size:,} numbers differ{by}"
