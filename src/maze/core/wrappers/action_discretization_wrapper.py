"""Continuous actions as a choice among a few."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from maze.core.env.actor_id import StepKey
from maze.core.env.structured_env import StructuredEnv
from maze.core.wrappers.argument_check import check_whole_number
from maze.core.wrappers.observation_entries import entries, with_entries
from maze.core.wrappers.structured_wrapper import StructuredWrapper
from maze.factory import ConfigurationError, suggest

Levels: TypeAlias = dict[str | int | None, NDArray[Any]]
"""The values to choose among: shape (number of values, *shape of the action), by action key."""

FEWEST_BINS = 2


class ActionDiscretizationWrapper(StructuredWrapper):
    """Makes a Box of actions, or those in a Dict of actions, a choice among evenly spaced values, the bounds included.

    A Box of one element becomes a Discrete, a larger one a MultiDiscrete of its elements in C order. Everything else in
    a Dict of actions stays, with its masks.

    Args:
        env: The environment to wrap.
        n_bins: Values per element; in a Dict of actions, also by key: the keys that are not named stay continuous.

    Raises:
        ConfigurationError: If there is no bounded Box to make discrete, a key is unknown, or there is only one value.

    Example:
        >>> from maze.core.env.gym_env import GymEnv
        >>> env = ActionDiscretizationWrapper(GymEnv(gymnasium.make("Pendulum-v1")), n_bins=5)
        >>> env.action_space, env.action(4)
        (Discrete(5), array([2.], dtype=float32))
    """

    def __init__(self, env: StructuredEnv, n_bins: int | Mapping[str, int]) -> None:
        """Lay out the values."""
        super().__init__(env)
        self._n_bins = n_bins
        self._levels = {step_key: self._levels_of(step_key) for step_key in env.action_spaces}
        if isinstance(n_bins, Mapping):
            self._check_keys(n_bins)
        if not any(self._levels.values()):
            raise ConfigurationError(f"there is no Box to make discrete in {dict(env.action_spaces)}: leave n_bins out")

    @cached_property
    def action_spaces(self) -> Mapping[StepKey, gymnasium.Space[Any]]:  # type: ignore[override]
        """What an actor may do, by step key."""
        return {
            step_key: with_entries(space, {key: _choice(levels) for key, levels in self._levels[step_key].items()})
            for step_key, space in self.env.action_spaces.items()
        }

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Carry out an action."""
        return self.env.step(self.action(action))

    def action(self, action: Any) -> Any:
        """What the wrapped environment is told to do."""
        levels = self._levels[self.env.actor_id().step_key]
        if None in levels:
            return _value(levels[None], action)
        return {key: _value(levels[key], value) if key in levels else value for key, value in action.items()}

    def _levels_of(self, step_key: StepKey) -> Levels:
        masks = self.env.action_masks.get(step_key, {})
        levels: Levels = {}
        for key, space in entries(self.env.action_spaces[step_key]).items():
            n_bins = self._n_bins
            if isinstance(n_bins, Mapping):
                if key not in n_bins:
                    continue
                n_bins = n_bins[str(key)]
            if not isinstance(space, spaces.Box):
                if isinstance(self._n_bins, Mapping):
                    raise ConfigurationError(
                        f"n_bins names the action {key!r}, which is {space} and no Box: take it out"
                    )
                continue
            name = f"the action {'' if key is None else f'{key!r} '}of step key {step_key!r}"
            check_whole_number("n_bins", n_bins, FEWEST_BINS)
            if not space.is_bounded():
                raise ConfigurationError(
                    f"{name} is {space}: only bounded ones can be made discrete, rescale it before"
                )
            if key in masks:
                raise ConfigurationError(
                    f"{name} has a mask, which would not fit what is discrete: name others by n_bins"
                )
            levels[key] = _evenly_spaced(space, n_bins)
        return levels

    def _check_keys(self, n_bins: Mapping[str, int]) -> None:
        known = [key for space in self.env.action_spaces.values() for key in entries(space) if key is not None]
        for key in n_bins:
            if key not in known:
                hint = suggest(str(key), known) or (f": choose among {known}" if known else ": give one number")
                raise ConfigurationError(f"n_bins names the action {key!r}, which there is not{hint}")


def _evenly_spaced(space: spaces.Box, n_bins: int) -> NDArray[Any]:
    values = np.linspace(space.low.astype(np.float64), space.high.astype(np.float64), n_bins)
    if space.dtype.kind in "iu":
        values = np.rint(values)
    return np.clip(values.astype(space.dtype), space.low, space.high)


def _choice(levels: NDArray[Any]) -> gymnasium.Space[Any]:
    n_bins, n_elements = len(levels), levels[0].size
    return spaces.Discrete(n_bins) if n_elements == 1 else spaces.MultiDiscrete([n_bins] * n_elements)


def _value(levels: NDArray[Any], choice: Any) -> NDArray[Any]:
    chosen = np.asarray(choice).reshape(-1)
    value: NDArray[Any] = levels.reshape(len(levels), -1)[chosen, np.arange(chosen.size)]
    return value.reshape(levels.shape[1:])
