"""Where two episodes that began alike part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from maze.core.env.actor_id import StepKey
from maze.core.recording.decision_block import EpisodeSegment
from maze.core.recording.episode import Episode
from maze.core.recording.space_codec import Column
from maze.core.recording.trajectory_schema import TrajectorySchema


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
    n = min(one.n_decisions or 0, other.n_decisions or 0)
    for step, stretch, counterpart in _stretches(one, other, n):
        for name, row in _first_rows(stretch, counterpart).items():
            if found[name] is None and row is not None:
                found[name] = step + row
        if None not in found.values():
            break
    if one.n_decisions != other.n_decisions:
        found = {key: n if step is None else step for key, step in found.items()}
    return {**found, "first": _earliest(list(found.values()))}


class _Stretch(NamedTuple):
    """Some decisions of an episode that lie together in its files."""

    schema: TrajectorySchema
    segment: EpisodeSegment
    start: int
    """Position of the first one in the segment."""

    stop: int

    @property
    def keys(self) -> np.ndarray:
        return self.segment.keys[self.start : self.stop]

    def columns(self, step_key: StepKey, n: int) -> dict[str, Column]:
        """What was observed and done in the first n decisions of one kind."""
        index = self.schema.key_index[step_key]
        first = int(np.count_nonzero(self.segment.keys[: self.start] == index))
        codecs = {"observation": self.schema.observation_codecs[index], "action": self.schema.action_codecs[index]}
        found = {"observation": self.segment.observations_of(step_key), "action": self.segment.actions_of(step_key)}
        return {name: codec.slice(found[name], first, first + n) for name, codec in codecs.items()}


def _stretches(one: Episode, other: Episode, n: int) -> Iterator[tuple[int, _Stretch, _Stretch]]:
    """The first n decisions of two episodes in pieces of the same size, each with the index of its first one."""
    if not n:
        return
    pieces = [iter(episode.segments()) for episode in (one, other)]
    segments, starts, step = [next(iterator) for iterator in pieces], [0, 0], 0
    while step < n:
        size = min(n - step, *(segment.n_decisions - at for segment, at in zip(segments, starts, strict=True)))
        pair = zip((one.schema, other.schema), segments, starts, strict=True)
        if size:
            stretch, counterpart = (_Stretch(schema, segment, at, at + size) for schema, segment, at in pair)
            yield step, stretch, counterpart
        step += size
        starts = [at + size for at in starts]
        for which in (0, 1):
            if step < n and starts[which] == segments[which].n_decisions:
                segments[which], starts[which] = next(pieces[which]), 0


def _first_rows(one: _Stretch, other: _Stretch) -> dict[str, int | None]:
    """The first row in which two stretches differ, by what differs there."""
    rewards = [stretch.segment.rewards[stretch.start : stretch.stop] for stretch in (one, other)]
    agents = [stretch.segment.agent_ids[stretch.start : stretch.stop] for stretch in (one, other)]
    index_in_one = np.array([one.schema.key_index.get(step_key, -1) for step_key in other.schema.step_keys])
    n_same = _first((one.keys != index_in_one[other.keys]) | (agents[0] != agents[1]))
    found = {"action": n_same, "observation": n_same, "reward": _first(~_equal(*rewards))}
    for index in np.unique(one.keys[:n_same]).tolist():
        # Up to where others act, the n-th row of either column is of the same decision.
        rows, step_key = np.flatnonzero(one.keys[:n_same] == index), one.schema.step_keys[index]
        columns = one.columns(step_key, len(rows)), other.columns(step_key, len(rows))
        for name in columns[0]:
            differences = _differences(columns[0][name], columns[1][name], len(rows))
            row = _earliest([_first(differs) for differs in differences])
            found[name] = _earliest([found[name], None if row is None else int(rows[row])])
    return found


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
