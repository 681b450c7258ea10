"""Episodes that begin somewhere else."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from maze.core.env.action_masks import masks_of
from maze.core.env.structured_env import StructuredEnv
from maze.core.wrappers.argument_check import check_whole_number
from maze.core.wrappers.structured_wrapper import StructuredWrapper
from maze.factory import ConfigurationError


class RandomResetWrapper(StructuredWrapper):
    """Begins episodes with some rounds of random actions, so that policies meet more states.

    How many rounds, and which actions, depends on the seed of `reset` alone; masked actions are not taken. The rounds
    belong to no episode: their rewards and events are dropped, and they count neither for `time` nor for any limit. If
    an episode ends within them, it begins anew, without them.

    Args:
        env: The environment to wrap.
        max_rounds: Most rounds of random actions (flat environments: steps).
        min_rounds: Fewest.

    Raises:
        ConfigurationError: If these are no whole numbers, or the first is the smaller one.

    Example:
        >>> import gymnasium
        >>> from maze.core.env.gym_env import GymEnv
        >>> env = RandomResetWrapper(GymEnv(gymnasium.make("CartPole-v1")), max_rounds=5)
        >>> [bool((env.reset(seed=seed)[0] == env.reset(seed=1)[0]).all()) for seed in (1, 2)]
        [True, False]
    """

    def __init__(self, env: StructuredEnv, max_rounds: int, min_rounds: int = 0) -> None:
        """Keep the bounds."""
        super().__init__(env)
        check_whole_number("min_rounds", min_rounds, 0)
        check_whole_number("max_rounds", max_rounds, 0)
        if min_rounds > max_rounds:
            raise ConfigurationError(f"min_rounds={min_rounds} is more than max_rounds={max_rounds}: exchange them")
        self._min, self._max = min_rounds, max_rounds
        self._generator = np.random.default_rng()
        self._samplers = deepcopy(dict(env.action_spaces))
        self._masks = {key: masks_of(env.action_masks, key, space) for key, space in env.action_spaces.items()}
        self._began_at = 0

    @property
    def time(self) -> int | None:
        """Rounds completed since the random ones."""
        time = self.env.time
        return None if time is None else time - self._began_at

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode, and take random actions in it."""
        if seed is not None:
            self._generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
        for sampler in self._samplers.values():
            sampler.seed(int(self._generator.integers(2**31)))
        n_rounds = int(self._generator.integers(self._min, self._max + 1))
        observation, info = self.env.reset(seed=seed, options=options)
        events = list(self.pending_events)
        begun_at, n_steps, over = self.env.time or 0, 0, False
        while not over and self._rounds(n_steps) - begun_at < n_rounds:
            observation, _, terminated, truncated, info = self.env.step(self._sample(observation))
            n_steps += 1
            over = terminated or truncated
        if over:
            self.pending_events.clear()
            observation, info = self.env.reset(seed=seed, options=options)
        else:
            self.pending_events[:] = events
        self._began_at = self.env.time or 0
        return observation, info

    def _rounds(self, n_steps: int) -> int:
        time = self.env.time
        return n_steps if time is None else time

    def _sample(self, observation: Any) -> Any:
        """Draw an action that is legal for whom it is to act."""
        step_key = self.env.actor_id().step_key
        action = self._samplers[step_key].sample()
        for mask in self._masks[step_key]:
            values = [int(self._generator.choice(legal)) for legal in mask.legal_values(observation)]
            if mask.action_key is None:
                return mask.action_of(values)
            action[mask.action_key] = mask.action_of(values)
        return action
