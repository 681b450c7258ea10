"""The environment interface: a gymnasium environment that also says who acts next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium

from maze.core.env.actor_id import FLAT_ACTOR, ActorID, Departure, StepKey
from maze.core.env.event import Event, EventRecord

ActionMasks: TypeAlias = Mapping[StepKey, Mapping[str | int | None, str | int]]


class StructuredEnv(gymnasium.Env[Any, Any]):
    """A `gymnasium.Env` that also says who acts next; what it does not override makes it a flat one.

    `reset` and `step` keep gymnasium's signatures and 5-tuple: `step` takes the action of `actor_id()` and returns what
    the next actor observes. After the end, `actor_id()` stays valid.

    Observations have to lie within the bounds of their spaces, and NaN lies outside of all bounds: an episode with one
    that does not fails. (A gymnasium environment may leave its bounds, as many do.) A mask has to leave something legal
    to an actor that must act.

    Example:
        >>> class Countdown(StructuredEnv):
        ...     observation_spaces = {0: gymnasium.spaces.Discrete(4)}
        ...     action_spaces = {0: gymnasium.spaces.Discrete(2)}
        ...     def reset(self, *, seed=None, options=None):
        ...         super().reset(seed=seed)
        ...         self.left = 3
        ...         return self.left, {}
        ...     def step(self, action):
        ...         self.left -= 1
        ...         return self.left, 1.0, self.left == 0, False, {}
        >>> env = Countdown()
        >>> env.actor_id(), env.action_space
        (ActorID(step_key=0, agent_id=0), Discrete(2))
    """

    observation_spaces: Mapping[StepKey, gymnasium.Space[Any]]
    """What an actor observes, by step key."""

    action_spaces: Mapping[StepKey, gymnasium.Space[Any]]
    """What an actor may do, by step key."""

    action_masks: ActionMasks = {}  # noqa: RUF012 - a default, which nobody changes
    """Which observation says what is legal: `{step_key: {action_key: observation_key}}`, 1 = legal, bool or int8.

    The action key of an action that is no Dict is None.
    """

    max_episode_steps: int | None = None
    """The environment's own limit in rounds, applied by the episode loop; None where it has none."""

    def actor_id(self) -> ActorID:
        """Who acts next; of the ended episode, any actor."""
        return FLAT_ACTOR

    @property
    def time(self) -> int | None:
        """Rounds completed; the sub-steps of one round share it. None: every step is a round."""
        return None

    def is_actor_done(self) -> bool:
        """Whether the actor that has just acted will not act again in this episode; to name it again is an error."""
        return False

    def departed_actors(self) -> Mapping[ActorID, Departure]:
        """Who has left the episode with the last step, be it the one that has just acted or others, and how.

        For the one that has just acted `is_actor_done()` is enough. When the episode ends, it ends for all others.
        """
        return {}

    def actor_rewards(self) -> Mapping[ActorID, float] | None:
        """How the reward of a round that the last step closed splits among actors; None: it is the last actor's.

        A share is credited to its earner's latest decision. Where that was written long ago, it waits for the next one;
        what finds none until the end, as that of an actor that never acted, is recorded beside the final observation.
        """
        return None

    def final_observations(self) -> Mapping[ActorID, Any] | None:
        """What each actor observes at the episode's end; None: only the observation that `step` returned."""
        return None

    def state(self) -> Any:
        """A snapshot for rendering, of numbers, strings, lists and dicts; None where there is none."""
        return None

    def kpis(self, events: Sequence[EventRecord], metrics: Mapping[str, float]) -> Mapping[str, float]:
        """Key performance indicators of an ended episode, from its events and their metrics."""
        return {}

    def emit(self, event: Event) -> None:
        """Tell the recording that something happened."""
        try:
            self._pending_events.append(event)
        except AttributeError:  # nobody has asked for them yet, or it is a wrapper, which has none of its own
            self.pending_events.append(event)

    @property
    def pending_events(self) -> list[Event]:
        """What was emitted since the episode loop last looked; one list for the environment's life."""
        try:
            return self._pending_events
        except AttributeError:
            self._pending_events: list[Event] = []
            return self._pending_events

    @property
    def observation_space(self) -> gymnasium.Space[Any]:  # type: ignore[override]
        """What the next actor observes."""
        return self.observation_spaces[self.actor_id().step_key]

    @property
    def action_space(self) -> gymnasium.Space[Any]:  # type: ignore[override]
        """What the next actor may do."""
        return self.action_spaces[self.actor_id().step_key]
