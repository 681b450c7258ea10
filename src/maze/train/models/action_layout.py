"""How a network's outputs become actions: which of them say what about which part of an action."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.env.action_masks import ActionMask
from maze.core.env.space_parts import PartPath, nested, part_at, parts_of
from maze.factory import ConfigurationError
from maze.train.models.action_part import ActionPart, BinaryPart, CategoricalPart, GaussianPart


class ActionLayout:
    """What the outputs of a network, its parameters, say about an action.

    Args:
        space: Of the actions: Discrete, MultiDiscrete, MultiBinary, Box of floats, and Dicts and Tuples of these.

    Raises:
        ConfigurationError: If it has parts that no network can choose.

    Example:
        >>> layout = ActionLayout(spaces.Dict({"which": spaces.Discrete(3), "turn": spaces.MultiBinary(2)}))
        >>> layout.n_parameters, layout.n_columns
        (5, 3)
        >>> layout.actions(np.array([[1.0, 0.0, 2.0]]))
        [{'turn': array([1, 0], dtype=int8), 'which': np.int64(2)}]
    """

    def __init__(self, space: gymnasium.Space[Any]) -> None:
        """Find the parts."""
        self.space = space
        self._leaves = list(_leaves(space))
        self.parts: list[ActionPart] = []
        self._columns: list[slice] = []
        self.n_parameters = self.n_columns = 0
        for path, leaf in self._leaves:
            first = self.n_columns
            for part in self._parts_of(path, leaf):
                self.parts.append(part)
                self.n_parameters += part.n_parameters
                self.n_columns += part.n_columns
            self._columns.append(slice(first, self.n_columns))
        self.n_uniforms = sum(part.n_uniforms for part in self.parts)
        self._only = self.parts[0] if len(self.parts) == 1 else None

    def choose(self, parameters: np.ndarray, uniforms: np.ndarray | None) -> np.ndarray:
        """Choose a batch of actions.

        Args:
            parameters: (n, n_parameters), float32; those of what is not legal are very small.
            uniforms: (n, n_uniforms) within (0, 1]; None: choose what is most likely.

        Returns:
            (n, n_columns), float64 or whole numbers.
        """
        if self._only is not None:
            return self._only.choose(parameters, uniforms)
        columns = np.empty((len(parameters), self.n_columns))
        first = 0
        for part in self.parts:
            end = first + part.n_uniforms
            columns[:, part.columns] = part.choose(
                parameters[:, part.parameters], None if uniforms is None else uniforms[:, first:end]
            )
            first = end
        return columns

    def actions(self, columns: np.ndarray) -> list[Any]:
        """The actions of a batch as the environment takes them.

        Args:
            columns: (n, n_columns).
        """
        per_leaf = [_values(array) for array in self.arrays(columns)]
        if not isinstance(self.space, spaces.Dict | spaces.Tuple):
            return per_leaf[0]
        return [nested(self.space, iter(values)) for values in zip(*per_leaf, strict=True)]

    def arrays(self, columns: np.ndarray) -> list[np.ndarray]:
        """The actions of a batch, stacked: an array (n, ...) for each space in the action that is no Dict or Tuple.

        Args:
            columns: (n, n_columns).
        """
        leaves = zip(self._leaves, self._columns, strict=True)
        return [_array(leaf, columns[:, its_columns]) for (_, leaf), its_columns in leaves]

    def nested(self, parts: Sequence[Any]) -> Any:
        """What an action consists of, in the form of the action.

        Args:
            parts: As many as `arrays` gives.
        """
        return nested(self.space, iter(parts))

    def columns(self, actions: Sequence[Any]) -> np.ndarray:
        """A batch of actions as numbers, (n, n_columns), float32."""
        return self._numbers(
            [np.array([part_at(action, path) for action in actions] if path else actions) for path, _ in self._leaves]
        )

    def of_column(self, column: Any) -> np.ndarray:
        """Actions that are stacked already, as a recording gives them, as numbers; (n, n_columns), float32."""
        return self._numbers([np.asarray(part_at(column, path)) for path, _ in self._leaves])

    def parts_at(self, path: PartPath) -> list[ActionPart]:
        """The parts of the action that a path leads to."""
        return [part for part in self.parts if part.path == path]

    def _numbers(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        columns = []
        for (_, leaf), array in zip(self._leaves, arrays, strict=True):
            start = 0 if isinstance(leaf, spaces.MultiBinary) else getattr(leaf, "start", 0)
            columns.append((array - start).reshape(len(array), -1).astype(np.float32))
        return np.concatenate(columns, axis=1)

    def _parts_of(self, path: PartPath, leaf: gymnasium.Space[Any]) -> Iterator[ActionPart]:
        name = ".".join(map(str, path))
        if isinstance(leaf, spaces.Discrete):
            yield CategoricalPart(path, name, self.n_parameters, int(leaf.n), self.n_columns, 1)
        elif isinstance(leaf, spaces.MultiDiscrete):
            parameter = self.n_parameters
            for index, n in enumerate(leaf.nvec.ravel().tolist()):
                yield CategoricalPart(path, f"{name}[{index}]", parameter, n, self.n_columns, 1)
                parameter += n
        elif isinstance(leaf, spaces.MultiBinary):
            n = int(np.prod(leaf.shape))
            yield BinaryPart(path, name, self.n_parameters, n, self.n_columns, n)
        elif isinstance(leaf, spaces.Box):
            yield self._gaussian(path, name, leaf)

    def _gaussian(self, path: PartPath, name: str, leaf: spaces.Box[Any]) -> GaussianPart:
        n = int(np.prod(leaf.shape))
        is_bounded = leaf.bounded_below.ravel() & leaf.bounded_above.ravel()
        if is_bounded.any() and not is_bounded.all():
            raise ConfigurationError(
                f"{_what(name)} is {leaf}, of which some numbers are bounded and some are not: rescale it with a "
                "wrapper such as gymnasium.wrappers.RescaleAction"
            )
        low, high = (bound.ravel().astype(np.float32) for bound in (leaf.low, leaf.high))
        return GaussianPart(path, name, self.n_parameters, 2 * n, self.n_columns, n, low, high, bool(is_bounded.all()))


def mask_positions(layout: ActionLayout, masks: Sequence[ActionMask]) -> Mapping[Any, list[ActionPart]]:
    """Which parts of an action each mask is about, by the mask's observation key.

    Raises:
        ConfigurationError: If two masks are in one observation.
    """
    found: dict[Any, list[ActionPart]] = {}
    for mask in masks:
        path = () if mask.action_key is None else (mask.action_key,)
        if mask.observation_key in found:
            raise ConfigurationError(f"the observation {mask.observation_key!r} masks two actions: add another one")
        found[mask.observation_key] = layout.parts_at(path)
    return found


def _leaves(space: gymnasium.Space[Any]) -> Iterator[tuple[PartPath, gymnasium.Space[Any]]]:
    for path, part in parts_of(space):
        if not isinstance(part, spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary) and not (
            isinstance(part, spaces.Box) and np.dtype(part.dtype).kind == "f"
        ):
            raise ConfigurationError(
                f"{_what('.'.join(map(str, path)))} is {part}, which no network chooses: make it Discrete, "
                "MultiDiscrete, MultiBinary or a Box of floats with a wrapper"
            )
        yield path, part


def _what(name: str) -> str:
    return f"the action {name!r}" if name else "the action"


def _array(leaf: gymnasium.Space[Any], columns: np.ndarray) -> np.ndarray:
    """Values of one leaf, in its dtype and shape, (n, ...)."""
    dtype = np.dtype(leaf.dtype)
    values = columns.reshape(len(columns), *(leaf.shape or ())).astype(dtype)
    if isinstance(leaf, spaces.Discrete) and leaf.start:
        values += dtype.type(leaf.start)
    if isinstance(leaf, spaces.MultiDiscrete) and leaf.start.any():
        values += leaf.start.astype(dtype)
    if isinstance(leaf, spaces.Box):
        # In the dtype the rounded value may be outside.
        values = values.clip(leaf.low, leaf.high)
    return values


def _values(array: np.ndarray) -> list[Any]:
    """Values of one leaf, each by itself; those of several elements are rows of one array."""
    if array.ndim > 1 or array.dtype.kind in "iu":
        return list(array)
    return [np.asarray(value) for value in array]
