"""Actions in the very form in which they are recorded, so that an environment plays what a replay will play."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.env.actor_id import StepKey
from maze.core.recording.space_codec import SpaceCodec, space_codec

Conversion: TypeAlias = Callable[[Any], Any]


def exact_actions(action_spaces: Mapping[StepKey, gymnasium.Space[Any]]) -> dict[StepKey, Conversion] | None:
    """How the actions of each step key become what is recorded of them; None where there is nothing to convert.

    A policy may give float64 where the space has float32, a list for an array, an `int` for an `int8`. The recording
    has the space's type, and an environment that computes with the action has to get it as well.

    Single actions of int64 are left alone: they are the commonest, and a conversion would take a good part of the
    loop's own time. Policies give them as numpy's or Python's integers, and a replay can do either.

    Example:
        >>> (convert,) = exact_actions({0: spaces.Box(-1, 1, (2,))}).values()
        >>> convert([0.1, 1])
        array([0.1, 1. ], dtype=float32)
        >>> exact_actions({0: spaces.Discrete(4)}) is None
        True
    """
    left_alone = [
        key for key, space in action_spaces.items() if isinstance(space, spaces.Discrete) and space.dtype == np.int64
    ]
    if len(left_alone) == len(action_spaces):
        return None
    return {
        step_key: _same if step_key in left_alone else partial(_exact, _conversion(space))
        for step_key, space in action_spaces.items()
    }


def _same(action: Any) -> Any:
    return action


def _exact(convert: Conversion, action: Any) -> Any:
    """The converted action; one that is none of its space stays, for the recording to say what is wrong with it."""
    try:
        return convert(action)
    except (ValueError, TypeError, LookupError):
        return action


def _conversion(space: gymnasium.Space[Any]) -> Conversion:
    codec = space_codec(space)
    if isinstance(space, spaces.Discrete):
        return partial(_number, codec, space.dtype.type)
    if isinstance(space, spaces.Box | spaces.MultiDiscrete | spaces.MultiBinary):
        return partial(_array, codec, space.dtype)
    if isinstance(space, spaces.Dict):
        return partial(_dict, {key: _conversion(part) for key, part in space.spaces.items()})
    if isinstance(space, spaces.Tuple):
        return partial(_tuple, [_conversion(part) for part in space.spaces])
    return codec.checked


def _number(codec: SpaceCodec, kind: type, action: Any) -> Any:
    return action if type(action) is kind else codec.checked(action)


def _array(codec: SpaceCodec, dtype: np.dtype[Any], action: Any) -> Any:
    return action if type(action) is np.ndarray and action.dtype == dtype else codec.checked(action)


def _dict(parts: Mapping[Any, Conversion], action: Any) -> dict[Any, Any]:
    if len(action) != len(parts):
        raise ValueError("the action has other keys than its space")
    return {key: convert(action[key]) for key, convert in parts.items()}


def _tuple(parts: list[Conversion], action: Any) -> tuple[Any, ...]:
    return tuple(convert(part) for convert, part in zip(parts, action, strict=True))
