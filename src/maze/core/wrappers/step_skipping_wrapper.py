"""Actions carried out for several steps."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from maze.core.env.actor_id import ActorID, Departure
from maze.core.env.structured_env import StructuredEnv
from maze.core.wrappers.argument_check import check_whole_number
from maze.core.wrappers.structured_wrapper import StructuredWrapper
from maze.factory import ConfigurationError


class StepSkippingWrapper(StructuredWrapper):
    """Repeats each action for some steps and sums up their rewards; the end of an episode stops it.

    A decision is a round here, whatever the clock of the environment says. The environment's own limit still counts its
    own rounds, so that an episode has the same end with and without the wrapper. The steps' events are all recorded.

    It makes sense where one actor takes one kind of decision all the time, and every action is legal.

    Args:
        env: The environment to wrap.
        n_steps: How often each action is carried out.

    Raises:
        ConfigurationError: If `n_steps` is no whole number of at least 1, or the environment has several step keys or
            action masks; in `step`, if another actor would have to act in between.

    Example:
        >>> import gymnasium
        >>> from maze.core.env.gym_env import GymEnv
        >>> env = StepSkippingWrapper(GymEnv(gymnasium.make("CartPole-v1")), n_steps=4)
        >>> _ = env.reset(seed=1)
        >>> env.step(0)[1]
        4.0
    """

    def __init__(self, env: StructuredEnv, n_steps: int) -> None:
        """Refuse environments in which a repeated action may have no meaning."""
        super().__init__(env)
        check_whole_number("n_steps", n_steps, 1)
        if len(env.action_spaces) > 1:
            raise ConfigurationError(
                f"actions cannot be repeated where the step keys {list(env.action_spaces)} take turns: "
                "leave the StepSkippingWrapper out"
            )
        if any(env.action_masks.values()):
            raise ConfigurationError(
                "actions cannot be repeated where they are masked, for a legal one may be illegal a step later: "
                "leave the StepSkippingWrapper out"
            )
        self._n_steps, self._n_carried_out = n_steps, 0
        self._shares: Mapping[ActorID, float] | None = None
        self._departed: dict[ActorID, Departure] = {}

    @property
    def time(self) -> None:
        """None: every decision is a round."""

    @property
    def max_episode_steps(self) -> None:  # type: ignore[override]
        """None: the wrapper cuts episodes itself, in the environment's rounds."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        self._n_carried_out, self._shares = 0, None
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Carry out an action several times.

        Raises:
            ConfigurationError: If another actor would have to act in between.
        """
        actor, limit = self.env.actor_id(), self.env.max_episode_steps or inf
        total, shares, is_split, n_left = 0.0, dict[ActorID, float](), False, self._n_steps
        self._departed = {}
        while True:
            observation, reward, terminated, truncated, info = self.env.step(action)
            total += float(reward)
            split = self.env.actor_rewards()
            is_split |= split is not None
            for earner, share in ({actor: float(reward)} if split is None else split).items():
                shares[earner] = shares.get(earner, 0.0) + share
            self._departed |= self.env.departed_actors()
            self._n_carried_out += 1
            time = self.env.time
            truncated = truncated or (not terminated and (self._n_carried_out if time is None else time) >= limit)
            n_left -= 1
            if terminated or truncated or not n_left:
                break
            if self.env.actor_id() != actor:
                raise ConfigurationError(
                    f"the action of {actor} cannot be repeated, for {self.env.actor_id()} acts next: "
                    "leave the StepSkippingWrapper out"
                )
        self._shares = shares if is_split else None
        return observation, total, terminated, truncated, info

    def departed_actors(self) -> Mapping[ActorID, Departure]:
        """Who has left the episode in the last steps."""
        return self._departed

    def actor_rewards(self) -> Mapping[ActorID, float] | None:
        """How the sum of the rewards splits among actors."""
        return self._shares
