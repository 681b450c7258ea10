"""The parts of a space that is made of others, and where they are in its samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import gymnasium
from gymnasium import spaces

PartPath: TypeAlias = tuple[str | int, ...]
"""The keys that lead from a sample to one of its parts; empty for the whole."""


def parts_of(space: gymnasium.Space[Any], path: PartPath = ()) -> Iterator[tuple[PartPath, gymnasium.Space[Any]]]:
    """What a space is made of: all but Dicts and Tuples, in order, each with the way to it.

    Args:
        space: Any.
        path: What the ways begin with.

    Example:
        >>> pair = spaces.Dict({"a": spaces.Tuple([spaces.Discrete(2), spaces.Discrete(3)])})
        >>> list(parts_of(pair))
        [(('a', 0), Discrete(2)), (('a', 1), Discrete(3))]
    """
    if isinstance(space, spaces.Dict | spaces.Tuple):
        children = space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)
        for key, child in children:
            yield from parts_of(child, (*path, key))
    else:
        yield path, space


def part_at(sample: Any, path: Iterable[Any]) -> Any:
    """The part of a sample, or of whatever is built like one, that a way leads to.

    Example:
        >>> part_at({"a": (5, 7)}, ("a", 1))
        7
    """
    for key in path:
        sample = sample[key]
    return sample


def nested(space: gymnasium.Space[Any], parts: Iterator[Any]) -> Any:
    """Put parts, in the order of `parts_of`, into the structure of a sample.

    Example:
        >>> nested(spaces.Dict({"a": spaces.Tuple([spaces.Discrete(2), spaces.Discrete(3)])}), iter("xy"))
        {'a': ('x', 'y')}
    """
    if isinstance(space, spaces.Dict):
        return {key: nested(child, parts) for key, child in space.spaces.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(nested(child, parts) for child in space.spaces)
    return next(parts)
