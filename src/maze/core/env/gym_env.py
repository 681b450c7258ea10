"""Any gymnasium environment as a (flat) structured one."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import gymnasium
import numpy as np
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit

from maze.core.env.structured_env import StructuredEnv


class GymEnv(StructuredEnv):
    """A flat environment: one actor, one kind of decision, every step a round.

    The outermost `TimeLimit` becomes `max_episode_steps`, which the episode loop applies; the wrappers that only guard
    against misuse are taken off, for the loop does not misuse.

    Args:
        env: The environment, with the gymnasium wrappers that change what policies see.

    Raises:
        TypeError: If `env` is no `gymnasium.Env`.

    Example:
        >>> env = GymEnv(gymnasium.make("CartPole-v1"))
        >>> env.max_episode_steps, env.action_spaces
        (500, {0: Discrete(2)})
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        """Adapt `env`; `step` is the environment's own, so that the adapter costs nothing per step."""
        if not isinstance(env, gymnasium.Env):
            raise TypeError(f"{type(env).__name__} is no gymnasium.Env: pass one, or a gymnasium id")
        self.spec = env.spec
        while isinstance(env, OrderEnforcing | PassiveEnvChecker | TimeLimit):
            if isinstance(env, TimeLimit):
                limit = env._max_episode_steps  # noqa: SLF001 - it has no public name
                self.max_episode_steps = limit if self.max_episode_steps is None else min(limit, self.max_episode_steps)
            env = env.env
        self.env = env
        self.step = env.step  # type: ignore[method-assign]
        self.observation_spaces = {0: env.observation_space}
        self.action_spaces = {0: env.action_space}
        self.metadata = env.metadata
        self.render_mode = env.render_mode

    def __repr__(self) -> str:
        """Show the adapted environment with its wrappers."""
        return f"<GymEnv{self.env}>"

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode of the adapted environment."""
        return self.env.reset(seed=seed, options=options)

    def render(self) -> Any:
        """Picture of the adapted environment, as its `render_mode` has it."""
        return self.env.render()

    def close(self) -> None:
        """Close the adapted environment."""
        self.env.close()

    @property
    def np_random(self) -> np.random.Generator:
        """The adapted environment's source of chance."""
        return self.env.np_random

    @np_random.setter
    def np_random(self, value: np.random.Generator) -> None:
        self.env.np_random = value

    @property
    def np_random_seed(self) -> int:
        """What the adapted environment's source of chance was seeded with."""
        return self.env.np_random_seed

    @property
    def unwrapped(self) -> gymnasium.Env[Any, Any]:
        """The innermost gymnasium environment."""
        return self.env.unwrapped


def make_gym_env(
    name: str, kwargs: Mapping[str, Any] | None = None, render_mode: str | None = None
) -> gymnasium.Env[Any, Any]:
    """Make a registered gymnasium environment, without the wrappers that only guard against misuse.

    Args:
        name: A gymnasium id, or `module:Id` for one that `module` registers.
        kwargs: Arguments of the environment.
        render_mode: How `render` shows the environment; None: not at all.

    Raises:
        gymnasium.error.Error: If there is no such id.
        ImportError: If the module of the id, or a library that the environment needs, is missing.

    Example:
        >>> make_gym_env("CartPole-v1", {"sutton_barto_reward": True})
        <TimeLimit<CartPoleEnv<CartPole-v1>>>
    """
    module, _, identifier = name.rpartition(":")
    if module:
        importlib.import_module(module)
    spec = deepcopy(gymnasium.spec(identifier))
    spec.order_enforce = False
    arguments = dict(kwargs or {})
    if render_mode is not None:
        arguments["render_mode"] = render_mode
    return gymnasium.make(spec, disable_env_checker=True, **arguments)
