"""Where two episodes that began alike part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from maze.core.recording.episode import Episode


def first_divergence(one: Episode, other: Episode) -> dict[str, int | None]:
    """The first step at which two episodes differ, by what differs there; None where nothing does.

    An episode that ends earlier differs from then on in everything.

    Args:
        one: An episode.
        other: One with the same seed of the environment, of another run or policy.

    Returns:
        `action`, `observation`, `reward` and `first`, the earliest of them.

    Raises:
        ValueError: If a trajectory was not recorded.
        DamagedRecordingError: If a file is missing or damaged.
    """
    found: dict[str, int | None] = {"action": None, "observation": None, "reward": None}
    n_common = min(one.n_decisions or 0, other.n_decisions or 0)
    found["reward"] = _first(~_equal(one.rewards[:n_common], other.rewards[:n_common]))
    found["action"] = _first_difference(one.actions, other.actions, n_common)
    found["observation"] = _first_difference(one.observations, other.observations, n_common)
    if one.actor_ids[:n_common] != other.actor_ids[:n_common]:
        pairs = zip(one.actor_ids, other.actor_ids, strict=False)
        found["action"] = _earliest([found["action"], next(i for i, (a, b) in enumerate(pairs) if a != b)])
    if one.n_decisions != other.n_decisions:
        found = {key: n_common if step is None else step for key, step in found.items()}
    return {**found, "first": _earliest(list(found.values()))}


def _first_difference(one: Any, other: Any, n: int) -> int | None:
    """Index of the first row in which two columns differ."""
    return _earliest([_first(differs) for differs in _differences(one, other, n)])


def _differences(one: Any, other: Any, n: int) -> Iterator[np.ndarray]:
    match one, other:
        case (dict(), dict()) if one.keys() == other.keys():
            for key in one:
                yield from _differences(one[key], other[key], n)
        case (tuple(), tuple()) if len(one) == len(other):
            for left, right in zip(one, other, strict=True):
                yield from _differences(left, right, n)
        case (np.ndarray(), np.ndarray()) if one.shape[1:] == other.shape[1:]:
            is_equal = _equal(one[:n], other[:n]).reshape(n, -1) if n else np.ones((0, 1), np.bool_)
            yield np.asarray(~is_equal.all(axis=1))
        case (list(), list()):
            yield np.array([not _same(a, b) for a, b in zip(one[:n], other[:n], strict=True)], np.bool_)
        case _:
            yield np.ones(n, np.bool_)


def _same(one: Any, other: Any) -> bool:
    """Whether two samples are equal; NaN equals NaN."""
    match one, other:
        case (dict(), dict()):
            return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
        case (tuple() | list(), tuple() | list()):
            return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
        case (np.ndarray(), np.ndarray()):
            return one.shape == other.shape and bool(_equal(one, other).all())
    return bool(one == other)


def _equal(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    equal: np.ndarray = one == other
    if one.dtype.kind == "f" and other.dtype.kind == "f":
        equal |= np.isnan(one) & np.isnan(other)
    return equal


def _first(differs: np.ndarray) -> int | None:
    return int(differs.argmax()) if differs.any() else None


def _earliest(steps: list[int | None]) -> int | None:
    return min((step for step in steps if step is not None), default=None)
