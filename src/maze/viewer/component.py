"""What can be drawn over the steps of an episode: numbers in observations, actions and what policies tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.recording.trajectory_schema import TrajectorySchema

Role: TypeAlias = Literal["observation", "action", "output"]
Key: TypeAlias = str | int | tuple[int, ...]

LARGEST_ARRAY = 64
"""Elements up to which there is something to draw: larger arrays are pictures, or nothing for a plot."""

MOST_COMPONENTS = 512


@dataclass(frozen=True)
class Component:
    """One number that an observation or an action holds; of policy outputs also an array, drawn as a strip of colours.

    Example:
        >>> box = spaces.Dict({"position": spaces.Box(0, 1, (2,))})
        >>> [component.name for component in components_of_space("observation", 0, box)]
        ['position[0]', 'position[1]']
    """

    role: Role
    step_key: int
    """Index of the step key in the schema."""

    path: tuple[Key, ...]
    """What leads to it in a column: keys of Dicts and Tuples, and last the index in an array."""

    is_choice: bool
    """Whether it is one of several alternatives rather than a quantity."""

    n_values: int = 1
    """Elements of the array, for a strip."""

    @property
    def name(self) -> str:
        """How it is written in Python, without the observation or action that it is in front of it."""
        return "".join(_written(key) for key in self.path).removeprefix(".") or self.role

    def of(self, column: Any) -> np.ndarray:
        """Its values in a column, float64 of shape (n,), or (n, n_values) for a strip."""
        for key in self.path:
            column = column[:, *key] if isinstance(key, tuple) else column[key]
        values = np.asarray(column, np.float64)
        return values.reshape(len(values), -1) if self.n_values > 1 else values


def components(schema: TrajectorySchema, spaces_of: Mapping[str, list[gymnasium.Space[Any]]]) -> list[Component]:
    """All components of a run, at most `MOST_COMPONENTS`: actions, what the policy tells (numbers first), observations.

    Args:
        schema: The columns of the run.
        spaces_of: The spaces of "action" and "observation" by step key, in the schema's order.
    """
    told = {} if schema.outputs is None else schema.outputs.spaces
    outputs = [
        component
        for step_key, space in told.items()
        for component in components_of_space("output", schema.key_index[step_key], space)
    ]
    roles: tuple[Role, ...] = ("action", "observation")
    actions, observations = (
        [
            component
            for index, space in enumerate(spaces_of[role])
            for component in components_of_space(role, index, space)
        ]
        for role in roles
    )
    return [*actions, *sorted(outputs, key=lambda output: output.n_values > 1), *observations][:MOST_COMPONENTS]


def components_of_space(
    role: Role, step_key: int, space: gymnasium.Space[Any], path: tuple[Key, ...] = ()
) -> Iterator[Component]:
    """The components of one space, in order; texts, graphs and others of varying size have none."""
    match space:
        case spaces.Dict():
            for key, child in space.spaces.items():
                yield from components_of_space(role, step_key, child, (*path, key))
        case spaces.Tuple():
            for position, child in enumerate(space.spaces):
                yield from components_of_space(role, step_key, child, (*path, position))
        case spaces.Discrete():
            yield Component(role, step_key, path, is_choice=True)
        case spaces.Box() | spaces.MultiDiscrete() | spaces.MultiBinary():
            n_values = int(np.prod(space.shape, dtype=int))
            is_choice = not isinstance(space, spaces.Box)
            if role == "output" and 1 < n_values <= LARGEST_ARRAY:
                yield Component(role, step_key, path, is_choice, n_values)
            elif n_values <= LARGEST_ARRAY:
                for index in product(*map(range, space.shape)):
                    yield Component(role, step_key, (*path, index) if index else path, is_choice)


def _written(key: Key) -> str:
    if isinstance(key, str):
        return f".{key}"
    return f"[{', '.join(map(str, key))}]" if isinstance(key, tuple) else f"[{key}]"
