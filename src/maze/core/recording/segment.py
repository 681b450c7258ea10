"""Rows of an episode as the episode loop collects them, before they become columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, NamedTuple

from maze.core.env.actor_id import FLAT_ACTOR, ActorID, Departure
from maze.core.env.event import Event, EventRecord

NO_SEED = -1
"""Stands for the seed of an episode that was recorded elsewhere, and its seed not."""


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
    """Each decision's share of the rewards; behind them, where something has come too late for the decisions of their
    actors, one per final observation, NaN for none. None: the rewards themselves."""

    departures: dict[int, Departure] = field(default_factory=dict)
    """By row: how the actor's part ended with that decision; by that of its final observation where it has come too
    late for the decision. A flat environment's is empty, for its actor's part is the episode."""

    policy_outputs: list[Mapping[str, Any]] | None = None
    """What the policy told of each decision, empty where it told nothing. None: it was not asked."""

    terminated: bool = False
    """The episode ended with the last decision here, as the environment's dynamics have it."""

    truncated: bool = False
    """The episode was cut behind the last decision here."""

    events: list[Event] = field(default_factory=list)
    """What happened in these decisions, and before the first of all in reset."""

    event_steps: list[int] = field(default_factory=list)
    """One per event: index of the decision in the episode; -1 for what happened in reset."""

    def take_events(self, pending: list[Event], step: int) -> None:
        """Take over what the environment emitted in a decision; -1: in reset."""
        self.events += pending
        self.event_steps += [step] * len(pending)
        pending.clear()

    def event_records(self) -> list[EventRecord]:
        """The events, each with its decision."""
        rows = [max(step - self.start, 0) for step in self.event_steps]
        times = [row + self.start for row in rows] if self.times is None else map(self.times.__getitem__, rows)
        actors = repeat(FLAT_ACTOR) if self.actors is None else map(self.actors.__getitem__, rows)
        return list(map(EventRecord, self.event_steps, times, actors, self.events))


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

    seconds: float | None = None
    """How long it took, from before its reset on; None: nobody knows."""
