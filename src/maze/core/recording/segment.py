"""Rows of an episode as the episode loop collects them, before they become columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from maze.core.env.actor_id import FLAT_ACTOR, ActorID
from maze.core.env.event import EventRecord


class EpisodeSpec(NamedTuple):
    """Everything that determines an episode, besides environment and policy.

    Example:
        >>> EpisodeSpec(number=17, env_seed=123, agent_seed=456).number
        17
    """

    number: int
    """Position in the run, counted from 0."""

    env_seed: int
    """What the environment is reset with."""

    agent_seed: int
    """What the policy is reset with."""


@dataclass(slots=True)
class Segment:
    """A stretch of one episode: parallel lists, one entry per decision; a long episode is a sequence of them.

    Example:
        >>> Segment(start=0, rewards=[1.0, 0.5]).rewards
        [1.0, 0.5]
    """

    start: int
    """Index of the first decision in its episode."""

    observations: list[Any] = field(default_factory=list)
    """One per decision, and in the last segment the final ones behind them."""

    actions: list[Any] = field(default_factory=list)
    rewards: list[Any] = field(default_factory=list)

    actors: list[ActorID] | None = None
    """As observations. None: a flat environment's, every one the only actor."""

    times: list[int] | None = None
    """As observations: rounds completed. None: a flat environment's, every step a round."""

    credits: list[float] | None = None
    """Each decision's share of the rewards. None: the rewards themselves."""

    actors_done: list[bool] | None = None
    """Whether the actor decided for the last time. None: only at the episode's end."""

    terminated: bool = False
    """The episode ended with the last decision here, as the environment's dynamics have it."""

    truncated: bool = False
    """The episode was cut behind the last decision here."""

    events: list[EventRecord] = field(default_factory=list)


class EpisodeEnd(NamedTuple):
    """How an episode ended."""

    length: int
    """Rounds; for a flat environment, steps."""

    terminated: bool
    truncated: bool

    truncated_by: str | None
    """What cut it: "env" or "runner"."""

    info: dict[str, Any]
    """The info of the last step."""

    actor_id: ActorID = FLAT_ACTOR
    """Who acted last."""
