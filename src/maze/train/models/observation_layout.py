"""How the observations of one step key become arrays, and those what a network gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.env.space_parts import PartPath, nested, part_at, parts_of
from maze.factory import ConfigurationError


class Leaf(NamedTuple):
    """A part of an observation that is an array."""

    name: str
    """Its keys, joined by dots; `observation` for the whole."""

    path: PartPath
    space: gymnasium.Space[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.space.shape or ())

    @property
    def dtype(self) -> np.dtype[Any]:
        """What its arrays have: integers as they are, counted from 0 where they count, and float32."""
        if isinstance(self.space, spaces.Discrete | spaces.MultiDiscrete):
            return np.dtype(np.int64)
        kind: np.dtype[Any] = np.dtype(self.space.dtype)
        return np.dtype(np.float32) if kind.kind == "f" else np.dtype(np.uint8) if kind == np.bool_ else kind


class ObservationLayout:
    """The arrays that observations of a space consist of.

    Args:
        space: Of the observations: Box, Discrete, MultiDiscrete, MultiBinary, and Dicts and Tuples of these.

    Raises:
        ConfigurationError: If it has parts that no network takes.

    Example:
        >>> layout = ObservationLayout(spaces.Dict({"where": spaces.Box(-1, 1, (2,)), "what": spaces.Discrete(3)}))
        >>> [leaf.name for leaf in layout.leaves]
        ['what', 'where']
        >>> [array.shape for array in layout.stack([{"where": np.zeros(2), "what": 1}] * 5)]
        [(5,), (5, 2)]
    """

    def __init__(self, space: gymnasium.Space[Any]) -> None:
        """Find the parts."""
        self.space = space
        self.leaves = list(_leaves(space))
        self._readers: list[Callable[[Any], Any] | None] = [
            partial(part_at, path=leaf.path) if leaf.path else None for leaf in self.leaves
        ]
        self._starts = [_start(leaf.space) for leaf in self.leaves]

    def stack(self, observations: Sequence[Any]) -> list[np.ndarray]:
        """The arrays of several observations, one per leaf, each of shape (n, ...)."""
        buffers = self.buffers(len(observations))
        self.fill(buffers, observations)
        return buffers

    def buffers(self, n: int) -> list[np.ndarray]:
        """Arrays of zeros for n observations."""
        return [np.zeros((n, *leaf.shape), leaf.dtype) for leaf in self.leaves]

    def fill(self, buffers: Sequence[np.ndarray], observations: Sequence[Any]) -> None:
        """Write observations into the first rows of buffers."""
        n = len(observations)
        for buffer, reader, start in zip(buffers, self._readers, self._starts, strict=True):
            parts = observations if reader is None else list(map(reader, observations))
            rows = buffer[:n]
            if buffer.ndim == 1:
                rows[:] = parts
            else:  # several times as fast as to stack them
                np.concatenate(parts, out=rows.reshape(-1, *rows.shape[2:]), casting="unsafe")
            if start is not None:
                rows -= start

    def of_column(self, column: Any) -> list[np.ndarray]:
        """The arrays of observations that are stacked already, as a recording gives them: dicts of arrays."""
        arrays = []
        for leaf, start in zip(self.leaves, self._starts, strict=True):
            array = np.asarray(part_at(column, leaf.path)).astype(leaf.dtype)
            arrays.append(array if start is None else array - start)
        return arrays

    def nested(self, parts: Sequence[Any]) -> Any:
        """Parts, one per leaf, in the structure of an observation: what a network gets."""
        return nested(self.space, iter(parts))


def _leaves(space: gymnasium.Space[Any]) -> Iterator[Leaf]:
    for path, part in parts_of(space):
        name = ".".join(map(str, path))
        if not isinstance(part, spaces.Box | spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary):
            raise ConfigurationError(
                f"the observation{f' {name!r}' if path else ''} is {type(part).__name__}, which no network takes: turn "
                "it into Box, Discrete, MultiDiscrete or MultiBinary with a wrapper"
            )
        yield Leaf(name or "observation", path, part)


def _start(space: gymnasium.Space[Any]) -> Any:
    """What counts from elsewhere than 0 begins with; None for all others."""
    start: Any = getattr(space, "start", None)
    if start is None or not np.any(start):
        return None
    return np.asarray(start, np.int64)


def union_of(observation_spaces: Mapping[Any, gymnasium.Space[Any]]) -> gymnasium.Space[Any]:
    """The space of a network that serves several step keys: their common one, or a Dict with the entries of all.

    Raises:
        ConfigurationError: If there is none.

    Example:
        >>> first, second = {"a": spaces.Discrete(2)}, {"b": spaces.Discrete(3)}
        >>> union_of({0: spaces.Dict(first), 1: spaces.Dict(second)})
        Dict('a': Discrete(2), 'b': Discrete(3))
    """
    distinct = list(observation_spaces.values())
    if all(space == distinct[0] for space in distinct):
        return distinct[0]
    entries: dict[Any, gymnasium.Space[Any]] = {}
    for step_key, space in observation_spaces.items():
        if not isinstance(space, spaces.Dict):
            raise ConfigurationError(
                f"one network cannot serve all step keys: {step_key!r} observes {space}, others something else; make "
                "all observations Dicts, or give each step key its own network (model.shared_network=false, "
                "model.critic=per_step_key)"
            )
        for key, child in space.spaces.items():
            if entries.setdefault(key, child) != child:
                raise ConfigurationError(
                    f"one network cannot serve all step keys: the observation {key!r} is {entries[key]} for one and "
                    f"{child} for {step_key!r}; name them differently, or give each step key its own network "
                    "(model.shared_network=false, model.critic=per_step_key)"
                )
    return spaces.Dict(list(entries.items()))
