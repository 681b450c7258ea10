"""The wrapper interface of structured environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np

from maze.core.env.actor_id import ActorID, Departure, StepKey
from maze.core.env.event import Event, EventRecord
from maze.core.env.structured_env import ActionMasks, StructuredEnv


class StructuredWrapper(StructuredEnv):
    """Changes what policies see of an environment, or how actions reach it; what it does not override is passed on.

    Every member is passed on explicitly, so that a wrapper cannot hide who acts, what happened, or what is legal.

    Args:
        env: The environment to wrap.

    Raises:
        TypeError: If `env` is no `StructuredEnv`.

    Example:
        >>> from maze.core.env.gym_env import GymEnv
        >>> class HalfReward(StructuredWrapper):
        ...     def step(self, action):
        ...         observation, reward, terminated, truncated, info = self.env.step(action)
        ...         return observation, reward / 2, terminated, truncated, info
        >>> env = HalfReward(GymEnv(gymnasium.make("CartPole-v1")))
        >>> _ = env.reset(seed=1)
        >>> env.step(0)[1], env.max_episode_steps
        (0.5, 500)
    """

    def __init__(self, env: StructuredEnv) -> None:
        """Wrap `env`."""
        if not isinstance(env, StructuredEnv):
            raise TypeError(
                f"{type(self).__name__} wraps structured environments: adapt {type(env).__name__} by GymEnv"
            )
        self.env = env

    def __repr__(self) -> str:
        """Show the wrapper around what it wraps."""
        return f"<{type(self).__name__}{self.env!r}>"

    @property
    def observation_spaces(self) -> Mapping[StepKey, gymnasium.Space[Any]]:  # type: ignore[override]
        """What an actor observes, by step key."""
        return self.env.observation_spaces

    @property
    def action_spaces(self) -> Mapping[StepKey, gymnasium.Space[Any]]:  # type: ignore[override]
        """What an actor may do, by step key."""
        return self.env.action_spaces

    @property
    def action_masks(self) -> ActionMasks:  # type: ignore[override]
        """Which observation says what is legal."""
        return self.env.action_masks

    @property
    def max_episode_steps(self) -> int | None:  # type: ignore[override]
        """The environment's own limit in rounds."""
        return self.env.max_episode_steps

    @property
    def metadata(self) -> dict[str, Any]:  # type: ignore[override]
        """What gymnasium wants to know, such as the frames per second of `render`."""
        return self.env.metadata

    @property
    def render_mode(self) -> str | None:  # type: ignore[override]
        """How `render` shows the environment."""
        return self.env.render_mode

    @property
    def spec(self) -> Any:  # type: ignore[override]
        """How gymnasium made the environment, where it did."""
        return self.env.spec

    @property
    def unwrapped(self) -> gymnasium.Env[Any, Any]:
        """The innermost environment."""
        return self.env.unwrapped

    @property
    def np_random(self) -> np.random.Generator:
        """The environment's own source of chance."""
        return self.env.np_random

    @np_random.setter
    def np_random(self, value: np.random.Generator) -> None:
        self.env.np_random = value

    @property
    def np_random_seed(self) -> int:
        """What the environment's own source of chance was seeded with."""
        return self.env.np_random_seed

    @property
    def time(self) -> int | None:
        """Rounds completed."""
        return self.env.time

    @property
    def pending_events(self) -> list[Event]:
        """What was emitted since the episode loop last looked: the wrapped environment's own list."""
        return self.env.pending_events

    def emit(self, event: Event) -> None:
        """Tell the recording that something happened."""
        self.env.emit(event)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Carry out an action."""
        return self.env.step(action)

    def actor_id(self) -> ActorID:
        """Who acts next."""
        return self.env.actor_id()

    def is_actor_done(self) -> bool:
        """Whether the actor that has just acted will not act again in this episode."""
        return self.env.is_actor_done()

    def departed_actors(self) -> Mapping[ActorID, Departure]:
        """Who has left the episode with the last step."""
        return self.env.departed_actors()

    def actor_rewards(self) -> Mapping[ActorID, float] | None:
        """How the reward of a round splits among actors."""
        return self.env.actor_rewards()

    def final_observations(self) -> Mapping[ActorID, Any] | None:
        """What each actor observes at the episode's end."""
        return self.env.final_observations()

    def state(self) -> Any:
        """A snapshot for rendering."""
        return self.env.state()

    def kpis(self, events: Sequence[EventRecord], metrics: Mapping[str, float]) -> Mapping[str, float]:
        """Key performance indicators of an ended episode."""
        return self.env.kpis(events, metrics)

    def render(self) -> Any:
        """Picture of the environment."""
        return self.env.render()

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def has_wrapper_attr(self, name: str) -> bool:
        """Whether the wrapper or what it wraps has an attribute."""
        return hasattr(self, name) or self.env.has_wrapper_attr(name)

    def get_wrapper_attr(self, name: str) -> Any:
        """An attribute of the wrapper, else of what it wraps.

        Raises:
            AttributeError: If none of them has it.
        """
        return getattr(self, name) if hasattr(self, name) else self.env.get_wrapper_attr(name)

    def set_wrapper_attr(self, name: str, value: Any, *, force: bool = True) -> bool:
        """Set an attribute where it is, on the wrapper or in what it wraps; returns whether it was set.

        Args:
            name: Of the attribute.
            value: What it becomes.
            force: Whether the wrapper gets it where there is none.
        """
        if not hasattr(self, name) and self.env.set_wrapper_attr(name, value, force=False):
            return True
        if not hasattr(self, name) and not force:
            return False
        setattr(self, name, value)
        return True
