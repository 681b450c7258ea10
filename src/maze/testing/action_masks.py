"""Masks as an environment declares them: whether they are there and sound, and an action that they allow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.env.action_masks import ActionMask, masks_of
from maze.core.env.actor_id import StepKey
from maze.core.env.structured_env import StructuredEnv
from maze.testing.conformance import ConformanceError


def check_declared_masks(env: StructuredEnv) -> None:
    """See that `action_masks` names actions and observations that there are.

    Raises:
        ConformanceError: If it does not.
    """
    for step_key in env.action_masks:
        if step_key not in env.action_spaces:
            raise ConformanceError(
                f"action_masks has the step key {step_key!r}, the action spaces have {list(env.action_spaces)}: "
                "use one of these"
            )
        observation_space = env.observation_spaces[step_key]
        for mask in _masks(env, step_key):
            if not isinstance(observation_space, spaces.Dict) or mask.observation_key not in observation_space.spaces:
                raise ConformanceError(
                    f"action_masks[{step_key!r}] finds the mask in the observation {mask.observation_key!r}, which "
                    f"{observation_space} does not have: name a key of the Dict"
                )
            for mask_space in _leaves(observation_space.spaces[mask.observation_key]):
                if mask_space.dtype not in (np.dtype(bool), np.dtype(np.int8)):
                    raise ConformanceError(
                        f"the mask {mask.observation_key!r} has the dtype {mask_space.dtype}: "
                        "make it bool or int8, 1 for legal"
                    )


def check_masks(env: StructuredEnv, step_key: StepKey, observation: Any, where: str) -> None:
    """See that the masks in an observation are of zeros and ones, of the action's size, and leave something legal.

    Raises:
        ConformanceError: If not.
    """
    for mask in _masks(env, step_key):
        try:
            if not all(np.isin(component, (0, 1)).all() for component in mask.read(observation)):
                raise ConformanceError(f"{mask} has other values than 0 and 1 ({where}): 1 for legal, 0 for illegal")
            mask.legal_values(observation)
        except ValueError as error:
            raise ConformanceError(f"{error} ({where}): the actor must act, so mask its action soundly") from None


def check_legal(env: StructuredEnv, step_key: StepKey, observation: Any, action: Any, where: str) -> None:
    """See that an action is one that the masks allow.

    Raises:
        ConformanceError: If it is not.
    """
    for mask in _masks(env, step_key):
        chosen = action if mask.action_key is None else action[mask.action_key]
        if not mask.allows(observation, chosen):
            raise ConformanceError(f"the action {chosen!r} is illegal by its mask ({where}): choose among the ones")


def sample_legal(env: StructuredEnv, step_key: StepKey, space: gymnasium.Space[Any], observation: Any) -> Any:
    """Draw an action that the masks allow.

    Args:
        env: Declares the masks.
        step_key: Of the actor.
        space: A copy of the actor's action space, which is drawn from.
        observation: Has the masks.
    """
    masks = {mask.action_key: mask for mask in _masks(env, step_key)}
    if isinstance(space, spaces.Dict):
        return {key: _sample(child, masks.get(key), observation) for key, child in space.spaces.items()}
    return _sample(space, masks.get(None), observation)


def _sample(space: gymnasium.Space[Any], mask: ActionMask | None, observation: Any) -> Any:
    if mask is None:
        return space.sample()
    return mask.action_of([int(space.np_random.choice(legal)) for legal in mask.legal_values(observation)])


def _masks(env: StructuredEnv, step_key: StepKey) -> list[ActionMask]:
    try:
        return masks_of(env.action_masks, step_key, env.action_spaces[step_key])
    except ValueError as error:
        raise ConformanceError(str(error)) from None


def _leaves(space: gymnasium.Space[Any]) -> Iterator[gymnasium.Space[Any]]:
    """The masks of the components, where there is one each."""
    if isinstance(space, spaces.Tuple):
        for child in space.spaces:
            yield from _leaves(child)
    else:
        yield space
