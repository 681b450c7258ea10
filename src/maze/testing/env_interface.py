"""What can be said of an environment before its first step: methods, spaces, masks, render modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium

from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.trajectory_schema import TrajectorySchema
from maze.testing.action_masks import check_declared_masks
from maze.testing.conformance import ConformanceError, check_signature


def check_interface(env: StructuredEnv) -> None:
    """See that an environment has the methods, spaces, masks and render modes that rollouts need.

    Raises:
        ConformanceError: If it has not.

    Example:
        >>> check_interface(GymEnv(gymnasium.make("CartPole-v1")))
    """
    inner = env.unwrapped if isinstance(env, GymEnv) else env
    check_signature(inner.reset, "reset(seed=0, options=None)", seed=0, options=None)
    check_signature(inner.reset, "reset()")
    check_signature(inner.step, "step(action)", None)
    for name in ("observation_spaces", "action_spaces"):
        _check_spaces(name, getattr(env, name, None))
    try:
        TrajectorySchema(env.observation_spaces, env.action_spaces)
    except (TypeError, ValueError) as error:
        raise ConformanceError(str(error)) from error
    check_declared_masks(env)
    modes = env.metadata.get("render_modes", [])
    if env.render_mode is not None and env.render_mode not in modes:
        raise ConformanceError(
            f'render_mode is {env.render_mode!r}, metadata["render_modes"] is {modes}: declare there what can be shown'
        )


def _check_spaces(name: str, spaces: Any) -> None:
    if not isinstance(spaces, Mapping) or not spaces:
        raise ConformanceError(f"{name} is {spaces!r}: make it a dict of at least one space, by step key")
    for step_key, space in spaces.items():
        if isinstance(step_key, bool) or not isinstance(step_key, str | int):
            raise ConformanceError(f"{name} has the step key {step_key!r}: use str or int")
        if not isinstance(space, gymnasium.Space):
            raise ConformanceError(f"{name}[{step_key!r}] is {space!r}: make it a gymnasium.Space")
