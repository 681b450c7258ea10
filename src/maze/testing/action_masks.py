"""Masks as an environment declares them: whether they are there and sound, and an action that they allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.env.actor_id import StepKey
from maze.core.env.structured_env import StructuredEnv
from maze.testing.conformance import ConformanceError


def check_declared_masks(env: StructuredEnv) -> None:
    """See that `action_masks` names actions and observations that there are.

    Raises:
        ConformanceError: If it does not.
    """
    for step_key, masks in env.action_masks.items():
        if step_key not in env.action_spaces:
            raise ConformanceError(
                f"action_masks has the step key {step_key!r}, the action spaces have {list(env.action_spaces)}: "
                "use one of these"
            )
        observation_space = env.observation_spaces[step_key]
        for action_key, observation_key in masks.items():
            if _masked(env.action_spaces[step_key], action_key) is None:
                raise ConformanceError(
                    f"action_masks[{step_key!r}] masks the action {action_key!r}, which {env.action_spaces[step_key]} "
                    "does not have: name a key of the Dict, or None where the action is none"
                )
            if not isinstance(observation_space, spaces.Dict) or observation_key not in observation_space.spaces:
                raise ConformanceError(
                    f"action_masks[{step_key!r}] finds the mask in the observation {observation_key!r}, which "
                    f"{observation_space} does not have: name a key of the Dict"
                )
            mask_space = observation_space.spaces[observation_key]
            if mask_space.dtype not in (np.dtype(bool), np.dtype(np.int8)):
                raise ConformanceError(
                    f"the mask {observation_key!r} has the dtype {mask_space.dtype}: make it bool or int8, 1 for legal"
                )


def check_masks(env: StructuredEnv, step_key: StepKey, observation: Any, where: str) -> None:
    """See that the masks in an observation are of zeros and ones, of the action's size, and leave something legal.

    Raises:
        ConformanceError: If not.
    """
    for action_key, space, mask in _masks(env, step_key, observation):
        name = f"the mask of the action {action_key!r}" if action_key is not None else "the mask"
        if not np.isin(mask, (0, 1)).all():
            raise ConformanceError(f"{name} has other values than 0 and 1 ({where}): 1 for legal, 0 for illegal")
        if isinstance(space, spaces.Discrete) and mask.shape != (space.n,):
            raise ConformanceError(f"{name} has the shape {mask.shape}, {space} needs ({space.n},) ({where})")
        if not mask.any():
            raise ConformanceError(f"{name} leaves nothing legal ({where}): the actor must act, so allow one action")


def check_legal(env: StructuredEnv, step_key: StepKey, observation: Any, action: Any, where: str) -> None:
    """See that an action is one that the masks allow.

    Raises:
        ConformanceError: If it is not.
    """
    for action_key, space, mask in _masks(env, step_key, observation):
        chosen = action if action_key is None else action[action_key]
        if isinstance(space, spaces.Discrete) and not mask[int(chosen) - int(space.start)]:
            raise ConformanceError(f"the action {chosen!r} is illegal by its mask ({where}): choose among the ones")


def sample_legal(env: StructuredEnv, step_key: StepKey, space: gymnasium.Space[Any], observation: Any) -> Any:
    """Draw an action that the masks allow.

    Args:
        env: Declares the masks.
        step_key: Of the actor.
        space: A copy of the actor's action space, which is drawn from.
        observation: Has the masks.
    """
    masks = {action_key: mask for action_key, _, mask in _masks(env, step_key, observation)}
    if isinstance(space, spaces.Dict):
        return {key: _sample(child, masks.get(key)) for key, child in space.spaces.items()}
    return _sample(space, masks.get(None))


def _sample(space: gymnasium.Space[Any], mask: np.ndarray | None) -> Any:
    if mask is None or not isinstance(space, spaces.Discrete):
        return space.sample()
    return space.sample(mask=mask.astype(np.int8))


def _masks(
    env: StructuredEnv, step_key: StepKey, observation: Any
) -> Iterator[tuple[str | int | None, gymnasium.Space[Any] | None, np.ndarray]]:
    declared: Mapping[str | int | None, str | int] = env.action_masks.get(step_key, {})
    for action_key, observation_key in declared.items():
        yield action_key, _masked(env.action_spaces[step_key], action_key), np.asarray(observation[observation_key])


def _masked(space: gymnasium.Space[Any], action_key: str | int | None) -> gymnasium.Space[Any] | None:
    """The space of the action that a mask is of; None where there is no such action."""
    if isinstance(space, spaces.Dict):
        return space.spaces.get(action_key)  # type: ignore[arg-type]
    return space if action_key is None else None
