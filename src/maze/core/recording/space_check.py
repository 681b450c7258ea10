"""Sees that what a structured environment returns lies in its spaces, and that its masks leave something to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.env.actor_id import FLAT_ACTOR, StepKey
from maze.core.env.space_parts import part_at, parts_of
from maze.core.env.structured_env import ActionMasks, StructuredEnv
from maze.core.recording.decision_error import DecisionError
from maze.core.recording.segment import Segment
from maze.core.recording.space_codec import Column, Packed, SpaceCodec


class SpaceCheck:
    """Checks the observations of a segment against bounds and masks, all of them at once.

    Every number has to lie within the bounds of its space, and NaN lies outside of all bounds; a mask has to leave
    something legal to whoever decides. Types and shapes are the codecs' business; of sequences, graphs and OneOf only
    these are checked.

    Args:
        observation_spaces: By step key.
        action_masks: As the environment declares them.

    Example:
        >>> check = SpaceCheck({0: spaces.Box(-1, 1, (2,))}, {})
        >>> check.misfit(0, np.array([[0.0, 0.5], [0.0, 1.5]]), n_decisions=2)
        (1, 'observation lies outside observation_spaces[0]: 1.5 is above 1.0: correct it, or widen the space')
    """

    def __init__(self, observation_spaces: Mapping[StepKey, gymnasium.Space[Any]], action_masks: ActionMasks) -> None:
        """Note the bounds that there are to check."""
        self._step_keys = list(observation_spaces)
        self._bounds = [list(_bounds(space)) for space in observation_spaces.values()]
        self._masks = [dict(action_masks.get(key, {})) for key in observation_spaces]

    @classmethod
    def of(cls, env: StructuredEnv) -> SpaceCheck | None:
        """The check for an environment; None for a gymnasium environment, many of which do not keep their bounds."""
        if not isinstance(env.unwrapped, StructuredEnv):
            return None
        return cls(env.observation_spaces, env.action_masks)

    def __call__(
        self, segment: Segment, keys: bytes | None, codecs: Sequence[SpaceCodec], packs: Sequence[Packed]
    ) -> None:
        """Check the observations of a segment.

        Args:
            segment: Where they come from.
            keys: Index of each row's step key; None: flat.
            codecs: Of the observations of each step key.
            packs: What the codecs made of them.

        Raises:
            DecisionError: If an observation does not fit; it says which and how.
        """
        n = len(segment.actions)
        for key_index, (codec, packed) in enumerate(zip(codecs, packs, strict=True)):
            if not self._bounds[key_index] and not self._masks[key_index]:
                continue
            n_decisions = n if keys is None else keys.count(key_index, 0, n)
            n_rows = len(segment.observations) if keys is None else keys.count(key_index)
            found = None if n_rows == 0 else self.misfit(key_index, codec.unpack([packed]), n_decisions)
            if found is not None:
                row, message = found
                if keys is not None:
                    row = [row for row, key in enumerate(keys) if key == key_index][row]
                actor = FLAT_ACTOR if segment.actors is None else segment.actors[row]
                kind = "the" if row < n else "the final"
                raise DecisionError(f"{kind} {message}", segment.start + min(row, n - 1), actor)

    def misfit(self, key_index: int, column: Column, n_decisions: int) -> tuple[int, str] | None:
        """The first observation of a step key that does not fit.

        Args:
            key_index: Of the step key.
            column: Its observations, at least one; those of decisions come first.
            n_decisions: How many these are.

        Returns:
            Its index in the column, and what is wrong; None where all fit.
        """
        step_key = self._step_keys[key_index]
        for bounds in self._bounds[key_index]:
            part = part_at(column, bounds.path)
            if not bounds.hold(part):
                row = bounds.first_outside(part)
                place = "".join(f"[{key!r}]" for key in (step_key, *bounds.path))
                return row, (
                    f"observation lies outside observation_spaces{place}: {bounds.complaint(part[row])}: "
                    "correct it, or widen the space"
                )
        for action_key, observation_key in self._masks[key_index].items():
            masks = np.asarray(column[observation_key])[:n_decisions]
            if not (is_legal := masks.any(axis=tuple(range(1, masks.ndim)))).all():
                of = "" if action_key is None else f" of the action {action_key!r}"
                return int(np.argmin(is_legal)), (
                    f"mask {observation_key!r}{of} is all zeros, but the actor must act: allow something, such as "
                    "an action that does nothing, or let another actor act"
                )
        return None


class _Bounds(NamedTuple):
    """What the samples of a space, or of a part of it, may be."""

    path: tuple[Any, ...]
    """Keys that lead to the part."""

    space: gymnasium.Space[Any]
    low: Any = None
    """Least value, or an array of them; None: the space itself is asked."""

    high: Any = None

    def hold(self, part: Any) -> bool:
        """Whether all samples lie inside; the fast answer."""
        if self.low is None:
            return all(map(self.space.contains, part))
        if isinstance(self.low, np.ndarray):
            return bool((part >= self.low).all() and (part <= self.high).all())
        # Where there is a NaN, it is both, and neither comparison holds.
        least, greatest = np.minimum.reduce(part, axis=None), np.maximum.reduce(part, axis=None)
        return bool(self.low <= least and greatest <= self.high)

    def first_outside(self, part: Any) -> int:
        """Index of the first sample that does not."""
        if self.low is None:
            return [self.space.contains(sample) for sample in part].index(False)
        is_inside = (part >= self.low) & (part <= self.high)
        return int(np.argmin(is_inside.reshape(len(part), -1).all(axis=1)))

    def complaint(self, sample: Any) -> str:
        """What is wrong with a sample that lies outside."""
        if self.low is None:
            return f"{sample!r:.80} is none of {self.space}"
        values, low, high = (np.broadcast_to(each, np.shape(sample)).ravel() for each in (sample, self.low, self.high))
        place = np.argmin((values >= low) & (values <= high))
        value = values[place]
        if np.isnan(value):
            return "it has a NaN"
        return f"{value} is above {high[place]}" if value > high[place] else f"{value} is below {low[place]}"


def _bounds(space: gymnasium.Space[Any]) -> Iterator[_Bounds]:
    for path, part in parts_of(space):
        if isinstance(part, spaces.Discrete):
            yield _Bounds(path, part, int(part.start), int(part.start + part.n - 1))
        elif isinstance(part, spaces.Box | spaces.MultiDiscrete | spaces.MultiBinary):
            low, high = _limits(part)
            if low.size and not _is_all_that_there_is(low, high):
                is_uniform = (low == low.flat[0]).all() and (high == high.flat[0]).all()
                yield _Bounds(path, part, *((low.flat[0].item(), high.flat[0].item()) if is_uniform else (low, high)))
        elif isinstance(part, spaces.Text):
            yield _Bounds(path, part)


def _limits(space: spaces.Box | spaces.MultiDiscrete | spaces.MultiBinary) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(space, spaces.Box):
        return space.low, space.high
    if isinstance(space, spaces.MultiDiscrete):
        return space.start, space.start + space.nvec - 1
    return np.zeros(space.shape, np.int8), np.ones(space.shape, np.int8)


def _is_all_that_there_is(low: np.ndarray, high: np.ndarray) -> bool:
    """Whether the bounds are those of an integer dtype, such as for pictures."""
    if low.dtype.kind not in "iu":
        return False
    limits = np.iinfo(low.dtype)
    return bool((low == limits.min).all() and (high == limits.max).all())
